/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP connections.
 *
 * Thread: the loop's.
 * Trust:  peers; see http.c for what they say, here for how slowly and how much.
 * Spec:   [RFC 9112 9], [RFC 9110 6.6.1, 10.1.1]
 *
 *	READING  -> a request is complete or bad -> ANSWERING
 *	ANSWERING -> the answer is sent -> READING the next one, or DRAINING
 *	DRAINING -> the peer has closed -> gone
 *
 * DRAINING throws away what comes: to close while bytes are unread would reset the connection, and
 * the answer could be lost [RFC 9112 9.6]. Each state has its time; when that is over, READING a
 * request that has begun is answered with 408, everything else ends.
 */
#include "tests/keybroker/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"

#define HEAD_MAX 4096u
#define ACCEPT_BATCH 16
#define ACCEPT_PAUSE_NS 100000000u
#define SECOND UINT64_C(1000000000)

const struct server_conf server_defaults = {
	.addr = "127.0.0.1",
	.port = 8088,
	.max_connections = 128,
	.idle_ns = 30 * SECOND,
	.request_ns = 10 * SECOND,
	.answer_ns = 10 * SECOND,
	.linger_ns = 1 * SECOND,
};

enum state { READING, ANSWERING, DRAINING };

/* READING: which time runs. That of a request starts with its first byte and is not given twice. */
enum timing { UNTIMED, FOR_FIRST_BYTE, FOR_REQUEST };

struct conn {
	struct server *server;
	int fd;
	struct loop_fd *reg;
	struct loop_timer *timer;
	enum state state;
	enum timing timing;
	bool answered; /* `out` has the answer to a request, not just "100 Continue" */
	bool last;     /* it ends the connection */
	size_t out_at, out_len;
	char out[HEAD_MAX + MESSAGE_MAX];
	struct http_reader reader;
	struct conn *next, **link;
};

struct server {
	struct loop *loop;
	struct server_conf conf;
	struct broker *broker;
	int fd;
	struct loop_fd *reg;
	struct loop_timer *retry; /* accept() lacked something of the host's */
	struct sockaddr_storage addr;
	struct conn *conns;
	unsigned nr_conns;
	struct broker_answer answer; /* the one that is being made */
};

/* ---- life of a connection ---- */

static void conn_close(struct conn *c)
{
	struct server *s = c->server;

	loop_fd_del(c->reg);
	loop_timer_del(c->timer);
	close(c->fd);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	free(c);
	s->nr_conns--;
	loop_fd_mod(s->reg, EPOLLIN);
}

static void enter(struct conn *c, enum state state, u64 ns)
{
	c->state = state;
	c->timing = UNTIMED;
	loop_fd_mod(c->reg, state == ANSWERING ? EPOLLOUT : EPOLLIN);
	loop_timer_arm(c->timer, ns);
}

/* ---- answers ---- */

__attribute__((format(printf, 2, 3))) static void put(struct conn *c, const char *fmt, ...)
{
	size_t room = sizeof(c->out) - c->out_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->out + c->out_len, room, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < room);
	c->out_len += (size_t)n;
}

static void put_date(struct conn *c)
{
	char text[40];
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	put(c, "date: %s\r\n", text);
}

static void put_answer(struct conn *c, const struct broker_answer *a, bool body)
{
	put(c, "HTTP/1.1 %u %s\r\n", a->status, http_reason(a->status));
	put_date(c);
	put(c, "connection: %s\r\n", c->last ? "close" : "keep-alive");
	if (a->location[0])
		put(c, "location: %s\r\n", a->location);
	if (a->allow)
		put(c, "allow: %s\r\n", a->allow);
	put(c, "content-type: " TYPE_JSON "\r\ncontent-length: %zu\r\n\r\n", a->body_len);
	if (body)
		put(c, "%.*s", (int)a->body_len, a->body);
}

static void refuse(struct conn *c, unsigned status, const char *why)
{
	struct broker_answer *a = &c->server->answer;

	broker_refuse(a, status, why);
	c->answered = c->last = true;
	put_answer(c, a, true);
}

