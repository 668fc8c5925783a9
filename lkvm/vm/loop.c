/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Epoll loop: fds, timers, calls from other threads.
 *
 * Thread: see loop.h; a loop's lists are touched by its own thread only, `calls` and `quit` by all.
 * Trust:  nothing from the guest but the readiness of fds.
 *
 * Timers live in a list sorted by deadline; one timerfd is armed for the first. There are few
 * timers (one per network interface, console, ...), so a list beats a heap. A registration that a
 * callback deletes while epoll events for it are still in the current batch is put on `dead` and
 * freed after the batch.
 */
#include "lkvm/vm/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/sigmask.h"

static const struct sys_call list[] = {
	CALL(read),	  CALL(write),	     CALL(futex),
	CALL(epoll_ctl),  CALL(epoll_pwait), CALL(timerfd_settime),
#ifdef __NR_epoll_wait
	CALL(epoll_wait),
#endif
};

const struct calls loop_calls = CALLS("loop", list);

#define LOOP_BATCH 16
#define NO_THREAD ((pthread_t)0) /* glibc and musl: a pointer, never null for a live thread */

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
};

u64 loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

bool loop_here(const struct loop *l)
{
	return !atomic_load(&l->running) || pthread_equal(atomic_load(&l->self), pthread_self());
}

static void wake(struct loop *l)
{
	u64 one = 1;
	ssize_t n;

	/* A full eventfd (EAGAIN) is awake already. */
	do
		n = write(l->wakefd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

/* ---- file descriptors ---- */

int loop_fd_add(struct loop *l, int fd, u32 events, loop_fd_fn fn, void *arg, struct loop_fd **out)
{
	struct loop_fd *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct loop_fd){ .loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg };

	struct epoll_event ev = { .events = events, .data.ptr = f };

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int err = errno;

		free(f);
		return -err;
	}
	f->next = l->fds;
	f->link = &l->fds;
	if (f->next)
		f->next->link = &f->next;
	l->fds = f;
	*out = f;
	return 0;
}

int loop_fd_mod(struct loop_fd *f, u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = f };

	/* Edge-triggered registrations are re-armed by an unchanged EPOLL_CTL_MOD: keep that. */
	if (events == f->events && !(events & EPOLLET))
		return 0;
	if (epoll_ctl(f->loop->epfd, EPOLL_CTL_MOD, f->fd, &ev) < 0)
		return -errno;
	f->events = events;
	return 0;
}

void loop_fd_del(struct loop_fd *f)
{
	if (!f)
		return;

	struct loop *l = f->loop;

	epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL);
	f->fd = -1;
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	if (!l->in_batch) {
		free(f);
		return;
	}
	f->next = l->dead;
	l->dead = f;
}

static void bury(struct loop *l)
{
	while (l->dead) {
		struct loop_fd *f = l->dead;

		l->dead = f->next;
		free(f);
	}
}

/* ---- timers ---- */

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

static void on_tick(void *arg, u32 events)
{
	struct loop *l = arg;
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

/* ---- calls ---- */

static void on_wake(void *arg, u32 events)
{
	struct loop *l = arg;

	pthread_mutex_lock(&l->lock);
	while (l->calls) {
		struct call *c = l->calls;

		l->calls = c->next;
		if (!l->calls)
			l->calls_tail = &l->calls;
		c->begun = true;
		pthread_mutex_unlock(&l->lock);
		c->fn(c->arg);
		pthread_mutex_lock(&l->lock);
		c->done = true;
		pthread_cond_broadcast(&l->called);
	}
	pthread_mutex_unlock(&l->lock);
}

/* `until`: when it is taken back if it has not begun; NULL: never. True: it is done. */
static bool call(struct loop *l, struct call *c, const struct timespec *until)
{
	struct call **p = &l->calls;
	int err = 0;

	if (loop_here(l)) {
		c->fn(c->arg);
		return true;
	}
	pthread_mutex_lock(&l->lock);
	*l->calls_tail = c;
	l->calls_tail = &c->next;
	pthread_mutex_unlock(&l->lock);
	wake(l);
	pthread_mutex_lock(&l->lock);
	while (until && !c->begun && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&l->called, &l->lock, until);
	if (until && !c->begun) {
		while (*p != c)
			p = &(*p)->next;
		*p = c->next;
		l->calls_tail = *p ? l->calls_tail : p;
	}
	while (!c->done && (!until || c->begun))
		pthread_cond_wait(&l->called, &l->lock);
	pthread_mutex_unlock(&l->lock);
	return c->done;
}

void loop_call(struct loop *l, loop_call_fn fn, void *arg)
{
	call(l, &(struct call){ .fn = fn, .arg = arg }, NULL);
}

bool loop_call_within(struct loop *l, loop_call_fn fn, void *arg, unsigned ms)
{
	u64 until = loop_now_ns() + (u64)ms * 1000000u;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
			       .tv_nsec = (long)(until % 1000000000u) };

	return call(l, &(struct call){ .fn = fn, .arg = arg }, &ts);
}

