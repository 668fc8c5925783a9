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

/* A network card that has the MTU of the pool's line. */
#define VIRTIO_POOL_MTU 0xffffu
#define VIRTIO_POOL_MAX_NICS 8u

/* The devices that share a pool. */
struct virtio_pool_load {
	unsigned nr_disks, nr_nics;
	u16 mtu[VIRTIO_POOL_MAX_NICS]; /* of each card; 0: 1500 */
};

struct virtio_pool {
	u32 kib; /* for pools of that size and larger ones */
	u16 mtu; /* Linux takes packets beyond 1500 in buffers that leave the pool at once */
	/*
	 * Receive ring of a card of that MTU, and of one of 1500. The latter may send packets of 64
	 * KiB, because Linux takes those in buffers that leave the pool at once, too. A buffer of
	 * 1500 bytes stays in the pool until the last reader of its frame is done: what sockets of
	 * Linux hold back fills any pool, and TCP waits for ever for the frame that is missing.
	 */
	u16 rx, rx_tso;
	u16 tx, blk;  /* sizes of rings */
	u16 blk_segs; /* that a disk's request is made of at most, beside header and status */
	u32 blk_seg;  /* bytes of each at most */
	bool tso;     /* the guest may send packets of 64 KiB */
};

/*
 * The largest in which all of the load has room at a time; the smallest if there is none, and then
 * virtio_pool_least() is more than `bytes`.
 */
const struct virtio_pool *virtio_pool_fit(u64 bytes, const struct virtio_pool_load *l);

/* Bytes that a pool needs at least for that load. */
u64 virtio_pool_least(const struct virtio_pool_load *l);

/* Bytes of the pool that Linux makes of `ram` bytes of memory, if it is not told otherwise. */
u64 virtio_pool_of_ram(u64 ram);

/*
 * The pool, in MiB, to advise to who has one of `bytes`; 0: it is large enough. It does not depend
 * on `bytes`: who follows it is advised no more, nor is who has a larger one.
 */
u32 virtio_pool_advice(u64 bytes, const struct virtio_pool_load *l);

/* Whether a card of that MTU (0: 1500) gets its packets in buffers for that MTU, not for 64 KiB. */
bool virtio_pool_large(u16 mtu);

/* Its receive ring. */
u16 virtio_pool_rx(const struct virtio_pool *p, u16 mtu);

/*
 * A driver has filled an empty ring of `size` descriptors with `nr` receive buffers for that MTU
 * (0: 1500). True if the pool had no room for more; *all is how many there would have been. Linux
 * goes on so, slowly or not at all, and says why only in its own log.
 */
bool virtio_pool_exhausted(unsigned nr, u16 size, u16 mtu, unsigned *all);

/*
 * How much of the pool a network card of that MTU (0: 1500), a disk, and all of the load can have
 * in use at a time, bytes.
 */
u64 virtio_pool_nic(const struct virtio_pool *p, u16 mtu);
u64 virtio_pool_disk(const struct virtio_pool *p);
u64 virtio_pool_need(const struct virtio_pool *p, const struct virtio_pool_load *l);

#endif
