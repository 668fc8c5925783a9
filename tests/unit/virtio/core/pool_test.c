/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices ask of a guest that bounces.
 */
#include "virtio/core/pool.h"

#include "tests/unit/suite.h"

/* Linux's own numbers: a ring with fewer free descriptors is not sent through. */
#define TX_STOP 19u
/* A receive buffer for frames of 64 KiB. */
#define TSO_PIECES 19u

static const struct virtio_pool_load loads[] = {
	{ .nr_disks = 1 },
	{ .nr_nics = 1, .mtu = { VIRTIO_POOL_MTU } },
	{ .nr_nics = 1, .nr_disks = 1, .mtu = { VIRTIO_POOL_MTU } },
	{ .nr_nics = 1, .nr_disks = 2, .mtu = { VIRTIO_POOL_MTU } },
	{ .nr_nics = 1, .nr_disks = 8, .mtu = { VIRTIO_POOL_MTU } },
	{ .nr_nics = 1 }, /* a tap */
	{ .nr_nics = 1, .nr_disks = 1 },
	{ .nr_nics = 3, .nr_disks = 4, .mtu = { VIRTIO_POOL_MTU, 0, 9000 } },
	{ .nr_nics = 4, .nr_disks = 16 },
};

#define BOTH (&loads[2])

static void check_line(const struct virtio_pool *p)
{
	ck_assert(is_power_of_2(p->rx) && is_power_of_2(p->rx_tso) && is_power_of_2(p->tx) &&
		  is_power_of_2(p->blk));
	ck_assert_uint_gt(p->tx, TX_STOP);
	/* Some buffers, and a request of the largest size, beside its header and status. */
	ck_assert_uint_ge(p->rx / (2u + (p->mtu + 4095u) / 4096u), p->tso ? 3 : 4);
	ck_assert_uint_ge(p->rx_tso / TSO_PIECES, 1);
	ck_assert_uint_ge(p->blk, p->blk_segs + 2u);
	/* Linux has no larger places in its pool, less what a buffer's start may take. */
	ck_assert(is_aligned(p->blk_seg, 4 * KiB) && p->blk_seg <= 252 * KiB);
	ck_assert_uint_gt(p->mtu, 1500);
}

/* The advice is right, and no larger pool needs advice. */
START_TEST(all_fits_or_the_least_is_said)
{
	for (unsigned i = 0; i < ARRAY_SIZE(loads); i++) {
		u64 least = virtio_pool_least(&loads[i]);

		for (u64 bytes = 256 * KiB; bytes <= 64 * MiB; bytes += 64 * KiB) {
			const struct virtio_pool *p = virtio_pool_fit(bytes, &loads[i]);

			check_line(p);
			ck_assert_uint_le(p->kib * KiB, bytes);
			ck_assert_int_eq(virtio_pool_need(p, &loads[i]) <= bytes, least <= bytes);
		}
	}
}
END_TEST

/* What so many disks and cards of that MTU are advised with a pool of `bytes`. */
static u32 advice(unsigned disks, unsigned nics, u16 mtu, u64 bytes)
{
	struct virtio_pool_load l = { .nr_disks = disks, .nr_nics = nics };

	for (unsigned i = 0; i < nics; i++)
		l.mtu[i] = mtu;
	return virtio_pool_advice(bytes, &l);
}

/* As users meet it: memory of a size, and --swiotlb or not. */
START_TEST(advice_of_each_size)
{
	static const u16 mtus[] = { VIRTIO_POOL_MTU, 0, 1500, 9000 };

	for (unsigned disks = 0; disks <= 8; disks++)
		for (unsigned nics = 0; nics <= 8; nics++)
			for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
				u32 first = advice(disks, nics, mtus[m], 0), last = first;

				ck_assert_uint_gt(first, 0);
				/* Followed, or exceeded, it is not repeated. */
				for (u32 mib = 1; mib <= 64; mib++)
					ck_assert_uint_eq(advice(disks, nics, mtus[m], mib * MiB),
							  mib < first ? first : 0);
				/* More memory never needs more. */
				for (u64 ram = 256; ram <= 4096; ram += 256) {
					u32 a = advice(disks, nics, mtus[m],
						       virtio_pool_of_ram(ram * MiB));

					ck_assert(a == first || !a);
					ck_assert_uint_le(a, last);
					last = a;
				}
			}
	/* Two disks and a card of the user network, 512 MiB. */
	ck_assert_uint_eq(advice(2, 1, VIRTIO_POOL_MTU, virtio_pool_of_ram(512 * MiB)), 0);
	for (u32 mib = 1; mib <= 16; mib *= 2)
		ck_assert_uint_eq(advice(2, 1, VIRTIO_POOL_MTU, mib * MiB), 0);
}
END_TEST

