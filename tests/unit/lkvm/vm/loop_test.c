/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop: fds, deletion from callbacks, timers, calls between threads, start and stop. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"

static struct loop *l;

static void setup(void)
{
	ck_assert_int_eq(loop_create(&l, "test"), 0);
}

static void ring(int fd)
{
	u64 one = 1;

	ck_assert_int_eq(write(fd, &one, 8), 8);
}

struct counter {
	int calls, fd;
	struct loop_fd *reg, *other;
	struct loop_timer *timer;
};

static void count_and_drain(void *arg, u32 events)
{
	struct counter *c = arg;
	u64 v;

	ck_assert(loop_here(l));
	c->calls++;
	ck_assert_int_eq(read(c->fd, &v, 8), 8);
}

static void count_only(void *arg, u32 events)
{
	((struct counter *)arg)->calls++;
}

START_TEST(fds_level_and_edge)
{
	struct counter a = { .fd = eventfd(0, 0) }, b = { .fd = eventfd(0, 0) };

	setup();
	ck_assert_int_eq(loop_fd_add(l, a.fd, EPOLLIN, count_and_drain, &a, &a.reg), 0);
	ck_assert_int_eq(loop_fd_add(l, b.fd, EPOLLIN | EPOLLET, count_only, &b, &b.reg), 0);
	loop_step(l, 0);
	ck_assert_int_eq(a.calls + b.calls, 0);
	ring(a.fd);
	ring(b.fd);
	loop_step(l, 0);
	loop_step(l, 0);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(b.calls, 1);
	/* the edge comes again with each write, without any read */
	ring(b.fd);
	loop_step(l, 0);
	ck_assert_int_eq(b.calls, 2);
	/* and once more for who asks for it anew */
	ck_assert_int_eq(loop_fd_mod(b.reg, EPOLLIN | EPOLLET), 0);
	loop_step(l, 0);
	ck_assert_int_eq(b.calls, 3);
	ck_assert_int_eq(loop_fd_mod(a.reg, 0), 0);
	ring(a.fd);
	loop_step(l, 0);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(loop_fd_add(l, -1, EPOLLIN, count_only, &a, &a.other), -9 /* EBADF */);
	loop_fd_del(a.reg);
	loop_fd_del(NULL);
	loop_destroy(l);
}
END_TEST

static void delete_both(void *arg, u32 events)
{
	struct counter *c = arg;

	c->calls++;
	loop_fd_del(c->reg);
	loop_fd_del(c->other);
}

/* Steps for `ms` milliseconds. */
static unsigned steps_for(unsigned ms)
{
	u64 end = loop_now_ns() + ms * UINT64_C(1000000);
	unsigned n = 0;

	for (u64 now; (now = loop_now_ns()) < end; n++)
		loop_step(l, (int)((end - now) / 1000000 + 1));
	return n;
}

/* What is ready and rests does not keep the loop awake, and is asked again afterwards. */
START_TEST(what_rests)
{
	struct counter a = { .fd = eventfd(0, 0) }, b = { .fd = eventfd(0, 0) };
	u64 began = loop_now_ns();

	setup();
	ck_assert_int_eq(loop_fd_add(l, a.fd, EPOLLIN, count_and_drain, &a, &a.reg), 0);
	ck_assert_int_eq(loop_fd_add(l, b.fd, EPOLLIN, count_and_drain, &b, &b.reg), 0);
	ring(a.fd);
	loop_fd_rest(a.reg);
	ck_assert_uint_le(steps_for(100), 5);
	ck_assert_int_eq(a.calls, 0);
	/* One that begins later ends later; a new wish ends it at once. */
	ring(b.fd);
	loop_fd_rest(b.reg);
	while (!a.calls)
		loop_step(l, 1000);
	ck_assert_uint_ge(loop_now_ns() - began, LOOP_REST_MS * UINT64_C(1000000));
	while (!b.calls)
		loop_step(l, 1000);
	ck_assert_uint_ge(loop_now_ns() - began, (LOOP_REST_MS + 100) * UINT64_C(1000000));
	ring(a.fd);
	loop_fd_rest(a.reg);
	ck_assert_int_eq(loop_fd_mod(a.reg, EPOLLIN), 0);
	loop_step(l, 1000);
	ck_assert_int_eq(a.calls, 2);
	/* Gone before it is asked again. */
	ring(b.fd);
	loop_fd_rest(b.reg);
	loop_fd_del(b.reg);
	ck_assert_uint_le(steps_for(LOOP_REST_MS + 100), 5);
	ck_assert_int_eq(b.calls, 1);
	loop_destroy(l);
}
END_TEST

START_TEST(a_callback_may_delete_what_is_about_to_be_called)
{
	int fd[2] = { eventfd(1, 0), eventfd(1, 0) };
	struct counter c = { 0 };

	setup();
	ck_assert_int_eq(loop_fd_add(l, fd[0], EPOLLIN, delete_both, &c, &c.reg), 0);
	ck_assert_int_eq(loop_fd_add(l, fd[1], EPOLLIN, delete_both, &c, &c.other), 0);
	loop_step(l, 0);
	loop_step(l, 0);
	ck_assert_int_eq(c.calls, 1);
	loop_destroy(l);
}
END_TEST

static void tick(void *arg)
{
	((struct counter *)arg)->calls++;
}

