/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Epoll loop: fds, calls from other threads, running. Timers are in loop_timer.c.
 *
 * Thread: see loop.h; a loop's lists are touched by who has its turn, `calls` and `quit` by all.
 * Trust:  nothing from the guest but the readiness of fds.
 *
 * Callbacks run under the loop's `turn`: it is the thread's own while it handles a batch, and
 * nobody's while it waits in epoll_wait(). Then another thread can have it (loop_borrow()), which
 * is to the callbacks as if it were the loop's. It must not wait for the turn, as it may have
 * locks.
 *
 * A registration that a callback deletes while epoll events for it are still in the current batch,
 * which can be on its way to who waits for the turn, is put on `dead` and freed after the batch.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/sigmask.h"
#include "lkvm/vm/loop_inside.h"

static const struct sys_call list[] = {
	CALL(read),	  CALL(write),	     CALL(futex),
	CALL(epoll_ctl),  CALL(epoll_pwait), CALL(timerfd_settime),
#ifdef __NR_epoll_wait
	CALL(epoll_wait),
#endif
};

const struct calls loop_calls = CALLS("loop", list);

#define LOOP_BATCH 16
#define HELPER_SLICE_NS 100000u /* the shortest that there is */

bool loop_here(const struct loop *l)
{
	return !atomic_load(&l->running) || pthread_equal(atomic_load(&l->self), pthread_self());
}

void loop_wake(struct loop *l)
{
	/* EAGAIN: it is full, so the loop is awake already. */
	eventfd_write(l->wakefd, 1);
}

/* ---- file descriptors ---- */

static int watch_fd(struct loop_fd *f)
{
	struct epoll_event ev = { .events = f->events, .data.ptr = f };

	return epoll_ctl(f->loop->epfd, EPOLL_CTL_ADD, f->fd, &ev) < 0 ? -errno : 0;
}