/* More devices never need less. */
START_TEST(advice_of_each_device)
{
	for (unsigned disks = 0; disks <= 8; disks++)
		for (unsigned nics = 0; nics <= 8; nics++) {
			u32 a = advice(disks, nics, 0, 0);

			ck_assert_uint_le(a, advice(disks + 1, nics, 0, 0));
			if (nics < VIRTIO_POOL_MAX_NICS)
				ck_assert_uint_le(a, advice(disks, nics + 1, 0, 0));
		}
	ck_assert_uint_eq(virtio_pool_of_ram(64 * MiB), 256 * KiB);
	ck_assert_uint_eq(virtio_pool_of_ram(4 * GiB), 4 * MiB);
}
END_TEST

START_TEST(sizes_between_and_beyond)
{
	const struct virtio_pool_load *alone = &loads[1], *two_disks = &loads[3];

	/* What most have gets along with what Linux gives. */
	ck_assert_uint_le(virtio_pool_least(BOTH), 256 * KiB);
	ck_assert_uint_le(virtio_pool_least(&loads[6]), 256 * KiB);
	ck_assert_uint_le(virtio_pool_least(two_disks), 512 * KiB);
	ck_assert_ptr_eq(virtio_pool_fit(0, BOTH), virtio_pool_fit(256 * KiB, BOTH));
	ck_assert_ptr_eq(virtio_pool_fit(512 * KiB - 1, BOTH), virtio_pool_fit(256 * KiB, BOTH));
	ck_assert_ptr_ne(virtio_pool_fit(512 * KiB, BOTH), virtio_pool_fit(256 * KiB, BOTH));
	ck_assert_ptr_eq(virtio_pool_fit(4 * GiB, BOTH), virtio_pool_fit(64 * MiB, BOTH));
	/* Packets of 64 KiB need a large one; or one for themselves, with fewer for the guest. */
	ck_assert(!virtio_pool_fit(512 * KiB, BOTH)->tso && virtio_pool_fit(64 * MiB, BOTH)->tso);
	ck_assert(virtio_pool_fit(512 * KiB, alone)->tso);
	ck_assert(!virtio_pool_fit(512 * KiB - 1, alone)->tso);
	ck_assert_uint_lt(virtio_pool_fit(512 * KiB, alone)->rx,
			  virtio_pool_fit(640 * KiB, alone)->rx);
	/* A tap's receive buffers are large whatever is sent. */
	ck_assert(!virtio_pool_fit(512 * KiB, &loads[5])->tso);
	/* And so do pieces of a disk's request beyond a page. */
	ck_assert_uint_eq(virtio_pool_fit(4 * MiB - 1, BOTH)->blk_seg, 4 * KiB);
	ck_assert_uint_eq(virtio_pool_fit(4 * MiB, BOTH)->blk_seg, 16 * KiB);
	ck_assert_uint_eq(virtio_pool_fit(64 * MiB, BOTH)->blk_seg, 64 * KiB);
	/* Without a disk there is room for larger packets, unless a pool is small or large. */
	ck_assert_uint_gt(virtio_pool_fit(512 * KiB, alone)->mtu,
			  virtio_pool_fit(512 * KiB, BOTH)->mtu);
	ck_assert_ptr_eq(virtio_pool_fit(256 * KiB, alone), virtio_pool_fit(256 * KiB, BOTH));
	ck_assert_ptr_eq(virtio_pool_fit(1024 * KiB, alone), virtio_pool_fit(1024 * KiB, BOTH));
	/* With more disks there is room for smaller ones only. */
	ck_assert_uint_lt(virtio_pool_fit(512 * KiB, two_disks)->mtu,
			  virtio_pool_fit(512 * KiB, BOTH)->mtu);
}
END_TEST

START_TEST(small_packets_have_buffers_of_64_kib)
{
	const struct virtio_pool *p = virtio_pool_fit(MiB, &loads[5]);

	ck_assert(!virtio_pool_large(0) && !virtio_pool_large(1500) && virtio_pool_large(1501));
	ck_assert_uint_eq(virtio_pool_rx(p, 0), p->rx_tso);
	ck_assert_uint_eq(virtio_pool_rx(p, 9000), p->rx);
	/* A header and 18 pages. */
	ck_assert_uint_ge(virtio_pool_nic(p, 0), p->rx_tso / TSO_PIECES * 74 * KiB);
}
END_TEST

START_TEST(an_exhausted_pool)
{
	unsigned all;

	ck_assert(virtio_pool_exhausted(0, 32, 0, &all) && all == 1);
	ck_assert(virtio_pool_exhausted(2, 64, 1500, &all) && all == 3);
	ck_assert(!virtio_pool_exhausted(3, 64, 0, &all));
	/* EDK2 fills half of it. */
	ck_assert(!virtio_pool_exhausted(32, 64, 0, &all));
	/* Larger ones take several descriptors each. */
	ck_assert(virtio_pool_exhausted(3, 16, 8192, &all) && all == 4);
	ck_assert(!virtio_pool_exhausted(4, 16, 8192, &all));
}
END_TEST

SUITE_MAIN("virtio/pool", all_fits_or_the_least_is_said, advice_of_each_size, advice_of_each_device,
	   sizes_between_and_beyond, small_packets_have_buffers_of_64_kib, an_exhausted_pool)
