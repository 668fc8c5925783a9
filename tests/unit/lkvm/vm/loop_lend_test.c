/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A lent loop: who borrows is the loop's thread, the loop waits, nothing that it has is lost. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"

static struct loop *l;
static _Atomic unsigned calls;
static unsigned plain; /* with the turn only: TSan sees it if not */
static sem_t begun, go_on;

static void up(void)
{
	ck_assert_int_eq(loop_create(&l, "test"), 0);
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	calls = plain = 0;
}

static void down(void)
{
	loop_stop(l);
	loop_destroy(l);
}

static void borrow(void)
{
	while (!loop_borrow(l))
		sched_yield();
}

static void count(void *arg)
{
	ck_assert(loop_here(l));
	plain++;
	calls++;
}

static void count_event(void *arg, u32 events)
{
	count(arg);
}

static void be_busy(void *arg)
{
	ck_assert(!loop_is_borrowed(l));
	sem_post(&begun);
	sem_wait(&go_on);
}

static void *call_busy(void *arg)
{
	loop_call(l, be_busy, NULL);
	return NULL;
}

static void *call_count(void *arg)
{
	loop_call(l, count, NULL);
	return NULL;
}

START_TEST(lent_only_while_its_thread_waits)
{
	pthread_t t;

	ck_assert(!loop_borrow(l)); /* no thread */
	loop_step(l, 0);
	ck_assert(!loop_borrow(l));
	ck_assert_int_eq(loop_start(l), 0);
	borrow();
	ck_assert(loop_is_borrowed(l));
	loop_give_back(l);
	pthread_create(&t, NULL, call_busy, NULL);
	sem_wait(&begun);
	ck_assert(!loop_borrow(l));
	sem_post(&go_on);
	pthread_join(t, NULL);
	loop_stop(l);
	ck_assert(!loop_borrow(l));
}
END_TEST

START_TEST(who_borrows_is_the_thread_of_the_loop)
{
	pthread_t t;

	ck_assert_int_eq(loop_start(l), 0);
	ck_assert(!loop_here(l));
	borrow();
	ck_assert(loop_here(l));
	loop_call(l, count, NULL); /* directly */
	ck_assert_uint_eq(calls, 1);
	pthread_create(&t, NULL, call_count, NULL);
	usleep(20000);
	ck_assert_uint_eq(calls, 1);
	loop_give_back(l);
	ck_assert(!loop_here(l));
	pthread_join(t, NULL);
	ck_assert_uint_eq(calls, 2);
}
END_TEST

static pthread_t done_by;

static void note(void *arg)
{
	count(arg);
	done_by = pthread_self();
}

static void *do_note(void *arg)
{
	loop_do(l, note, NULL);
	return NULL;
}

START_TEST(what_is_short_is_done_by_who_asks)
{
	pthread_t busy, t;

	loop_do(l, note, NULL);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(loop_start(l), 0);
	borrow();
	loop_do(l, note, NULL); /* it is the loop's thread */
	loop_give_back(l);
	ck_assert_uint_eq(calls, 2);
	loop_do(l, note, NULL);
	ck_assert_uint_eq(calls, 3);
	ck_assert(pthread_equal(done_by, pthread_self()));
	ck_assert(!loop_here(l));
	/* At work it does it itself. */
	pthread_create(&busy, NULL, call_busy, NULL);
	sem_wait(&begun);
	pthread_create(&t, NULL, do_note, NULL);
	usleep(20000);
	ck_assert_uint_eq(calls, 3);
	sem_post(&go_on);
	pthread_join(busy, NULL);
	pthread_join(t, NULL);
	ck_assert_uint_eq(calls, 4);
	ck_assert(!pthread_equal(done_by, t) && !pthread_equal(done_by, pthread_self()));
}
END_TEST

static void count_outside(void *arg)
{
	ck_assert(!loop_here(l));
	*(unsigned *)arg += 1;
}

/* One thing more, once, and only if who borrows says so. */
START_TEST(a_borrower_does_one_thing_more)
{
	unsigned more = 0;

	ck_assert_int_eq(loop_start(l), 0);
	borrow();
	ck_assert(!loop_accept(l, count_outside, &more));
	loop_offer(l);
	ck_assert(loop_accept(l, count_outside, &more));
	ck_assert(!loop_accept(l, count_outside, &more));
	ck_assert_uint_eq(more, 0);
	loop_give_back(l);
	ck_assert_uint_eq(more, 1);
	borrow();
	ck_assert(!loop_accept(l, count_outside, &more)); /* the offer was for that time */
	loop_give_back(l);
	ck_assert_uint_eq(more, 1);
}
END_TEST

/* The loop's thread has both events in its hands when one of them goes. */
START_TEST(what_a_borrower_deletes_is_not_called)
{
	int fd[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	struct loop_fd *f[2];
	eventfd_t n;

	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(loop_fd_add(l, fd[i], EPOLLIN | EPOLLET, count_event, NULL, &f[i]),
				 0);
	ck_assert_int_eq(loop_start(l), 0);
	for (unsigned i = 0; i < 200; i++) {
		unsigned before = calls;

		borrow();
		eventfd_write(fd[0], 1);
		eventfd_write(fd[1], 1);
		if (i % 2)
			usleep(200);
		loop_fd_del(f[0]);
		ck_assert_int_eq(loop_fd_add(l, fd[0], EPOLLIN | EPOLLET, count_event, NULL, &f[0]),
				 0);
		loop_give_back(l);
		while (calls == before)
			sched_yield();
	}
	borrow();
	loop_fd_del(f[0]);
	loop_give_back(l);
	eventfd_read(fd[0], &n);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(events_wait_until_it_is_given_back)
{
	int fd[6];
	eventfd_t n;

	ck_assert_int_eq(loop_start(l), 0);
	for (unsigned i = 0; i < 6; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK);
	borrow();
	for (unsigned i = 0; i < 6; i++)
		loop_event(l, fd[i], i + 1);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_lt(eventfd_read(fd[i], &n), 0);
	loop_give_back(l);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(eventfd_read(fd[i], &n), 0);
		ck_assert_uint_eq(n, i + 1);
		close(fd[i]);
	}
	loop_stop(l);
	fd[0] = eventfd(0, EFD_NONBLOCK);
	loop_event(l, fd[0], 1);
	ck_assert_int_eq(eventfd_read(fd[0], &n), 0);
	close(fd[0]);
}
END_TEST

static void *borrow_often(void *arg)
{
	for (unsigned i = 0; i < 1000; i++) {
		if (i % 3 == 0) {
			loop_call(l, count, NULL);
		} else if (loop_borrow(l)) {
			count(NULL);
			loop_give_back(l);
		} else {
			calls++;
		}
	}
	return NULL;
}

START_TEST(one_at_a_time_and_no_call_is_lost)
{
	pthread_t t[3];

	ck_assert_int_eq(loop_start(l), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, borrow_often, NULL);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(calls, 3000);
	ck_assert_uint_ge(plain, 1000);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/vm/loop_lend", up, down, lent_only_while_its_thread_waits,
		   who_borrows_is_the_thread_of_the_loop, what_is_short_is_done_by_who_asks,
		   a_borrower_does_one_thing_more, what_a_borrower_deletes_is_not_called,
		   events_wait_until_it_is_given_back, one_at_a_time_and_no_call_is_lost)
