/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading HTTP/1.1.
 *
 * Thread: any.
 * Trust:  the peer's bytes; each is looked at once, and everything that grows has a limit.
 * Spec:   [RFC 9112], [RFC 9110]
 *
 * A message is kept whole in one buffer: head, then body. Chunks are joined where they lie, so what
 * follows them moves down; it is less than was received at once.
 */
#include "guest/keybroker/http.h"

#include <string.h>

#include "guest/keybroker/http_text.h"

#define CHUNK_LINE_MAX 256u
/* Taken at once: what a gap that is closed moves, so that many tiny chunks cost little. */
#define HTTP_PIECE 4096u

void http_init(struct http_reader *r, enum http_kind kind)
{
	r->kind = kind;
	r->len = 0;
	r->bad_status = 0;
	r->why = NULL;
	r->wants_continue = false;
	r->phase = HTTP_IN_HEAD;
	r->at = r->line = 0;
	r->body = r->body_len = 0;
	r->left = 0;
	r->msg = (struct http_msg){ 0 };
}

static enum http_result bad(struct http_reader *r, unsigned status, const char *why)
{
	r->phase = HTTP_IS_BAD;
	r->bad_status = status;
	r->why = why;
	return HTTP_BAD;
}

/* ---- head ---- */

/* What the fields say about the framing, besides what goes to msg. */
struct head {
	unsigned minor; /* HTTP/1.x */
	bool has_length, chunked;
	u64 length;
	unsigned nr_hosts;
	struct http_text connection, expect;
};

/* "HTTP/1.1": any 1.x is read as the one of 1.0 and 1.1 that it is compatible with. */
static bool parse_version(struct http_text t, unsigned *minor)
{
	if (t.len != 8 || memcmp(t.p, "HTTP/", 5) || t.p[6] != '.' || t.p[7] < '0' || t.p[7] > '9')
		return false;
	*minor = (unsigned)(t.p[7] - '0');
	return t.p[5] == '1';
}

static enum http_result request_line(struct http_reader *r, struct head *h, struct http_text line)
{
	r->msg.method = http_cut(&line, ' ');
	r->msg.target = http_cut(&line, ' ');
	if (!http_is_token(r->msg.method) || !r->msg.target.len)
		return bad(r, 400, "the request line is not METHOD TARGET VERSION");
	if (!parse_version(line, &h->minor))
		return bad(r, line.len == 8 && !memcmp(line.p, "HTTP/", 5) ? 505 : 400,
			   "not HTTP/1.1");
	return HTTP_MORE;
}

/* The reason phrase, and the blank before it, may be absent. */
static enum http_result status_line(struct http_reader *r, struct head *h, struct http_text line)
{
	struct http_text version = http_cut(&line, ' '), code = http_cut(&line, ' ');
	u64 status;

	if (!parse_version(version, &h->minor))
		return bad(r, 400, "the answer is not HTTP/1.1");
	if (code.len != 3 || !http_parse_digits(code, NUMBER_DEC, &status) || status < 100)
		return bad(r, 400, "the answer has no status");
	r->msg.status = (unsigned)status;
	return HTTP_MORE;
}

static enum http_result content_length(struct http_reader *r, struct head *h, struct http_text val)
{
	if (h->has_length || !http_parse_digits(val, NUMBER_DEC, &h->length))
		return bad(r, 400, "Content-Length is not one number");
	h->has_length = true;
	return HTTP_MORE;
}

static enum http_result transfer_encoding(struct http_reader *r, struct head *h,
					  struct http_text val)
{
	if (h->chunked)
		return bad(r, 400, "Transfer-Encoding is there twice");
	if (!http_text_is(val, "chunked"))
		return bad(r, 501, "Transfer-Encoding is not 'chunked'");
	h->chunked = true;
	return HTTP_MORE;
}

static enum http_result once(struct http_reader *r, struct http_text *field, struct http_text val)
{
	if (field->p)
		return bad(r, 400, "a header field is there twice");
	*field = val;
	return HTTP_MORE;
}

static enum http_result header_field(struct http_reader *r, struct head *h, struct http_text line)
{
	struct http_text name, val;

	/* No colon, a blank before it, a continued line: all are no name [RFC 9112 5.1, 5.2]. */
	if (!line.len || !memchr(line.p, ':', line.len))
		return bad(r, 400, "a header line has no colon");
	name = http_cut(&line, ':');
	if (!http_is_token(name))
		return bad(r, 400, "a header field has no proper name");
	val = http_trim(line);
	if (http_text_is(name, "content-length"))
		return content_length(r, h, val);
	if (http_text_is(name, "transfer-encoding"))
		return transfer_encoding(r, h, val);
	if (http_text_is(name, "content-type"))
		return once(r, &r->msg.content_type, val);
	if (http_text_is(name, "location"))
		return once(r, &r->msg.location, val);
	if (http_text_is(name, "connection"))
		return once(r, &h->connection, val);
	if (http_text_is(name, "expect"))
		return once(r, &h->expect, val);
	h->nr_hosts += http_text_is(name, "host");
	return HTTP_MORE;
}

