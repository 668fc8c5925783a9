/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host sessions: the state machine of a session, and the TCP connection behind it.
 *
 * Thread: vCPU threads, one call at a time under the lock; nobody waits with it.
 * Trust:  all arguments are the guest's; what the server sends is the guest's to judge.
 * Spec:   [RHI 1.0 (DEN 0148) host session]
 *
 * There is one session at a time. A call moves as many bytes as the connection takes or has, and
 * says IO_IN_PROGRESS if that was not all: the guest goes on behind them. One that could do nothing
 * is made again and again by the caller in blocking mode (a bounded time each, so that the guest
 * can be stopped meanwhile), and says so in the other mode.
 */
#include "realm/rhi.h"

#include <errno.h>
#include <netdb.h>
#ifdef LKVM_LINKED
#include <nss.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"
#include "realm/hash.h"

static const struct sys_call list[] = {
	CALL_IF(socket, 0, UINT32_MAX, AF_INET),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET6, "a server of IPv6"),
	CALL(setsockopt),
	CALL(getsockopt),
	CALL(connect),
	CALL(ppoll),
	CALL(sendmsg),
	CALL(recvmsg),
	CALL(recvfrom),
	CALL(close),
	CALL_IOCTL(FIONREAD),
};

const struct calls rhi_calls = CALLS("host sessions", list);

#define ALL_CALLS 0xfu		      /* bits of OPEN, CLOSE, SEND, RECEIVE */
#define MAX_BYTES (UINT64_C(1) << 20) /* in one call */
#define MAX_PIECES 8u
#define WAIT_MS 50
#define NOT_SUPPORTED UINT64_MAX

struct rhi {
	char *host;
	u16 port;
	struct addrinfo *addrs, *next; /* the one to try next */
	struct mem *mem;
	struct mem_user user;
	pthread_mutex_t lock;
	int fd;		      /* -1: unconnected */
	short waits_for;      /* POLLIN or POLLOUT: what the last call could not go on without */
	enum rhi_state state; /* UNCONNECTED, CONNECTING or ESTABLISHED */
	u64 id, mode;
};

int rhi_create(struct rhi **out, const char *host, u16 port, struct mem *m)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct rhi *r = calloc(1, sizeof(*r));
	char service[8];
	int err;

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->fd = -1;
	r->port = port;
	r->mem = m;
	mem_user_add(m, &r->user);
	r->host = strdup(host);
	snprintf(service, sizeof(service), "%u", port);
#ifdef LKVM_LINKED
	/* A static program cannot load the other modules that nsswitch.conf may ask for. */
	__nss_configure_lookup("hosts", "files dns");
#endif
	err = getaddrinfo(host, service, &hints, &r->addrs);
	if (err || !r->host) {
		log_error("--service-ip %s: %s", host,
			  r->host ? gai_strerror(err) : strerror(ENOMEM));
		rhi_destroy(r);
		return -ENOENT;
	}
	*out = r;
	return 0;
}

static void close_session(struct rhi *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->state = RHI_UNCONNECTED;
}

void rhi_destroy(struct rhi *r)
{
	if (!r)
		return;
	close_session(r);
	if (r->addrs)
		freeaddrinfo(r->addrs);
	mem_user_del(&r->user);
	pthread_mutex_destroy(&r->lock);
	free(r->host);
	free(r);
}

/* ---- answers ---- */

static int values(u64 x[], u64 first, u64 second)
{
	x[0] = first;
	x[1] = second;
	x[2] = x[3] = 0;
	return 0;
}

static int fails(u64 x[], enum rhi_status status)
{
	return values(x, status, 0);
}

static int answers(const struct rhi *r, u64 x[], enum rhi_state state, u64 len)
{
	x[0] = RHI_SUCCESS;
	x[1] = r->id;
	x[2] = state;
	x[3] = len;
	return 0;
}

/* ---- connecting ---- */

/* 0, -EINPROGRESS or -errno. */
static int connect_one(struct rhi *r, const struct addrinfo *a)
{
	const int one = 1;

	r->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (r->fd < 0)
		return -errno;
	/* Messages of a protocol with questions and answers: each goes at once. */
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return connect(r->fd, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
}

/* What became of a connection that was in progress. */
static int connect_result(const struct rhi *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&p, 1, 0) == 0)
		return -EINPROGRESS;
	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/* On to the next address until one takes the connection, or takes its time. */
static int go_on_connecting(struct rhi *r)
{
	int err = r->fd >= 0 ? connect_result(r) : -ENOENT;

	while (err && err != -EINPROGRESS && r->next) {
		close_session(r);
		err = connect_one(r, r->next);
		r->next = r->next->ai_next;
	}
	if (!err)
		r->state = RHI_ESTABLISHED;
	else if (err == -EINPROGRESS)
		r->state = RHI_CONNECTING;
	else
		close_session(r);
	return err;
}

