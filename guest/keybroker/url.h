/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs of plain HTTP [RFC 3986], as far as the key broker's protocol has them. Any thread. */
#ifndef GUEST_KEYBROKER_URL_H
#define GUEST_KEYBROKER_URL_H

#include "lkvm/base/util.h"

#define URL_MAX 1024u /* with the final NUL */
#define URL_HOST_MAX 256u

struct url {
	char host[URL_HOST_MAX]; /* an IPv6 address without its brackets */
	char port[8];
	char authority[URL_HOST_MAX + 16]; /* host and port as they stand in the URL: for Host */
	char path[URL_MAX];		   /* begins with '/', has the query, not the fragment */
};

/*
 * Read text[0..len), "http://host[:port][/path]". 0, or -EINVAL with the reason in *why, a
 * constant.
 */
int url_parse(struct url *out, const char *text, size_t len, const char **why);

/*
 * Read text[0..len): a URL, or a path that starts at the root of `base` [RFC 9110 10.2.2]. As
 * url_parse().
 */
int url_join(struct url *out, const struct url *base, const char *text, size_t len,
	     const char **why);

/* Write the whole URL to `out`. Returns `out`. */
char *url_print(const struct url *u, char out[2 * URL_MAX]);

/*
 * Write `name` as one segment of a path to `out`, with a NUL: what is not unreserved becomes %XX
 * [RFC 3986 2.1]. Returns the length; -E2BIG: `size` bytes are not enough.
 */
int url_encode(char *out, size_t size, const char *name);

/*
 * The way back from s[0..len), with a NUL behind it. Returns the length; -EINVAL: a '%' without two
 * digits, or a NUL in it; -E2BIG: `size` bytes are not enough.
 */
int url_decode(char *out, size_t size, const char *s, size_t len);

#endif
