/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes on their way from one descriptor to another, both O_NONBLOCK. */
#ifndef GUEST_INIT_FLOW_H
#define GUEST_INIT_FLOW_H

#include <linux/poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_SIZE 32768u /* what the driver of a port takes at a time */

struct flow {
	int from, to;	/* -1: closed */
	bool ended;	/* nothing comes any more */
	uint64_t moved; /* bytes that have been read */
	size_t off, len;
	char buf[FLOW_SIZE];
};

/* What to wait for: two entries. */
void flow_poll(const struct flow *f, struct pollfd p[2]);

/*
 * Move what can be moved, at most `limit` bytes more; false: nothing was. A reader that has gone
 * swallows the rest. `zero_ends`: a read of nothing is the end.
 */
bool flow_move(struct flow *f, uint64_t limit, bool zero_ends);

/* Has all that came gone out? */
static inline bool flow_is_empty(const struct flow *f)
{
	return !f->len;
}

#endif
