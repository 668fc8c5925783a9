/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client of the control socket: what control.c has for each connection. The rest of what it
 * does is in control.h.
 *
 * A client goes through READING (one line), ASKED (whoever was asked has no answer yet: nothing of
 * it is sent, as it may be a refusal) and ANSWERED (what is in its buffer, then the end), or
 * FOLLOWING (a stream, whose buffer may be empty in between). The deadline runs while we wait for
 * the client: not while it is ASKED, when it waits for us, nor while it is FOLLOWING, where a full
 * buffer costs the client records. A client of these two that goes is missed by others: gone().
 */
#ifndef LKVM_CONTROL_CONN_H
#define LKVM_CONTROL_CONN_H

#include "lkvm/control/control.h"

enum conn_state { CONN_READING, CONN_ASKED, CONN_ANSWERED, CONN_FOLLOWING };

/* What all clients share. */
struct conn_env {
	const struct control_ops *ops;
	void *arg;
	void (*free)(void *arg); /* a client was dropped: there is a place again */
	void *free_arg;
};

struct control_client {
	const struct conn_env *env; /* NULL: this place is free */
	enum conn_state state;
	int fd, passed_fd;
	struct loop_fd *reg;
	struct loop_timer *deadline;
	char in[CONTROL_LINE];
	size_t in_len;
	char *out; /* [out_done, out_len) is to be sent */
	size_t out_done, out_len, out_room;
	u64 lost;  /* records, since the last that was told */
	bool torn; /* an answer that did not fit: cut off, without its "end" */
};

/*
 * From now on `loop` reads the client's request when it comes, and answers it; the client's
 * deadline begins. 0 or -errno.
 */
int conn_watch(struct control_client *c, struct loop *loop);

/* Leave the client as it is: it has no deadline, and nothing is read or sent. */
void conn_unwatch(struct control_client *c);

/*
 * Send as much of the client's buffer as its socket takes without blocking. False: the client has
 * hung up; the caller drops it.
 */
bool conn_push(struct control_client *c);

/* Close the connection, and free its place. */
void conn_drop(struct control_client *c);

#endif
