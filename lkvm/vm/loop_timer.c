/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loop's timers, and descriptors that rest for a time.
 *
 * Thread: that of the loop.
 * Trust:  nothing from the guest.
 *
 * Timers live in a list sorted by deadline; one timerfd is armed for the first. There are few
 * timers (one per network interface, console, ...), so a list beats a heap.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lkvm/vm/loop_inside.h"

int loop_timer_add(struct loop *l, loop_timer_fn fn, void *arg, struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
	t->all_next = l->all_timers;
	t->all_link = &l->all_timers;
	if (t->all_next)
		t->all_next->all_link = &t->all_next;
	l->all_timers = t;
	*out = t;
	return 0;
}

/*
 * Set the timerfd for the first deadline. A timer that was pushed back leaves it too early: the
 * tick then finds nothing due and sets it right, which is cheaper than a system call for every
 * re-arm.
 */
static void program_timerfd(struct loop *l)
{
	u64 first = l->timers ? l->timers->deadline : 0;

	if (!first || (l->programmed && l->programmed <= first))
		return;

	struct itimerspec its = { .it_value = { .tv_sec = (time_t)(first / 1000000000u),
						.tv_nsec = (long)(first % 1000000000u) } };

	timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &its, NULL);
	l->programmed = first;
}

void loop_timer_disarm(struct loop_timer *t)
{
	if (!t->armed)
		return;
	t->armed = false;
	for (struct loop_timer **p = &t->loop->timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			return;
		}
	}
}

void loop_timer_arm(struct loop_timer *t, u64 ns)
{
	struct loop *l = t->loop;
	struct loop_timer **p;
	u64 now = loop_now_ns();

	loop_timer_disarm(t);
	/* 0 would switch the timerfd off, a sum past the end would be in the past. */
	t->deadline = now + MIN(ns, UINT64_MAX / 2 - now);
	for (p = &l->timers; *p && (*p)->deadline <= t->deadline; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
	t->armed = true;
	program_timerfd(l);
}

void loop_timer_del(struct loop_timer *t)
{
	if (!t)
		return;
	loop_timer_disarm(t);
	*t->all_link = t->all_next;
	if (t->all_next)
		t->all_next->all_link = t->all_link;
	free(t);
}

void loop_fd_rest(struct loop_fd *f)
{
	struct epoll_event ev = { .data.ptr = f };
	struct loop *l = f->loop;
	u64 ns = LOOP_REST_MS * UINT64_C(1000000);

	epoll_ctl(l->epfd, EPOLL_CTL_MOD, f->fd, &ev);
	f->rest_until = loop_now_ns() + ns;
	if (!l->rest.armed)
		loop_timer_arm(&l->rest, ns);
}

void loop_rested(void *loop)
{
	struct loop *l = loop;
	u64 now = loop_now_ns(), next = 0;

	for (struct loop_fd *f = l->fds; f; f = f->next) {
		if (f->rest_until && f->rest_until <= now)
			loop_fd_mod(f, f->events);
		else if (f->rest_until && (!next || f->rest_until < next))
			next = f->rest_until;
	}
	if (next)
		loop_timer_arm(&l->rest, next - now);
}

void loop_timers_due(void *loop, u32 events)
{
	struct loop *l = loop;
	u64 expirations, now = loop_now_ns();

	if (read(l->timerfd, &expirations, sizeof(expirations)) < 0)
		return; /* spurious: somebody re-armed it meanwhile */
	l->programmed = 0;
	/* `now` is fixed: a callback that re-arms for 0 ns gets its turn in the next round. */
	while (l->timers && l->timers->deadline <= now) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->armed = false;
		t->fn(t->arg);
	}
	program_timerfd(l);
}
