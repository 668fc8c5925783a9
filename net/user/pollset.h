/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * poll(2) for code that hands over its whole list of descriptors each time, on top of the epoll
 * loop: registrations stay from one list to the next, and only differences become system calls.
 * The loop's thread only.
 */
#ifndef NET_POLLSET_H
#define NET_POLLSET_H

#include "lkvm/vm/loop.h"

struct pollset;

/* Some descriptor of the last list is ready: pollset_ready() tells which. */
typedef void (*pollset_fn)(void *arg);

/* An empty list, on `loop`, which outlives it and calls fn(arg). 0 or -ENOMEM. */
int pollset_create(struct pollset **out, struct loop *loop, pollset_fn fn, void *arg);

/* Takes NULL. The descriptors stay open. */
void pollset_destroy(struct pollset *p);

/*
 * A new list: pollset_begin(), pollset_want() for each descriptor, pollset_commit(). `events` are
 * EPOLLIN, EPOLLOUT, EPOLLPRI; errors are always reported. A descriptor that is not in the list is
 * not watched any more. pollset_want() returns 0, or -errno: the descriptor is not in the list.
 */
void pollset_begin(struct pollset *p);
int pollset_want(struct pollset *p, int fd, u32 events);
void pollset_commit(struct pollset *p);

/*
 * What became ready since the last pollset_clear(), never more than was wanted: EPOLLERR and
 * EPOLLHUP only beside a wanted EPOLLIN; a descriptor that is only wanted for writing is writable
 * after an error. 0 for unknown descriptors.
 */
u32 pollset_ready(const struct pollset *p, int fd);

/* Nothing has become ready. */
void pollset_clear(struct pollset *p);

/*
 * `fd` was opened and will be in a list some day: it is known from now on. 0 or -ENOMEM.
 */
int pollset_announce(struct pollset *p, int fd);

/* Do not watch `fd` any more, which is about to be closed. Unknown descriptors are ignored. */
void pollset_forget(struct pollset *p, int fd);

/* Has `fd` been announced, or in a list, and not been forgotten since? */
bool pollset_knows(const struct pollset *p, int fd);

/* How many descriptors are known, watched or not. */
unsigned pollset_count(const struct pollset *p);

#endif
