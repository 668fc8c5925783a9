/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server as its clients see it: good ones, slow ones, those that send too much or never read;
 * and what it still has afterwards.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "tests/keybroker/server.h"
#include "tests/unit/keybroker/exchange.h"
#include "tests/unit/suite.h"

/* Of the sanitizer's run time; gcc 12 has no header for it. */
size_t __sanitizer_get_current_allocated_bytes(void);

#define MS UINT64_C(1000000)
#define REQUESTS 10000u

static struct exchange x;
static struct loop *loop;
static struct server *server;
static struct server_conf conf;
static char text[EXCHANGE_TEXT_MAX];

/* ---- a server, and one end of a connection to it ---- */

static void setup(void)
{
	log_set_level(LOG_FATAL);
	exchange_init(&x);
	ck_assert(!loop_create(&loop, "keybroker"));
	conf = server_defaults;
	conf.port = 0;
}

static void start(void)
{
	ck_assert(!server_create(&server, loop, &conf, &x.broker));
	ck_assert(!loop_start(loop));
}

static void teardown(void)
{
	loop_stop(loop);
	server_destroy(server);
	loop_destroy(loop);
	exchange_fini(&x);
}

struct peer {
	int fd;
	struct http_reader r;
};

static struct peer p, q;

static void dial(struct peer *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(server_port(server)) };
	/* A test that hangs fails, and says where. */
	struct timeval limit = { .tv_sec = 10 };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert(!setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	ck_assert(!connect(c->fd, (struct sockaddr *)&a, sizeof(a)));
	http_init(&c->r, HTTP_RESPONSE);
}

