/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads for work that may wait for the host, as system calls on files do: a job is given on one
 * loop, done on any of the threads, and comes back on that loop. Nothing is allocated for it.
 */
#ifndef LKVM_WORKERS_H
#define LKVM_WORKERS_H

#include "lkvm/vm/loop.h"

#define WORKERS_MAX 8u

struct workers;

/* The submitter's memory; not the submitter's to touch between workers_submit() and done(). */
struct worker_job {
	void (*work)(struct worker_job *j); /* on one of the threads */
	void (*done)(struct worker_job *j); /* on the loop; may submit jobs, this one too */
	struct worker_job *next;	    /* ours while submitted */
};

/*
 * `nr` (1 to WORKERS_MAX) threads named `name`, at most 15 bytes, which keep `privileges`, as
 * helpers [loop_help()] of `loop`, where done() runs.
 * After each group of done() calls group_end(arg) is called; NULL: nothing is. Before `loop` runs.
 * 0 or -errno (-ENOMEM, of eventfd(2), epoll_ctl(2), pthread_create(3)), without a message.
 */
int workers_create(struct workers **out, struct loop *loop, unsigned nr, const char *name,
		   u64 privileges, void (*group_end)(void *arg), void *arg);

/* Nothing is submitted, and the loop does not run. Takes NULL. */
void workers_destroy(struct workers *w);

/* ---- on the loop ---- */

/*
 * Queue a job; they begin in this order, and how they end is up to them. Never waits. What is
 * submitted by done() needs no workers_commit().
 */
void workers_submit(struct workers *w, struct worker_job *j);

/* No more jobs for now: hand them over. */
void workers_commit(struct workers *w);

/*
 * The same for a single job, where whoever has borrowed the loop offers to do something afterwards
 * [loop_accept()]: fn(arg) is called there, and is to call workers_help(). False: nothing is done.
 */
bool workers_commit_to_borrower(struct workers *w, loop_call_fn fn, void *arg);

/* Be one of the threads, for one job if there is any. Any thread that has not got the loop. */
void workers_help(struct workers *w);

/* Of the jobs that have not begun, those that are `unwanted` are done without work(). */
void workers_cancel(struct workers *w, bool (*unwanted)(struct worker_job *j));

/* Hand over, wait until a job has ended, call done() of those that have. False: there is none. */
bool workers_wait(struct workers *w);

/* Wait until every job is done, those submitted by done() too. */
void workers_drain(struct workers *w);

#endif
