/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices ask of a guest that bounces.
 */
#include "virtio/core/pool.h"

#include "tests/unit/suite.h"

/* Linux's own numbers: a ring with fewer free descriptors is not sent through. */
#define TX_STOP 19u
/* Besides the two devices: the console's buffers, and what falls between two slots. */
#define OTHERS (8 * KiB)

START_TEST(each_fits_its_pool)
{
	for (u64 i = 0; i < 20; i++) {
		u64 kib = UINT64_C(256) << i / 2;
		bool alone = i % 2;
		const struct virtio_pool *p = virtio_pool_fit(kib * KiB, alone);
		u64 disk = alone ? 0 : virtio_pool_disk(p);

		ck_assert_uint_le(p->kib, kib);
		ck_assert(alone || !p->alone);
		ck_assert_uint_le(virtio_pool_nic(p, p->mtu) + disk + OTHERS, kib * KiB);
		/* For small packets Linux keeps more. */
		ck_assert_uint_gt(virtio_pool_nic(p, 0), 64 * 4 * KiB);
		ck_assert(is_power_of_2(p->rx) && is_power_of_2(p->tx) && is_power_of_2(p->blk));
		ck_assert_uint_gt(p->tx, TX_STOP);
		/* Some buffers, and a request of the largest size, beside its header and status. */
		ck_assert_uint_ge(p->rx / (2u + (p->mtu + 4095u) / 4096u), 4);
		ck_assert_uint_ge(p->blk, p->blk_segs + 2u);
		/* Linux has no larger places in its pool, less what a buffer's start may take. */
		ck_assert(is_aligned(p->blk_seg, 4 * KiB) && p->blk_seg <= 252 * KiB);
		ck_assert_uint_gt(p->mtu, 1500);
	}
}
END_TEST

static const struct virtio_pool *fit(u64 bytes)
{
	return virtio_pool_fit(bytes, false);
}

START_TEST(sizes_between_and_beyond)
{
	ck_assert_ptr_eq(fit(0), fit(256 * KiB));
	ck_assert_ptr_eq(fit(512 * KiB - 1), fit(256 * KiB));
	ck_assert_ptr_ne(fit(512 * KiB), fit(256 * KiB));
	ck_assert_ptr_eq(fit(4 * GiB), fit(64 * MiB));
	/* Packets of 64 KiB need a large one. */
	ck_assert(!fit(512 * KiB)->tso && fit(64 * MiB)->tso);
	/* And so do pieces of a disk's request beyond a page. */
	ck_assert_uint_eq(fit(4 * MiB - 1)->blk_seg, 4 * KiB);
	ck_assert_uint_eq(fit(4 * MiB)->blk_seg, 16 * KiB);
	ck_assert_uint_eq(fit(64 * MiB)->blk_seg, 64 * KiB);
	/* Without a disk there is room for larger ones, unless a pool is small or large anyway. */
	ck_assert_uint_gt(virtio_pool_fit(512 * KiB, true)->mtu, fit(512 * KiB)->mtu);
	ck_assert_ptr_eq(virtio_pool_fit(256 * KiB, true), fit(256 * KiB));
	ck_assert_ptr_eq(virtio_pool_fit(1024 * KiB, true), fit(1024 * KiB));
}
END_TEST

START_TEST(an_exhausted_pool)
{
	unsigned all;

	ck_assert(virtio_pool_exhausted(0, 16, 0, &all) && all == 16);
	ck_assert(virtio_pool_exhausted(7, 16, 1500, &all) && all == 16);
	ck_assert(virtio_pool_exhausted(15, 16, 0, &all));
	ck_assert(!virtio_pool_exhausted(16, 16, 0, &all));
	/* EDK2 fills half of it. */
	ck_assert(!virtio_pool_exhausted(8, 16, 0, &all));
	/* Larger ones take several descriptors each. */
	ck_assert(virtio_pool_exhausted(3, 16, 8192, &all) && all == 4);
	ck_assert(!virtio_pool_exhausted(4, 16, 8192, &all));
}
END_TEST

SUITE_MAIN("virtio/pool", each_fits_its_pool, sizes_between_and_beyond, an_exhausted_pool)
