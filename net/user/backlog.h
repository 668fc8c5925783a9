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

/* Room for `size` bytes of frames and their headers; memory is touched as it is used. -ENOMEM. */
int backlog_init(struct backlog *b, size_t size);
void backlog_fini(struct backlog *b);

bool backlog_empty(const struct backlog *b);
void backlog_clear(struct backlog *b);

/* Append a copy of the frame. False: full, nothing appended. */
bool backlog_push(struct backlog *b, const struct netif_offload *o, struct iov_cur frame);

/* The oldest frame, valid until the next call; false if there is none. */
bool backlog_peek(struct backlog *b, struct netif_offload *o, struct iovec *iov);
void backlog_pop(struct backlog *b);

#endif