static void answer(struct conn *c)
{
	const struct http_msg *req = &c->reader.msg;
	struct broker_answer *a = &c->server->answer;

	broker_answer(c->server->broker, req, loop_now_ns(), a);
	c->answered = true;
	c->last = !req->keep_alive;
	/* The answer to HEAD has none [RFC 9110 9.3.2]. */
	put_answer(c, a, req->method.len != 4 || memcmp(req->method.p, "HEAD", 4));
}

/* 0; -EAGAIN: not all of it yet; -errno: the peer is gone. */
static int flush(struct conn *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		c->out_at += (size_t)n;
	}
	c->out_at = c->out_len = 0;
	return 0;
}

/* ---- requests ---- */

/* Send what there is. False: not done with it, or the connection is gone. */
static bool send_out(struct conn *c)
{
	int err = flush(c);

	if (err == -EAGAIN && c->state != ANSWERING)
		enter(c, ANSWERING, c->server->conf.answer_ns);
	if (err && err != -EAGAIN)
		conn_close(c);
	return !err;
}

static void drain(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
	enter(c, DRAINING, c->server->conf.linger_ns);
}

static void wait_for_more(struct conn *c)
{
	enum timing timing = http_begun(&c->reader) ? FOR_REQUEST : FOR_FIRST_BYTE;
	const struct server_conf *conf = &c->server->conf;

	if (c->timing == timing)
		return;
	enter(c, READING, timing == FOR_REQUEST ? conf->request_ns : conf->idle_ns);
	c->timing = timing;
}

/* Put what is to be sent now. False: nothing, the request goes on. */
static bool respond(struct conn *c, enum http_result result)
{
	if (result == HTTP_DONE) {
		answer(c);
	} else if (result == HTTP_BAD) {
		refuse(c, c->reader.bad_status, c->reader.why);
	} else if (c->reader.wants_continue) {
		c->reader.wants_continue = false;
		put(c, "HTTP/1.1 100 Continue\r\n\r\n");
	} else {
		return false;
	}
	return true;
}

/* What was to be sent is sent. */
static enum http_result next(struct conn *c)
{
	if (!c->answered)
		return HTTP_MORE;
	c->answered = false;
	c->timing = UNTIMED;
	return http_next(&c->reader);
}

/* What reading has given; then the requests that lie behind it in the buffer. */
static void proceed(struct conn *c, enum http_result result)
{
	while (respond(c, result)) {
		if (!send_out(c))
			return;
		if (c->last) {
			drain(c);
			return;
		}
		result = next(c);
	}
	wait_for_more(c);
}

static void receive(struct conn *c)
{
	size_t size;
	char *room = http_room(&c->reader, &size);
	ssize_t n = recv(c->fd, room, size, 0);
	enum http_result result;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		conn_close(c);
		return;
	}
	result = n ? http_feed(&c->reader, (size_t)n) : http_end(&c->reader);
	if (!n && result == HTTP_MORE)
		conn_close(c);
	else
		proceed(c, result);
}

static void discard(struct conn *c)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (!n || (n < 0 && errno != EINTR && errno != EAGAIN))
		conn_close(c);
}

static void on_ready(void *arg, u32 events)
{
	struct conn *c = arg;

	/* An error shows in the call that follows. */
	switch (c->state) {
	case READING:
		receive(c);
		break;
	case ANSWERING:
		if (!send_out(c))
			break;
		if (c->last)
			drain(c);
		else
			proceed(c, next(c));
		break;
	case DRAINING:
		discard(c);
		break;
	}
}

static void on_timeout(void *arg)
{
	struct conn *c = arg;

	if (c->state != READING || c->timing != FOR_REQUEST) {
		conn_close(c);
		return;
	}
	refuse(c, 408, "the request took too long");
	if (send_out(c))
		drain(c);
}

/* ---- new connections ---- */

