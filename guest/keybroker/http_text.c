/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of HTTP: tokens, lists, numbers, reasons.
 *
 * Thread: any.
 * Trust:  the peer's characters; nothing here reads beyond them.
 * Spec:   [RFC 9110 5.6]
 */
#include "guest/keybroker/http_text.h"

#include <string.h>
#include <strings.h>

bool http_text_is(struct http_text t, const char *s)
{
	return t.p && t.len == strlen(s) && !strncasecmp(t.p, s, t.len);
}

const char *http_reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(struct http_text t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (!is_token_char(t.p[i]))
			return false;
	}
	return t.len > 0;
}

bool http_is_field_char(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

struct http_text http_trim(struct http_text t)
{
	while (t.len && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.len--;
	}
	while (t.len && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
		t.len--;
	return t;
}

struct http_text http_cut(struct http_text *t, char sep)
{
	const char *end = t->len ? memchr(t->p, sep, t->len) : NULL;
	struct http_text first = { t->p, end ? (size_t)(end - t->p) : t->len };
	size_t taken = first.len + (end ? 1 : 0);

	t->p += taken;
	t->len -= taken;
	return first;
}

bool http_list_has(struct http_text list, const char *word)
{
	while (list.len) {
		if (http_text_is(http_trim(http_cut(&list, ',')), word))
			return true;
	}
	return false;
}

bool http_parse_digits(struct http_text t, enum number_form form, u64 *out)
{
	return t.len <= 15 && !decode_number(out, UINT64_MAX, form, t.p, t.len);
}