/* ---- running ---- */

/* By the clock of loop_now_ns(). */
static void init_called(struct loop *l)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->called, &attr);
	pthread_condattr_destroy(&attr);
}

int loop_create(struct loop **out, const char *name)
{
	struct loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	pthread_mutex_init(&l->lock, NULL);
	init_called(l);
	l->calls_tail = &l->calls;
	if (l->epfd < 0 || l->wakefd < 0 || l->timerfd < 0) {
		err = -errno;
		goto fail;
	}
	err = loop_fd_add(l, l->wakefd, EPOLLIN | EPOLLET, on_wake, l, &l->wake);
	if (err)
		goto fail;
	err = loop_fd_add(l, l->timerfd, EPOLLIN, on_tick, l, &l->tick);
	if (err)
		goto fail;
	*out = l;
	return 0;
fail:
	loop_destroy(l);
	return err;
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	assert(!l->started && !atomic_load(&l->running));
	while (l->fds)
		loop_fd_del(l->fds);
	while (l->all_timers)
		loop_timer_del(l->all_timers);
	if (l->epfd >= 0)
		close(l->epfd);
	if (l->wakefd >= 0)
		close(l->wakefd);
	if (l->timerfd >= 0)
		close(l->timerfd);
	pthread_cond_destroy(&l->called);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void step(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[LOOP_BATCH];
	int n = epoll_wait(l->epfd, ev, LOOP_BATCH, timeout_ms);

	l->in_batch = true;
	for (int i = 0; i < n; i++) {
		struct loop_fd *f = ev[i].data.ptr;

		if (f->fd >= 0)
			f->fn(f->arg, ev[i].events);
	}
	l->in_batch = false;
	bury(l);
}

static void enter(struct loop *l)
{
	assert(!atomic_load(&l->running));
	atomic_store(&l->self, pthread_self());
	atomic_store(&l->running, true);
}

/*
 * Whoever queued a call before `running` went false is served; afterwards loop_call() runs
 * directly.
 */
static void leave(struct loop *l)
{
	on_wake(l, 0);
	atomic_store(&l->running, false);
	on_wake(l, 0);
}

static void run(struct loop *l)
{
	while (!atomic_load(&l->quit))
		step(l, -1);
	leave(l);
}

void loop_run(struct loop *l)
{
	enter(l);
	run(l);
}

void loop_step(struct loop *l, int timeout_ms)
{
	enter(l);
	step(l, timeout_ms);
	leave(l);
}

static void *thread_main(void *arg)
{
	struct loop *l = arg;

	pthread_setname_np(pthread_self(), l->name);
	atomic_store(&l->self, pthread_self());
	run(l);
	return NULL;
}

static void nothing(void *arg)
{
}

int loop_start(struct loop *l)
{
	sigset_t all, old;
	int err;

	assert(!l->started && !atomic_load(&l->running));
	/*
	 * From here on nobody but the new thread is "here": a loop_call() must not run directly
	 * just because the thread has not come up yet.
	 */
	atomic_store(&l->self, NO_THREAD);
	atomic_store(&l->running, true);
	signals_of_others(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&l->thread, NULL, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->started = !err;
	if (err)
		atomic_store(&l->running, false);
	else
		loop_call(l, nothing, NULL);
	return -err;
}

void loop_quit(struct loop *l)
{
	atomic_store(&l->quit, true);
	wake(l);
}

void loop_stop(struct loop *l)
{
	if (!l->started)
		return;
	loop_quit(l);
	pthread_join(l->thread, NULL);
	l->started = false;
}
