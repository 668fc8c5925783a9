/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where GDB connects to. Main thread; gdb_accept() on the loop that watches the descriptor. */
#ifndef LKVM_GDB_LISTEN_H
#define LKVM_GDB_LISTEN_H

#include <stdbool.h>

#include "lkvm/base/util.h"

struct gdb_listener;

/*
 * A number is a port of 127.0.0.1, anything else the path of a socket, which only this user can
 * connect to and which is gone at the end. Behind it may be ",wait": *waits says so. 0, or -errno
 * after one log_error() line.
 */
int gdb_listen(struct gdb_listener **out, const char *where, bool *waits);
/* The port that it is, or 0: a path. */
u16 gdb_listen_port(const char *where);
void gdb_listener_destroy(struct gdb_listener *l); /* takes NULL */

/* The listener's, readable when somebody wants to connect. */
int gdb_listener_fd(const struct gdb_listener *l);

/* A connection, which is the caller's, or -errno. */
int gdb_accept(const struct gdb_listener *l);

#endif
