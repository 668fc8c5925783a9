/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands behind the guest's consoles: the terminal (or pipe, or file) lkvm was started on, and
 * ptys. Each is a chardev.
 *
 * Output is gathered for a few milliseconds, so that a guest that prints byte by byte costs few
 * system calls. When the reader is slow write() takes less (back-pressure); a pty that nobody reads
 * forgets its oldest output instead; an output that is gone (closed pipe) swallows the rest.
 *
 * Input of a terminal is read before the guest takes any, so that Ctrl-a x works, up to INBUF_SIZE;
 * then the terminal is left alone until the guest has taken some of it. Only when a guest takes
 * nothing for some seconds the terminal is read on, for Ctrl-a x alone, and the rest is lost. A
 * pipe, a file or a pty is read only as fast as the guest takes it. End of input is not an event
 * for the guest.
 */
#ifndef LKVM_CONSOLE_H
#define LKVM_CONSOLE_H

#include "lkvm/vm/chardev.h"
#include "lkvm/vm/loop.h"

struct console;
struct tap;

struct console_conf {
	int in_fd;  /* -1: no input. Stays the caller's */
	int out_fd; /* -1: output is swallowed. Stays the caller's */
	/*
	 * Ctrl-a x was typed (only when in_fd is a terminal). On the loop, without locks; only asks
	 * for a stop. May be NULL.
	 */
	void (*stop)(void *arg);
	/* Nobody reads out_fd any more (EPIPE). The same otherwise, for any out_fd. */
	void (*unread)(void *arg);
	void *stop_arg;	 /* of both */
	struct tap *tap; /* who else reads and types; bound to this console. NULL: nobody */
	bool logged;	 /* there is a log: rather lose output that nobody takes than stall */
};

/*
 * A console on the descriptors of `conf`. `loop`, which does not run yet and outlives the console,
 * is where the chardev's client is called. Main thread, before other threads run: ignores SIGPIPE,
 * and, for an in_fd, blocks SIGWINCH and SIGCONT if in_fd or out_fd is a terminal. 0, or -errno
 * after one log_error() line.
 *
 * A terminal as in_fd is put in raw mode when the loop runs and lkvm is no background job of that
 * terminal. console_destroy(), exit() and fatal signals restore it. At most one console of a
 * process has an in_fd, and learns when the window's size changes.
 */
int console_create(struct console **out, const struct console_conf *conf, struct loop *loop);

/* A new pty for terminal `index` (--tty); prints "Assigned terminal N to pty /dev/pts/X". */
int console_create_pty(struct console **out, unsigned index, struct loop *loop, struct tap *tap);

/* The console as a chardev, which is the console's: until console_destroy(). */
struct chardev *console_chardev(struct console *c);

/*
 * Is all that the guest has printed written out, or lost? *failed: some is lost because it could
 * not be written; see outbuf_idle(). Any thread.
 */
bool console_idle(const struct console *c, bool *failed);

/*
 * Write out what the guest has printed. Waits for the output, and gives up with a warning when that
 * takes nothing for two seconds. On the loop, or while the loop does not run.
 */
void console_flush(struct console *c);

/*
 * console_flush(), restore the terminal, release. Main thread; the loop does not run. Takes NULL.
 */
void console_destroy(struct console *c);

#endif