START_TEST(timers_fire_in_order_and_once)
{
	struct counter a = { 0 }, b = { 0 }, c = { 0 };

	setup();
	ck_assert_int_eq(loop_timer_add(l, tick, &a, &a.timer), 0);
	ck_assert_int_eq(loop_timer_add(l, tick, &b, &b.timer), 0);
	ck_assert_int_eq(loop_timer_add(l, tick, &c, &c.timer), 0);
	loop_timer_arm(b.timer, 40000000);
	loop_timer_arm(a.timer, 1000000);
	loop_timer_arm(c.timer, UINT64_MAX);
	loop_step(l, 1000);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(b.calls, 0);
	loop_step(l, 1000);
	ck_assert_int_eq(b.calls, 1);
	loop_step(l, 20);
	ck_assert_int_eq(a.calls + b.calls + c.calls, 2);
	loop_timer_arm(a.timer, 0);
	loop_step(l, 1000);
	ck_assert_int_eq(a.calls, 2);
	loop_timer_del(c.timer);
	loop_timer_del(NULL);
	loop_destroy(l);
}
END_TEST

START_TEST(a_timer_pushed_back_does_not_fire_early)
{
	struct counter a = { 0 };
	u64 start;

	setup();
	ck_assert_int_eq(loop_timer_add(l, tick, &a, &a.timer), 0);
	loop_timer_arm(a.timer, 5000000);
	start = loop_now_ns();
	loop_timer_arm(a.timer, 60000000);
	while (!a.calls)
		loop_step(l, 1000);
	ck_assert_uint_ge(loop_now_ns() - start, 59000000);
	loop_timer_arm(a.timer, 5000000);
	loop_timer_disarm(a.timer);
	loop_step(l, 30);
	ck_assert_int_eq(a.calls, 1);
	loop_destroy(l);
}
END_TEST

static void rearm(void *arg)
{
	struct counter *c = arg;

	if (++c->calls < 1000)
		loop_timer_arm(c->timer, 0);
}

START_TEST(a_timer_that_rearms_for_now_does_not_starve_fds)
{
	struct counter a = { 0 }, b = { .fd = eventfd(1, 0) };

	setup();
	ck_assert_int_eq(loop_timer_add(l, rearm, &a, &a.timer), 0);
	ck_assert_int_eq(loop_fd_add(l, b.fd, EPOLLIN, count_and_drain, &b, &b.reg), 0);
	loop_timer_arm(a.timer, 0);
	loop_step(l, 100);
	loop_step(l, 100);
	ck_assert_int_eq(b.calls, 1);
	ck_assert_int_lt(a.calls, 1000);
	loop_destroy(l);
}
END_TEST

static void note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	ck_assert(loop_here(l));
}

static void *many_calls(void *arg)
{
	for (int i = 0; i < 500; i++)
		loop_call(l, tick, arg);
	return NULL;
}

START_TEST(calls_run_on_the_loop_and_are_waited_for)
{
	struct counter c = { 0 };
	pthread_t where = 0, t[4];

	setup();
	loop_call(l, note_thread, &where);
	ck_assert(pthread_equal(where, pthread_self())); /* nobody runs it: directly */
	ck_assert_int_eq(loop_start(l), 0);
	ck_assert(!loop_here(l));
	loop_call(l, note_thread, &where);
	ck_assert(!pthread_equal(where, pthread_self()));
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, many_calls, &c);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(c.calls, 2000);
	loop_stop(l);
	ck_assert(loop_here(l));
	loop_call(l, note_thread, &where);
	ck_assert(pthread_equal(where, pthread_self()));
	loop_stop(l);
	loop_destroy(l);
	loop_destroy(NULL);
}
END_TEST

/* ---- a loop that hangs ---- */

static pthread_mutex_t hang = PTHREAD_MUTEX_INITIALIZER;

static void hang_until_let_go(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
	pthread_mutex_lock(&hang);
	pthread_mutex_unlock(&hang);
}

static void *call_it(void *arg)
{
	loop_call(l, hang_until_let_go, arg);
	return NULL;
}

START_TEST(a_call_with_a_limit_is_taken_back)
{
	struct counter c = { 0 };
	_Atomic bool hangs = false;
	pthread_t t;
	u64 before;

	setup();
	ck_assert(loop_call_within(l, tick, &c, 1)); /* nobody runs it: directly */
	ck_assert_int_eq(loop_start(l), 0);
	ck_assert(loop_call_within(l, tick, &c, (unsigned)scaled(20000)));
	ck_assert_int_eq(c.calls, 2);
	pthread_mutex_lock(&hang);
	pthread_create(&t, NULL, call_it, &hangs);
	while (!atomic_load(&hangs))
		usleep(1000);
	before = loop_now_ns();
	ck_assert(!loop_call_within(l, tick, &c, 50));
	ck_assert_uint_ge(loop_now_ns() - before, 50000000);
	/* The queue is whole: behind one that was taken back, and in front of one. */
	ck_assert(!loop_call_within(l, tick, &c, 1));
	pthread_mutex_unlock(&hang);
	pthread_join(t, NULL);
	loop_call(l, tick, &c);
	ck_assert_int_eq(c.calls, 3);
	loop_stop(l);
	loop_destroy(l);
}
END_TEST

SUITE_MAIN("lkvm/loop", fds_level_and_edge, what_rests,
	   a_callback_may_delete_what_is_about_to_be_called, timers_fire_in_order_and_once,
	   a_timer_pushed_back_does_not_fire_early, a_timer_that_rearms_for_now_does_not_starve_fds,
	   calls_run_on_the_loop_and_are_waited_for, a_call_with_a_limit_is_taken_back)
