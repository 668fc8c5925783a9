/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An epoll instance that knows a single descriptor.
 *
 * Thread: any.
 * Trust:  the descriptor's other end decides how long a wait lasts, up to its limit.
 */
#include "lkvm/base/ready.h"

#include <errno.h>
#include <unistd.h>

int ready_init(struct ready *r, int fd, u32 events)
{
	struct epoll_event e = { .events = events };
	int err;

	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		return -errno;
	if (!epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e))
		return 0;
	err = -errno;
	ready_fini(r);
	/* EPERM: a regular file. */
	return err == -EPERM ? 0 : err;
}

void ready_fini(struct ready *r)
{
	if (r->epoll >= 0)
		close(r->epoll);
	*r = READY_ALWAYS;
}

bool ready_wait(const struct ready *r, int ms)
{
	struct epoll_event e;
	int n;

	if (r->epoll < 0)
		return true;
	do
		n = epoll_wait(r->epoll, &e, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}
