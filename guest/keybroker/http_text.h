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

/* Is it there, and is it `s`, in whatever case [RFC 9110 5.1]? */
bool http_text_is(struct http_text t, const char *s);

/* The reason phrase of a status, "Created" for 201; a constant. */
const char *http_reason(unsigned status);

/* Is it a token [RFC 9110 5.6.2]? */
bool http_is_token(struct http_text t);

/*
 * May a field's value have it [RFC 9110 5.5]? Visible characters, blanks, tabs, what is not ASCII.
 */
bool http_is_field_char(char c);

/* The text without the blanks and tabs at its ends. */
struct http_text http_trim(struct http_text t);

/* Cut the text up to the first `sep` off *t, and the `sep`, too; all of *t, if there is none. */
struct http_text http_cut(struct http_text *t, char sep);

/* Is `word` one of the elements between commas? */
bool http_list_has(struct http_text list, const char *word);

/* Is the text a number of 1 to 15 digits, and nothing else? *out is the number then. */
bool http_parse_digits(struct http_text t, enum number_form form, u64 *out);

#endif
