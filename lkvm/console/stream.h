/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chardev between two descriptors that says when either side is closed: for ports of a
 * virtio-console, whose bytes are a program's, not a person's. Nothing is added, dropped or read
 * ahead, but for one buffer of input; what a reader does not take stays with the guest.
 *
 * On the loop, as its client's device (so its write() is for the loop alone); creation and
 * destruction while the loop does not run.
 */
#ifndef LKVM_STREAM_H
#define LKVM_STREAM_H

#include "lkvm/base/calls.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/loop.h"

struct stream;

/* What a stream asks of the kernel. */
extern const struct calls stream_calls;

struct stream_user {
	/*
	 * The descriptors are closed, or the guest has closed its side when there were none. On the
	 * loop; it may stream_attach(). May be NULL.
	 */
	void (*closed)(void *arg);
	/* Before that: output could not be written, which is not the other end's doing. Or NULL. */
	void (*failed)(void *arg, int err);
	void *arg;
};

/* With nothing attached: connected() is false. 0 or -errno, without a message. */
int stream_create(struct stream **out, struct loop *loop, const struct stream_user *user);

/* The descriptors that are attached are closed. Takes NULL. */
void stream_destroy(struct stream *s);

/* The stream as a chardev, which is the stream's. */
struct chardev *stream_chardev(struct stream *s);

/* Has the guest its side open? */
bool stream_open(const struct stream *s);

#define STREAM_MAY_BLOCK BIT(0)	 /* `out` is not O_NONBLOCK: write little, when poll says so */
#define STREAM_PERSISTS BIT(1)	 /* the descriptors outlive the guest's closing of its side */
#define STREAM_CONNECTION BIT(2) /* who hangs up while the guest's side is closed is forgotten */

/*
 * Nothing is attached: from now on input comes from `in`, and output goes to `out`; -1: there is
 * none, or it is swallowed. Both are the stream's from then on, also after an error, and different
 * ones. They are closed when the input ends and all of it is taken (output goes nowhere then); when
 * nobody reads the output any more; and, unless they persist, when the guest closes its side. 0 or
 * -errno.
 */
int stream_attach(struct stream *s, int in, int out, u32 flags);

#endif
