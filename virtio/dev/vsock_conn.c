/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a vsock connection, between packets of the guest and a Unix socket.
 *
 * Thread: the device's loop.
 * Trust:  what the guest says of its buffer decides how much it is sent, and of ours how much it
 *         may send: a guest that sends more loses the connection.
 * Spec:   virtio 1.3 §5.10.6.3 (credit), §5.10.6.5 (bytes), §5.10.6.6 (the end)
 *
 * Bytes go from guest memory into the socket, and from the socket into guest memory. Only what a
 * slow reader at our side does not take at once is copied, at most v->buf_size of a connection:
 * left in the transmit queue it would hold up all the others. What a slow guest does not take
 * stays in the socket.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtio/dev/vsock.h"

static const struct sys_call list[] = {
	CALL(newfstatat), /* removing the socket's name */
	CALL(unlinkat),
	CALL(accept4),
	CALL_IF(socket, 0, UINT32_MAX, AF_UNIX),
	CALL(connect),
	CALL(recvfrom),
	CALL(sendto),
	CALL(sendmsg),
	CALL(readv),
	CALL(shutdown),
	CALL_RARE(ppoll, "a peer that has gone, or not"),
};
const struct calls vsock_calls = CALLS("virtio-vsock", list);

/* Hang-ups, once: while nothing else is wanted. */
#define NO_EVENTS (EPOLLONESHOT | EPOLLET)
#define PULLS 4u /* packets of one connection before the loop turns to others */

/* ---- the table of connections ---- */

static unsigned bucket(u32 guest_port, u32 host_port)
{
	return (guest_port * 31u + host_port) % VSOCK_BUCKETS;
}

struct vsock_conn *vsock_find(struct vsock *v, u32 guest_port, u32 host_port)
{
	struct vsock_conn *c;

	LIST_FOREACH(c, &v->buckets[bucket(guest_port, host_port)], bucket)
	if (c->guest_port == guest_port && c->host_port == host_port)
		return c;
	return NULL;
}

void vsock_name(struct vsock_conn *c, u32 guest_port, u32 host_port)
{
	c->guest_port = guest_port;
	c->host_port = host_port;
	c->named = true;
	LIST_INSERT_HEAD(&c->v->buckets[bucket(guest_port, host_port)], c, bucket);
}

/* Let go of the descriptor and of what waited for it. */
static void close_side(struct vsock_conn *c)
{
	loop_fd_del(c->watch);
	c->watch = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
	c->len = 0;
	if (c->starved)
		TAILQ_REMOVE(&c->v->starved, c, wait);
	c->starved = false;
}

static void closed(struct vsock_conn *c)
{
	close_side(c);
	c->shut = VSOCK_NOTHING;
	if (c->state != VSOCK_CLOSED)
		TAILQ_INSERT_TAIL(&c->v->closed, c, place);
	c->state = VSOCK_CLOSED;
}

void vsock_free(struct vsock_conn *c)
{
	struct vsock *v = c->v;

	close_side(c);
	if (c->state == VSOCK_CLOSED)
		TAILQ_REMOVE(&v->closed, c, place);
	if (c->news)
		TAILQ_REMOVE(&v->talk, c, out);
	if (c->named)
		LIST_REMOVE(c, bucket);
	*c = (struct vsock_conn){ .v = v, .fd = -1 };
	TAILQ_INSERT_TAIL(&v->free, c, place);
}

void vsock_reset(struct vsock_conn *c)
{
	/* The guest has not heard of it. */
	if (c->state == VSOCK_GREETING || (c->news & VSOCK_NEWS_REQUEST)) {
		vsock_free(c);
		return;
	}
	closed(c);
	vsock_tell(c, VSOCK_NEWS_RST);
	c->news = VSOCK_NEWS_RST;
}

static void on_event(void *arg, u32 events);

struct vsock_conn *vsock_new(struct vsock *v, int fd, enum vsock_state state)
{
	struct vsock_conn *c;

	/* One that the guest should have said the last word about long ago. */
	if (!TAILQ_FIRST(&v->free) && TAILQ_FIRST(&v->closed))
		vsock_free(TAILQ_FIRST(&v->closed));
	c = TAILQ_FIRST(&v->free);
	if (!c || loop_fd_add(v->dev.loop, fd, NO_EVENTS, on_event, c, &c->watch)) {
		close(fd);
		return NULL;
	}
	TAILQ_REMOVE(&v->free, c, place);
	c->fd = fd;
	c->state = state;
	c->events = NO_EVENTS;
	return c;
}

