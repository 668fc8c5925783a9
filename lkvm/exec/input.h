/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard input on its way to a command in a guest: read as fast as the command takes it, to
 * its end. Main thread for creation and release, while the loop does not run; else on the loop.
 */
#ifndef LKVM_EXEC_INPUT_H
#define LKVM_EXEC_INPUT_H

#include "lkvm/vm/loop.h"

struct input;

struct input_user {
	/* Take some bytes; returns how many. Fewer than `len`: until input_want() no more. */
	size_t (*take)(void *arg, const void *buf, size_t len);
	/* The end, once, after `total` bytes; `err`: -errno of read(2), which has failed; or 0. */
	void (*end)(void *arg, u64 total, int err);
	void *arg;
};

/* Of descriptor `fd`, which stays the caller's. 0 or -errno, without a message. */
int input_create(struct input **out, struct loop *loop, int fd, const struct input_user *user);
/* Takes NULL. */
void input_destroy(struct input *in);

/* There is room for more. Nothing is read before the first call. */
void input_want(struct input *in);

#endif
