/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire that is a stream socket: frames behind their lengths, as QEMU, passt and gvproxy send
 * them.
 *
 * Thread: main until the loop runs, then the loop of the netif.
 * Trust:  the peer is anybody whom the user's file permissions let in, and so is the guest. A
 *         length of the peer's is checked before a byte behind it is waited for; what both cost is
 *         two buffers, made at the start.
 * Spec:   QEMU docs, -netdev stream: 4 bytes of length, big-endian, before each frame
 *
 * Back-pressure. To the peer: a frame that went out in part is kept (`out`) and nothing else is
 * taken from the guest until it is gone. From the peer: bytes stay in the kernel while the guest
 * has no room for the frame at the head of `in`. That holds for what a peer has left behind that
 * has closed its end, too: the guest gets all of it before the end is told.
 *
 * Who listens has one peer at a time, and takes the next one when it has gone. Who has connected
 * does not connect again: after the start that would be a name to look up. Without a peer frames
 * are dropped, as on a wire that ends nowhere.
 */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/eth.h"
#include "net/kinds.h"
#include "net/unix_sock.h"

#define PREFIX 4u
#define MAX_PIECES 256u
#define IN_SIZE (2 * (PREFIX + NETIF_FRAME_MAX))
#define OUT_SIZE (PREFIX + NETIF_FRAME_MAX)

struct stream {
	struct netif netif;
	struct loop *loop;
	char path[PATH_MAX];
	int listener; /* -1: this end has connected */
	int fd;	      /* of the peer; -1: there is none */
	struct loop_fd *listener_reg, *reg;
	u32 events;   /* registered for */
	bool up;      /* a driver is there */
	bool stuck;   /* send() said -EAGAIN */
	bool blocked; /* the guest has no room for the frame at the head of `in` */
	bool hung_up; /* the peer; what it has said is still to be read */
	size_t in_len, out_len, out_off;
	u8 *in, *out; /* IN_SIZE, OUT_SIZE bytes */
};

static struct stream *stream(struct netif *n)
{
	return container_of(n, struct stream, netif);
}

static void watch(struct stream *s)
{
	u32 events = (s->blocked ? 0 : EPOLLIN) | (s->out_len ? EPOLLOUT : 0);

	/* The end is told without being asked for, and again and again but with EPOLLET. */
	if (s->blocked && s->hung_up)
		events = EPOLLET;

	if (s->reg && events != s->events && !loop_fd_mod(s->reg, events))
		s->events = events;
}

/* ---- the peer ---- */

static void on_event(void *arg, u32 events);

static int adopt(struct stream *s, int fd)
{
	int err = loop_fd_add(s->loop, fd, EPOLLIN, on_event, s, &s->reg);

	if (err)
		return err;
	s->fd = fd;
	s->events = EPOLLIN;
	s->in_len = s->out_len = s->out_off = 0;
	s->blocked = s->hung_up = false;
	return 0;
}

/* `why` NULL: it has closed the connection. */
static void lose(struct stream *s, const char *why)
{
	static struct log_site site_;

	loop_fd_del(s->reg);
	s->reg = NULL;
	close(s->fd);
	s->fd = -1;
	s->out_len = s->out_off = s->in_len = 0;
	s->blocked = false;
	guest_err_msg(&site_, s->path, "the other end of the wire has gone%s%s: %s",
		      why ? ": " : "", why ? why : "",
		      s->listener >= 0 ? "the next one that connects takes its place"
				       : "frames are dropped from now on");
	if (s->listener >= 0)
		loop_fd_mod(s->listener_reg, EPOLLIN);
}

/* Frames that the guest could not get rid of can be dropped now, or sent to somebody else. */
static void release(struct stream *s)
{
	if (!s->stuck || s->out_len)
		return;
	s->stuck = false;
	s->netif.client->writable(s->netif.client_arg);
}

static void on_connect(void *arg, u32 events)
{
	struct stream *s = arg;
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return;
	if (fd < 0) {
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_rest(s->listener_reg);
		return;
	}
	if (adopt(s, fd)) {
		close(fd);
		return;
	}
	/* One at a time: the others wait in the kernel. */
	loop_fd_mod(s->listener_reg, 0);
}

/* ---- from the peer ---- */

/* The frame at in + PREFIX. False: the guest has no room. */
static bool hand_over(struct stream *s, size_t off, size_t len)
{
	const struct netif_offload none = { .needs_csum = false };
	struct iovec iov = { s->in + off + PREFIX, len };

	/* Too short to be one, or nobody is there. */
	if (!s->up || len < ETH_HDR)
		return true;
	return s->netif.client->receive(s->netif.client_arg, &none, iov_cur(&iov, 1)) != -EAGAIN;
}

/* Hand over what has come as a whole. 0, or -EPROTO: a length that no frame has. */
static int take_frames(struct stream *s)
{
	size_t off = 0;
	int err = 0;

	s->blocked = false;
	while (s->in_len - off >= PREFIX) {
		u32 len;

		memcpy(&len, s->in + off, PREFIX);
		len = be32toh(len);
		if (len > NETIF_FRAME_MAX) {
			err = -EPROTO;
			break;
		}
		if (s->in_len - off < PREFIX + len)
			break;
		s->blocked = !hand_over(s, off, len);
		if (s->blocked)
			break;
		off += PREFIX + len;
	}
	s->in_len -= off;
	memmove(s->in, s->in + off, s->in_len);
	if (s->up)
		s->netif.client->flush(s->netif.client_arg);
	return err;
}

