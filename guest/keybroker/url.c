/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking URLs apart.
 *
 * Thread: any.
 * Trust:  a Location comes from the server, a target from a client: lengths and characters checked,
 *         so that nothing of them can end a line of HTTP.
 * Spec:   [RFC 3986 2.1, 2.3, 3], [RFC 9110 4.2.1, 10.2.2]
 */
#include "guest/keybroker/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lkvm/base/encode.h"

static const char scheme[] = "http://", hex[] = "0123456789ABCDEF";

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

static int check_chars(const char *text, size_t len, const char **why)
{
	if (len >= URL_MAX)
		return refuse(why, "the URL is too long");
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}", text[i]))
			return refuse(why, "a character that no URL has");
	}
	return 0;
}

static void set_path(struct url *u, const char *path, size_t len)
{
	const char *fragment = memchr(path, '#', len);

	if (fragment)
		len = (size_t)(fragment - path);
	/* "http://host?query" has an empty path, which is sent as "/". */
	snprintf(u->path, sizeof(u->path), "%s%.*s", len && path[0] == '/' ? "" : "/", (int)len,
		 path);
}

static int set_port(struct url *u, const char *s, size_t len, const char **why)
{
	u64 port = 80;

	/* An empty one is the default one [RFC 3986 3.2.3]. */
	if (len && (decode_number(&port, 65535, NUMBER_DEC, s, len) || !port))
		return refuse(why, "the port is no number from 1 to 65535");
	snprintf(u->port, sizeof(u->port), "%u", (unsigned)port);
	return 0;
}

/* An address in brackets has digits and colons, a name has no brackets [RFC 3986 3.2.2]. */
static bool host_is_good(const char *host, size_t len, bool in_brackets)
{
	static const char of_v6[] = "0123456789abcdefABCDEF:.";

	for (size_t i = 0; i < len; i++) {
		if (in_brackets ? !strchr(of_v6, host[i]) : !!strchr("[]", host[i]))
			return false;
	}
	return !in_brackets || memchr(host, ':', len);
}

/* host[:port] */
static int set_authority(struct url *u, const char *s, size_t len, const char **why)
{
	const char *end = s + len, *start = s, *host = s, *host_end;

	if (memchr(s, '@', len))
		return refuse(why, "a URL with user name or password is not taken");
	if (len && s[0] == '[') {
		host++;
		host_end = memchr(s, ']', len);
		if (!host_end)
			return refuse(why, "an IPv6 address has no closing bracket");
		s = host_end + 1;
	} else {
		host_end = memchr(s, ':', len);
		if (!host_end)
			host_end = end;
		s = host_end;
	}
	if (s < end && *s != ':')
		return refuse(why, "only a port can follow the host");
	if (host == host_end || host_end - host >= (ptrdiff_t)URL_HOST_MAX)
		return refuse(why, "the URL has no host, or a very long one");
	if (!host_is_good(host, (size_t)(host_end - host), host > start))
		return refuse(why, "the URL's host is neither a name nor an address");
	snprintf(u->host, sizeof(u->host), "%.*s", (int)(host_end - host), host);
	s += s < end;
	return set_port(u, s, (size_t)(end - s), why);
}

int url_parse(struct url *out, const char *text, size_t len, const char **why)
{
	size_t skip = strlen(scheme), authority;
	bool is_v6;
	int err = check_chars(text, len, why);

	if (err)
		return err;
	if (len < skip || strncasecmp(text, scheme, skip))
		return refuse(why, "the URL does not start with http://");
	text += skip;
	len -= skip;
	for (authority = 0; authority < len && !strchr("/?#", text[authority]);)
		authority++;
	err = set_authority(out, text, authority, why);
	if (err)
		return err;
	is_v6 = strchr(out->host, ':');
	snprintf(out->authority, sizeof(out->authority), "%s%s%s:%s", is_v6 ? "[" : "", out->host,
		 is_v6 ? "]" : "", out->port);
	set_path(out, text + authority, len - authority);
	return 0;
}

int url_join(struct url *out, const struct url *base, const char *text, size_t len,
	     const char **why)
{
	int err;

	if (!len || text[0] != '/')
		return url_parse(out, text, len, why);
	if (len > 1 && text[1] == '/')
		return refuse(why, "a URL without a scheme");
	err = check_chars(text, len, why);
	if (err)
		return err;
	*out = *base;
	set_path(out, text, len);
	return 0;
}

char *url_print(const struct url *u, char out[2 * URL_MAX])
{
	snprintf(out, 2 * URL_MAX, "%s%s%s", scheme, u->authority, u->path);
	return out;
}

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

int url_encode(char *out, size_t size, const char *name)
{
	size_t n = 0;

	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (n + 4 > size)
			return -E2BIG;
		if (unreserved(*name)) {
			out[n++] = *name;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	if (n >= size)
		return -E2BIG;
	out[n] = 0;
	return (int)n;
}

int url_decode(char *out, size_t size, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 2 < len ? decode_hex_digit(s[i + 1]) : -1;
			int low = high >= 0 ? decode_hex_digit(s[i + 2]) : -1;

			if (low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (!c)
			return -EINVAL;
		if (n + 1 >= size)
			return -E2BIG;
		out[n++] = c;
	}
	out[n] = 0;
	return (int)n;
}
