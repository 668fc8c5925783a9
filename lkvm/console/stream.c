/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chardev between two descriptors.
 *
 * Thread: the loop.
 * Trust:  the guest's bytes go out as they are, at the reader's pace; input is the user's.
 *
 * Output is written where it lies, in the guest's memory. epoll does not know regular files
 * (EPERM): they are always writable, and are read a piece per round of the loop (`pump`).
 */
#include "lkvm/console/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct sys_call list[] = {
	CALL(read),
	CALL(write),
	CALL(close),
	CALL_RARE(ppoll, "a descriptor of somebody else's that blocks"),
};

const struct calls stream_calls = CALLS("console ports", list);

#define BUF_SIZE (16 * KiB)

/* A pipe that poll(2) calls writable takes that much without blocking [pipe(7)]. */
#define CAREFUL_BYTES 4096u

/* Hang-ups, once: what is registered while nobody wants more of a descriptor. */
#define NO_EVENTS (EPOLLONESHOT | EPOLLET)

struct stream {
	struct chardev chr;
	struct loop *loop;
	struct stream_user user;
	u32 flags;

	int in, out; /* -1: none */
	struct loop_fd *in_fd, *out_fd;
	u32 in_events;		 /* that in_fd asks for */
	struct loop_timer *pump; /* does what waits for the client to be done; reads files */
	bool attached;
	bool ended;    /* of input: all is in `buf` */
	bool peer;     /* the guest has its side open */
	bool wanted;   /* the guest takes input */
	bool rejected; /* output was not taken: writable() is owed */

	size_t head, len; /* of buf */
	char buf[BUF_SIZE];
};

/* ---- the end of a connection ---- */

