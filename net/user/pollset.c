/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * poll(2) lists on the epoll loop.
 *
 * Thread: the loop.
 * Trust:  how many descriptors there are depends on the guest's connections.
 *
 * Level-triggered: the other side reads as much as it has room for and says so by leaving the
 * descriptor out of the next list. Leaving out first costs nothing or one EPOLL_CTL_MOD; epoll
 * reports errors and hang-ups even then, so the first such report removes the registration, or it
 * would spin.
 *
 * A number that is closed and opened again between two lists would keep a stale entry here while
 * the kernel has dropped its own: pollset_forget() before each close is what keeps the two
 * together.
 */
#include "net/user/pollset.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct slot {
	struct pollset *set;
	int fd;
	unsigned pos; /* in set->all */
	u32 round;    /* of the list that it was last in */
	u32 want, have, ready;
	struct loop_fd *reg; /* NULL: not registered, have is 0 */
};

struct pollset {
	struct loop *loop;
	pollset_fn fn;
	void *arg;
	u32 round;
	struct slot **by_fd;
	int nr_by_fd;
	struct slot **all;
	unsigned nr, max;
};

int pollset_create(struct pollset **out, struct loop *loop, pollset_fn fn, void *arg)
{
	struct pollset *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct pollset){ .loop = loop, .fn = fn, .arg = arg };
	*out = p;
	return 0;
}

void pollset_destroy(struct pollset *p)
{
	if (!p)
		return;
	while (p->nr)
		pollset_forget(p, p->all[p->nr - 1]->fd);
	free(p->all);
	free(p->by_fd);
	free(p);
}

static struct slot *find(const struct pollset *p, int fd)
{
	return fd >= 0 && fd < p->nr_by_fd ? p->by_fd[fd] : NULL;
}

/*
 * Room for descriptor `fd` and one more slot. The tables only grow: up to the limit of open files.
 */
static int grow(struct pollset *p, int fd)
{
	if (fd >= p->nr_by_fd) {
		int nr = MAX(64, fd + fd / 2 + 1);
		struct slot **t = realloc(p->by_fd, (size_t)nr * sizeof(struct slot *));

		if (!t)
			return -ENOMEM;
		for (int i = p->nr_by_fd; i < nr; i++)
			t[i] = NULL;
		p->by_fd = t;
		p->nr_by_fd = nr;
	}
	if (p->nr == p->max) {
		unsigned max = MAX(16u, p->max * 2);
		struct slot **t = realloc(p->all, max * sizeof(struct slot *));

		if (!t)
			return -ENOMEM;
		p->all = t;
		p->max = max;
	}
	return 0;
}

static struct slot *add(struct pollset *p, int fd)
{
	struct slot *s;

	if (fd < 0 || grow(p, fd))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct slot){ .set = p, .fd = fd, .pos = p->nr };
	p->by_fd[fd] = s;
	p->all[p->nr++] = s;
	return s;
}

void pollset_forget(struct pollset *p, int fd)
{
	struct slot *s = find(p, fd);

	if (!s)
		return;
	loop_fd_del(s->reg);
	p->by_fd[fd] = NULL;
	p->all[s->pos] = p->all[--p->nr];
	p->all[s->pos]->pos = s->pos;
	free(s);
}

int pollset_announce(struct pollset *p, int fd)
{
	return find(p, fd) || add(p, fd) ? 0 : -ENOMEM;
}

static void unregister(struct slot *s)
{
	loop_fd_del(s->reg);
	s->reg = NULL;
	s->have = 0;
}

static void on_event(void *arg, u32 events)
{
	struct slot *s = arg;

	if (!s->want) {
		unregister(s);
		return;
	}
	/*
	 * An event of this batch may be older than the list: never report what was not asked for.
	 */
	if (s->want & EPOLLIN)
		s->ready |= events & (s->want | EPOLLERR | EPOLLHUP);
	else if (events & (s->want | EPOLLERR | EPOLLHUP))
		s->ready |= s->want;
	if (s->ready)
		s->set->fn(s->set->arg);
}

void pollset_begin(struct pollset *p)
{
	p->round++;
}

int pollset_want(struct pollset *p, int fd, u32 events)
{
	struct slot *s = find(p, fd);

	if (!s)
		s = add(p, fd);
	if (!s)
		return -ENOMEM;
	s->want = events;
	s->round = p->round;
	return 0;
}

static void commit(struct pollset *p, struct slot *s)
{
	if (s->round != p->round)
		s->want = 0;
	if (s->want == s->have && (s->reg || !s->want))
		return;
	if (s->reg && loop_fd_mod(s->reg, s->want))
		unregister(s); /* the kernel no longer knows it: closed behind our back */
	/* Out of memory or of watches: tried again with the next list. */
	if (!s->reg && (!s->want || loop_fd_add(p->loop, s->fd, s->want, on_event, s, &s->reg)))
		return;
	s->have = s->want;
}

void pollset_commit(struct pollset *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		commit(p, p->all[i]);
}

u32 pollset_ready(const struct pollset *p, int fd)
{
	const struct slot *s = find(p, fd);

	return s ? s->ready : 0;
}

void pollset_clear(struct pollset *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		p->all[i]->ready = 0;
}

bool pollset_knows(const struct pollset *p, int fd)
{
	return find(p, fd) != NULL;
}

unsigned pollset_count(const struct pollset *p)
{
	return p->nr;
}
