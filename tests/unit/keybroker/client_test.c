/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keybroker-app's exchange with servers that answer as they like, and with none. */
#include "guest/keybroker/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/keybroker/http.h"
#include "lkvm/base/encode.h"
#include "tests/unit/suite.h"

#define KEY "May the force be with you."
#define NR_ANSWERS 2

/* A server with one canned answer for each connection. */
struct server {
	int sk;
	u16 port;
	pthread_t thread;
	/*
	 * The answer; "KEY": the right one for the request; NULL: none, and the connection stays.
	 */
	const char *answers[NR_ANSWERS];
	char requests[NR_ANSWERS][2 * 65536];
	struct wrap_public public;
	bool foreign; /* the challenge is for somebody else's key */
};

static u8 challenge[CHALLENGE_LEN];

static void read_request(int fd, char *text, size_t size, struct http_reader *r)
{
	enum http_result result = HTTP_MORE;
	size_t len = 0;

	http_init(r, HTTP_REQUEST);
	while (result == HTTP_MORE) {
		size_t room;
		char *to = http_room(r, &room);
		ssize_t n = recv(fd, to, room, 0);

		if (n <= 0)
			return;
		ck_assert_uint_lt(len + (size_t)n, size);
		memcpy(text + len, to, (size_t)n);
		len += (size_t)n;
		result = http_feed(r, (size_t)n);
	}
	ck_assert_int_eq(result, HTTP_DONE);
}

static int right_answer(struct server *s, unsigned i, const struct http_reader *r, char *out)
{
	char body[MESSAGE_MAX];
	u8 wrapped[WRAP_MAX_LEN];
	const char *why;
	int n;

	if (i == 0) {
		ck_assert_int_eq(
			message_read_key_request(&s->public, r->msg.body.p, r->msg.body.len, &why),
			0);
		if (!s->foreign)
			wrap_thumbprint(&s->public, challenge + CHALLENGE_RANDOM);
		n = message_challenge(body, challenge);
		return sprintf(out,
			       "HTTP/1.1 201 Created\r\nLocation: /keys/v1/evidence/7\r\n"
			       "Content-Length: %d\r\n\r\n%s",
			       n, body);
	}
	n = wrap_encrypt(&s->public, KEY, strlen(KEY), wrapped);
	ck_assert_int_gt(n, 0);
	n = message_wrapped_key(body, wrapped, (size_t)n);
	return sprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
}

static void *serve(void *arg)
{
	static struct http_reader r;
	struct server *s = arg;
	char text[2 * MESSAGE_MAX];

	for (unsigned i = 0; i < NR_ANSWERS; i++) {
		int fd = accept(s->sk, NULL, NULL);
		int n;

		if (fd < 0)
			break;
		read_request(fd, s->requests[i], sizeof(s->requests[i]), &r);
		if (!s->answers[i]) {
			recv(fd, text, 1, 0); /* until the client gives up */
			close(fd);
			continue;
		}
		n = strcmp(s->answers[i], "KEY") ? sprintf(text, "%s", s->answers[i])
						 : right_answer(s, i, &r, text);
		send(fd, text, (size_t)n, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void server_start(struct server *s, const char *first, const char *second)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(s, 0, sizeof(*s));
	s->answers[0] = first;
	s->answers[1] = second;
	s->sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(!bind(s->sk, (struct sockaddr *)&a, sizeof(a)) && !listen(s->sk, 5));
	ck_assert(!getsockname(s->sk, (struct sockaddr *)&a, &len));
	s->port = ntohs(a.sin_port);
	ck_assert(!pthread_create(&s->thread, NULL, serve, s));
}

static void server_stop(struct server *s)
{
	shutdown(s->sk, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->sk);
}

static int evidence(void *arg, const u8 got[CHALLENGE_LEN], u8 *out, size_t size)
{
	int *len = arg;

	ck_assert_mem_eq(got, challenge, CHALLENGE_LEN);
	ck_assert_uint_le((size_t)MAX(*len, 0), size);
	if (*len > 0)
		memset(out, 0x5a, (size_t)*len);
	return *len;
}

static struct client_answer answer;
static bool unbound;

static enum client_result ask(const struct server *s, enum wrap_alg alg, int evidence_len)
{
	char endpoint[64];
	struct client c = { .endpoint = endpoint,
			    .key_name = "sky walker",
			    .alg = alg,
			    .timeout_ms = 2000,
			    .unbound = unbound,
			    .evidence = evidence,
			    .arg = &evidence_len };

	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u//", s->port);
	memset(&answer, 0, sizeof(answer));
	return client_get_key(&c, &answer);
}

static struct server server;

START_TEST(a_key)
{
	static const int lens[] = { 1, 2000, 65536 };

	for (unsigned i = 0; i < ARRAY_SIZE(challenge); i++)
		challenge[i] = (u8)(i * 3);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(lens); i++) {
		server_start(&server, "KEY", "KEY");
		ck_assert_int_eq(ask(&server, i % 2 ? WRAP_RSA_OAEP : WRAP_RSA1_5, lens[i / 2]),
				 CLIENT_KEY);
		server_stop(&server);
		ck_assert_uint_eq(answer.key_len, strlen(KEY));
		ck_assert_mem_eq(answer.key, KEY, strlen(KEY));
		ck_assert(
			strstr(server.requests[0], "POST /keys/v1/key/sky%20walker HTTP/1.1\r\n") ==
			server.requests[0]);
		ck_assert_ptr_nonnull(
			strstr(server.requests[0], "Content-Type: " TYPE_JSON "\r\n"));
		ck_assert_ptr_nonnull(
			strstr(server.requests[1], "POST /keys/v1/evidence/7 HTTP/1.1"));
		ck_assert_ptr_nonnull(
			strstr(server.requests[1], "Content-Type: " TYPE_EVIDENCE "\r\n"));
	}
}
END_TEST

START_TEST(a_refusal)
{
	server_start(&server, "KEY",
		     "HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\n"
		     "{\"type\":\"AttestationFailure\",\"detail\":\"not in it\"}");
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_REFUSED);
	server_stop(&server);
	ck_assert_str_eq(answer.failure.type, ATTESTATION_FAILURE);
	ck_assert_str_eq(answer.failure.detail, "not in it");
}
END_TEST