static int open_session(struct rhi *r, u64 x[])
{
	u64 id = x[1], mode = x[2];
	int err;

	if (mode != RHI_BLOCKING && mode != RHI_NON_BLOCKING)
		return fails(x, RHI_CONNECTION_TYPE_NOT_SUPPORTED);
	if (r->state == RHI_ESTABLISHED)
		return fails(x, RHI_INVALID_STATE);
	/* A blocking call that is made again still has no id. */
	if (id != (r->state == RHI_CONNECTING && r->mode == RHI_NON_BLOCKING ? r->id : 0))
		return fails(x, RHI_INVALID_SESSION_ID);
	if (r->state == RHI_CONNECTING && mode != r->mode)
		return fails(x, RHI_INVALID_STATE);
	if (r->state == RHI_UNCONNECTED) {
		r->id++;
		r->mode = mode;
		r->next = r->addrs;
	}
	err = go_on_connecting(r);
	r->waits_for = POLLOUT;
	if (err == -EINPROGRESS)
		return mode == RHI_BLOCKING ? -EAGAIN : answers(r, x, RHI_CONNECTING, 0);
	if (err) {
		guest_err("host session", "cannot reach %s, port %u: %s", r->host, r->port,
			  strerror(-err));
		return fails(x, RHI_PEER_NOT_AVAILABLE);
	}
	return answers(r, x, RHI_ESTABLISHED, 0);
}

/* ---- data ---- */

static int peer_failed(struct rhi *r, u64 x[], int err)
{
	guest_err("host session", "%s, port %u: %s", r->host, r->port,
		  err ? strerror(err) : "the server has closed the connection");
	return fails(x, RHI_PEER_NOT_AVAILABLE);
}

static int nothing_yet(struct rhi *r, u64 x[], short event)
{
	r->waits_for = event;
	return r->mode == RHI_BLOCKING ? -EAGAIN : answers(r, x, RHI_IO_IN_PROGRESS, 0);
}

/*
 * `len` bytes at the guest's buffer + offset, to or from the connection. The kernel copies at once;
 * it may be less. -EFAULT: the guest has not shared all of it.
 */
static ssize_t transfer(struct rhi *r, const u64 x[], u64 len, bool out)
{
	struct iovec iov[MAX_PIECES];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;
	int nr;

	mem_hold(&r->user);
	nr = mem_iov(r->mem, gpa(x[2] + x[4]), len, iov, MAX_PIECES);
	if (nr < 0) {
		mem_release(&r->user);
		return -EFAULT;
	}
	msg.msg_iovlen = (size_t)nr;
	n = out ? sendmsg(r->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
		: recvmsg(r->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		n = -errno;
	mem_release(&r->user);
	return n;
}

static int move_data(struct rhi *r, u64 x[], bool out)
{
	u64 ipa = x[2], len = x[3], offset = x[4];
	ssize_t n;

	if (!ipa || !is_aligned(ipa, RSI_GRANULE) || offset > UINT64_MAX - ipa)
		return fails(x, RHI_ACCESS_FAILED);
	if (!len)
		return answers(r, x, RHI_IO_COMPLETE, 0);
	n = transfer(r, x, MIN(len, MAX_BYTES), out);
	if (n == -EFAULT)
		return fails(x, RHI_ACCESS_FAILED);
	if (n == -EAGAIN || n == -EINTR)
		return nothing_yet(r, x, out ? POLLOUT : POLLIN);
	if (n <= 0)
		return peer_failed(r, x, (int)-n);
	return answers(r, x, (u64)n == len ? RHI_IO_COMPLETE : RHI_IO_IN_PROGRESS, (u64)n);
}

/* How much there is to receive. */
static int determine_size(struct rhi *r, u64 x[])
{
	int available = 0;
	ssize_t n;
	u8 byte;

	n = recv(r->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return nothing_yet(r, x, POLLIN);
	if (n <= 0)
		return peer_failed(r, x, n < 0 ? errno : 0);
	if (ioctl(r->fd, FIONREAD, &available) < 0)
		return peer_failed(r, x, errno);
	return answers(r, x, RHI_SIZE_DETERMINED, (u64)available);
}

static int on_session(struct rhi *r, u64 x[])
{
	if (r->state == RHI_UNCONNECTED || x[1] != r->id)
		return fails(x, RHI_INVALID_SESSION_ID);
	if (x[0] == RHI_SESSION_CLOSE) {
		close_session(r);
		return answers(r, x, RHI_UNCONNECTED, 0);
	}
	if (r->state != RHI_ESTABLISHED)
		return fails(x, RHI_INVALID_STATE);
	if (x[0] == RHI_SESSION_SEND)
		return move_data(r, x, true);
	return x[2] || x[3] ? move_data(r, x, false) : determine_size(r, x);
}

/* ---- calls ---- */

static int dispatch(struct rhi *r, u64 x[])
{
	switch (x[0]) {
	case RHI_SESSION_VERSION:
		return values(x, RHI_VERSION, 0);
	case RHI_SESSION_FEATURES:
		return values(x, ALL_CALLS, RHI_BLOCKING | RHI_NON_BLOCKING);
	case RHI_SESSION_OPEN:
		return open_session(r, x);
	case RHI_SESSION_CLOSE:
	case RHI_SESSION_SEND:
	case RHI_SESSION_RECEIVE:
		return on_session(r, x);
	default:
		x[0] = NOT_SUPPORTED;
		return 0;
	}
}

int rhi_call(struct rhi *r, u64 x[RHI_NR_REGS])
{
	int err;

	if (!r) {
		x[0] = NOT_SUPPORTED;
		return 0;
	}
	pthread_mutex_lock(&r->lock);
	err = dispatch(r, x);
	pthread_mutex_unlock(&r->lock);
	return err;
}

void rhi_wait(struct rhi *r)
{
	struct pollfd p;

	/* Another vCPU may close it meanwhile: then this waits for somebody else, or nobody. */
	pthread_mutex_lock(&r->lock);
	p = (struct pollfd){ .fd = r->fd, .events = r->waits_for };
	pthread_mutex_unlock(&r->lock);
	poll(&p, 1, WAIT_MS);
}
