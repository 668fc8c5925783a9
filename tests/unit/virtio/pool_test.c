/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What devices ask of a guest that bounces.
 */
#include "virtio/pool.h"

#include "tests/unit/suite.h"

/* Linux's own numbers: a ring with fewer free descriptors is not sent through. */
#define TX_STOP 19u
/* Besides the two devices: the console's buffers, and what falls between two slots. */
#define OTHERS (8 * KiB)

START_TEST(each_fits_its_pool)
{
	for (u64 kib = 256; kib <= 64 * 1024; kib *= 2) {
		const struct virtio_pool *p = virtio_pool_fit(kib * KiB);

		ck_assert_uint_le(p->kib, kib);
		ck_assert_uint_le(virtio_pool_nic(p, p->mtu) + virtio_pool_disk(p) + OTHERS,
				  kib * KiB);
		/* For small packets Linux keeps more. */
		ck_assert_uint_gt(virtio_pool_nic(p, 0), 64 * 4 * KiB);
		ck_assert(is_power_of_2(p->rx) && is_power_of_2(p->tx) && is_power_of_2(p->blk));
		ck_assert_uint_gt(p->tx, TX_STOP);
		/* Some buffers, and a request of the largest size, beside its header and status. */
		ck_assert_uint_ge(p->rx / (2u + (p->mtu + 4095u) / 4096u), 4);
		ck_assert_uint_ge(p->blk, p->blk_pages + 2u);
		ck_assert_uint_gt(p->mtu, 1500);
	}
}
END_TEST

START_TEST(sizes_between_and_beyond)
{
	ck_assert_ptr_eq(virtio_pool_fit(0), virtio_pool_fit(256 * KiB));
	ck_assert_ptr_eq(virtio_pool_fit(512 * KiB - 1), virtio_pool_fit(256 * KiB));
	ck_assert_ptr_ne(virtio_pool_fit(512 * KiB), virtio_pool_fit(256 * KiB));
	ck_assert_ptr_eq(virtio_pool_fit(4 * GiB), virtio_pool_fit(64 * MiB));
	/* Packets of 64 KiB need a large one. */
	ck_assert(!virtio_pool_fit(512 * KiB)->tso && virtio_pool_fit(64 * MiB)->tso);
}
END_TEST

SUITE_MAIN("virtio/pool", each_fits_its_pool, sizes_between_and_beyond)
