/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One descriptor chain [virtio 1.3 §2.7.5]: each descriptor is copied once, checked, then used. The
 * result is host iovecs, device-readable ones first.
 */
#ifndef VIRTIO_CHAIN_H
#define VIRTIO_CHAIN_H

#include "lkvm/base/iov.h"
#include "virtio/core/queue.h"

struct chain {
	struct iovec *iov; /* the caller's array of `max` elements */
	u16 max;
	u16 head;
	u16 nr_read;   /* iov[0 .. nr_read): device-readable */
	u16 nr_write;  /* iov[nr_read .. nr_read + nr_write): device-writable */
	u16 bufs_read; /* buffers of the driver that the readable pieces are */
	u16 bufs_write;
	u32 read_len;  /* bytes of the readable pieces */
	u32 write_len; /* bytes of the writable pieces */
};

/*
 * Take the next chain of `q`, on the thread that owns `q`. The caller has set c->iov and c->max,
 * and has a hold on the memory: the pointers are good until the end of that hold, and the bytes
 * behind them can change at any time. Buffers that lie one behind the other, as those of a bounce
 * pool do, are one piece, unless somebody watches them (account_trace()).
 *
 * 1: taken. 0: queue empty. Otherwise the device needs a reset (virtio_fail): -EBADMSG (what
 * queue_next_head() refuses; loop, longer than its table, bad index, nested indirect, INDIRECT not
 * negotiated or with NEXT, empty, odd or oversized table, readable after writable, zero or > 4 GiB
 * - 1 total length, more than `max` pieces), -EFAULT (a buffer or table outside RAM or in a page
 * that is not shared). An element of length zero is skipped, whatever its address.
 */
int chain_take(struct virtqueue *q, struct chain *c);

/* Cursors at the start of the readable, and of the writable pieces. */
static inline struct iov_cur chain_reader(const struct chain *c)
{
	return iov_cur(c->iov, c->nr_read);
}

static inline struct iov_cur chain_writer(const struct chain *c)
{
	return iov_cur(c->iov + c->nr_read, c->nr_write);
}

#endif
