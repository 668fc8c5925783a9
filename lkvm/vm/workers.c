/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worker threads beside a loop.
 *
 * Thread: the client's loop, but for work(), which runs on the workers' own loops.
 * Trust:  none needed.
 *
 * A job is on one list at a time: batch (the client's, not handed over yet) -> todo -> a worker's
 * hands -> finished -> done(). `lock` guards todo and finished. Both eventfds are edge-triggered
 * and only ever written: their counts mean nothing. All workers watch the one, and a write to it
 * wakes one of them (EPOLLEXCLUSIVE); who is at work then takes jobs until there are none.
 */
#include "lkvm/vm/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct list {
	struct worker_job *first, **tail;
};

struct worker {
	struct workers *all;
	struct loop *loop;
	struct loop_fd *fd;
};

struct workers {
	struct loop *loop;
	void (*group_end)(void *arg);
	void *arg;
	struct list batch;
	unsigned nr_batch, in_flight;
	int todo_event, finished_event;
	struct loop_fd *finished_fd;

	pthread_mutex_t lock;
	pthread_cond_t progress; /* finished is not empty any more */
	struct list todo, finished;

	unsigned nr;
	struct worker worker[WORKERS_MAX];
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->tail = &l->first;
}

static void list_add(struct list *l, struct worker_job *j)
{
	j->next = NULL;
	*l->tail = j;
	l->tail = &j->next;
}

static struct worker_job *list_take(struct list *l)
{
	struct worker_job *j = l->first;

	if (j) {
		l->first = j->next;
		if (!l->first)
			l->tail = &l->first;
	}
	return j;
}

/* Move all of `from` to the end of `to`. */
static void list_splice(struct list *to, struct list *from)
{
	if (!from->first)
		return;
	*to->tail = from->first;
	to->tail = from->tail;
	list_init(from);
}

/* ---- workers ---- */

static struct worker_job *take_one(struct workers *w)
{
	struct worker_job *j;

