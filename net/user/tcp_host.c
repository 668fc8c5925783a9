/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's sockets behind the guest's connections.
 *
 * Thread: the loop of the netif.
 * Trust:  what comes over the network is passed on unseen; addresses were looked at in reach.c.
 *
 * Sockets are registered edge-triggered, once: an event says that something is new, and what it
 * means is found out by trying. So data that waits for the guest does not wake anybody again.
 *
 * With SO_PEEK_OFF (Linux 6.9, for TCP) the kernel remembers up to where was peeked. Without, each
 * peek begins at the first byte, and what is known already goes to a buffer that nobody reads.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "net/user/tcp_conn.h"

#define SINK (64u * 1024)  /* bytes at a time that are read for nothing */
#define STALE (32u * 1024) /* bytes that may wait to be taken out */
#define RCVBUF (1 << 20)   /* as much of it as net.core.rmem_max allows */
#define LITTLE 4096u	   /* space where the kernel does not say how much there is */

static void on_event(void *arg, u32 events)
{
	struct tcp_conn *c = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	if (c->state == CONN_CONNECTING) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len))
			err = errno;
		tcp_connected(c, -err);
	}
	if (c->state != CONN_CLOSED) {
		c->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP));
		c->hup |= !!(events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP));
		if ((events & EPOLLOUT) && c->full) {
			c->full = false;
			c->ack_now = true;
		}
		tcp_touch(c);
	}
	tcp_settle(c->tcp);
}

static void set(int fd, int level, int name, int val)
{
	setsockopt(fd, level, name, &val, sizeof(val));
}

static int prepare(struct tcp_conn *c)
{
	int zero = 0;

	/* Segments are the guest's choice already; so is what it calls urgent. */
	set(c->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(c->fd, SOL_SOCKET, SO_OOBINLINE, 1);
	set(c->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	c->peek_off = !setsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero));
	return 0;
}

static bool is_loopback(const union reach_addr *a)
{
	return a->sa.sa_family == AF_INET ? ntohl(a->in.sin_addr.s_addr) >> 24 == 127
					  : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

void tcp_host_size(int fd, const union reach_addr *a)
{
	/* Elsewhere it grows with the length of round trips; here there is none. */
	if (is_loopback(a))
		set(fd, SOL_SOCKET, SO_RCVBUF, RCVBUF);
}

static int watch(struct tcp_conn *c)
{
	return loop_fd_add(c->tcp->loop, c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_event,
			   c, &c->reg);
}

int tcp_host_connect(struct tcp_conn *c)
{
	union reach_addr to;
	int len = reach_out(&c->tcp->conf.reach, &c->key, &to), err;
	socklen_t size = sizeof(to);

	if (len < 0)
		return len;
	c->fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	prepare(c);
	tcp_host_size(c->fd, &to);
	if (connect(c->fd, &to.sa, (socklen_t)len) && errno != EINPROGRESS)
		return -errno;
	err = watch(c);
	if (err)
		return err;
	/* On this host it is done already. */
	return !getpeername(c->fd, &to.sa, &size);
}

int tcp_host_adopt(struct tcp_conn *c, int fd)
{
	c->fd = fd;
	c->readable = true;
	prepare(c);
	return watch(c);
}

ssize_t tcp_host_send(struct tcp_conn *c, struct iov_cur data, size_t len)
{
	struct iovec *iov = c->tcp->iov;
	int nr = iov_take(&data, len, iov, TCP_PIECES);
	ssize_t n;

	if (nr < 0)
		return 0;
	do
		n = writev(c->fd, iov, nr);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	/* EFAULT: the guest has taken its buffer back. The segment is lost, as on a bad line. */
	return errno == EAGAIN || errno == EFAULT || errno == ENOBUFS || errno == ENOMEM ? 0
											 : -errno;
}

/* Put `skip` bytes of nowhere in front. Their number, or -errno. */
static int put_sink(struct tcp *t, struct iovec *iov, u32 skip)
{
	int nr = 0;

	if (!t->sink)
		t->sink = malloc(SINK);
	if (!t->sink)
		return -ENOMEM;
	for (; skip; nr++) {
		if (nr == TCP_SINKS)
			return -EAGAIN;
		iov[nr] = (struct iovec){ t->sink, MIN(skip, SINK) };
		skip -= (u32)iov[nr].iov_len;
	}
	return nr;
}

/* What of `n` bytes is new; where nothing is, whether the stream or the connection has ended. */
static ssize_t beyond(const struct tcp_conn *c, ssize_t n, u32 known)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (!known || n > (ssize_t)known)
		return n - (ssize_t)known;
	/* Either of them is an event that comes after the last byte. */
	if (!c->hup)
		return -EAGAIN;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return -err;
}

ssize_t tcp_host_peek(struct tcp_conn *c, u32 off, struct iov_cur room, size_t len)
{
	struct iovec *iov = c->tcp->iov;
	struct msghdr m = { .msg_iov = iov };
	int skip = 0, nr, at;
	ssize_t n;

	off += c->stale;
	if (c->peek_off && off != c->peek_at) {
		at = (int)off;
		if (setsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)))
			return -errno;
		c->peek_at = off;
	}
	if (!c->peek_off && off)
		skip = put_sink(c->tcp, iov, off);
	if (skip < 0)
		return skip;
	nr = iov_take(&room, len, iov + skip, TCP_PIECES);
	if (nr < 0)
		return -EFAULT;
	m.msg_iovlen = (size_t)skip + (size_t)nr;
	do
		n = recvmsg(c->fd, &m, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!c->peek_off)
		return beyond(c, n, off);
	c->peek_at += (u32)n;
	return n;
}

static int drop_stale(struct tcp_conn *c)
{
	while (c->stale) {
		ssize_t n = recv(c->fd, NULL, c->stale, MSG_TRUNC | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		c->stale -= (u32)n;
		c->peek_at -= MIN(c->peek_at, (u32)n);
	}
	return 0;
}

int tcp_host_drop(struct tcp_conn *c, u32 len)
{
	c->stale += len;
	/*
	 * Fewer calls, while there is more to be read. Otherwise the kernel may be about to tell
	 * the peer of a new window, and it does that only for a buffer that is nearly empty.
	 */
	return c->readable && c->stale < STALE ? 0 : drop_stale(c);
}

void tcp_host_shutdown(struct tcp_conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

/*
 * None if poll(2) would not call it "writable" [Linux, sk_stream_is_writeable()], and some if it
 * would: who is told of room, finds none and asks to be told again is told at once, for ever.
 */
u32 tcp_host_room(u32 all, u32 used)
{
	u32 left = all - MIN(used, all);

	/* The kernel counts what it needs beside the bytes, too. */
	return !left || left < used / 2 ? 0 : left - left / 8;
}

u32 tcp_host_space(struct tcp_conn *c)
{
	u32 info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);
	u32 room;

	if (getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		return LITTLE;
	room = tcp_host_room(info[SK_MEMINFO_SNDBUF], info[SK_MEMINFO_WMEM_QUEUED]);
	/* Armed anew, the event comes when the kernel finds the same. */
	if (!room)
		loop_fd_mod(c->reg, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	return room;
}

void tcp_host_close(struct tcp_conn *c, bool reset)
{
	const struct linger hard = { .l_onoff = 1 };

	loop_fd_del(c->reg);
	c->reg = NULL;
	if (c->fd < 0)
		return;
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	else
		drop_stale(c); /* closing with data that was not read is a reset */
	close(c->fd);
	c->fd = -1;
}