static void close_fd(struct loop_fd **f, int *fd)
{
	loop_fd_del(*f);
	*f = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void detach(struct stream *s)
{
	loop_timer_disarm(s->pump);
	close_fd(&s->in_fd, &s->in);
	close_fd(&s->out_fd, &s->out);
	s->attached = s->ended = false;
	s->head = s->len = 0;
}

static void hang_up(struct stream *s)
{
	if (!s->attached)
		return;
	detach(s);
	if (s->chr.client && s->chr.client->connected)
		s->chr.client->connected(s->chr.client_arg);
	if (s->user.closed)
		s->user.closed(s->user.arg);
}

/* ---- input ---- */

static void want_more(struct stream *s)
{
	bool more = s->wanted && !s->len && !s->ended && s->in >= 0;
	u32 events = more ? EPOLLIN : NO_EVENTS;

	/* Asked again, a hang-up would be told again, for ever. */
	if (s->in_fd && events != s->in_events)
		loop_fd_mod(s->in_fd, events);
	else if (!s->in_fd && more)
		loop_timer_arm(s->pump, 0);
	s->in_events = events;
}

/* Hand over what is buffered, as far as the guest takes it. */
static void deliver(struct stream *s)
{
	while (s->wanted && s->len && s->chr.client) {
		size_t n = s->chr.client->receive(s->chr.client_arg, s->buf + s->head, s->len);

		if (n < s->len)
			s->wanted = false;
		s->head += n;
		s->len -= n;
	}
	if (s->ended && !s->len)
		hang_up(s);
	else
		want_more(s);
}

static void read_input(struct stream *s)
{
	ssize_t n = read(s->in, s->buf, sizeof(s->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = 0;
	else if (n <= 0)
		s->ended = true;
	s->head = 0;
	s->len = n > 0 ? (size_t)n : 0;
	deliver(s);
}

static void on_in(void *arg, u32 events)
{
	struct stream *s = arg;

	bool gone = events & (EPOLLHUP | EPOLLERR);

	if (s->wanted && !s->len && !s->ended)
		read_input(s);
	/* There is no guest that would read what the other end may have left. */
	else if (gone && !s->peer && (s->flags & STREAM_CONNECTION))
		hang_up(s);
	else
		want_more(s);
}

/* ---- output ---- */

static void on_out(void *arg, u32 events)
{
	struct stream *s = arg;
	bool owed = s->rejected;

	s->rejected = false;
	/* Nobody will read what there may be to write. */
	if (events & EPOLLERR)
		hang_up(s);
	if (owed && s->chr.client)
		s->chr.client->writable(s->chr.client_arg);
}

/* write(2) as far as it does not block: bytes, or -errno. */
static ssize_t write_some(const struct stream *s, const void *buf, size_t len)
{
	struct pollfd p = { .fd = s->out, .events = POLLOUT };
	ssize_t n;

	if (s->flags & STREAM_MAY_BLOCK) {
		if (poll(&p, 1, 0) <= 0)
			return -EAGAIN;
		len = MIN(len, (size_t)CAREFUL_BYTES);
	}
	n = write(s->out, buf, len);
	return n < 0 ? -errno : n;
}

static size_t stream_write(struct chardev *chr, const void *buf, size_t len)
{
	struct stream *s = container_of(chr, struct stream, chr);
	size_t done = 0;

	/* Only input is attached. */
	if (s->attached && s->out < 0)
		return len;
	while (s->attached && done < len) {
		ssize_t n = write_some(s, (const char *)buf + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (n == -EAGAIN)
			break;
		else if (n != -EINTR) {
			if (n != -EPIPE && n != -ECONNRESET && s->user.failed)
				s->user.failed(s->user.arg, (int)n);
			hang_up(s);
			return len; /* who comes next does not get the rest */
		}
	}
	if (done < len) {
		s->rejected = true;
		if (s->out_fd)
			loop_fd_mod(s->out_fd, EPOLLOUT | NO_EVENTS);
	}
	return done;
}

/* ---- the rest of the chardev ---- */

static void on_pump(void *arg)
{
	struct stream *s = arg;

	if (s->rejected && s->attached)
		on_out(s, 0);
	if (s->in >= 0 && !s->in_fd && !s->len && !s->ended)
		on_in(s, 0);
	else
		deliver(s);
}

static void stream_rx_ready(struct chardev *chr, bool ready)
{
	struct stream *s = container_of(chr, struct stream, chr);

	/* Not from here: the client is at work. */
	if (ready && !s->wanted)
		loop_timer_arm(s->pump, 0);
	s->wanted = ready;
}

static bool stream_connected(struct chardev *chr)
{
	return container_of(chr, struct stream, chr)->attached;
}

static void stream_peer(struct chardev *chr, bool open)
{
	struct stream *s = container_of(chr, struct stream, chr);

	s->peer = open;
	if (open || (s->attached && (s->flags & STREAM_PERSISTS)))
		return;
	if (s->attached)
		hang_up(s);
	else if (s->user.closed)
		s->user.closed(s->user.arg);
}

static const struct chardev_ops stream_ops = {
	.write = stream_write,
	.rx_ready = stream_rx_ready,
	.connected = stream_connected,
	.peer = stream_peer,
};

/* ---- life ---- */

int stream_create(struct stream **out, struct loop *loop, const struct stream_user *user)
{
	struct stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->chr.ops = &stream_ops;
	s->loop = loop;
	if (user)
		s->user = *user;
	s->in = s->out = -1;
	err = loop_timer_add(loop, on_pump, s, &s->pump);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* Regular files are not for epoll. */
static int watch(struct stream *s, int fd, loop_fd_fn fn, struct loop_fd **out)
{
	int err = fd < 0 ? 0 : loop_fd_add(s->loop, fd, NO_EVENTS, fn, s, out);

	return err == -EPERM ? 0 : err;
}

int stream_attach(struct stream *s, int in, int out, u32 flags)
{
	int err;

	assert(!s->attached);
	s->in = in;
	s->out = out;
	s->flags = flags;
	err = watch(s, in, on_in, &s->in_fd);
	if (!err)
		err = watch(s, out, on_out, &s->out_fd);
	if (err) {
		detach(s);
		return err;
	}
	s->attached = true;
	s->in_events = NO_EVENTS;
	if (s->chr.client && s->chr.client->connected)
		s->chr.client->connected(s->chr.client_arg);
	want_more(s);
	if (s->rejected)
		loop_timer_arm(s->pump, 0);
	return 0;
}

bool stream_open(const struct stream *s)
{
	return s->peer;
}

struct chardev *stream_chardev(struct stream *s)
{
	return &s->chr;
}

void stream_destroy(struct stream *s)
{
	if (!s)
		return;
	detach(s);
	loop_timer_del(s->pump);
	free(s);
}
