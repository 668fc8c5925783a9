/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's resolver configuration.
 *
 * Thread: any.
 * Trust:  the host's file; names are checked, because a guest's DHCP client may not.
 * Spec:   resolver(5), RFC 3397, RFC 1035 §4.1.4
 */
#include "net/user/resolv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define BLANK " \t\r\n"
#define MAX_LABEL 63u

static bool is_name(const char *s)
{
	size_t len = strlen(s);

	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return false;
	return len && len <= RESOLV_MAX_NAME;
}

static void add_server(struct resolv *r, char *addr)
{
	struct resolv_server *s = &r->server[r->nr_servers];
	char *scope = strchr(addr, '%');

	if (r->nr_servers == RESOLV_MAX_SERVERS)
		return;
	*s = (struct resolv_server){ .v6 = strchr(addr, ':') };
	if (scope) {
		*scope++ = '\0';
		if (!*scope || strlen(scope) >= sizeof(s->scope))
			return;
		snprintf(s->scope, sizeof(s->scope), "%s", scope);
	}
	if (inet_pton(s->v6 ? AF_INET6 : AF_INET, addr, s->addr) == 1)
		r->nr_servers++;
}

static void read_line(struct resolv *r, char *line)
{
	char *rest, *word = strtok_r(line, BLANK, &rest);
	bool search = word && !strcmp(word, "search");

	if (!word || (!search && strcmp(word, "domain") && strcmp(word, "nameserver")))
		return;
	if (!strcmp(word, "nameserver")) {
		word = strtok_r(NULL, BLANK, &rest);
		if (word)
			add_server(r, word);
		return;
	}
	r->domain[0] = '\0';
	r->nr_search = 0;
	while ((word = strtok_r(NULL, BLANK, &rest))) {
		if (!is_name(word))
			continue;
		if (!r->domain[0])
			snprintf(r->domain, sizeof(r->domain), "%s", word);
		if (search && r->nr_search < RESOLV_MAX_SEARCH)
			snprintf(r->search[r->nr_search++], sizeof(r->search[0]), "%s", word);
	}
}

void resolv_read(struct resolv *r, FILE *f)
{
	char line[2048];
	bool whole = true;

	*r = (struct resolv){ .nr_search = 0 };
	while (fgets(line, sizeof(line), f)) {
		bool begins = whole;

		whole = strchr(line, '\n') != NULL;
		if (begins && (whole || feof(f)))
			read_line(r, line);
	}
}

/* Where in buf[0..len) the name that begins with label `s` is written already; len: nowhere. */
static size_t find_suffix(const u8 *buf, size_t len, const char *s)
{
	for (size_t at = 0; at < len; at++) {
		size_t p = at;
		const char *rest = s;

		/* Label by label; a name in the buffer ends in a zero, or in a pointer to one. */
		for (;;) {
			size_t n = strcspn(rest, ".");

			/* Back only: a byte within a name may look like a pointer. */
			while (p + 1 < len && (buf[p] & 0xc0) == 0xc0) {
				size_t to = (size_t)(buf[p] & 0x3f) << 8 | buf[p + 1];

				p = to < p ? to : len;
			}
			if (p >= len || buf[p] != n || p + 1 + n > len ||
			    memcmp(buf + p + 1, rest, n))
				break;
			p += 1 + n;
			rest += n + (rest[n] == '.');
			if (!*rest && p < len && !buf[p])
				return at;
			if (!*rest)
				break;
		}
	}
	return len;
}

/* One name; false: it is none, or does not fit. */
static bool put_name(u8 *buf, size_t *len, size_t size, const char *name)
{
	size_t at = *len;

	for (const char *s = name; *s;) {
		size_t n = strcspn(s, "."), seen = find_suffix(buf, *len, s);

		if (!n || n > MAX_LABEL || at + 1 + n + 1 > size)
			return false;
		if (seen < *len) {
			buf[at++] = (u8)(0xc0 | seen >> 8);
			buf[at++] = (u8)seen;
			*len = at;
			return true;
		}
		buf[at++] = (u8)n;
		memcpy(buf + at, s, n);
		at += n;
		s += n + (s[n] == '.');
	}
	buf[at++] = 0;
	*len = at;
	return true;
}

size_t resolv_search_wire(const struct resolv *r, u8 *buf, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < r->nr_search; i++)
		put_name(buf, &len, size, r->search[i]);
	return len;
}