	pthread_mutex_lock(&w->lock);
	j = list_take(&w->todo);
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void on_finished(void *arg, u32 events);

/*
 * Whoever finds `finished` empty sees to it that it is emptied: here, if the loop has nothing to
 * do, which spares a change of threads.
 */
static void give_back(struct workers *w, struct worker_job *j)
{
	bool tell;

	pthread_mutex_lock(&w->lock);
	tell = !w->finished.first;
	list_add(&w->finished, j);
	pthread_cond_signal(&w->progress);
	pthread_mutex_unlock(&w->lock);
	if (!tell)
		return;
	if (!loop_borrow(w->loop)) {
		/* EAGAIN: the counter is full, so the loop has been told often enough. */
		eventfd_write(w->finished_event, 1);
		return;
	}
	on_finished(w, 0);
	loop_give_back(w->loop);
}

static void on_todo(void *arg, u32 events)
{
	struct worker *me = arg;
	struct workers *w = me->all;
	struct worker_job *j;

	while ((j = take_one(w))) {
		j->work(j);
		give_back(w, j);
	}
}

void workers_help(struct workers *w)
{
	struct worker_job *j = take_one(w);

	if (!j)
		return;
	j->work(j);
	give_back(w, j);
}

/* ---- the client's loop ---- */

void workers_submit(struct workers *w, struct worker_job *j)
{
	assert(loop_here(w->loop));
	list_add(&w->batch, j);
	w->nr_batch++;
	w->in_flight++;
}

static void hand_over(struct workers *w)
{
	w->nr_batch = 0;
	pthread_mutex_lock(&w->lock);
	list_splice(&w->todo, &w->batch);
	pthread_mutex_unlock(&w->lock);
}

bool workers_commit_to_borrower(struct workers *w, loop_call_fn fn, void *arg)
{
	assert(loop_here(w->loop));
	if (w->nr_batch != 1 || !loop_accept(w->loop, fn, arg))
		return false;
	hand_over(w);
	return true;
}

void workers_commit(struct workers *w)
{
	unsigned nr = w->nr_batch;

	assert(loop_here(w->loop));
	if (!nr)
		return;
	hand_over(w);
	/* Each write wakes one worker that sleeps; one that works looks again before it does. */
	for (unsigned i = 0; i < MIN(nr, w->nr); i++)
		loop_event(w->loop, w->todo_event, 1);
}

/* `group`: what has ended. done() may submit more. */
static void complete(struct workers *w, struct list *group)
{
	struct worker_job *j = list_take(group);

	if (!j)
		return;
	for (; j; j = list_take(group)) {
		w->in_flight--;
		j->done(j);
	}
	if (w->group_end)
		w->group_end(w->arg);
	workers_commit(w);
}

static void on_finished(void *arg, u32 events)
{
	struct workers *w = arg;
	struct list group;

	list_init(&group);
	pthread_mutex_lock(&w->lock);
	list_splice(&group, &w->finished);
	pthread_mutex_unlock(&w->lock);
	complete(w, &group);
}

bool workers_wait(struct workers *w)
{
	struct list group;

	workers_commit(w);
	if (!w->in_flight)
		return false;
	list_init(&group);
	pthread_mutex_lock(&w->lock);
	while (!w->finished.first)
		pthread_cond_wait(&w->progress, &w->lock);
	list_splice(&group, &w->finished);
	pthread_mutex_unlock(&w->lock);
	complete(w, &group);
	return true;
}

void workers_drain(struct workers *w)
{
	while (workers_wait(w))
		;
}

/* What of `l` is unwanted moves to `group`. How many stay. */
static unsigned sort_out(struct list *l, struct list *group, bool (*unwanted)(struct worker_job *j))
{
	struct list all = *l;
	struct worker_job *j;
	unsigned nr = 0;

	list_init(l);
	while ((j = list_take(&all))) {
		bool stays = !unwanted(j);

		list_add(stays ? l : group, j);
		nr += stays;
	}
	return nr;
}

void workers_cancel(struct workers *w, bool (*unwanted)(struct worker_job *j))
{
	struct list group;

	list_init(&group);
	pthread_mutex_lock(&w->lock);
	sort_out(&w->todo, &group, unwanted);
	pthread_mutex_unlock(&w->lock);
	/* Before it is handed over: a worker would begin it. */
	w->nr_batch = sort_out(&w->batch, &group, unwanted);
	workers_commit(w);
	complete(w, &group);
}

/* ---- life ---- */

static void worker_stop(struct worker *me)
{
	if (me->loop)
		loop_stop(me->loop);
	loop_fd_del(me->fd);
	loop_destroy(me->loop);
}

void workers_destroy(struct workers *w)
{
	if (!w)
		return;
	assert(!w->in_flight);
	loop_fd_del(w->finished_fd);
	for (unsigned i = 0; i < w->nr; i++)
		worker_stop(&w->worker[i]);
	if (w->todo_event >= 0)
		close(w->todo_event);
	if (w->finished_event >= 0)
		close(w->finished_event);
	pthread_cond_destroy(&w->progress);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static int worker_start(struct workers *w, const char *name, u64 privileges)
{
	struct worker *me = &w->worker[w->nr++];
	int err;

	me->all = w;
	err = loop_create(&me->loop, name);
	if (err)
		return err;
	loop_help(w->loop, me->loop, privileges);
	err = loop_fd_add(me->loop, w->todo_event, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, on_todo, me,
			  &me->fd);
	return err ? err : loop_start(me->loop);
}

int workers_create(struct workers **out, struct loop *loop, unsigned nr, const char *name,
		   u64 privileges, void (*group_end)(void *arg), void *arg)
{
	struct workers *w = calloc(1, sizeof(*w));
	int err = 0;

	assert(nr >= 1 && nr <= WORKERS_MAX);
	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->group_end = group_end;
	w->arg = arg;
	list_init(&w->batch);
	list_init(&w->todo);
	list_init(&w->finished);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->progress, NULL);
	w->todo_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->finished_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->todo_event < 0 || w->finished_event < 0)
		err = -errno;
	if (!err)
		err = loop_fd_add(loop, w->finished_event, EPOLLIN | EPOLLET, on_finished, w,
				  &w->finished_fd);
	while (!err && w->nr < nr)
		err = worker_start(w, name, privileges);
	if (err) {
		workers_destroy(w);
		return err;
	}
	*out = w;
	return 0;
}
