/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loop from the inside, for the files that it is made of: loop.c, loop_timer.c and loop_lend.c. A
 * loop's lists are touched by who has its turn, `calls` and `quit` by all.
 */
#ifndef LKVM_LOOP_INSIDE_H
#define LKVM_LOOP_INSIDE_H

#include <pthread.h>

#include "lkvm/vm/loop.h"

struct loop_fd {
	struct loop *loop;
	int fd;		/* -1: deleted */
	u32 events;	/* that are asked for, unless it rests */
	u64 rest_until; /* 0: it does not */
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

/* An event that is told when a borrowed loop is free again. */
struct late {
	int event;
	u64 by;
};
#define LOOP_MAX_LATE 4u

struct loop {
	char name[16];
	int epfd, wakefd, timerfd;
	struct loop_fd wake, tick;
	struct loop_fd *fds, *dead;
	struct loop_timer *timers; /* armed, by deadline */
	struct loop_timer *all_timers;
	struct loop_timer rest; /* the first of those that rest is to be asked again */
	u64 programmed;		/* deadline the timerfd is set to, 0: off */

	pthread_t thread;
	bool started;
	_Atomic bool quit;	/* whoever stops the loop writes */
	_Atomic bool running;	/* some thread is inside loop_run()/loop_step() */
	_Atomic pthread_t self; /* which one; valid while running */

	/* Who runs callbacks has the turn; with it the lists above are touched, and these: */
	pthread_mutex_t turn;
	bool lends;    /* it has a thread of its own that waits for as long as it takes */
	bool borrowed; /* somebody else has the turn */
	unsigned nr_late;
	struct late late[LOOP_MAX_LATE]; /* for loop_give_back() */
	bool offers;			 /* the borrower calls `after`, if there is one */
	loop_call_fn after;
	void *after_arg;

	pthread_mutex_t lock; /* calls */
	pthread_cond_t called;
	struct call *calls, **calls_tail;

	struct loop *helpers;			 /* those of this loop */
	struct loop *next_helper, **helper_link; /* its place among those of another */
	u64 privileges;
};

#define LOOP_NO_THREAD ((pthread_t)0) /* glibc and musl: a pointer, never null for a live thread */

/* The loop's thread looks at `calls`, `quit` and `dead`. Any thread. */
void loop_wake(struct loop *l);

/* It is time to ask some again that have rested: callback of `rest`. On the loop. */
void loop_rested(void *loop);

/* The timerfd is readable. */
void loop_timers_due(void *loop, u32 events);

#endif