static int conn_open(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	int one = 1, err;

	if (!c)
		return -ENOMEM;
	c->server = s;
	c->fd = fd;
	err = loop_timer_add(s->loop, on_timeout, c, &c->timer);
	if (!err)
		err = loop_fd_add(s->loop, fd, EPOLLIN, on_ready, c, &c->reg);
	if (err) {
		loop_timer_del(c->timer);
		free(c);
		return err;
	}
	/* An answer is sent whole: there is nothing to wait for. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	http_init(&c->reader, HTTP_REQUEST);
	c->next = s->conns;
	if (c->next)
		c->next->link = &c->next;
	c->link = &s->conns;
	s->conns = c;
	s->nr_conns++;
	wait_for_more(c);
	return 0;
}

static void on_retry(void *arg)
{
	struct server *s = arg;

	loop_fd_mod(s->reg, EPOLLIN);
}

/* The backlog keeps them until a connection ends, or a moment has passed. */
static void pause_accepting(struct server *s)
{
	loop_fd_mod(s->reg, 0);
	loop_timer_arm(s->retry, ACCEPT_PAUSE_NS);
}

/* The less a connection has said, the sooner it has to make room. */
static unsigned worth(const struct conn *c)
{
	if (c->state == READING)
		return c->timing == FOR_REQUEST ? 2 : 0;
	return c->state == DRAINING ? 1 : 3;
}

/*
 * All places are taken: the oldest of those that are worth least goes. A client that asks when its
 * connection is there is done before its turn comes, and those who only hold places lose them.
 */
static void make_room(struct server *s)
{
	struct conn *least = s->conns;

	for (struct conn *c = s->conns; c; c = c->next) { /* the oldest is the last */
		if (worth(c) <= worth(least))
			least = c;
	}
	if (least)
		conn_close(least);
}

static void on_connection(void *arg, u32 events)
{
	struct server *s = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;

		fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
			return;
		if (fd >= 0 && s->nr_conns == s->conf.max_connections)
			make_room(s);
		if (fd < 0 || conn_open(s, fd)) {
			log_debug("A connection has to wait: %s", strerror(errno));
			if (fd >= 0)
				close(fd);
			pause_accepting(s);
			return;
		}
	}
}

/* ---- the server ---- */

static int parse_addr(struct server *s, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&s->addr;

	if (inet_pton(AF_INET, s->conf.addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(s->conf.port);
		*len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, s->conf.addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(s->conf.port);
		*len = sizeof(*in6);
		return 0;
	}
	log_error("--addr %s: not an IPv4 or IPv6 address", s->conf.addr);
	return -EINVAL;
}

static int start_listening(struct server *s)
{
	socklen_t len;
	int one = 1, err = parse_addr(s, &len);

	if (err)
		return err;
	s->fd = socket(s->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&s->addr, len) ||
	    listen(s->fd, SOMAXCONN) || getsockname(s->fd, (struct sockaddr *)&s->addr, &len)) {
		err = -errno;
		log_errno(err, "Cannot listen on %s port %u", s->conf.addr, s->conf.port);
	}
	return err;
}

int server_create(struct server **out, struct loop *loop, const struct server_conf *conf,
		  struct broker *broker)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s) {
		log_error("not enough memory");
		return -ENOMEM;
	}
	s->loop = loop;
	s->conf = *conf;
	s->broker = broker;
	s->fd = -1;
	err = start_listening(s);
	if (!err) {
		err = loop_timer_add(loop, on_retry, s, &s->retry);
		if (!err)
			err = loop_fd_add(loop, s->fd, EPOLLIN, on_connection, s, &s->reg);
		if (err)
			log_errno(err, "Cannot wait for connections");
	}
	if (err) {
		server_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

void server_destroy(struct server *s)
{
	struct conn *c, *after;

	if (!s)
		return;
	for (c = s->conns; c; c = after) {
		after = c->next;
		conn_close(c);
	}
	loop_fd_del(s->reg);
	loop_timer_del(s->retry);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

u16 server_port(const struct server *s)
{
	/* At the same place for both families. */
	return ntohs(((const struct sockaddr_in *)&s->addr)->sin_port);
}

unsigned server_nr_connections(const struct server *s)
{
	return s->nr_conns;
}

void server_url(const struct server *s, char *out, size_t size)
{
	bool v6 = s->addr.ss_family == AF_INET6;

	snprintf(out, size, "http://%s%s%s:%u", v6 ? "[" : "", s->conf.addr, v6 ? "]" : "",
		 server_port(s));
}
