/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings, without a C library.
 *
 * Thread: one.
 * Trust:  none needed.
 */
#include "guest/init/text.h"

void *memcpy(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	char *d = dst;

	while (n--)
		*d++ = (char)c;
	return dst;
}

size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool text_is(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_starts(const char *s, const char *start)
{
	while (*start && *s == *start) {
		s++;
		start++;
	}
	return !*start;
}

bool text_ends(const char *s, const char *end)
{
	size_t n = text_len(s), m = text_len(end);

	return n >= m && text_is(s + n - m, end);
}

bool text_join(char *buf, size_t size, const char *a, const char *b)
{
	size_t n = text_len(a), m = text_len(b);

	buf[0] = 0;
	if (n + m >= size)
		return false;
	memcpy(buf, a, n);
	memcpy(buf + n, b, m + 1);
	return true;
}

unsigned text_number(const char *s)
{
	unsigned n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + (unsigned)(*s++ - '0');
	return n;
}

char *text_cut(char *s)
{
	while (*s && *s != ' ')
		s++;
	if (*s)
		*s++ = 0;
	return s;
}
