/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clock's alarm: a timer of the loop that vCPU threads can have set anew.
 *
 * Thread: alarm_look() on any; the rest on the loop, or before it runs.
 * Trust:  the guest decides how often alarm_look() is called: an eventfd counts, nothing queues up.
 *
 * The timers of the loop know nothing of the wall clock, which somebody may set and which goes on
 * while the host sleeps. So the device is asked once a second while something is to come.
 */
#include "arm64/alarm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"

#define LOOK_NS UINT64_C(1000000000)

struct alarm {
	alarm_fn fn;
	void *arg;
	int fd; /* an eventfd: look */
	struct loop_fd *watch;
	struct loop_timer *timer;
};

static void look(void *arg)
{
	struct alarm *a = arg;
	u64 ns = a->fn(a->arg);

	if (ns == ALARM_NEVER)
		loop_timer_disarm(a->timer);
	else
		loop_timer_arm(a->timer, MIN(ns, LOOK_NS));
}

static void on_look(void *arg, u32 events)
{
	look(arg);
}

void alarm_look(struct alarm *a)
{
	if (a)
		eventfd_write(a->fd, 1);
}

int alarm_create(struct alarm **out, struct loop *loop, alarm_fn fn, void *arg)
{
	struct alarm *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->fn = fn;
	a->arg = arg;
	a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = a->fd < 0 ? -errno : loop_timer_add(loop, look, a, &a->timer);
	if (!err) /* only ever written: edges are enough */
		err = loop_fd_add(loop, a->fd, EPOLLIN | EPOLLET, on_look, a, &a->watch);
	if (err) {
		alarm_destroy(a);
		return err;
	}
	*out = a;
	return 0;
}

void alarm_destroy(struct alarm *a)
{
	if (!a)
		return;
	loop_fd_del(a->watch);
	loop_timer_del(a->timer);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}
