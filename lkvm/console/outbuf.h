/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a console: gathers bytes for a few milliseconds and writes them to a file descriptor on
 * a loop, so that nobody who prints waits for a terminal.
 */
#ifndef LKVM_OUTBUF_H
#define LKVM_OUTBUF_H

#include "lkvm/vm/loop.h"

struct outbuf;

/* What output asks of the kernel. */
extern const struct calls outbuf_calls;

/* What the descriptor is; see outbuf_create(). */
#define OUTBUF_MAY_BLOCK BIT(0) /* not O_NONBLOCK: write little, and only when poll says so */
#define OUTBUF_LOSSY BIT(1)	/* nobody may be reading: rather lose the oldest than stall */
#define OUTBUF_LOGGED BIT(2) /* the same, but at the end it is waited for, as a reader may come */

/* Called on the loop, without locks. */
struct outbuf_user {
	/* There is room again, after outbuf_write() took less than it was given. */
	void (*writable)(void *arg);
	/* The reader has gone (EPIPE), once; from here on everything is swallowed. May be NULL. */
	void (*unread)(void *arg);
	void *arg;
};

/*
 * A buffer in front of `fd`, which stays the caller's; -1: everything is swallowed. `flags` are
 * OUTBUF_*; *user is copied. Where `fd` leads to the same file or terminal as stderr, our messages
 * begin lines of their own. 0, or -errno without a message. Main thread, before the loop runs.
 */
int outbuf_create(struct outbuf **out, struct loop *loop, int fd, u32 flags,
		  const struct outbuf_user *user);

/*
 * Copy up to `len` bytes into the buffer. Returns how many were taken: all of them, if the
 * descriptor is gone or nobody reads it. Never blocks. Any thread.
 */
size_t outbuf_write(struct outbuf *o, const void *buf, size_t len);

/*
 * Is everything written, or lost? *failed: write(2) has failed, after which a line said so and the
 * rest was lost. Not what went to nobody: without a descriptor, or after unread(). Any thread.
 */
bool outbuf_idle(struct outbuf *o, bool *failed);

/*
 * Write everything that is in the buffer. Waits for the descriptor, and gives up with a warning
 * when that takes nothing for two seconds; a lossy one is not waited for. On the loop, or while the
 * loop does not run.
 */
void outbuf_flush(struct outbuf *o);

/* Release, without a flush. On the loop, or while the loop does not run. Takes NULL. */
void outbuf_destroy(struct outbuf *o);

#endif
