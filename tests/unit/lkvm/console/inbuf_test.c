/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input that waits for the guest: a ring that loses nothing before it is full, and Ctrl-a.
 */
#include <string.h>

#include "lkvm/console/inbuf.h"
#include "tests/unit/suite.h"

static struct inbuf b;

static void empty(void)
{
	memset(&b, 0, sizeof(b));
}

static void holds(const char *s)
{
	size_t n;
	const char *p = inbuf_peek(&b, &n);

	ck_assert_uint_eq(n, strlen(s));
	ck_assert_mem_eq(p, s, n);
	inbuf_take(&b, n);
}

START_TEST(a_ring)
{
	static char in[1000], out[1000];
	size_t put = 0, taken = 0, n;

	empty();
	while (taken < 10 * INBUF_SIZE) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (char)((put + i) * 7 % 251);
		put += inbuf_add(&b, in, sizeof(in));
		ck_assert_uint_eq(b.len, put - taken);
		if (inbuf_room(&b) >= sizeof(in))
			continue;
		const char *p = inbuf_peek(&b, &n);

		n = MIN(n, sizeof(out));
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(p[i], (char)((taken + i) * 7 % 251));
		inbuf_take(&b, n);
		taken += n;
	}
}
END_TEST

START_TEST(full)
{
	empty();
	while (inbuf_add(&b, "ab", 2))
		;
	ck_assert_uint_eq(inbuf_room(&b), 0);
	ck_assert(!inbuf_typed(&b, "x", 1));
	/* The escape is heard all the same. */
	ck_assert(inbuf_typed(&b, "\001x", 2));
	ck_assert_uint_eq(b.len, INBUF_SIZE);
}
END_TEST

START_TEST(escapes)
{
	empty();
	ck_assert(!inbuf_typed(&b, "a\001\001b\001cx", 7));
	holds("a\001bcx");
	ck_assert(!inbuf_typed(&b, "\001", 1));
	holds("");
	ck_assert(inbuf_typed(&b, "xy", 2));
	holds("y");
	/* Bytes that were not typed have no escapes. */
	ck_assert_uint_eq(inbuf_add(&b, "\001x", 2), 2);
	holds("\001x");
}
END_TEST

SUITE_MAIN("lkvm/console/inbuf", a_ring, full, escapes)
