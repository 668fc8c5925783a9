/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard input, read.
 *
 * Thread: the loop.
 * Trust:  the user's bytes, which go through unseen.
 *
 * A command that never reads leaves its input alone, and so does this: one piece is read ahead. A
 * terminal is not read from the background, which would stop lkvm; it is looked at again later.
 */
#include "lkvm/exec/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/console/fds.h"

#define SIZE (32 * KiB)
#define BACKGROUND_NS UINT64_C(200000000)
/* No event but a hang-up, of which one is told in any case. */
#define NO_EVENTS (EPOLLONESHOT | EPOLLET)
/* One, also of what has come already: each loop_fd_mod() with EPOLLET looks anew. */
#define ONE_EVENT (EPOLLIN | EPOLLONESHOT | EPOLLET)

struct input {
	struct input_user user;
	int fd;
	bool tty, ended, wanted;
	struct loop_fd *fd_fd;	  /* NULL: a file, which can always be read */
	struct loop_timer *again; /* instead */
	size_t off, len;
	u64 total;
	u8 buf[SIZE];
};

static bool may_read(const struct input *in)
{
	pid_t foreground = in->tty ? tcgetpgrp(in->fd) : -1;

	return foreground < 0 || foreground == getpgrp();
}

/* Hand on what is there. When it is gone, and more is wanted, wait for that. */
static void go(struct input *in)
{
	while (in->len && in->wanted) {
		size_t n = in->user.take(in->user.arg, in->buf + in->off, in->len);

		in->wanted = n == in->len;
		in->off += n;
		in->len -= n;
	}
	if (in->len || !in->wanted || in->ended)
		return;
	if (in->fd_fd)
		loop_fd_mod(in->fd_fd, ONE_EVENT);
	else
		loop_timer_arm(in->again, 0);
}

static void fill(struct input *in)
{
	ssize_t n = read(in->fd, in->buf, SIZE);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* A terminal that has hung up ends as a file does. */
		bool failed = n < 0 && !(in->tty && errno == EIO);

		in->ended = true;
		in->user.end(in->user.arg, in->total, failed ? -errno : 0);
		return;
	}
	in->off = 0;
	in->len = (size_t)n;
	in->total += (u64)n;
}

/* It can be read: one piece, as the descriptor may be one that blocks. */
static void on_input(void *arg, u32 events)
{
	struct input *in = arg;

	if (in->ended || in->len || !in->wanted)
		return;
	if (!may_read(in)) {
		loop_timer_arm(in->again, BACKGROUND_NS);
		return;
	}
	fill(in);
	go(in);
}

static void on_again(void *arg)
{
	struct input *in = arg;

	if (in->fd_fd)
		go(in);
	else
		on_input(in, 0);
}

void input_want(struct input *in)
{
	in->wanted = true;
	go(in);
}

int input_create(struct input **out, struct loop *loop, int fd, const struct input_user *user)
{
	struct input *in = calloc(1, sizeof(*in));
	bool blocking;
	int err;

	if (!in)
		return -ENOMEM;
	in->user = *user;
	in->fd = fds_own(fd, O_RDONLY, &blocking);
	err = in->fd < 0 ? in->fd : loop_timer_add(loop, on_again, in, &in->again);
	if (!err)
		err = loop_fd_add(loop, in->fd, NO_EVENTS, on_input, in, &in->fd_fd);
	if (err == -EPERM)
		err = 0;
	if (err) {
		input_destroy(in);
		return err;
	}
	in->tty = isatty(in->fd);
	*out = in;
	return 0;
}

void input_destroy(struct input *in)
{
	if (!in)
		return;
	loop_fd_del(in->fd_fd);
	loop_timer_del(in->again);
	if (in->fd >= 0)
		close(in->fd);
	free(in);
}
