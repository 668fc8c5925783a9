/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1.1 messages in pieces of every size, and each way in which they can be wrong. */
#include "guest/keybroker/http.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct http_reader r;

/* Feed `s` in pieces of `piece` bytes until something else than HTTP_MORE is said. */
static enum http_result feed_pieces(const char *s, size_t len, size_t piece)
{
	enum http_result result = HTTP_MORE;

	for (size_t at = 0; at < len && result == HTTP_MORE;) {
		size_t room, n;
		char *to = http_room(&r, &room);

		n = MIN(piece, room);
		n = MIN(n, len - at);
		ck_assert_uint_gt(n, 0);
		memcpy(to, s + at, n);
		at += n;
		result = http_feed(&r, n);
	}
	return result;
}

static enum http_result read_all(enum http_kind kind, const char *s, size_t piece)
{
	http_init(&r, kind);
	return feed_pieces(s, strlen(s), piece);
}

static void check_body(const char *body)
{
	ck_assert_uint_eq(r.msg.body.len, strlen(body));
	ck_assert_mem_eq(r.msg.body.p, body, r.msg.body.len);
}

#define HOST "Host: h\r\n"

START_TEST(requests)
{
	static const char *const texts[] = {
		"POST /keys HTTP/1.1\r\n" HOST
		"Content-Type: a/b\r\nContent-Length: 5\r\n\r\nhello",
		"\r\n\r\nPOST /keys HTTP/1.1\r\n" HOST
		"content-type:a/b\t\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nhe\r\n3;x=\"y\"\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
		"POST /keys HTTP/1.0\r\nCONTENT-TYPE: a/b\r\nContent-Length: 5\r\n"
		"Connection: Keep-Alive\r\n\r\nhello",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		for (size_t piece = 1; piece < 300; piece += piece < 20 ? 1 : 97) {
			ck_assert_int_eq(read_all(HTTP_REQUEST, texts[i], piece), HTTP_DONE);
			ck_assert(http_text_is(r.msg.method, "POST"));
			ck_assert(http_text_is(r.msg.target, "/keys"));
			ck_assert(http_text_is(r.msg.content_type, "a/b"));
			ck_assert(r.msg.keep_alive);
			check_body("hello");
		}
	}
}
END_TEST

START_TEST(answers)
{
	ck_assert_int_eq(read_all(HTTP_RESPONSE,
				  "HTTP/1.1 100 Continue\r\n\r\n"
				  "HTTP/1.1 201\r\nLocation: /e/1\r\nContent-Length: 2\r\n\r\n{}",
				  1),
			 HTTP_DONE);
	ck_assert_uint_eq(r.msg.status, 201);
	ck_assert(http_text_is(r.msg.location, "/e/1"));
	check_body("{}");

	ck_assert_int_eq(
		read_all(HTTP_RESPONSE, "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", 7),
		HTTP_DONE);
	check_body("");

	/* Without a length it ends with the connection. */
	ck_assert_int_eq(read_all(HTTP_RESPONSE, "HTTP/1.0 200 OK\r\n\r\nall of it", 4), HTTP_MORE);
	ck_assert_int_eq(http_end(&r), HTTP_DONE);
	check_body("all of it");
}
END_TEST

