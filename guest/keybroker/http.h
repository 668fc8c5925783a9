/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/1.1 messages, as both sides of the key broker read and write them. No sockets, no
 * allocation: a reader is fed what came, in pieces of any size. Any thread.
 *
 * Strict where leniency is what request smuggling lives on: lines end in CR LF, a length is given
 * once, and not together with chunks [RFC 9112 2.2, 6.1, 6.3].
 */
#ifndef GUEST_KEYBROKER_HTTP_H
#define GUEST_KEYBROKER_HTTP_H

#include "guest/keybroker/http_text.h"

#define HTTP_HEAD_MAX 8192u
#define HTTP_BODY_MAX 98304u /* 64 KiB of token are 85.4 KiB of base64 */
#define HTTP_TRAILER_MAX 2048u

enum http_kind { HTTP_REQUEST, HTTP_RESPONSE };
enum http_result {
	HTTP_MORE, /* it goes on */
	HTTP_DONE, /* a message is complete */
	HTTP_BAD,  /* not one that we take: `bad_status` and `why`; nothing more can be read */
};

struct http_msg {
	struct http_text method, target; /* of a request */
	unsigned status;		 /* of a response */
	bool keep_alive;
	struct http_text content_type, location;
	struct http_text body;
};

/* Where a reader is in its message. */
enum http_phase {
	HTTP_IN_HEAD,
	HTTP_IN_BODY,	    /* `left` bytes of it are missing */
	HTTP_IN_CHUNK_SIZE, /* a line */
	HTTP_IN_CHUNK,	    /* `left` bytes */
	HTTP_AFTER_CHUNK,   /* CR LF */
	HTTP_IN_TRAILER,    /* lines until an empty one; they say nothing to us */
	HTTP_TO_THE_END,    /* of the connection */
	HTTP_AT_END,
	HTTP_IS_BAD,
};

struct http_reader {
	enum http_kind kind;
	struct http_msg msg; /* valid after HTTP_DONE, until http_next() */
	unsigned bad_status; /* what a server answers */
	const char *why;
	bool wants_continue; /* the peer waits for "100 Continue"; whoever sends it clears this */

	/* Private. */
	enum http_phase phase;
	size_t len;  /* bytes in buf */
	size_t at;   /* of which have been looked at */
	size_t line; /* where the line that we are in starts */
	size_t body, body_len;
	u64 left;
	char buf[HTTP_HEAD_MAX + HTTP_BODY_MAX + HTTP_TRAILER_MAX];
};

/* At the start of a message of that kind. */
void http_init(struct http_reader *r, enum http_kind kind);

/*
 * Where the next bytes of the connection are to be put: *size bytes of room, one at least unless a
 * message is complete.
 */
char *http_room(struct http_reader *r, size_t *size);

/* `len` bytes have been put into the room: read on. */
enum http_result http_feed(struct http_reader *r, size_t len);

/* The peer will send nothing more. HTTP_MORE: no message had begun. */
enum http_result http_end(struct http_reader *r);

/* Have bytes of a message come that is not complete yet? */
bool http_begun(const struct http_reader *r);

/* After HTTP_DONE: read on with the next message, of which bytes may be there already. */
enum http_result http_next(struct http_reader *r);

#endif