/* ---- from the guest ---- */

/* So many bytes are out of our hands: when that is much, the guest is told. */
static void forwarded(struct vsock_conn *c, u32 n)
{
	c->forwarded += n;
	if (c->forwarded - c->told >= c->v->buf_size / 2)
		vsock_tell(c, VSOCK_NEWS_CREDIT);
}

/* Nobody reads any more what the guest sends. */
static void deaf(struct vsock_conn *c)
{
	forwarded(c, c->got - c->forwarded);
	free(c->buf);
	c->buf = NULL;
	c->len = 0;
	c->shut |= VSOCK_NO_RCV;
	vsock_tell(c, VSOCK_NEWS_SHUTDOWN);
}

/* The guest sends nothing more, and all of it is out. */
static void finish(struct vsock_conn *c)
{
	if (c->len || !(c->guest_shut & VSOCK_NO_SEND))
		return;
	/* [virtio 1.3 §5.10.6.6] Both: the answer is a RST. */
	if (c->guest_shut == VSOCK_NOTHING)
		vsock_reset(c);
	else
		shutdown(c->fd, SHUT_WR);
}

/* Send as much of `left` bytes as the socket takes. How much; -EFAULT: the guest took it back. */
static int send_some(struct vsock_conn *c, struct iov_cur *from, u32 left)
{
	struct iov_cur piece = *from;
	struct msghdr m = { .msg_iov = c->v->part };
	int nr = iov_take(&piece, left, c->v->part, VSOCK_MAX_IOV);
	ssize_t n;

	m.msg_iovlen = (size_t)nr;
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0) {
		iov_skip(from, (size_t)n);
		forwarded(c, (u32)n);
		return (int)n;
	}
	if (errno == EFAULT)
		return -EFAULT;
	if (errno != EAGAIN && errno != EINTR)
		deaf(c);
	return 0;
}

/* What the socket does not take now. */
static void keep(struct vsock_conn *c, struct iov_cur *from, u32 left)
{
	u32 size = c->v->buf_size, at = (c->head + c->len) % size, first;

	if (!c->buf) {
		c->buf = malloc(size);
		c->head = at = 0;
	}
	if (!c->buf) {
		vsock_reset(c);
		return;
	}
	first = MIN(left, size - at);
	iov_read(from, c->buf + at, first);
	iov_read(from, c->buf, left - first);
	c->len += left;
}

int vsock_push(struct vsock_conn *c, struct iov_cur *from, u32 len)
{
	u32 left = len;
	int n = 1;

	/* [virtio 1.3 §5.10.6.3.1] No more than there is room for. */
	if ((c->guest_shut & VSOCK_NO_SEND) || len > c->v->buf_size - (c->got - c->forwarded)) {
		vsock_reset(c);
		return 0;
	}
	c->got += len;
	if (c->shut & VSOCK_NO_RCV) {
		forwarded(c, len);
		return 0;
	}
	while (left && n > 0 && !c->len) {
		n = send_some(c, from, left);
		if (n < 0)
			return n;
		left -= (u32)n;
	}
	if (left && !(c->shut & VSOCK_NO_RCV))
		keep(c, from, left);
	return 0;
}

/* The socket takes more. */
static void drain(struct vsock_conn *c)
{
	while (c->len) {
		u32 first = MIN(c->len, c->v->buf_size - c->head);
		ssize_t n = send(c->fd, c->buf + c->head, first, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			deaf(c);
			break;
		}
		c->head = (c->head + (u32)n) % c->v->buf_size;
		c->len -= (u32)n;
		forwarded(c, (u32)n);
	}
	free(c->buf);
	c->buf = NULL;
	finish(c);
}

void vsock_guest_shuts(struct vsock_conn *c, u32 flags)
{
	c->guest_shut |= (u8)(flags & VSOCK_NOTHING);
	if (c->state == VSOCK_CLOSED || c->state == VSOCK_CALLING) {
		if (c->guest_shut == VSOCK_NOTHING)
			vsock_reset(c);
		return;
	}
	finish(c);
}

/* ---- to the guest ---- */

static u32 credit(const struct vsock_conn *c)
{
	u32 under_way = c->sent - c->taken;

	return under_way < c->alloc ? c->alloc - under_way : 0;
}

