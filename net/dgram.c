/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire of datagram sockets: each frame is a datagram, from the name of one end to that of the
 * other.
 *
 * Thread: main until the loop runs, then the loop of the netif.
 * Trust:  the peer is anybody whom the user's file permissions let in, and so is the guest. The
 *         kernel bounds what waits; a datagram that is too long is cut, and dropped here.
 * Spec:   QEMU docs, -netdev dgram; unix(7)
 *
 * Either end may start first, and may come again: who is not there is looked for with each frame.
 * Connected to the other end, the socket takes datagrams from nobody else, and the kernel says when
 * there is room again for a frame that it did not take.
 */
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

#define MAX_PIECES 256u
#define RX_BATCH 64u /* frames for one event: others wait for the loop, too */

struct dgram {
	struct netif netif;
	struct loop *loop;
	char path[PATH_MAX];
	struct sockaddr_un peer;
	int fd;
	struct loop_fd *reg;
	u32 events;	/* registered for */
	bool connected; /* to the peer, as far as we know */
	bool up;	/* a driver is there */
	bool stuck;	/* send() said -EAGAIN: tell when the kernel has room */
	size_t kept;	/* bytes of the frame in rx that the guest has no room for */
	u8 *rx;		/* NETIF_FRAME_MAX + 1 bytes */
};

static struct dgram *dgram(struct netif *n)
{
	return container_of(n, struct dgram, netif);
}

static void watch(struct dgram *d)
{
	u32 events = (d->kept ? 0 : EPOLLIN) | (d->stuck ? EPOLLOUT : 0);

	if (events != d->events && !loop_fd_mod(d->reg, events))
		d->events = events;
}

/* ---- from the peer ---- */

/* The frame in rx. False: the guest has no room, it is kept. */
static bool hand_over(struct dgram *d, size_t len)
{
	const struct netif_offload none = { .needs_csum = false };
	struct iovec iov = { d->rx, len };

	if (!d->up || len < ETH_HDR || len > NETIF_FRAME_MAX)
		return true;
	if (d->netif.client->receive(d->netif.client_arg, &none, iov_cur(&iov, 1)) != -EAGAIN)
		return true;
	d->kept = len;
	return false;
}

static void read_frames(struct dgram *d)
{
	for (unsigned i = 0; i < RX_BATCH; i++) {
		ssize_t n = recv(d->fd, d->rx, NETIF_FRAME_MAX + 1, MSG_DONTWAIT);

		/* ECONNRESET: the peer has gone with frames of ours. */
		if (n < 0 || !hand_over(d, (size_t)n))
			break;
	}
	if (d->up)
		d->netif.client->flush(d->netif.client_arg);
}

static void on_event(void *arg, u32 events)
{
	struct dgram *d = arg;

	assert(loop_here(d->loop));
	/*
	 * The other end has turned to somebody else: an error, which stays until it is read. While
	 * a frame is kept nobody reads.
	 */
	if (events & EPOLLERR && d->kept)
		recv(d->fd, d->rx + d->kept, 0, MSG_PEEK | MSG_DONTWAIT);
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !d->kept)
		read_frames(d);
	if (d->stuck && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		d->stuck = false;
		d->netif.client->writable(d->netif.client_arg);
	}
	watch(d);
}

/* ---- to the peer ---- */

static bool connect_to_peer(struct dgram *d)
{
	d->connected = !connect(d->fd, (struct sockaddr *)&d->peer, sizeof(d->peer));
	return d->connected;
}

static int send_once(struct dgram *d, const struct msghdr *m)
{
	ssize_t n;

	do {
		n = sendmsg(d->fd, m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int dgram_send(struct netif *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct dgram *d = dgram(n);
	struct iovec v[MAX_PIECES];
	int nr = iov_take(&frame, frame.left, v, MAX_PIECES), err;
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)MAX(nr, 0) };

	if (nr < 0)
		return -EMSGSIZE;
	if (!d->connected && !connect_to_peer(d))
		return -ENOTCONN;
	err = send_once(d, &m);
	/* The peer has gone; another one may have come in its place. */
	if (err == -ECONNREFUSED || err == -ENOTCONN || err == -ECONNRESET)
		err = connect_to_peer(d) ? send_once(d, &m) : -ENOTCONN;
	if (err != -EAGAIN)
		return err;
	d->stuck = true;
	watch(d);
	return -EAGAIN;
}

/* ---- life ---- */

static void dgram_flush(struct netif *n)
{
	/* Each frame went out at once. */
}

static void dgram_rx_ready(struct netif *n)
{
	struct dgram *d = dgram(n);
	size_t len = d->kept;

	if (!len)
		return;
	d->kept = 0;
	hand_over(d, len);
	d->netif.client->flush(d->netif.client_arg);
	watch(d);
}

static void dgram_up(struct netif *n, u32 offloads)
{
	struct dgram *d = dgram(n);

	d->stuck = false;
	d->up = true;
	watch(d);
}

static void dgram_down(struct netif *n)
{
	struct dgram *d = dgram(n);

	d->up = false;
	d->stuck = false;
	d->kept = 0;
	watch(d);
}

static void dgram_destroy(struct netif *n)
{
	struct dgram *d = dgram(n);

	loop_fd_del(d->reg);
	if (d->fd >= 0) {
		close(d->fd);
		unlink(d->path);
	}
	free(d->rx);
	free(d);
}

static int dgram_forward(struct netif *n, const struct net_hostfwd *f, int fd)
{
	return -EOPNOTSUPP;
}

static bool dgram_forwarded(struct netif *n, unsigned i, struct net_hostfwd *out)
{
	return false;
}

static const struct netif_ops dgram_ops = {
	.up = dgram_up,
	.down = dgram_down,
	.send = dgram_send,
	.flush = dgram_flush,
	.rx_ready = dgram_rx_ready,
	.forward = dgram_forward,
	.forwarded = dgram_forwarded,
	.destroy = dgram_destroy,
};

static const struct sys_call list[] = {
	CALL(recvfrom), CALL(sendmsg),	  CALL(connect),
	CALL(close),	UNIX_SOCK_UNLINK, CALL_RARE(fchmod, "another boot"),
};
static const struct calls dgram_calls = CALLS("dgram", list);

int dgram_if_create(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	struct dgram *d = calloc(1, sizeof(*d));
	int err = 0;

	if (!d)
		return log_errno(-ENOMEM, "network");
	d->loop = loop;
	d->fd = -1;
	d->rx = malloc(NETIF_FRAME_MAX + 1);
	d->netif = (struct netif){ .calls = { &dgram_calls }, .ops = &dgram_ops, .mtu = c->mtu };
	memcpy(d->netif.mac, c->mac, NETIF_MAC_LEN);
	snprintf(d->path, sizeof(d->path), "%s", c->socket);
	if (!d->rx)
		err = log_errno(-ENOMEM, "network");
	else if (!unix_sock_addr(&d->peer, c->peer))
		err = log_errno(-ENAMETOOLONG, "network socket %s", c->peer);
	else
		err = MIN(d->fd = unix_sock_bind(c->socket, SOCK_DGRAM), 0);
	if (!err) {
		d->events = EPOLLIN;
		err = loop_fd_add(loop, d->fd, EPOLLIN, on_event, d, &d->reg);
		if (err)
			log_errno(err, "network socket %s", c->socket);
	}
	if (err) {
		dgram_destroy(&d->netif);
		return err;
	}
	*out = &d->netif;
	return 0;
}
