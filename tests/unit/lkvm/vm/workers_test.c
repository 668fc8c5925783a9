/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workers: jobs come back, all of them, on the loop; one that waits does not keep up the others. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "lkvm/vm/workers.h"
#include "tests/unit/suite.h"

#define NR_JOBS 200u

struct job {
	struct worker_job job;
	bool again; /* submit it once more when it is done */
};

static struct loop *loop;
static struct workers *w;
static struct job jobs[NR_JOBS];
static _Atomic unsigned worked, waiting;
static unsigned done, groups;
static sem_t gate;

static void work(struct worker_job *j)
{
	worked++;
}

static void wait_at_gate(struct worker_job *j)
{
	waiting++;
	sem_wait(&gate);
	worked++;
}

static void on_done(struct worker_job *j)
{
	struct job *x = container_of(j, struct job, job);

	ck_assert(loop_here(loop));
	done++;
	if (x->again) {
		x->again = false;
		workers_submit(w, j);
	}
}

static void group_end(void *arg)
{
	ck_assert_ptr_eq(arg, &groups);
	groups++;
}

static void up(void)
{
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(workers_create(&w, loop, 3, "worker", 0, group_end, &groups), 0);
	sem_init(&gate, 0, 0);
	for (unsigned i = 0; i < NR_JOBS; i++)
		jobs[i].job = (struct worker_job){ .work = work, .done = on_done };
	worked = waiting = done = groups = 0;
}

static void down(void)
{
	workers_destroy(w);
	loop_destroy(loop);
}

START_TEST(all_come_back)
{
	for (unsigned i = 0; i < NR_JOBS; i++)
		workers_submit(w, &jobs[i].job);
	workers_commit(w);
	while (done < NR_JOBS)
		loop_step(loop, -1);
	ck_assert_uint_eq(worked, NR_JOBS);
	ck_assert_uint_ge(groups, 1);
}
END_TEST

START_TEST(drained_with_those_of_done)
{
	for (unsigned i = 0; i < NR_JOBS; i++) {
		jobs[i].again = i % 2;
		workers_submit(w, &jobs[i].job);
	}
	workers_drain(w);
	ck_assert_uint_eq(done, NR_JOBS + NR_JOBS / 2);
	ck_assert_uint_eq(worked, done);
	workers_drain(w);
}
END_TEST

static bool is_odd(struct worker_job *j)
{
	return (size_t)(container_of(j, struct job, job) - jobs) % 2;
}

/* Threads that have nothing to do are no faster than who cancels. */
START_TEST(what_was_not_handed_over_is_never_begun)
{
	for (unsigned i = 0; i < NR_JOBS; i++) {
		workers_submit(w, &jobs[1].job);
		workers_submit(w, &jobs[2].job);
		workers_cancel(w, is_odd);
		workers_drain(w);
		ck_assert_uint_eq(worked, i + 1);
		ck_assert_uint_eq(done, 2 * (i + 1));
	}
}
END_TEST

/* What has begun goes on, what is wanted is done, and nothing is lost or done twice. */
START_TEST(cancelled_jobs_are_done_without_work)
{
	for (unsigned i = 0; i < 3; i++)
		jobs[i].job.work = wait_at_gate;
	for (unsigned i = 0; i < 3; i++)
		workers_submit(w, &jobs[i].job);
	workers_commit(w);
	while (waiting < 3)
		sched_yield();
	for (unsigned i = 3; i < 53; i++)
		workers_submit(w, &jobs[i].job);
	workers_cancel(w, is_odd);
	ck_assert_uint_eq(done, 25);
	ck_assert_uint_eq(worked, 0);
	for (unsigned i = 0; i < 3; i++)
		sem_post(&gate);
	workers_drain(w);
	ck_assert_uint_eq(done, 53);
	ck_assert_uint_eq(worked, 28);
	ck_assert(!workers_wait(w));
}
END_TEST

START_TEST(two_wait_and_the_third_works)
{
	jobs[0].job.work = jobs[1].job.work = wait_at_gate;
	for (unsigned i = 0; i < 50; i++)
		workers_submit(w, &jobs[i].job);
	workers_commit(w);
	while (done < 48)
		loop_step(loop, -1);
	ck_assert_uint_eq(worked, 48);
	sem_post(&gate);
	sem_post(&gate);
	workers_drain(w);
	ck_assert_uint_eq(done, 50);
}
END_TEST

static pthread_t worker_was;

static void work_here(struct worker_job *j)
{
	worker_was = pthread_self();
	worked++;
}

static void help(void *arg)
{
	workers_help(arg);
}

/* With the loop, when it is free. */
static unsigned nr_done(void)
{
	unsigned n;

	while (!loop_borrow(loop))
		sched_yield();
	n = done;
	loop_give_back(loop);
	return n;
}

/* Who has borrowed the loop and offers to do a job does it itself; of two none. */
START_TEST(a_borrower_works)
{
	ck_assert_int_eq(loop_start(loop), 0);
	for (unsigned i = 0; i < 3; i++)
		jobs[i].job.work = work_here;
	while (!loop_borrow(loop))
		sched_yield();
	workers_submit(w, &jobs[0].job);
	ck_assert(!workers_commit_to_borrower(w, help, w)); /* there is no offer */
	loop_offer(loop);
	ck_assert(workers_commit_to_borrower(w, help, w));
	ck_assert_uint_eq(worked, 0);
	loop_give_back(loop);
	ck_assert_uint_eq(worked, 1);
	ck_assert(pthread_equal(worker_was, pthread_self()));
	while (nr_done() < 1)
		sched_yield();
	while (!loop_borrow(loop))
		sched_yield();
	loop_offer(loop);
	workers_submit(w, &jobs[1].job);
	workers_submit(w, &jobs[2].job);
	ck_assert(!workers_commit_to_borrower(w, help, w));
	workers_commit(w);
	loop_give_back(loop);
	while (nr_done() < 3)
		sched_yield();
	ck_assert(!pthread_equal(worker_was, pthread_self()));
	workers_help(w); /* there is nothing to do */
	loop_stop(loop);
	ck_assert_uint_eq(worked, 3);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/vm/workers", up, down, all_come_back, a_borrower_works,
		   drained_with_those_of_done, cancelled_jobs_are_done_without_work,
		   what_was_not_handed_over_is_never_begun, two_wait_and_the_third_works)
