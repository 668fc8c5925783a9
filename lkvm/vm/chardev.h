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
	 * Copy up to `len` bytes for output. Returns how many were taken; fewer than `len` means
	 * that the chardev is full until it calls client->writable(). Never blocks. Bytes may be
	 * gathered for a few milliseconds before they reach the file descriptor. Any thread; the
	 * implementation locks.
	 */
	size_t (*write)(struct chardev *c, const void *buf, size_t len);

	/*
	 * The client has room for more input, or has none, which is so at first. Makes the chardev
	 * call client->receive() when there is input, or not. Any thread.
	 */
	void (*rx_ready)(struct chardev *c, bool ready);

	/*
	 * The size of the window in characters; false: there is none, and nothing is written. May
	 * be NULL: never a window. Any thread.
	 */
	bool (*size)(struct chardev *c, u16 *cols, u16 *rows);

	/* Is there somebody at the other side? May be NULL: always. The chardev's loop. */
	bool (*connected)(struct chardev *c);

	/*
	 * The guest has opened its side, which is closed at first (also said when it was open); or
	 * has closed it, and all that it wrote before was taken by write(). May be NULL: nobody
	 * wants to know. The chardev's loop.
	 */
	void (*peer)(struct chardev *c, bool open);
};

/* What the device registers. Called on the chardev's loop, without locks. */
struct chardev_client {
	/*
	 * Input, after rx_ready(true) only; `buf` is the chardev's. Returns how many bytes were
	 * taken; fewer than `len` stands for rx_ready(false).
	 */
	size_t (*receive)(void *arg, const void *buf, size_t len);
	/* There is room again, after write() took less than it was given. */
	void (*writable)(void *arg);
	/* The window has another size: ask ops->size. May be NULL. */
	void (*resized)(void *arg);
	/*
	 * Somebody has come to the other side, or has gone, and the last byte that came from there
	 * was taken: ask ops->connected. May be NULL.
	 */
	void (*connected)(void *arg);
};

struct chardev {
	const struct chardev_ops *ops;
	/* Set once, before any thread runs. NULL: nobody listens. */
	const struct chardev_client *client;
	void *client_arg;
};

#endif
