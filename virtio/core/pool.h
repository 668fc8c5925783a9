/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices ask of a guest that bounces. Linux 7.x gives a Realm RAM / 1024 to bounce in (256
 * KiB at least) and drops a packet that finds no room there. So the rings are as small as that, and
 * there are no tables of indirect descriptors: a ring's size is a limit of what can be in flight.
 * Pure.
 */
#ifndef VIRTIO_POOL_H
#define VIRTIO_POOL_H

#include "lkvm/base/util.h"

struct virtio_pool {
	u32 kib;    /* for pools of that size and larger ones */
	bool alone; /* for one network card and no disk */
	u16 mtu;    /* Linux takes packets beyond 1500 in buffers that leave the pool at once */
	u16 rx, tx, blk; /* sizes of rings */
	u16 blk_segs;	 /* that a disk's request is made of at most, beside header and status */
	u32 blk_seg;	 /* bytes of each at most */
	bool tso;	 /* the guest may send packets of 64 KiB */
};

/*
 * The largest that fits; with a pool that is too small for all, the smallest. `alone`: the guest
 * has one network card and no disk.
 */
const struct virtio_pool *virtio_pool_fit(u64 bytes, bool alone);

/* Descriptors of one of Linux's receive buffers for such a MTU, beyond 1500. */
unsigned virtio_pool_rx_pieces(u16 mtu);

/*
 * A driver has filled an empty ring of `size` descriptors with `nr` receive buffers for that MTU
 * (0: 1500). True if the pool had no room for more; *all is how many there would have been. Linux
 * goes on so, slowly or not at all, and says why only in its own log.
 */
bool virtio_pool_exhausted(unsigned nr, u16 size, u16 mtu, unsigned *all);

/*
 * How much of the pool a network card of that MTU (0: 1500), and a disk, can have in use at a time,
 * bytes. One of each, with the pool's MTU, fit together (or the card alone).
 */
u64 virtio_pool_nic(const struct virtio_pool *p, u16 mtu);
u64 virtio_pool_disk(const struct virtio_pool *p);

#endif
