/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a key broker may answer to its client: the bytes of a connection, and JSON and a Location by
 * themselves. What is taken is what it promises to be, whatever pieces it came in.
 *
 * Thread: one.
 * Trust:  plays the server.
 *
 * Input: one byte that says what the rest is:
 *   0 a connection's bytes, after a byte with the size of the pieces   1 JSON   2 a Location
 */
#include <stdlib.h>
#include <string.h>

#include "guest/keybroker/http.h"
#include "guest/keybroker/message.h"
#include "guest/keybroker/url.h"
#include "tests/fuzz/input.h"

static struct http_reader reader;

static void try_json(const char *s, size_t len)
{
	u8 challenge[CHALLENGE_LEN], data[WRAP_MAX_LEN];
	struct failure f;
	const char *why = NULL;

	check(!message_read_challenge(challenge, s, len, &why) || why);
	why = NULL;
	check(message_read_wrapped_key(data, sizeof(data), s, len, &why) >= 0 || why);
	why = NULL;
	if (message_read_failure(&f, s, len, &why))
		check(why);
	else
		check(strnlen(f.type, sizeof(f.type)) < sizeof(f.type) &&
		      strnlen(f.detail, sizeof(f.detail)) < sizeof(f.detail));
}

static void try_location(const char *s, size_t len)
{
	static const char base_text[] = "http://192.168.33.1:8088/keys/v1/key/k";
	struct url base, u, again;
	char text[2 * URL_MAX];
	const char *why = NULL;

	check(!url_parse(&base, base_text, strlen(base_text), &why));
	if (url_join(&u, &base, s, len, &why)) {
		check(why);
		return;
	}
	/* Nothing in it ends a line of a request, and printed it is the same URL. */
	check(u.path[0] == '/' && !strpbrk(u.path, " \r\n") && !strpbrk(u.authority, " \r\n"));
	url_print(&u, text);
	if (strlen(text) < URL_MAX)
		check(!url_parse(&again, text, strlen(text), &why) && !strcmp(again.path, u.path) &&
		      !strcmp(again.authority, u.authority));
}

static void try_connection(const u8 *p, size_t len)
{
	size_t piece = len ? *p + 1u : 1;
	enum http_result result = HTTP_MORE;

	p += len > 0;
	len -= len > 0;
	http_init(&reader, HTTP_RESPONSE);
	while (len && result == HTTP_MORE) {
		size_t room, n;
		char *to = http_room(&reader, &room);

		check(room > 0);
		n = MIN(piece, room);
		n = MIN(n, len);
		memcpy(to, p, n);
		p += n;
		len -= n;
		result = http_feed(&reader, n);
	}
	if (result == HTTP_MORE)
		result = http_end(&reader);
	check(result != HTTP_BAD || reader.why);
	if (result != HTTP_DONE)
		return;
	check(reader.msg.status >= 200 && reader.msg.status < 1000);
	check(reader.msg.body.len <= HTTP_BODY_MAX);
	try_json(reader.msg.body.p, reader.msg.body.len);
	if (reader.msg.location.p)
		try_location(reader.msg.location.p, reader.msg.location.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* Of its own size, so that a byte too many is found. */
	u8 *copy = malloc(len + !len);

	if (!copy || !len)
		goto out;
	memcpy(copy, data, len);
	if (*copy % 3 == 0)
		try_connection(copy + 1, len - 1);
	else if (*copy % 3 == 1)
		try_json((char *)copy + 1, len - 1);
	else
		try_location((char *)copy + 1, len - 1);
out:
	free(copy);
	return 0;
}
