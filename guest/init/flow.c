/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes from one descriptor to another.
 *
 * Thread: one.
 * Trust:  they go through unseen.
 */
#include "guest/init/flow.h"

#include <linux/errno.h>

#include "guest/init/sys.h"

void flow_poll(const struct flow *f, struct pollfd p[2])
{
	p[0] = (struct pollfd){ .fd = f->len || f->ended ? -1 : f->from, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = f->len ? f->to : -1, .events = POLLOUT };
}

static bool fill(struct flow *f, uint64_t limit, bool zero_ends)
{
	size_t want = limit < FLOW_SIZE ? (size_t)limit : FLOW_SIZE;
	long n;

	if (f->ended || f->from < 0 || !want)
		return false;
	n = sys_read(f->from, f->buf, want);
	if (n == -EAGAIN || n == -EINTR || (!n && !zero_ends))
		return false;
	/* A pty whose last user has gone says EIO. */
	if (n <= 0) {
		f->ended = true;
		return false;
	}
	f->off = 0;
	f->len = (size_t)n;
	f->moved += (uint64_t)n;
	return true;
}

static bool empty(struct flow *f)
{
	long n = f->to < 0 ? -EPIPE : sys_write(f->to, f->buf + f->off, f->len);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n <= 0)
		n = (long)f->len;
	f->off += (size_t)n;
	f->len -= (size_t)n;
	return true;
}

bool flow_move(struct flow *f, uint64_t limit, bool zero_ends)
{
	bool any = false;

	while (f->len ? empty(f) : fill(f, limit - f->moved, zero_ends))
		any = true;
	return any;
}
