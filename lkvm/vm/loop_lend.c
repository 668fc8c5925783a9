/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loop that waits for events is lent to another thread for a moment.
 *
 * Thread: the borrower's; not the loop's own.
 * Trust:  nothing from the guest.
 *
 * With a loop of its own an answer costs two changes of threads: to the loop's, and back. Where the
 * work is shorter than that, whoever asks does it: a vCPU that rings, a worker that is done. The
 * loop's thread sleeps in epoll_wait() meanwhile, or waits for the turn.
 */
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "lkvm/vm/loop_inside.h"

bool loop_borrow(struct loop *l)
{
	if (pthread_mutex_trylock(&l->turn))
		return false;
	if (!l->lends) {
		pthread_mutex_unlock(&l->turn);
		return false;
	}
	l->borrowed = true;
	atomic_store(&l->self, pthread_self());
	return true;
}

void loop_give_back(struct loop *l)
{
	struct late late[LOOP_MAX_LATE];
	unsigned nr_late = l->nr_late;
	loop_call_fn after = l->after;
	void *after_arg = l->after_arg;
	bool dead = l->dead;

	assert(l->borrowed && loop_here(l));
	for (unsigned i = 0; i < nr_late; i++)
		late[i] = l->late[i];
	l->nr_late = 0;
	l->borrowed = l->offers = false;
	l->after = NULL;
	atomic_store(&l->self, LOOP_NO_THREAD);
	pthread_mutex_unlock(&l->turn);
	for (unsigned i = 0; i < nr_late; i++)
		eventfd_write(late[i].event, late[i].by);
	/* What was deleted is freed by the loop's own thread, which may be about to look at it. */
	if (dead)
		loop_wake(l);
	if (after)
		after(after_arg);
}

void loop_do(struct loop *l, loop_call_fn fn, void *arg)
{
	if (loop_here(l) || !loop_borrow(l)) {
		loop_call(l, fn, arg);
		return;
	}
	fn(arg);
	loop_give_back(l);
}

bool loop_is_borrowed(const struct loop *l)
{
	return l->borrowed;
}

void loop_event(struct loop *l, int event, u64 by)
{
	assert(loop_here(l));
	if (l->borrowed && l->nr_late < LOOP_MAX_LATE)
		l->late[l->nr_late++] = (struct late){ .event = event, .by = by };
	else
		eventfd_write(event, by);
}

void loop_offer(struct loop *l)
{
	assert(l->borrowed && loop_here(l));
	l->offers = true;
}

bool loop_accept(struct loop *l, loop_call_fn fn, void *arg)
{
	assert(loop_here(l));
	if (!l->offers || l->after)
		return false;
	l->after = fn;
	l->after_arg = arg;
	return true;
}
