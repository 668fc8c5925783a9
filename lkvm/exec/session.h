/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in a guest, seen from the host: its streams are ours, and so are its exit status, the
 * signals that we get, and the size of our terminal. The guest's end is guest/init.
 *
 * Main thread, while the loop does not run, but for what says otherwise.
 */
#ifndef LKVM_EXEC_SESSION_H
#define LKVM_EXEC_SESSION_H

#include "lkvm/base/calls.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/loop.h"

struct session;
struct stop;
struct tap;

#define SESSION_PORTS 4u

/* What it asks of the kernel, beside what consoles and terminals do. */
extern const struct calls session_calls;

struct session_conf {
	const char *command; /* its name, for messages */
	/* The command's streams are a terminal, because ours are; stderr may be a pipe besides. */
	bool tty, own_stderr;
};

/* `conf` is copied. NULL: no memory. */
struct session *session_create(const struct session_conf *conf);
/* Takes NULL. */
void session_destroy(struct session *s);

/*
 * The machine is being built: the session lives on this loop until session_close(). When the
 * command has ended and all that it wrote has reached our streams, it asks `stop` for STOP_COMMAND.
 * `out` and `err` are who else reads what the command writes; NULL: nobody. 0, or -errno after one
 * log_error() line.
 */
int session_open(struct session *s, struct loop *loop, struct stop *stop, struct tap *out,
		 struct tap *err);

/* Port `n` of SESSION_PORTS, and its name: the session's, until session_close(). */
struct chardev *session_port(struct session *s, unsigned n, const char **name);

/* The loop is stopped, or was never started. Also for one that is not open. */
void session_close(struct session *s);

/*
 * A signal has come for us. True: the command gets it. False: it is for lkvm, as there is no
 * command (yet), or because it is the third within some seconds and the command does not care. Any
 * thread.
 */
bool session_signal(struct session *s, int signal);

/* The exit status of the command, or of its failure to start (126, 127); -1: none. Any thread. */
int session_status(const struct session *s);

#endif
