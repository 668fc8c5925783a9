/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end that lkvm starts and that ends with it, whichever way lkvm ends. Main, but for
 * daemon_ended(), which any thread may call, one at a time.
 */
#ifndef VIRTIO_VHOST_DAEMON_H
#define VIRTIO_VHOST_DAEMON_H

#include "lkvm/base/calls.h"

struct daemon;

/* The descriptor at which a daemon finds its listening socket. */
#define DAEMON_FD 3

/*
 * The program `name` in the directories of $PATH or else in dirs[0..nr) in buf[0..size). False: it
 * is in none of them, or its path is too long.
 */
bool daemon_find(const char *name, const char *const *dirs, unsigned nr, char *buf, size_t size);

/*
 * Start the program argv[0], which is a path. It has a listening socket with one connection, whose
 * other end is *sock, the caller's; its output goes to stderr, and it gets no signals of the
 * terminal. 0 or -errno, without a message; that the program cannot be run shows as its end.
 */
int daemon_start(struct daemon **out, const char *const *argv, int *sock);

/*
 * Wait at most `ms` milliseconds for its end. True: it has ended, and buf[0..size) says how
 * ("killed by signal 9").
 */
bool daemon_ended(struct daemon *d, unsigned ms, char *buf, size_t size);

/* Its connection is closed: give it a moment to end by itself, then end it. Takes NULL. */
void daemon_stop(struct daemon *d);

extern const struct calls daemon_calls;

#endif
