/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of HTTP: what http.c reads heads with. Pure; any thread. */
#ifndef GUEST_KEYBROKER_HTTP_TEXT_H
#define GUEST_KEYBROKER_HTTP_TEXT_H

#include "lkvm/base/encode.h"

/* Characters that are somebody else's; p is NULL where a field is absent. */
struct http_text {
	const char *p;
	size_t len;
};

/* Compare without regard to case [RFC 9110 5.1]. */
bool http_text_is(struct http_text t, const char *s);

/* "Created" for 201. */
const char *http_reason(unsigned status);

/* [RFC 9110 5.6.2] */
bool http_is_token(struct http_text t);

/* Visible characters, blanks, tabs, and what is not ASCII [RFC 9110 5.5]. */
bool http_is_field_char(char c);

/* Without blanks and tabs at both ends. */
struct http_text http_trim(struct http_text t);

/* The text up to `sep`, which is taken off with it; all of it if there is none. */
struct http_text http_cut(struct http_text *t, char sep);

/* Is `word` one of the elements between commas? */
bool http_list_has(struct http_text list, const char *word);

/* A number of at most 15 digits and nothing else. */
bool http_parse_digits(struct http_text t, enum number_form form, u64 *out);

#endif
