/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that wait until the guest has room: a queue with a fixed bound. One thread. */
#ifndef NET_BACKLOG_H
#define NET_BACKLOG_H

#include "net/netif.h"

struct backlog {
	u8 *buf;
	size_t size;
	size_t head, tail; /* first byte in use, first free one; equal: empty */
};

/*
 * An empty queue with room for `size` bytes of frames and their headers. Memory is touched as it is
 * used. 0 or -ENOMEM.
 */
int backlog_init(struct backlog *b, size_t size);

/* Release the room; a zeroed object is fine. */
void backlog_fini(struct backlog *b);

/* Is there no frame? */
bool backlog_empty(const struct backlog *b);

/* Forget all frames. */
void backlog_clear(struct backlog *b);

/* Append a copy of the frame. False: there is no room for it, and nothing is appended. */
bool backlog_push(struct backlog *b, const struct netif_offload *o, struct iov_cur frame);

/* The oldest frame, which is good until the next call. False: there is none. */
bool backlog_peek(struct backlog *b, struct netif_offload *o, struct iovec *iov);

/* Take out the frame that backlog_peek() has shown. */
void backlog_pop(struct backlog *b);

#endif
