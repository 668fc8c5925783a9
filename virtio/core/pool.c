/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices ask of a guest that bounces: a line for each size of pool.
 *
 * Thread: any.
 * Trust:  none needed.
 * Spec:   Linux 7.x: kernel/dma/swiotlb.c (slots of 2 KiB), drivers/net/virtio_net.c
 *         (add_recvbuf_big(): a receive buffer is a header, the rest of a page, and mtu / 4 KiB
 *         pages, or 17 where the device may send packets of 64 KiB; start_xmit(): a ring with fewer
 *         than 19 free descriptors is stopped), drivers/block/virtio_blk.c
 */
#include "virtio/core/pool.h"

#define SLOT (2 * KiB)
#define PAGE (4 * KiB)
#define TX_STOP 19u
#define ETH_MTU 1500u
#define MAX_SKB_FRAGS 17u
/* Besides network cards and disks: a console's buffers, and what falls between two slots. */
#define OTHERS (8 * KiB)
/* The least that Linux makes: one segment. */
#define SEGMENT (256 * KiB)
/*
 * A page of each receive buffer stays empty, and all of them are copied twice: the fewer buffers a
 * frame's bytes lie in, the better. Two of these are a window of TCP without scaling, and no
 * segment of the user network is longer.
 */
#define LARGE 32160u

/*
 * Pages of a disk's request that lie apart take a descriptor each, and a ring must be able to have
 * them all in flight; so descriptors are of one page where a pool is small. What comes from the
 * page cache is in large folios: the fewer pieces they go through the pool in, the better.
 */
#define BLK(ring, segs, seg) .blk = ring, .blk_segs = segs, .blk_seg = seg

#define RINGS(rx_, rx_tso_, tx_) .rx = rx_, .rx_tso = rx_tso_, .tx = tx_
#define LARGE_RINGS .mtu = LARGE, RINGS(128, 128, 64), .tso = 1

/*
 * Ascending. A card alone in 512 KiB, which Linux makes of 512 MiB, has room for packets of 64 KiB
 * from the guest, or for six receive buffers. The former is worth more: a fifth of what the guest
 * sends, since it cuts nothing up and is told of more at a time (each acknowledgement takes a
 * buffer, mapped, copied twice and unmapped), for a twentieth of what it receives.
 */
static const struct virtio_pool pools[] = {
	{ .kib = 256, .mtu = 8192, RINGS(16, 32, 32), BLK(16, 14, PAGE) },
	{ .kib = 512, .mtu = 16384, RINGS(32, 64, 32), BLK(64, 32, PAGE) },
	{ .kib = 512, .mtu = LARGE, RINGS(64, 64, 32), BLK(64, 32, PAGE) },
	{ .kib = 512, .mtu = LARGE, RINGS(32, 64, 32), BLK(64, 32, PAGE), .tso = 1 },
	{ .kib = 512, .mtu = LARGE, RINGS(64, 64, 32), BLK(64, 32, PAGE), .tso = 1 },
	{ .kib = 4096, BLK(128, 64, 4 * PAGE), LARGE_RINGS },
	{ .kib = 8192, BLK(128, 64, 8 * PAGE), LARGE_RINGS },
	{ .kib = 16384, BLK(128, 64, 16 * PAGE), LARGE_RINGS },
};

/* ---- how much of a pool is in use at most ---- */

bool virtio_pool_large(u16 mtu)
{
	return mtu > ETH_MTU;
}

/* Descriptors of one of Linux's receive buffers. */
static unsigned rx_pieces(u16 mtu)
{
	return 2 + (virtio_pool_large(mtu) ? (unsigned)((mtu + PAGE - 1) / PAGE) : MAX_SKB_FRAGS);
}

u16 virtio_pool_rx(const struct virtio_pool *p, u16 mtu)
{
	return virtio_pool_large(mtu) ? p->rx : p->rx_tso;
}

bool virtio_pool_exhausted(unsigned nr, u16 size, u16 mtu, unsigned *all)
{
	*all = size / rx_pieces(mtu);
	/* EDK2 takes half of the ring, for two descriptors each. */
	return nr < *all && nr != size / 2u;
}

u64 virtio_pool_nic(const struct virtio_pool *p, u16 mtu)
{
	u64 pieces = rx_pieces(mtu), data = align_up(MAX(mtu, ETH_MTU), SLOT);
	u64 rx = virtio_pool_rx(p, mtu) / pieces * (SLOT + (pieces - 1) * PAGE);
	/* Headers are apart from the data, which is in two pieces (three of 64 KiB) at most. */
	u64 tx = p->tso ? ((p->tx - TX_STOP) / 3 + 1) * (SLOT + 64 * KiB + 2 * SLOT)
			: ((p->tx - TX_STOP) / 2 + 1) * (SLOT + data + SLOT);

	return rx + tx;
}

/* Header and status of each request are apart, too. */
u64 virtio_pool_disk(const struct virtio_pool *p)
{
	u64 requests = (p->blk + p->blk_segs + 1u) / (p->blk_segs + 2u);

	return requests * 2 * SLOT + (p->blk - requests * 2) * p->blk_seg;
}

u64 virtio_pool_need(const struct virtio_pool *p, const struct virtio_pool_load *l)
{
	u64 need = OTHERS + l->nr_disks * virtio_pool_disk(p);

	for (unsigned i = 0; i < l->nr_nics; i++)
		need += virtio_pool_nic(p, l->mtu[i] == VIRTIO_POOL_MTU ? p->mtu : l->mtu[i]);
	return need;
}

/* ---- which one ---- */

const struct virtio_pool *virtio_pool_fit(u64 bytes, const struct virtio_pool_load *l)
{
	unsigned i = ARRAY_SIZE(pools) - 1;

	while (i && (pools[i].kib * KiB > bytes || virtio_pool_need(&pools[i], l) > bytes))
		i--;
	return &pools[i];
}

u64 virtio_pool_least(const struct virtio_pool_load *l)
{
	return virtio_pool_need(&pools[0], l);
}

u64 virtio_pool_of_ram(u64 ram)
{
	return MAX(ram / 1024, SEGMENT);
}

u32 virtio_pool_advice(u64 bytes, const struct virtio_pool_load *l)
{
	u64 need = virtio_pool_least(l);

	return need > bytes ? (u32)((need + MiB - 1) / MiB) : 0;
}