static void read_some(struct stream *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_len, IN_SIZE - s->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(s, n < 0 ? strerror(errno) : NULL);
		return;
	}
	s->in_len += (size_t)n;
	if (take_frames(s))
		lose(s, "it has sent a length that no frame has");
}

/* ---- to the peer ---- */

/* What is left of a frame. If nobody takes it, a read will tell whether the peer has gone. */
static void write_rest(struct stream *s)
{
	while (s->out_len) {
		ssize_t n =
			send(s->fd, s->out + s->out_off, s->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			n = (ssize_t)s->out_len;
		s->out_off += (size_t)n;
		s->out_len -= (size_t)n;
	}
	s->out_off = 0;
}

static void on_event(void *arg, u32 events)
{
	struct stream *s = arg;

	assert(loop_here(s->loop));
	s->hung_up = events & (EPOLLHUP | EPOLLERR);
	if (events & EPOLLOUT || s->hung_up)
		write_rest(s);
	if (!s->blocked && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_some(s);
	release(s);
	watch(s);
}

static int stream_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct stream *s = stream(n);
	u32 prefix = htobe32((u32)frame.left);
	struct iovec v[1 + MAX_PIECES] = { { &prefix, PREFIX } };
	size_t all = PREFIX + frame.left;
	int nr = iov_take(&frame, frame.left, v + 1, MAX_PIECES);
	struct iov_cur rest;
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)nr + 1 };
	ssize_t sent;

	if (nr < 0 || all > OUT_SIZE)
		return -EMSGSIZE;
	if (s->fd < 0)
		return -ENOTCONN;
	if (s->out_len) {
		s->stuck = true;
		return -EAGAIN;
	}
	do {
		sent = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	/* A peer that has gone is noticed by the loop. */
	if (sent < 0 && errno != EAGAIN)
		return -errno;
	if (sent == (ssize_t)all)
		return 0;
	rest = iov_cur(v, (unsigned)nr + 1);
	iov_skip(&rest, sent < 0 ? 0 : (size_t)sent);
	s->out_len = iov_read(&rest, s->out, OUT_SIZE);
	watch(s);
	return 0;
}

/* ---- life ---- */

static void stream_flush(struct netif *n)
{
	/* Each frame went out at once, or waits. */
}

static void stream_rx_ready(struct netif *n)
{
	struct stream *s = stream(n);

	if (!s->blocked)
		return;
	if (take_frames(s))
		lose(s, "it has sent a length that no frame has");
	release(s);
	watch(s);
}

static void stream_up(struct netif *n, u32 offloads)
{
	struct stream *s = stream(n);

	s->stuck = false;
	s->up = true;
}

/* What comes now is dropped, so that the peer need not wait for a guest that is away. */
static void stream_down(struct netif *n)
{
	struct stream *s = stream(n);

	s->up = false;
	s->stuck = false;
	if (s->blocked && take_frames(s))
		lose(s, "it has sent a length that no frame has");
	watch(s);
}

static void stream_destroy(struct netif *n)
{
	struct stream *s = stream(n);

	loop_fd_del(s->reg);
	loop_fd_del(s->listener_reg);
	if (s->fd >= 0)
		close(s->fd);
	if (s->listener >= 0) {
		close(s->listener);
		unlink(s->path);
	}
	free(s->in);
	free(s->out);
	free(s);
}

static int stream_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	return -EOPNOTSUPP;
}

static bool stream_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	return false;
}

static const struct netif_ops stream_ops = {
	.up = stream_up,
	.down = stream_down,
	.send = stream_send,
	.flush = stream_flush,
	.rx_ready = stream_rx_ready,
	.forward = stream_forward,
	.forwarded = stream_forwarded,
	.destroy = stream_destroy,
};

static const struct sys_call list[] = {
	CALL(recvfrom),
	CALL(sendmsg),
	CALL_RARE(sendto, "a peer that reads slowly"),
	CALL_RARE(accept4, "the end that listens"),
	UNIX_SOCK_UNLINK,
	CALL_RARE(fchmod, "another boot"),
	CALL(close),
};
static const struct calls stream_calls = CALLS("stream", list);

static int reach(struct stream *s, const struct net_conf *c)
{
	int fd = c->listens ? unix_sock_bind(c->socket, SOCK_STREAM) : unix_sock_connect(c->socket);
	int err;

	if (fd < 0)
		return fd;
	if (c->listens) {
		s->listener = fd;
		err = loop_fd_add(s->loop, fd, EPOLLIN, on_connect, s, &s->listener_reg);
	} else {
		err = adopt(s, fd);
		if (err)
			close(fd);
	}
	return err ? log_errno(err, "network socket %s", c->socket) : 0;
}

int stream_if_create(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	struct stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return log_errno(-ENOMEM, "network");
	s->loop = loop;
	s->fd = s->listener = -1;
	s->in = malloc(IN_SIZE);
	s->out = malloc(OUT_SIZE);
	s->netif = (struct netif){ .calls = { &stream_calls }, .ops = &stream_ops, .mtu = c->mtu };
	memcpy(s->netif.mac, c->mac, NETIF_MAC_LEN);
	snprintf(s->path, sizeof(s->path), "%s", c->socket);
	err = s->in && s->out ? reach(s, c) : log_errno(-ENOMEM, "network");
	if (err) {
		stream_destroy(&s->netif);
		return err;
	}
	*out = &s->netif;
	return 0;
}
