/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An account of what a device touches in a guest that bounces its I/O: which buffers, how many
 * bytes, which way, how many distinct pages, and what it was refused. Rings do not count: Linux
 * allocates them shared and never bounces them. A table of indirect descriptors is bounced, and
 * counts.
 *
 * One transfer is one buffer that the driver mapped: that of a descriptor, or a table. So the sums
 * are those of the guest's own swiotlb_bounced events, but for the receive buffers that still wait
 * in a ring.
 *
 * On the device's loop, but for create, destroy and the reading end of a ring.
 */
#ifndef VIRTIO_ACCOUNT_H
#define VIRTIO_ACCOUNT_H

#include "lkvm/base/gpa.h"

struct account;
struct account_ring;
struct chain;
struct mem;
struct mem_win;
struct virtqueue;

enum account_way {
	ACCOUNT_OUT,	 /* the guest's bytes for the device; tables of descriptors too */
	ACCOUNT_IN,	 /* room for the device's bytes */
	ACCOUNT_REFUSED, /* a page that is not shared, or no memory: not touched */
};

struct account_sums {
	u64 nr_out, out_len;	 /* buffers that the device read, and their bytes */
	u64 nr_in, in_len;	 /* buffers that it could write, and their size */
	u64 nr_tables, table_len; /* of nr_out and out_len: indirect descriptors */
	u64 written;		 /* of in_len: what it told the driver it wrote */
	u64 pages;		 /* different pages, of 4 KiB, in all of these */
	u64 refused;
};

/* `device` is the number that comes back in events. The memory is all there. 0 or -ENOMEM. */
int account_create(struct account **out, struct mem *m, u8 device);
void account_destroy(struct account *a);

/* ---- chain.c, queue.c ---- */

/* `c` was just taken from `q`; `table` held its descriptors, or is NULL: they were in the ring. */
void account_chain(struct account *a, struct virtqueue *q, const struct chain *c,
		   const struct mem_win *table);
/* Is somebody watching? Then the chain's pieces are to be the driver's buffers, each by itself. */
bool account_traced(const struct account *a);
void account_written(struct account *a, u32 len);
void account_refused(struct account *a, const struct virtqueue *q, u64 addr, u64 len);

/* ---- reading ---- */

void account_sums(const struct account *a, struct account_sums *out);

struct account_event {
	u64 time_ns; /* loop_now_ns() */
	u64 addr;    /* without the alias bit; ACCOUNT_REFUSED: as the driver gave it */
	u32 len;     /* ACCOUNT_REFUSED: at most 2^32 - 1 */
	u8 device, queue;
	u8 way; /* enum account_way */
};

/* Every transfer from now on goes to `r` as well; NULL: no more. */
void account_trace(struct account *a, struct account_ring *r);

/*
 * From one loop (all accounts of it) to one reader on another thread; what finds it full is lost
 * and counted. No account may write to it any more when it is destroyed. Takes NULL.
 */
int account_ring_create(struct account_ring **out);
void account_ring_destroy(struct account_ring *r);

/* The reader: the oldest event, or false. */
bool account_ring_next(struct account_ring *r, struct account_event *out);

/* The reader: how many were lost since the last call. */
u64 account_ring_lost(struct account_ring *r);

#endif