START_TEST(pipelined)
{
	static const char two[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n"
				  "POST /2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
				  "1\r\nx\r\n0\r\n\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n";

	ck_assert_int_eq(read_all(HTTP_REQUEST, two, sizeof(two)), HTTP_DONE);
	ck_assert(http_text_is(r.msg.target, "/1"));
	ck_assert_int_eq(http_next(&r), HTTP_DONE);
	ck_assert(http_text_is(r.msg.target, "/2"));
	check_body("x");
	ck_assert_int_eq(http_next(&r), HTTP_DONE);
	ck_assert(http_text_is(r.msg.target, "/3"));
	ck_assert_int_eq(http_next(&r), HTTP_MORE);
	ck_assert(!http_begun(&r));
	ck_assert_int_eq(http_end(&r), HTTP_MORE);
}
END_TEST

START_TEST(wrong_requests)
{
	static const struct {
		const char *text;
		unsigned status;
	} cases[] = {
		{ "GET / HTTP/1.1\n", 400 },
		{ "GET / HTTP/1.1\rX", 400 },
		{ "GET /\001 HTTP/1.1\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET /\r\n" HOST "\r\n", 400 },
		{ "G(T / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
		{ "GET / HTTQ/1.1\r\n" HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "No colon\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Name : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "A: b\r\n folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		  400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n\r\nx", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 0000000000000001\r\n\r\nx", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\nx", 413 },
		{ "GET / HTTP/1.1\r\n" HOST
		  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffff\r\n", 413 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t piece = 1; piece < 200; piece += 66) {
			ck_assert_msg(read_all(HTTP_REQUEST, cases[i].text, piece) == HTTP_BAD,
				      "%s", cases[i].text);
			ck_assert_msg(r.bad_status == cases[i].status, "%u: %s", r.bad_status,
				      cases[i].text);
			ck_assert_ptr_nonnull(r.why);
			/* There is no way on. */
			ck_assert_int_eq(http_end(&r), HTTP_BAD);
		}
	}
}
END_TEST

START_TEST(truncated_everywhere)
{
	static const char text[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
				   "2\r\nhe\r\n0\r\n\r\n";

	for (size_t len = 1; len < sizeof(text) - 1; len++) {
		http_init(&r, HTTP_REQUEST);
		ck_assert_int_eq(feed_pieces(text, len, 3), HTTP_MORE);
		ck_assert_int_eq(http_end(&r), HTTP_BAD);
	}
}
END_TEST

/* Each part that could grow without end. */
START_TEST(too_much)
{
	static char text[HTTP_HEAD_MAX + HTTP_BODY_MAX + 1000];
	size_t n;

	memset(text, 'a', sizeof(text) - 1);
	ck_assert_int_eq(read_all(HTTP_REQUEST, text, 1000), HTTP_BAD);
	ck_assert_uint_eq(r.bad_status, 431);

	n = (size_t)sprintf(text,
			    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;");
	text[n] = 'a';
	ck_assert_int_eq(read_all(HTTP_REQUEST, text, 1000), HTTP_BAD);
	ck_assert_uint_eq(r.bad_status, 400);

	n = (size_t)sprintf(text,
			    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n");
	text[n] = 'a';
	ck_assert_int_eq(read_all(HTTP_REQUEST, text, 1000), HTTP_BAD);
	ck_assert_uint_eq(r.bad_status, 431);

	n = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n\r\n");
	text[n] = 'a';
	ck_assert_int_eq(read_all(HTTP_RESPONSE, text, 1000), HTTP_BAD);
	ck_assert_uint_eq(r.bad_status, 413);

	/* The largest body fits, in chunks of one byte, too. */
	http_init(&r, HTTP_REQUEST);
	n = (size_t)sprintf(text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	ck_assert_int_eq(feed_pieces(text, n, n), HTTP_MORE);
	for (unsigned i = 0; i < HTTP_BODY_MAX; i++)
		ck_assert_int_eq(feed_pieces("1\r\nx\r\n", 6, 6), HTTP_MORE);
	ck_assert_int_eq(feed_pieces("0\r\n\r\n", 5, 5), HTTP_DONE);
	ck_assert_uint_eq(r.msg.body.len, HTTP_BODY_MAX);
	ck_assert(!memchr(r.msg.body.p, '1', HTTP_BODY_MAX));
}
END_TEST

START_TEST(expectation)
{
	ck_assert_int_eq(read_all(HTTP_REQUEST,
				  "POST / HTTP/1.1\r\n" HOST
				  "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
				  9),
			 HTTP_MORE);
	ck_assert(r.wants_continue);
	ck_assert_int_eq(feed_pieces("x", 1, 1), HTTP_DONE);
	ck_assert(!r.wants_continue);
}
END_TEST

SUITE_MAIN("keybroker/http", requests, answers, pipelined, wrong_requests, truncated_everywhere,
	   too_much, expectation)