int loop_fd_add(struct loop *l, int fd, u32 events, loop_fd_fn fn, void *arg, struct loop_fd **out)
{
	struct loop_fd *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	*f = (struct loop_fd){ .loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg };
	err = watch_fd(f);
	if (err) {
		free(f);
		return err;
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
	if (events == f->events && !(events & EPOLLET) && !f->rest_until)
		return 0;
	if (epoll_ctl(f->loop->epfd, EPOLL_CTL_MOD, f->fd, &ev) < 0)
		return -errno;
	f->events = events;
	f->rest_until = 0;
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
	/* The loop's thread may have it among the events that it is about to handle. */
	if (!atomic_load(&l->running)) {
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
	loop_wake(l);
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

/* ---- helpers ---- */

void loop_help(struct loop *l, struct loop *helper, u64 privileges)
{
	helper->privileges = privileges;
	helper->next_helper = l->helpers;
	helper->helper_link = &l->helpers;
	if (l->helpers)
		l->helpers->helper_link = &helper->next_helper;
	l->helpers = helper;
}

struct helper_call {
	loop_helper_fn fn;
	void *arg;
	u64 privileges;
};

static void call_helper(void *arg)
{
	const struct helper_call *c = arg;

	c->fn(c->arg, c->privileges);
}

void loop_call_helpers(struct loop *l, loop_helper_fn fn, void *arg)
{
	for (struct loop *h = l->helpers; h; h = h->next_helper) {
		struct helper_call c = { .fn = fn, .arg = arg, .privileges = h->privileges };

		loop_call(h, call_helper, &c);
	}
}

static void leave_helped(struct loop *l)
{
	if (!l->helper_link)
		return;
	*l->helper_link = l->next_helper;
	if (l->next_helper)
		l->next_helper->helper_link = l->helper_link;
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
	int err = 0;

	if (!l)
		return -ENOMEM;
	text_add(l->name, sizeof(l->name), 0, name);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	pthread_mutex_init(&l->turn, NULL);
	pthread_mutex_init(&l->lock, NULL);
	init_called(l);
	l->calls_tail = &l->calls;
	l->rest = (struct loop_timer){ .loop = l, .fn = loop_rested, .arg = l };
	l->wake = (struct loop_fd){ .loop = l, .fd = l->wakefd, .fn = on_wake, .arg = l };
	l->wake.events = EPOLLIN | EPOLLET;
	l->tick = (struct loop_fd){ .loop = l, .fd = l->timerfd, .fn = loop_timers_due, .arg = l };
	l->tick.events = EPOLLIN;
	if (l->epfd < 0 || l->wakefd < 0 || l->timerfd < 0)
		err = -errno;
	if (!err)
		err = watch_fd(&l->wake);
	if (!err)
		err = watch_fd(&l->tick);
	if (err)
		loop_destroy(l);
	else
		*out = l;
	return err;
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	assert(!l->started && !atomic_load(&l->running) && !l->helpers);
	leave_helped(l);
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
	pthread_mutex_destroy(&l->turn);
	free(l);
}

static void step(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[LOOP_BATCH];
	int n = epoll_wait(l->epfd, ev, LOOP_BATCH, timeout_ms);

	pthread_mutex_lock(&l->turn);
	atomic_store(&l->self, pthread_self());
	for (int i = 0; i < n; i++) {
		struct loop_fd *f = ev[i].data.ptr;

		if (f->fd >= 0)
			f->fn(f->arg, ev[i].events);
	}
	bury(l);
	pthread_mutex_unlock(&l->turn);
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
	pthread_mutex_lock(&l->turn);
	atomic_store(&l->self, pthread_self());
	l->lends = false;
	on_wake(l, 0);
	atomic_store(&l->running, false);
	on_wake(l, 0);
	bury(l);
	pthread_mutex_unlock(&l->turn);
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

/* ---- the thread ---- */

/*
 * Somebody waits for what a helper does, mostly a vCPU that has little else to do. With a slice
 * that is shorter than others' it comes before them when it wakes, also where there is but one CPU
 * (Linux 6.12; older ones do nothing about it). sched_setattr(2); no header of the C library has
 * it.
 */
static void come_soon(void)
{
	struct {
		u32 size, policy;
		u64 flags;
		u32 nice, priority;
		u64 runtime, deadline, period;
	} a = { .size = sizeof(a), .runtime = HELPER_SLICE_NS };

	syscall(SYS_sched_setattr, 0, &a, 0);
}

struct start {
	struct loop *l;
	sem_t done;
};

static void *thread_main(void *arg)
{
	struct start *s = arg;
	struct loop *l = s->l;

	pthread_setname_np(pthread_self(), l->name);
	if (l->helper_link)
		come_soon();
	sem_post(&s->done);
	run(l);
	return NULL;
}

/* Returns when the thread has done what it may not do any more when lkvm is confined. */
int loop_start(struct loop *l)
{
	struct start s = { .l = l };
	sigset_t all, old;
	int err;

	assert(!l->started && !atomic_load(&l->running));
	pthread_mutex_lock(&l->turn);
	l->lends = true;
	pthread_mutex_unlock(&l->turn);
	/*
	 * From here on nobody but the new thread is "here": a loop_call() must not run directly
	 * just because the thread has not come up yet.
	 */
	atomic_store(&l->self, LOOP_NO_THREAD);
	atomic_store(&l->running, true);
	signals_of_others(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	sem_init(&s.done, 0, 0);
	err = pthread_create(&l->thread, NULL, thread_main, &s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->started = !err;
	if (err)
		atomic_store(&l->running, false);
	while (!err && sem_wait(&s.done) < 0)
		; /* EINTR */
	sem_destroy(&s.done);
	return -err;
}

void loop_quit(struct loop *l)
{
	atomic_store(&l->quit, true);
	loop_wake(l);
}

void loop_stop(struct loop *l)
{
	if (!l->started)
		return;
	loop_quit(l);
	pthread_join(l->thread, NULL);
	l->started = false;
}
