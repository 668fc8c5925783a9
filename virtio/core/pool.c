/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices ask of a guest that bounces: a line for each size of pool.
 *
 * Thread: any.
 * Trust:  none needed.
 * Spec:   Linux 7.x: kernel/dma/swiotlb.c (slots of 2 KiB), drivers/net/virtio_net.c
 *         (add_recvbuf_big(): a receive buffer is a header, the rest of a page, and mtu / 4 KiB
 *         pages; start_xmit(): a ring with fewer than 19 free descriptors is stopped),
 *         drivers/block/virtio_blk.c
 */
#include "virtio/core/pool.h"

#define SLOT (2 * KiB)
#define PAGE (4 * KiB)
#define TX_STOP 19u
#define ETH_MTU 1500u
/* What Linux keeps there for receive buffers of 1500 bytes, as its debugfs says: 64 pages. */
#define PAGE_POOL (64 * PAGE)
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

/* Ascending. */
static const struct virtio_pool pools[] = {
	{ .kib = 256, .mtu = 8192, .rx = 16, .tx = 32, BLK(16, 14, PAGE) },
	{ .kib = 512, .mtu = 16384, .rx = 32, .tx = 32, BLK(64, 32, PAGE) },
	{ .kib = 512, .alone = 1, .mtu = LARGE, .rx = 64, .tx = 32, BLK(64, 32, PAGE) },
	{ .kib = 1024, .mtu = LARGE, .rx = 64, .tx = 32, BLK(64, 32, PAGE), .tso = 1 },
	{ .kib = 4096, .mtu = LARGE, .rx = 128, .tx = 64, BLK(128, 64, 4 * PAGE), .tso = 1 },
	{ .kib = 8192, .mtu = LARGE, .rx = 128, .tx = 64, BLK(128, 64, 8 * PAGE), .tso = 1 },
	{ .kib = 16384, .mtu = LARGE, .rx = 128, .tx = 64, BLK(128, 64, 16 * PAGE), .tso = 1 },
};

const struct virtio_pool *virtio_pool_fit(u64 bytes, bool alone)
{
	unsigned i = ARRAY_SIZE(pools) - 1;

	while (i && (pools[i].kib * KiB > bytes || (pools[i].alone && !alone)))
		i--;
	return &pools[i];
}

unsigned virtio_pool_rx_pieces(u16 mtu)
{
	return 2 + (unsigned)((mtu + PAGE - 1) / PAGE);
}

bool virtio_pool_exhausted(unsigned nr, u16 size, u16 mtu, unsigned *all)
{
	*all = mtu > ETH_MTU ? size / virtio_pool_rx_pieces(mtu) : size;
	/* EDK2 takes half of the ring, for two descriptors each. */
	return nr < *all && nr != size / 2u;
}

u64 virtio_pool_nic(const struct virtio_pool *p, u16 mtu)
{
	bool large = mtu > ETH_MTU;
	u64 pieces = virtio_pool_rx_pieces(mtu), data = align_up(MAX(mtu, ETH_MTU), SLOT);
	u64 rx = large ? p->rx / pieces * (SLOT + (pieces - 1) * PAGE) : PAGE_POOL;
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
