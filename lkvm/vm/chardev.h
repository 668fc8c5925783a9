/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seam: bytes out to, and bytes in from, whatever stands behind a serial port or virtio-console
 * (terminal, pipe, file, pty, socket). Implemented by lkvm/console/console.c and by tests.
 */
#ifndef LKVM_CHARDEV_H
#define LKVM_CHARDEV_H

#include "lkvm/base/util.h"

struct chardev;

struct chardev_ops {
	/*
	 * Take up to `len` bytes for output; returns how many were taken (fewer: full, try again
	 * after client->writable). Never blocks. Any thread; the implementation locks. It may
	 * gather bytes for a few milliseconds before they reach the file descriptor. `buf` is only
	 * copied.
	 */
	size_t (*write)(struct chardev *c, const void *buf, size_t len);

	/*
	 * The client has room for more input (true) or has none (false; initial state). Any thread.
	 */
	void (*rx_ready)(struct chardev *c, bool ready);

	/* Size of the window in characters; false if there is none. May be NULL. Any thread. */
	bool (*size)(struct chardev *c, u16 *cols, u16 *rows);
};

/* What the device registers. Called on the chardev's loop, without locks. */
struct chardev_client {
	/*
	 * Input; only after rx_ready(true). Returns bytes taken; fewer than len means: not ready
	 * now.
	 */
	size_t (*receive)(void *arg, const void *buf, size_t len);
	/* Room again after write() returned less than it was given. */
	void (*writable)(void *arg);
	/* The window has another size: ask ops->size. May be NULL. */
	void (*resized)(void *arg);
};

struct chardev {
	const struct chardev_ops *ops;
	/* Set once, before any thread runs. NULL: nobody listens. */
	const struct chardev_client *client;
	void *client_arg;
};

#endif
