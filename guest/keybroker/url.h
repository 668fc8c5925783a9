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

/* "http://host[:port][/path]". 0, or -EINVAL with the reason in *why. */
int url_parse(struct url *out, const char *text, size_t len, const char **why);

/*
 * A URL, or a path that starts at the root of `base` [RFC 9110 10.2.2]. As url_parse().
 */
int url_join(struct url *out, const struct url *base, const char *text, size_t len,
	     const char **why);

/* The whole of it. Returns `out`. */
char *url_print(const struct url *u, char out[2 * URL_MAX]);

/*
 * A name as one segment of a path: what is not unreserved becomes %XX. Returns the length; -E2BIG.
 */
int url_encode(char *out, size_t size, const char *name);

/* Back: the length; -EINVAL for a '%' without two digits or a NUL; -E2BIG. `out` ends in NUL. */
int url_decode(char *out, size_t size, const char *s, size_t len);

#endif
