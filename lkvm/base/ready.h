/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for one descriptor, for a limited time: what poll(2) does, by the system calls that loops
 * make anyway. So a confined lkvm needs no call for it (lkvm/base/calls.h).
 */
#ifndef LKVM_READY_H
#define LKVM_READY_H

#include <sys/epoll.h>

#include "lkvm/base/util.h"

struct ready {
	int epoll; /* -1: the descriptor is always ready, as those of files are */
};

#define READY_ALWAYS ((struct ready){ .epoll = -1 })

/*
 * Begin to look whether `fd` is ready for `events`, of EPOLLIN and EPOLLOUT; an error or a hang-up
 * counts, too. `fd` stays the caller's, and open until ready_fini(). 0 or -errno; *r can be given
 * to ready_fini() in any case. Before the process is confined.
 */
int ready_init(struct ready *r, int fd, u32 events);

/* Takes READY_ALWAYS. */
void ready_fini(struct ready *r);

/*
 * Wait until it is ready, at most `ms` milliseconds (0: only look; -1: no limit); a signal, SIGCONT
 * too, begins the wait anew. False: it is not. Any thread, several at a time.
 */
bool ready_wait(const struct ready *r, int ms);

#endif
