/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An account of what a device touches in a guest that bounces its I/O: which buffers, how many
 * bytes, which way, how many distinct pages, and what the device was refused. Rings do not count:
 * Linux allocates them shared and never bounces them. A table of indirect descriptors is bounced,
 * and counts.
 *
 * One transfer is one buffer that the driver mapped: that of a descriptor, or a table. So the sums
 * are those of the guest's own swiotlb_bounced events, but for the receive buffers that still wait
 * in a ring.
 *
 * An account is its device's, and all calls are made on the device's loop, but for create and
 * destroy (main, while the loop does not run) and the reading end of a ring (one other thread).
 */
#ifndef VIRTIO_ACCOUNT_H
#define VIRTIO_ACCOUNT_H

#include "lkvm/base/gpa.h"

struct account;
struct account_ring;
struct iovec;
struct mem;

enum account_way {
	ACCOUNT_OUT,	 /* the guest's bytes for the device; tables of descriptors too */
	ACCOUNT_IN,	 /* room for the device's bytes */
	ACCOUNT_REFUSED, /* a page that is not shared, or no memory: not touched */
};

struct account_sums {
	u64 nr_out, out_len;	  /* buffers that the device read, and their bytes */
	u64 nr_in, in_len;	  /* buffers that it could write, and their size */
	u64 nr_tables, table_len; /* of nr_out and out_len: indirect descriptors */
	u64 written;		  /* of in_len: what it told the driver it wrote */
	u64 pages;		  /* different pages, of 4 KiB, in all of these */
	u64 refused;
};

/*
 * An empty account of the memory `m`, whose regions are all there and which outlives it. `device`
 * is the number that comes back in events. 0, or -ENOMEM without a message.
 */
int account_create(struct account **out, struct mem *m, u8 device);

/* Takes NULL. */
void account_destroy(struct account *a);

/*
 * ---- what the device does with queue number `queue` ----
 *
 * Memory is as mem.c has looked it up in this hold.
 */

/*
 * The device has taken `nr_bufs` buffers of the driver, `len` bytes together, which are the `nr`
 * pieces of memory at `iov`. `way`: ACCOUNT_OUT or ACCOUNT_IN.
 */
void account_buffers(struct account *a, u16 queue, enum account_way way, const struct iovec *iov,
		     unsigned nr, unsigned nr_bufs, u32 len);

/* The device has read a table of indirect descriptors, of `len` bytes. */
void account_table(struct account *a, u16 queue, const void *table, u32 len);

/* The device has told the driver that it has written `len` bytes. */
void account_written(struct account *a, u32 len);

/* The device was refused [addr, addr + len), which the driver has named. */
void account_refused(struct account *a, u16 queue, u64 addr, u64 len);

/* Is somebody watching? Then pieces are to be the driver's buffers, each by itself. */
bool account_traced(const struct account *a);

/* ---- reading ---- */

/* The sums until now. */
void account_sums(const struct account *a, struct account_sums *out);

struct account_event {
	u64 time_ns; /* loop_now_ns() */
	u64 addr;    /* without the alias bit; ACCOUNT_REFUSED: as the driver gave it */
	u32 len;     /* ACCOUNT_REFUSED: at most 2^32 - 1 */
	u8 device, queue;
	u8 way; /* enum account_way */
};

/* From now on put every transfer into `r`, too, which stays the caller's; NULL: into none. */
void account_trace(struct account *a, struct account_ring *r);

/*
 * A ring of events, from one loop (all accounts of its devices) to one reader on another thread. An
 * event that finds the ring full is lost, and counted. 0, or -ENOMEM without a message.
 */
int account_ring_create(struct account_ring **out);

/* No account writes to the ring any more. Takes NULL. */
void account_ring_destroy(struct account_ring *r);

/* For the reader: take the oldest event out. False: there is none, and *out is what it was. */
bool account_ring_next(struct account_ring *r, struct account_event *out);

/* For the reader: how many events were lost since the last call. */
u64 account_ring_lost(struct account_ring *r);

#endif