/* Each ends with one line, and no key. */
START_TEST(wrong_answers)
{
	static const char *const first[] = {
		"",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 201 Created\r\nLocation: ftp://x/\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 201 Created\r\nLocation: /e/1\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 201 Created\r\nLocation: /e/1\r\nContent-Length: 2\r\n\r\n[]",
		"HTTP/1.1 201 Created\r\nLocation: /e/1\r\nContent-Length: 22\r\n\r\n"
		"{\"challenge\":\"AAAAAAA\"}",
		"HTTP/1.1 201 Created\r\nLocation: /e/1\r\nContent-Length: 100\r\n\r\n{",
		"SSH-2.0-OpenSSH\r\n",
	};
	static const char *const second[] = {
		"",
		"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"data\":\"AAAA\"}",
		"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"data\":\"A*\"}",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(first) + ARRAY_SIZE(second); i++) {
		bool late = i >= ARRAY_SIZE(first);

		server_start(&server, late ? "KEY" : first[i],
			     late ? second[i - ARRAY_SIZE(first)] : "");
		ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_ERROR);
		server_stop(&server);
		ck_assert_uint_eq(answer.key_len, 0);
	}
}
END_TEST

START_TEST(no_answer)
{
	u16 port;

	server_start(&server, NULL, NULL);
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_ERROR); /* after two seconds */
	port = server.port;
	server_stop(&server);
	server.port = port;
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_ERROR); /* refused */
}
END_TEST

START_TEST(no_evidence)
{
	server_start(&server, "KEY", "KEY");
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, -ENODEV), CLIENT_ERROR);
	server_stop(&server);
	ck_assert_uint_eq(server.requests[1][0], 0);
}
END_TEST

START_TEST(bad_endpoints)
{
	static const char *const texts[] = { "", "host", "https://h", "http://", "http://h:x" };
	int len = 1;
	struct client c = { .key_name = "k", .timeout_ms = 100, .evidence = evidence, .arg = &len };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		c.endpoint = texts[i];
		ck_assert_int_eq(client_get_key(&c, &answer), CLIENT_ERROR);
	}
}
END_TEST

/* A relay's: no evidence is made for it, unless the user knows the server as one of this kind. */
START_TEST(a_challenge_for_another_key)
{
	server_start(&server, "KEY", "KEY");
	server.foreign = true;
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_ERROR);
	server_stop(&server);
	ck_assert_uint_eq(server.requests[1][0], 0);
	unbound = true;
	server_start(&server, "KEY", "KEY");
	server.foreign = true;
	ck_assert_int_eq(ask(&server, WRAP_RSA1_5, 10), CLIENT_KEY);
	server_stop(&server);
}
END_TEST

/* [ECMA-48] C0, DEL, C1 in UTF-8: a terminal would obey them. */
START_TEST(what_a_server_says_is_only_text)
{
	struct failure f;
	const char *why,
		*s = "{\"type\":\"a\\u0007\",\"detail\":\"\\u001b[2J\\u009b31m\\nb\\u00e9\"}";

	ck_assert_int_eq(message_read_failure(&f, s, strlen(s), &why), 0);
	ck_assert_str_eq(f.type, "a?");
	ck_assert_str_eq(f.detail, "?[2J??31m?b\xc3\xa9");
}
END_TEST

/* Not one byte more than the room for it. */
START_TEST(long_messages)
{
	static char text[MESSAGE_MAX + 1];
	struct failure f;
	const char *why = NULL;

	memset(text, ' ', MESSAGE_MAX);
	ck_assert_int_eq(message_failure(text, "t", "d"), strlen(text));
	text[strlen(text)] = ' ';
	ck_assert_int_eq(message_read_failure(&f, text, MESSAGE_MAX - 1, &why), 0);
	ck_assert_str_eq(f.type, "t");
	ck_assert_int_eq(message_read_failure(&f, text, MESSAGE_MAX, &why), -EINVAL);
	ck_assert_str_eq(why, "the JSON is too long");
}
END_TEST

SUITE_MAIN("keybroker/client", a_key, a_refusal, wrong_answers, no_answer, no_evidence,
	   bad_endpoints, a_challenge_for_another_key, what_a_server_says_is_only_text,
	   long_messages)
