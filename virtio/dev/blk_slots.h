/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots for virtio-blk's requests in flight: made once, taken and put back. A slot pins the pages
 * of its request in the guest's memory. On the device's loop, but for init and fini.
 */
#ifndef VIRTIO_BLK_SLOTS_H
#define VIRTIO_BLK_SLOTS_H

#include "virtio/dev/blk_req.h"

struct blk;

struct slot {
	struct blk_req req; /* first: the disk's done() finds the slot through it */
	struct blk *b;
	struct virtqueue *q;
	u16 head;
	bool write;	/* changes the disk */
	u64 seq;	/* of a write: its number in its queue; of a FLUSH: writes before it */
	unsigned waits; /* FLUSH: that many of them are not done yet */
	int err;
	u8 status;	   /* when finished: the answer */
	u64 due;	   /* when delayed: loop_now_ns() of the answer */
	struct slot *next; /* free, waiting flushes, delayed, finished */
	struct iovec *iov;
	struct iovec *pins; /* its pages, as the chain said; NULL where pages never change sides */
	unsigned nr_pins;
};

struct blk_slots {
	struct mem *mem;
	struct slot *all, *free;
	unsigned busy; /* not free */
	u16 max_iov;   /* pieces of a request */
	struct iovec *iovs, *pins;
};

/* `nr` slots of `max_iov` pieces each. 0 or -ENOMEM; blk_slots_fini() in either case. */
int blk_slots_init(struct blk_slots *ss, struct mem *m, unsigned nr, u16 max_iov);
void blk_slots_fini(struct blk_slots *ss);

/* Take the first free slot; `c`, which has its iov, was taken from a queue in this hold. */
void blk_slot_get(struct blk_slots *ss, const struct chain *c);

/* The request is over: its pages are let go. */
void blk_slot_put(struct blk_slots *ss, struct slot *s);

#endif