/* Which bytes after the head are the body [RFC 9112 6.3]. */
static enum http_result frame_body(struct http_reader *r, const struct head *h)
{
	bool no_body = r->kind == HTTP_RESPONSE && (r->msg.status == 204 || r->msg.status == 304);

	r->body = r->at;
	if (h->chunked && (h->has_length || !h->minor))
		return bad(r, 400, "Transfer-Encoding with Content-Length, or with HTTP/1.0");
	if (h->has_length && h->length > HTTP_BODY_MAX)
		return bad(r, 413, "the body is too large");
	r->left = h->has_length && !no_body ? h->length : 0;
	r->line = r->at;
	if (h->chunked && !no_body)
		r->phase = HTTP_IN_CHUNK_SIZE;
	else if (r->kind == HTTP_RESPONSE && !h->has_length && !no_body)
		r->phase = HTTP_TO_THE_END;
	else
		r->phase = HTTP_IN_BODY;
	return HTTP_MORE;
}

/* `start`..`at` is a head with its empty line. */
static enum http_result parse_head(struct http_reader *r, size_t start)
{
	struct http_text rest = { r->buf + start, r->at - 2 - start }, line;
	struct head h = { 0 };
	enum http_result result;

	r->msg = (struct http_msg){ 0 };
	line = http_cut(&rest, '\n');
	line.len--; /* CR */
	result = r->kind == HTTP_REQUEST ? request_line(r, &h, line) : status_line(r, &h, line);
	while (rest.len && result == HTTP_MORE) {
		line = http_cut(&rest, '\n');
		line.len--;
		result = header_field(r, &h, line);
	}
	if (result != HTTP_MORE)
		return result;
	if (r->kind == HTTP_REQUEST && (h.nr_hosts > 1 || (h.minor && !h.nr_hosts)))
		return bad(r, 400, "a request has one Host field");
	r->msg.keep_alive = h.minor ? !http_list_has(h.connection, "close")
				    : http_list_has(h.connection, "keep-alive");
	r->wants_continue = r->kind == HTTP_REQUEST && h.minor &&
			    http_text_is(h.expect, "100-continue") && (h.chunked || h.length);
	return frame_body(r, &h);
}

/* Move what lies at `from` and behind to `to`; `at` is moved with it. */
static void close_gap(struct http_reader *r, size_t to, size_t from)
{
	memmove(r->buf + to, r->buf + from, r->len - from);
	r->len -= from - to;
	r->at -= from - to;
}

/* At the end of a line of a head; `start` is where that head starts. */
static enum http_result head_line(struct http_reader *r)
{
	bool empty = r->at - r->line == 2, first = r->line == 0;
	enum http_result result;

	r->line = r->at;
	if (empty && first) {
		/* Empty lines before a request are ignored [RFC 9112 2.2]. */
		if (r->kind == HTTP_RESPONSE)
			return bad(r, 400, "the answer starts with an empty line");
		close_gap(r, 0, r->at);
		r->line = 0;
		return HTTP_MORE;
	}
	if (!empty)
		return HTTP_MORE;
	result = parse_head(r, 0);
	/* An interim answer is followed by another one [RFC 9110 15.2]. */
	if (result == HTTP_MORE && r->kind == HTTP_RESPONSE && r->msg.status < 200) {
		close_gap(r, 0, r->at);
		r->line = 0;
		r->phase = HTTP_IN_HEAD;
	}
	return result;
}

/* One more byte of lines. True when it ends one; false with phase HTTP_IS_BAD for a bad byte. */
static bool line_byte(struct http_reader *r)
{
	char c = r->buf[r->at], before = r->at > r->line ? r->buf[r->at - 1] : 0;

	r->at++;
	if (before == '\r' || c == '\n') {
		if (before == '\r' && c == '\n')
			return true;
		bad(r, 400, "a line does not end in CR LF");
	} else if (c != '\r' && !http_is_field_char(c)) {
		bad(r, 400, "a control character in a head");
	}
	return false;
}

static enum http_result in_head(struct http_reader *r)
{
	if (line_byte(r))
		return head_line(r);
	if (r->phase != HTTP_IS_BAD && r->at >= HTTP_HEAD_MAX)
		return bad(r, 431, "the head is too large");
	return r->phase == HTTP_IS_BAD ? HTTP_BAD : HTTP_MORE;
}

/* ---- body ---- */

static void take_body(struct http_reader *r)
{
	u64 n = MIN(r->left, (u64)(r->len - r->at));

	r->at += n;
	r->body_len += n;
	r->left -= n;
}

/* "1a;name=value": what follows the size is ignored [RFC 9112 7.1.1]. */
static enum http_result chunk_size(struct http_reader *r)
{
	struct http_text line = { r->buf + r->line, r->at - 2 - r->line };