static bool may_pull(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && credit(c) && !(c->shut & VSOCK_NO_SEND) &&
	       !(c->guest_shut & VSOCK_NO_RCV);
}

/* Our side sends nothing more: it has gone, or has only closed that half. */
static void end_of_input(struct vsock_conn *c)
{
	struct pollfd p = { .fd = c->fd };
	bool gone = poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));

	if (gone)
		closed(c);
	else
		c->shut |= VSOCK_NO_SEND;
	vsock_tell(c, VSOCK_NEWS_SHUTDOWN);
}

static int starve(struct vsock_conn *c)
{
	c->starved = true;
	TAILQ_INSERT_TAIL(&c->v->starved, c, wait);
	return 0;
}

/* A packet in the buffer `c`: its bytes, 0 (the end), or -errno. */
static ssize_t fill(struct vsock_conn *c, const struct chain *chain)
{
	struct vsock *v = c->v;
	struct iov_cur w = chain_writer(chain), body = w;
	struct vsock_hdr h;
	ssize_t n;
	int nr;

	iov_skip(&body, sizeof(h));
	if (!body.left)
		return -EBADMSG;
	nr = iov_take(&body, MIN(body.left, (size_t)credit(c)), v->part, VSOCK_MAX_IOV);
	n = readv(c->fd, v->part, nr);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	vsock_header(c, &h, VSOCK_RW, (u32)n);
	iov_write(&w, &h, sizeof(h));
	return n;
}

int vsock_pull(struct vsock_conn *c)
{
	struct virtqueue *q = &c->v->dev.queues[VSOCK_RX];
	struct chain chain;
	ssize_t n;

	if (!may_pull(c))
		return 0;
	/* Not before the guest knows that it is connected. */
	n = c->news & VSOCK_NEWS_RESPONSE ? 0 : vsock_take(c->v, &chain);
	if (n <= 0)
		return n < 0 ? (int)n : starve(c);
	n = fill(c, &chain);
	if (n > 0) {
		queue_push(q, chain.head, (u32)n + sizeof(struct vsock_hdr));
		c->sent += (u32)n;
		c->told = c->forwarded;
		return 1;
	}
	if (n == -EBADMSG || n == -EFAULT)
		return (int)n;
	queue_untake(q, chain.head);
	if (n == 0)
		end_of_input(c);
	else if (n != -EAGAIN && n != -EINTR)
		vsock_reset(c);
	return 0;
}

/* ---- the descriptor ---- */

void vsock_update(struct vsock_conn *c)
{
	u32 events = 0;

	if (c->fd < 0)
		return;
	if (c->state == VSOCK_GREETING) /* what has come stays there until its line is complete */
		events = EPOLLIN | EPOLLET;
	if (may_pull(c) && !c->starved)
		events |= EPOLLIN;
	if (c->len)
		events |= EPOLLOUT;
	if (!events)
		events = NO_EVENTS;
	/* Asked again, a hang-up would be told again, for ever. */
	if (events != c->events)
		loop_fd_mod(c->watch, events);
	c->events = events;
}

static int serve(struct vsock_conn *c, u32 events)
{
	bool gone = events & (EPOLLHUP | EPOLLERR);
	char byte;
	int n = 1;

	if (c->state == VSOCK_GREETING) {
		vsock_greeting(c, gone);
		return 0;
	}
	if (c->state == VSOCK_CALLING) {
		/* What it has said for the guest is there yet, whenever that answers. */
		if (gone && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
			vsock_reset(c);
		return 0;
	}
	if ((events & EPOLLOUT) || (gone && c->len))
		drain(c);
	for (unsigned i = 0; i < PULLS && n > 0 && !c->starved; i++)
		n = vsock_pull(c);
	vsock_update(c);
	return n;
}

static void on_event(void *arg, u32 events)
{
	struct vsock_conn *c = arg;
	struct vsock *v = c->v;
	int n;

	if (!virtio_enter(&v->dev)) {
		/* Until the reset, which is its end. */
		loop_fd_mod(c->watch, NO_EVENTS);
		return;
	}
	n = serve(c, events);
	if (n < 0)
		virtio_fail(&v->dev, "bad buffer for packets", n);
	else
		vsock_flush(v);
	virtio_leave(&v->dev);
}