static void say(struct peer *c, const char *s, size_t len)
{
	ck_assert_int_eq(send(c->fd, s, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say_text(struct peer *c, const char *s)
{
	say(c, s, strlen(s));
}

/* What the server says next: a status, or 0: it has closed the connection before. */
static unsigned hear(struct peer *c)
{
	enum http_result result = c->r.phase == HTTP_AT_END ? http_next(&c->r) : HTTP_MORE;

	while (result == HTTP_MORE) {
		size_t size;
		char *room = http_room(&c->r, &size);
		ssize_t n = recv(c->fd, room, size, 0);

		ck_assert_msg(n >= 0, "recv: %s", strerror(errno));
		if (!n) {
			ck_assert(!http_begun(&c->r));
			return 0;
		}
		result = http_feed(&c->r, (size_t)n);
	}
	ck_assert_msg(result == HTTP_DONE, "%s", c->r.why);
	return c->r.msg.status;
}

static void hang_up(struct peer *c)
{
	close(c->fd);
	c->fd = -1;
}

static void count_connections(void *arg)
{
	*(unsigned *)arg = server_nr_connections(server);
}

static unsigned nr_connections(void)
{
	unsigned nr;

	loop_call(loop, count_connections, &nr);
	return nr;
}

/* The server has no connections any more. */
static void all_gone(void)
{
	for (int i = 0; i < scaled(500) && nr_connections(); i++)
		poll(NULL, 0, 10);
	ck_assert_uint_eq(nr_connections(), 0);
}

static void heard_failure(unsigned status, const char *detail)
{
	struct failure f;
	const char *why;

	ck_assert_uint_eq(hear(&p), status);
	ck_assert(!message_read_failure(&f, p.r.msg.body.p, p.r.msg.body.len, &why));
	ck_assert_msg(strstr(f.detail, detail), "%s", f.detail);
}

/* The answer of the Realm to what was just heard, into `text`. */
static size_t prove(void)
{
	char location[512];
	u8 challenge[CHALLENGE_LEN];
	const char *why;

	ck_assert(!message_read_challenge(challenge, p.r.msg.body.p, p.r.msg.body.len, &why));
	snprintf(location, sizeof(location), "%.*s", (int)p.r.msg.location.len, p.r.msg.location.p);
	return exchange_prove(&x, text, exchange_path(location), challenge);
}

static void heard_key(void)
{
	char key[WRAP_MAX_LEN + 1];

	ck_assert_uint_eq(hear(&p), 200);
	exchange_key(&x, p.r.msg.body.p, p.r.msg.body.len, key);
	ck_assert_str_eq(key, "May the force be with you.");
}

/* ---- good clients ---- */

START_TEST(two_requests_on_a_connection)
{
	start();
	dial(&p);
	say(&p, text, exchange_ask(&x, text, "skywalker"));
	ck_assert_uint_eq(hear(&p), 201);
	ck_assert(http_text_is(p.r.msg.content_type, "application/json") && p.r.msg.keep_alive);
	say(&p, text, prove());
	heard_key();
	hang_up(&p);
	all_gone();
}
END_TEST

START_TEST(two_connections_for_two_requests)
{
	size_t len = exchange_ask(&x, text, "skywalker");
	char *at = strstr(text, "Host");

	start();
	memmove(at + 19, at, len + 1 - (size_t)(at - text));
	memcpy(at, "Connection: close\r\n", 19);
	dial(&p);
	say(&p, text, len + 19);
	ck_assert_uint_eq(hear(&p), 201);
	ck_assert(!p.r.msg.keep_alive);
	len = prove();
	ck_assert_uint_eq(hear(&p), 0);
	hang_up(&p);
	dial(&p);
	say(&p, text, len);
	heard_key();
	hang_up(&p);
	all_gone();
}
END_TEST

/* [RFC 9112 9.3.2] answers come in the order of the requests */
START_TEST(pipelined_requests_are_answered_in_order)
{
	size_t len = exchange_ask(&x, text, "skywalker");
	unsigned nr = 20;

	start();
	dial(&p);
	for (unsigned i = 0; i < nr; i++) {
		say(&p, text, len);
		say_text(&p, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	for (unsigned i = 0; i < nr; i++) {
		ck_assert_uint_eq(hear(&p), 201);
		ck_assert_uint_eq(hear(&p), 404);
	}
	hang_up(&p);
}
END_TEST

static void ask_in_chunks(size_t chunk)
{
	size_t len = exchange_ask(&x, text, "skywalker"), n;
	const char *body = strstr(text, "\r\n\r\n") + 4;
	char line[160];

	n = (size_t)snprintf(line, sizeof(line),
			     "POST /keys/v1/key/skywalker HTTP/1.1\r\nHost: h\r\nContent-Type: "
			     "application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
	say(&p, line, n);
	for (size_t at = (size_t)(body - text); at < len; at += n) {
		n = MIN(chunk, len - at);
		say(&p, line, (size_t)snprintf(line, sizeof(line), "%zx;why=not\r\n", n));
		say(&p, text + at, n);
		say_text(&p, "\r\n");
	}
	say_text(&p, "0\r\nTrailer: yes\r\n\r\n");
}

START_TEST(chunked_requests)
{
	start();
	dial(&p);
	ask_in_chunks(1);
	ck_assert_uint_eq(hear(&p), 201);
	ask_in_chunks(100000);
	ck_assert_uint_eq(hear(&p), 201);
	say(&p, text, prove());
	heard_key();
	hang_up(&p);
}
END_TEST

START_TEST(a_request_byte_by_byte)
{
	size_t len = exchange_ask(&x, text, "skywalker");

	start();
	dial(&p);
	for (size_t i = 0; i < len; i++)
		say(&p, text + i, 1);
	ck_assert_uint_eq(hear(&p), 201);
	hang_up(&p);
}
END_TEST

/* [RFC 9110 10.1.1] */
START_TEST(who_waits_is_told_to_continue)
{
	static const char head[] =
		"POST /keys/v1/key/k HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
		"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n";
	char buf[64];
	ssize_t n;

	start();
	dial(&p);
	say(&p, head, sizeof(head) - 1);
	n = recv(p.fd, buf, sizeof(buf), 0);
	ck_assert(n == 25 && !memcmp(buf, "HTTP/1.1 100 Continue\r\n\r\n", 25));
	say_text(&p, "{}");
	ck_assert_uint_eq(hear(&p), 400);
	/* Nobody waits for it a second time. */
	say_text(&p, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 404);
	hang_up(&p);
}
END_TEST

/* [RFC 9110 9.3.2] */
START_TEST(head_has_no_body)
{
	char buf[4096];
	size_t len = 0;
	ssize_t n;

	start();
	dial(&p);
	say_text(&p, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	while ((n = recv(p.fd, buf + len, sizeof(buf) - len - 1, 0)) > 0)
		len += (size_t)n;
	buf[len] = 0;
	ck_assert(!strncmp(buf, "HTTP/1.1 404 Not Found\r\ndate: ", 30));
	ck_assert(strstr(buf, "\r\ncontent-length: 66\r\n\r\n") == buf + len - 24);
	hang_up(&p);
}
END_TEST

/* [RFC 9112 9.3] HTTP/1.0 ends with the answer unless it asks for more */
START_TEST(http_1_0)
{
	start();
	dial(&p);
	say_text(&p, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 404);
	say_text(&p, "GET / HTTP/1.0\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 404);
	ck_assert_uint_eq(hear(&p), 0);
	hang_up(&p);
}
END_TEST

/* ---- too little, too much, too slow ---- */

START_TEST(truncated_requests)
{
	size_t len = exchange_ask(&x, text, "skywalker");

	start();
	for (size_t n = 1; n < len; n += 29) {
		dial(&p);
		say(&p, text, n);
		ck_assert(!shutdown(p.fd, SHUT_WR));
		heard_failure(400, "ends too early");
		ck_assert_uint_eq(hear(&p), 0);
		hang_up(&p);
	}
	all_gone();
}
END_TEST

START_TEST(bad_requests_end_the_connection)
{
	start();
	dial(&p);
	say_text(&p, "nonsense\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 400);
	ck_assert_uint_eq(hear(&p), 0);
	/* What the client still sends is read, or a reset could overtake the answer. */
	ck_assert_uint_eq(nr_connections(), 1);
	hang_up(&p);
	all_gone();
}
END_TEST

/* Sends until it has sent `len`, or nobody wants it. */
static void flood(struct peer *c, const char *unit, size_t unit_len, size_t len)
{
	for (size_t at = 0; at < len; at += unit_len) {
		if (send(c->fd, unit, unit_len, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* The client that is still sending can read why it should not [RFC 9112 9.6]. */
START_TEST(oversized_requests)
{
	static const char *const heads[] = {
		"POST /keys/v1/key/k HTTP/1.1\r\nHost: h\r\nContent-Length: 98305\r\n\r\n",
		"POST /keys/v1/key/k HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
		"POST /keys/v1/key/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"18001\r\n",
	};
	char unit[4096];

	memset(unit, 'A', sizeof(unit));
	start();
	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
		dial(&p);
		say_text(&p, heads[i]);
		flood(&p, unit, sizeof(unit), 300000);
		heard_failure(413, "too large");
		hang_up(&p);
	}
	dial(&p);
	say_text(&p, "GET / HTTP/1.1\r\nX: ");
	flood(&p, unit, sizeof(unit), 300000);
	heard_failure(431, "too large");
	hang_up(&p);
}
END_TEST

/* In as many chunks as it likes: what counts is what they say together. */
START_TEST(oversized_in_small_chunks)
{
	char unit[1024 + 7] = "400\r\n";

	memset(unit + 5, 'A', 1024);
	memcpy(unit + 5 + 1024, "\r\n", 2);
	start();
	dial(&p);
	say_text(&p,
		 "POST /keys/v1/key/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	flood(&p, unit, sizeof(unit), 300000);
	heard_failure(413, "too large");
	hang_up(&p);
}
END_TEST

START_TEST(a_request_has_to_be_complete_in_time)
{
	u64 started;

	conf.request_ns = 200 * MS;
	start();
	dial(&p);
	started = loop_now_ns();
	/* A byte now and then does not make it longer. */
	for (unsigned i = 0; i < 100 && nr_connections() < 1; i++)
		poll(NULL, 0, 1);
	while (loop_now_ns() - started < 150 * MS) {
		say_text(&p, "G");
		poll(NULL, 0, 20);
	}
	heard_failure(408, "too long");
	ck_assert_uint_ge(loop_now_ns() - started, 200 * MS);
	ck_assert_uint_lt(loop_now_ns() - started, 5000 * MS);
	ck_assert_uint_eq(hear(&p), 0);
	hang_up(&p);
	all_gone();
}
END_TEST

START_TEST(idle_connections_end)
{
	conf.idle_ns = 100 * MS;
	start();
	dial(&p);
	ck_assert_uint_eq(hear(&p), 0);
	hang_up(&p);
	/* Also behind an answer; and empty lines are nothing. */
	dial(&p);
	say_text(&p, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 404);
	say_text(&p, "\r\n\r\n");
	ck_assert_uint_eq(hear(&p), 0);
	hang_up(&p);
	all_gone();
}
END_TEST

/* It reads nothing of what it has asked for: the server keeps one answer, and not for ever. */
START_TEST(clients_that_do_not_read)
{
	size_t len = exchange_ask(&x, text, "skywalker"), before;
	struct timeval limit = { .tv_usec = 100000 };

	conf.answer_ns = 500 * MS;
	start();
	dial(&p);
	before = __sanitizer_get_current_allocated_bytes();
	ck_assert(!setsockopt(p.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	flood(&p, text, len, 64 * MiB);
	ck_assert_uint_eq(nr_connections(), 1);
	ck_assert_uint_lt(__sanitizer_get_current_allocated_bytes(), before + 200000);
	all_gone();
	hang_up(&p);
}
END_TEST

/* It goes on sending after its connection was ended: not for ever. */
START_TEST(clients_that_do_not_stop)
{
	struct timeval limit = { .tv_usec = 100000 };
	char unit[4096] = { 0 };
	u64 started;

	conf.linger_ns = 200 * MS;
	start();
	dial(&p);
	ck_assert(!setsockopt(p.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	started = loop_now_ns();
	while (send(p.fd, unit, sizeof(unit), MSG_NOSIGNAL) >= 0)
		ck_assert_uint_lt(loop_now_ns() - started, 5000 * MS);
	hang_up(&p);
	all_gone();
}
END_TEST

/* ---- many ---- */

/* Those who only hold places lose them, the oldest first; who asks is answered at once. */
START_TEST(silent_connections_keep_nobody_out)
{
	struct peer silent[4], slow, peer;
	char buf[64];

	conf.max_connections = 4;
	start();
	dial(&slow);
	say_text(&slow, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
			"Expect: 100-continue\r\n\r\n");
	ck_assert_int_eq(recv(slow.fd, buf, sizeof(buf), 0), 25); /* so it has been heard */
	for (unsigned i = 0; i < 3; i++)
		dial(&silent[i]);
	while (nr_connections() < 4)
		poll(NULL, 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		dial(&peer);
		say_text(&peer, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		ck_assert_uint_eq(hear(&peer), 404);
		ck_assert_uint_le(nr_connections(), 4);
		hang_up(&peer);
		while (nr_connections() > 3)
			poll(NULL, 0, 1);
		dial(&silent[3]); /* in the place that is free again */
		while (nr_connections() < 4)
			poll(NULL, 0, 1);
		hang_up(&silent[i]); /* is gone already */
		silent[i] = silent[3];
	}
	/* A request that has begun is worth more than silence. */
	say_text(&slow, "{}");
	ck_assert_uint_eq(hear(&slow), 404);
	hang_up(&slow);
	for (unsigned i = 0; i < 3; i++)
		hang_up(&silent[i]);
	all_gone();
}
END_TEST

static u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000 * MS + (u64)ts.tv_nsec;
}

/* The host is out of descriptors for a while: who comes then is served later. */
START_TEST(descriptors_run_out)
{
	struct rlimit old, none;
	u64 cpu;

	start();
	dial(&q);
	say_text(&q, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_uint_eq(hear(&q), 404);
	ck_assert(!getrlimit(RLIMIT_NOFILE, &old));
	p.fd = socket(AF_INET, SOCK_STREAM, 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)p.fd + 1, .rlim_max = old.rlim_max };
	close(p.fd);
	/* dial() takes the last one. */
	ck_assert(!setrlimit(RLIMIT_NOFILE, &none));
	dial(&p);
	say_text(&p, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	cpu = cpu_ns();
	poll(NULL, 0, 300);
	ck_assert_uint_lt(cpu_ns() - cpu, 100 * MS); /* it does not try all the time */
	ck_assert_int_lt(recv(p.fd, text, 1, MSG_DONTWAIT), 0);
	say_text(&q, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_uint_eq(hear(&q), 404);
	ck_assert(!setrlimit(RLIMIT_NOFILE, &old));
	ck_assert_uint_eq(hear(&p), 404);
	hang_up(&p);
	hang_up(&q);
}
END_TEST

static unsigned nr_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* The n-th connection, of every kind in turn; how many requests it was. */
static unsigned one_of_many(unsigned n)
{
	struct linger reset = { .l_onoff = 1 };
	size_t len;

	dial(&p);
	len = exchange_ask(&x, text, "skywalker");
	say(&p, text, len);
	ck_assert_uint_eq(hear(&p), 201);
	if (n % 8 == 0) {
		len = prove();
		say(&p, text, len);
		heard_key();
	} else {
		len = exchange_post(text, "/keys/v1/evidence/17", TYPE_EVIDENCE, "AAAA");
		say(&p, text, len);
		ck_assert_uint_eq(hear(&p), 403);
	}
	say(&p, text, len);
	ck_assert_uint_eq(hear(&p), 403);
	say(&p, text, exchange_post(text, "/keys/v1/key/k", TYPE_JSON, "{\"pubkey\":{}}"));
	ck_assert_uint_eq(hear(&p), 400);
	if (n % 3 == 0) {
		say_text(&p, "bad\r\n\r\n");
		ck_assert_uint_eq(hear(&p), 400);
		ck_assert_uint_eq(hear(&p), 0);
	} else {
		/* Gone in the middle of a request; with a reset, too. */
		say(&p, text, 1 + n % 200);
		if (n % 3 == 1)
			setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	hang_up(&p);
	return 5;
}

/* [issue 4] 10,000 requests with nothing leaked */
START_TEST(many_requests_leave_nothing)
{
	unsigned requests = 0, connections = 0, fds;
	size_t bytes;

	start();
	while (connections < 64)
		one_of_many(connections++); /* what libraries allocate once */
	all_gone();
	fds = nr_fds();
	bytes = __sanitizer_get_current_allocated_bytes();
	while (requests < REQUESTS)
		requests += one_of_many(connections++);
	all_gone();
	ck_assert_uint_eq(nr_fds(), fds);
	/* A byte for each would show. */
	ck_assert_uint_lt(__sanitizer_get_current_allocated_bytes(), bytes + REQUESTS / 2);
}
END_TEST

/* ---- where it listens ---- */

START_TEST(it_listens_where_it_is_told)
{
	struct server *other;
	char url[64];

	start();
	server_url(server, url, sizeof(url));
	ck_assert(!strncmp(url, "http://127.0.0.1:", 17));
	ck_assert_int_eq(atoi(url + 17), server_port(server));
	conf.port = server_port(server);
	ck_assert_int_eq(server_create(&other, loop, &conf, &x.broker), -EADDRINUSE);
	ck_assert_ptr_null(other);
	conf.addr = "localhost";
	ck_assert_int_eq(server_create(&other, loop, &conf, &x.broker), -EINVAL);
	conf.addr = "192.0.2.1";
	ck_assert_int_eq(server_create(&other, loop, &conf, &x.broker), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(it_listens_on_ipv6)
{
	char url[64];

	conf.addr = "::1";
	if (server_create(&server, loop, &conf, &x.broker)) {
		printf("skip: this machine has no IPv6\n");
		return;
	}
	server_url(server, url, sizeof(url));
	ck_assert(!strncmp(url, "http://[::1]:", 13));
	ck_assert_int_eq(atoi(url + 13), server_port(server));
}
END_TEST

SUITE_MAIN_FIXTURE("server", setup, teardown, two_requests_on_a_connection,
		   two_connections_for_two_requests, pipelined_requests_are_answered_in_order,
		   chunked_requests, a_request_byte_by_byte, who_waits_is_told_to_continue,
		   head_has_no_body, http_1_0, truncated_requests, bad_requests_end_the_connection,
		   oversized_requests, oversized_in_small_chunks,
		   a_request_has_to_be_complete_in_time, idle_connections_end,
		   clients_that_do_not_read, clients_that_do_not_stop,
		   silent_connections_keep_nobody_out, descriptors_run_out,
		   many_requests_leave_nothing, it_listens_where_it_is_told, it_listens_on_ipv6)