	if (!http_parse_digits(http_trim(http_cut(&line, ';')), NUMBER_HEX, &r->left))
		return bad(r, 400, "a chunk has no size");
	if (r->left > HTTP_BODY_MAX - r->body_len)
		return bad(r, 413, "the body is too large");
	close_gap(r, r->body + r->body_len, r->at);
	r->line = r->at;
	r->phase = r->left ? HTTP_IN_CHUNK : HTTP_IN_TRAILER;
	return HTTP_MORE;
}

static enum http_result in_chunk_size(struct http_reader *r)
{
	if (line_byte(r))
		return chunk_size(r);
	if (r->phase != HTTP_IS_BAD && r->at - r->line > CHUNK_LINE_MAX)
		return bad(r, 400, "the line with the size of a chunk is too long");
	return r->phase == HTTP_IS_BAD ? HTTP_BAD : HTTP_MORE;
}

static enum http_result after_chunk(struct http_reader *r)
{
	if (!line_byte(r)) {
		if (r->phase == HTTP_IS_BAD || (r->at - r->line == 1 && r->buf[r->line] == '\r'))
			return r->phase == HTTP_IS_BAD ? HTTP_BAD : HTTP_MORE;
		return bad(r, 400, "a chunk is longer than it says");
	}
	r->line = r->at;
	r->phase = HTTP_IN_CHUNK_SIZE;
	return HTTP_MORE;
}

static enum http_result in_trailer(struct http_reader *r)
{
	size_t start = r->body + r->body_len;

	if (line_byte(r)) {
		bool empty = r->at - r->line == 2;

		r->line = r->at;
		if (empty)
			r->phase = HTTP_AT_END;
		return HTTP_MORE;
	}
	if (r->phase != HTTP_IS_BAD && r->at - start >= HTTP_TRAILER_MAX)
		return bad(r, 431, "the trailer is too large");
	return r->phase == HTTP_IS_BAD ? HTTP_BAD : HTTP_MORE;
}

/* ---- all of it ---- */

static enum http_result complete(struct http_reader *r)
{
	r->phase = HTTP_AT_END;
	r->msg.body = (struct http_text){ r->buf + r->body, r->body_len };
	r->wants_continue = false;
	return HTTP_DONE;
}

/* One step; it needs a byte unless the phase says that none is missing. */
static enum http_result step(struct http_reader *r)
{
	switch (r->phase) {
	case HTTP_IN_HEAD:
		return in_head(r);
	case HTTP_IN_CHUNK_SIZE:
		return in_chunk_size(r);
	case HTTP_AFTER_CHUNK:
		return after_chunk(r);
	case HTTP_IN_TRAILER:
		return in_trailer(r);
	case HTTP_TO_THE_END:
		r->left = HTTP_BODY_MAX - r->body_len;
		if (r->len - r->at > r->left)
			return bad(r, 413, "the body is too large");
		take_body(r);
		return HTTP_MORE;
	case HTTP_IN_BODY:
		take_body(r);
		return HTTP_MORE;
	case HTTP_IN_CHUNK:
		take_body(r);
		if (!r->left) {
			r->line = r->at;
			r->phase = HTTP_AFTER_CHUNK;
		}
		return HTTP_MORE;
	case HTTP_AT_END:
	case HTTP_IS_BAD:
		break;
	}
	return HTTP_BAD;
}

static enum http_result run(struct http_reader *r)
{
	enum http_result result = HTTP_MORE;

	while (result == HTTP_MORE) {
		if (r->phase == HTTP_AT_END || (r->phase == HTTP_IN_BODY && !r->left))
			return complete(r);
		if (r->at == r->len)
			return HTTP_MORE;
		result = step(r);
	}
	return result;
}

char *http_room(struct http_reader *r, size_t *size)
{
	*size = MIN(sizeof(r->buf) - r->len, (size_t)HTTP_PIECE);
	return r->buf + r->len;
}

enum http_result http_feed(struct http_reader *r, size_t len)
{
	assert(len <= sizeof(r->buf) - r->len);
	r->len += len;
	if (r->phase == HTTP_IS_BAD)
		return HTTP_BAD;
	return run(r);
}

bool http_begun(const struct http_reader *r)
{
	return r->phase != HTTP_IN_HEAD || r->len;
}

enum http_result http_end(struct http_reader *r)
{
	if (r->phase == HTTP_TO_THE_END)
		return complete(r);
	if (r->phase == HTTP_IS_BAD || !http_begun(r))
		return r->phase == HTTP_IS_BAD ? HTTP_BAD : HTTP_MORE;
	return bad(r, 400, "the message ends too early");
}

enum http_result http_next(struct http_reader *r)
{
	assert(r->phase == HTTP_AT_END);
	close_gap(r, 0, r->at);
	r->line = 0;
	r->body = r->body_len = 0;
	r->phase = HTTP_IN_HEAD;
	return run(r);
}
