/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap: nothing is lost between a console and who reads along, in either direction, and both are
 * woken when there is a reason, and not for each byte.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/console/tap.h"
#include "tests/unit/suite.h"

static struct tap *t;
static int reader, console;

static void before(void)
{
	reader = eventfd(0, EFD_NONBLOCK);
	console = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_eq(tap_create(&t, reader), 0);
	tap_bind(t, console);
}

static void after(void)
{
	tap_destroy(t);
	close(reader);
	close(console);
}

static unsigned wakes(int fd)
{
	eventfd_t n = 0;

	eventfd_read(fd, &n);
	return (unsigned)n;
}

START_TEST(reading)
{
	char buf[16];

	for (unsigned i = 0; i < 10; i++)
		tap_put(t, "x", 1);
	ck_assert_uint_eq(wakes(reader), 1);
	ck_assert_uint_eq(tap_take(t, buf, 4), 4);
	ck_assert(!tap_sleep(t));
	ck_assert_uint_eq(tap_take(t, buf, sizeof(buf)), 6);
	/* It comes back by itself, until it says that it sleeps. */
	tap_put(t, "y", 1);
	ck_assert_uint_eq(wakes(reader), 0);
	ck_assert_uint_eq(tap_take(t, buf, sizeof(buf)), 1);
	ck_assert(tap_sleep(t));
	tap_put(t, "z", 1);
	ck_assert_uint_eq(wakes(reader), 1);
}
END_TEST

START_TEST(a_slow_reader)
{
	static char in[1000], out[3000];
	struct inbuf typed = { 0 };
	size_t put = 0, taken = 0, n;

	while ((n = MIN(tap_room(t), sizeof(in)))) {
		for (size_t i = 0; i < n; i++)
			in[i] = (char)((put + i) % 251);
		tap_put(t, in, n);
		put += n;
	}
	/* Half full, too. */
	ck_assert_uint_eq(wakes(reader), 2);
	ck_assert_uint_eq(wakes(console), 0);
	while ((n = tap_take(t, out, sizeof(out)))) {
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(out[i], (char)((taken + i) % 251));
		taken += n;
	}
	ck_assert_uint_eq(put, taken);
	ck_assert_uint_ge(wakes(console), 1);
	ck_assert(tap_woken(t, &typed));
	ck_assert(!tap_woken(t, &typed));
}
END_TEST

START_TEST(typing)
{
	struct inbuf in = { 0 };
	static char big[INBUF_SIZE];
	size_t n;

	ck_assert(tap_type(t, "root\n", 5));
	ck_assert_uint_eq(wakes(console), 1);
	ck_assert(!tap_woken(t, &in));
	ck_assert_mem_eq(inbuf_peek(&in, &n), "root\n", 5);
	ck_assert_uint_eq(n, 5);
	/* All of it or nothing. */
	ck_assert(tap_type(t, big, sizeof(big)));
	ck_assert(!tap_type(t, "x", 1));
	tap_woken(t, &in);
	ck_assert_uint_eq(inbuf_room(&in), 0);
	ck_assert(tap_type(t, "12345", 5));
	/* What one guest has not taken is not the next one's. */
	tap_bind(t, -1);
	ck_assert(!tap_type(t, "x", 1));
	tap_bind(t, console);
	inbuf_take(&in, 5);
	tap_woken(t, &in);
	ck_assert_uint_eq(inbuf_room(&in), 5);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/console/tap", before, after, reading, a_slow_reader, typing)
