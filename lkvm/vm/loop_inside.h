/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loop from the inside, for the files that it is made of: loop.c and loop_timer.c. A loop's lists
 * are touched by its own thread only, `calls` and `quit` by all.
 */
#ifndef LKVM_LOOP_INSIDE_H
#define LKVM_LOOP_INSIDE_H

#include <pthread.h>

#include "lkvm/vm/loop.h"

struct loop_fd {
	struct loop *loop;
	int fd; /* -1: deleted */
	u32 events;
	loop_fd_fn fn;
	void *arg;
	struct loop_fd *next, **link; /* in loop->fds, or in loop->dead */
};

struct loop_timer {
	struct loop *loop;
	loop_timer_fn fn;
	void *arg;
	u64 deadline;
	bool armed;
	struct loop_timer *next; /* in loop->timers while armed */
	struct loop_timer *all_next, **all_link;
};

/* A call from another thread: lives on the caller's stack until it is done or taken back. */
struct call {
	loop_call_fn fn;
	void *arg;
	bool begun, done;
	struct call *next;
};

struct loop {
	char name[16];
	int epfd, wakefd, timerfd;
	struct loop_fd *wake, *tick;
	struct loop_fd *fds, *dead;
	struct loop_timer *timers; /* armed, by deadline */
	struct loop_timer *all_timers;
	u64 programmed; /* deadline the timerfd is set to, 0: off */
	bool in_batch;

	pthread_t thread;
	bool started;
	_Atomic bool quit;	/* whoever stops the loop writes */
	_Atomic bool running;	/* some thread is inside loop_run()/loop_step() */
	_Atomic pthread_t self; /* which one; valid while running */

	pthread_mutex_t lock; /* calls */
	pthread_cond_t called;
	struct call *calls, **calls_tail;

	struct loop *helpers;			 /* those of this loop */
	struct loop *next_helper, **helper_link; /* its place among those of another */
	u64 privileges;
};

/* The timerfd is readable. */
void loop_timers_due(void *loop, u32 events);

#endif
