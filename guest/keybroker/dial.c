/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of HTTP on plain sockets.
 *
 * Thread: any.
 * Trust:  the server may be slow, or send anything: one deadline for all of a request, and
 *         guest/keybroker/http.c for the bytes.
 * Spec:   [RFC 9112 3, 9]
 */
#include "guest/keybroker/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"

#define REQUEST_HEAD_MAX 2048u

static s64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (s64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0 when it is ready; -ETIMEDOUT, -errno. */
static int wait_for(int fd, short events, s64 deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		s64 left = deadline - now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int finish_connect(int fd, s64 deadline)
{
	socklen_t len = sizeof(int);
	int err = wait_for(fd, POLLOUT, deadline), so_error = 0;

	if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &so_error, &len))
		return -errno;
	return err ? err : -so_error;
}

/* A connected socket, or -errno. */
static int connect_one(const struct addrinfo *ai, s64 deadline)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
			ai->ai_protocol);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen))
		err = errno == EINPROGRESS ? finish_connect(fd, deadline) : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static unsigned count(const struct addrinfo *list)
{
	unsigned nr = 0;

	for (; list; list = list->ai_next)
		nr++;
	return nr;
}

/* Each address has its share of the time: packets to one (IPv6, often) may be lost for ever. */
static int dial(const struct url *url, s64 deadline)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int gai = getaddrinfo(url->host, url->port, &hints, &list), fd = -EHOSTUNREACH;

	if (gai) {
		log_error("cannot find the host '%s': %s", url->host, gai_strerror(gai));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
		s64 now = now_ms();

		fd = connect_one(ai, now + (deadline - now) / count(ai));
	}
	freeaddrinfo(list);
	if (fd < 0)
		log_errno(fd, "cannot connect to %s", url->authority);
	return fd;
}

static int send_all(int fd, const char *p, size_t len, s64 deadline)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		int err = 0;

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		p += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
		if (n < 0)
			err = wait_for(fd, POLLOUT, deadline);
		if (err)
			return err;
	}
	return 0;
}

/* -EBADMSG: `r` says why. */
static int receive(int fd, struct http_reader *r, s64 deadline)
{
	enum http_result result = HTTP_MORE;

	while (result == HTTP_MORE) {
		size_t size;
		char *room = http_room(r, &size);
		int err = wait_for(fd, POLLIN, deadline);
		ssize_t n = err ? -1 : recv(fd, room, size, 0);

		if (err)
			return err;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno;
		result = n ? http_feed(r, (size_t)n) : http_end(r);
		if (!n && result == HTTP_MORE)
			return -ECONNRESET;
	}
	return result == HTTP_DONE ? 0 : -EBADMSG;
}

int dial_post(const struct url *url, const char *content_type, const char *body, size_t len,
	      int timeout_ms, struct http_reader *answer)
{
	s64 deadline = now_ms() + timeout_ms;
	char head[REQUEST_HEAD_MAX];
	int fd = dial(url, deadline), err, n;

	if (fd < 0)
		return fd;
	n = snprintf(head, sizeof(head),
		     "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		     "Accept: */*\r\nConnection: close\r\n\r\n",
		     url->path, url->authority, content_type, len);
	assert(n > 0 && n < (int)sizeof(head));
	http_init(answer, HTTP_RESPONSE);
	err = send_all(fd, head, (size_t)n, deadline);
	if (!err)
		err = send_all(fd, body, len, deadline);
	/* A server that refuses a request may answer before it has read it all. */
	if (!err || err == -EPIPE || err == -ECONNRESET)
		err = receive(fd, answer, deadline);
	close(fd);
	if (err == -EBADMSG)
		log_error("the answer of %s is not HTTP that we take: %s", url->authority,
			  answer->why);
	else if (err)
		log_error("no answer from %s: %s", url->authority,
			  err == -ECONNRESET ? "it closed the connection" : strerror(-err));
	return err;
}
