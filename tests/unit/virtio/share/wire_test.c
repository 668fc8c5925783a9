/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values in and out of messages, up to the last byte and not past it. */
#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "virtio/share/wire.h"

START_TEST(reads_little_endian)
{
	static const u8 bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct wire_in w = { .p = bytes, .left = sizeof(bytes) };

	ck_assert_uint_eq(wire_get8(&w), 1);
	ck_assert_uint_eq(wire_get16(&w), 0x0302);
	ck_assert_uint_eq(wire_get32(&w), 0x07060504);
	ck_assert_uint_eq(wire_get64(&w), 0x0f0e0d0c0b0a0908);
	ck_assert(!w.bad && !w.left);
	ck_assert_uint_eq(wire_get8(&w), 0);
	ck_assert(w.bad);
}
END_TEST

START_TEST(what_is_cut_short_is_bad)
{
	static const u8 bytes[] = { 1, 2, 3 };
	struct wire_in w = { .p = bytes, .left = sizeof(bytes) };

	ck_assert_uint_eq(wire_get32(&w), 0);
	ck_assert(w.bad);
	/* And what follows is not read from the middle of it. */
	ck_assert_uint_eq(wire_get8(&w), 0);
}
END_TEST

START_TEST(strings)
{
	static const u8 bytes[] = "\3\0abc\2\0x\0\5\0abcde\4\0ab";
	struct wire_in w = { .p = bytes, .left = sizeof(bytes) - 1 };
	char buf[4];

	ck_assert_int_eq(wire_get_string(&w, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(wire_get_string(&w, buf, sizeof(buf)), -EINVAL);
	ck_assert_int_eq(wire_get_string(&w, buf, sizeof(buf)), -ENAMETOOLONG);
	ck_assert(!w.bad);
	ck_assert_int_eq(wire_get_string(&w, buf, sizeof(buf)), 0);
	ck_assert(w.bad);
	ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(writes_what_fits)
{
	u8 bytes[20] = { 0 };
	struct iovec iov[] = { { bytes, 3 }, { bytes + 3, 17 } };
	struct wire_out w = { .cur = iov_cur(iov, 2), .max = 19 };

	wire_put8(&w, 1);
	wire_put16(&w, 0x0302);
	wire_put32(&w, 0x07060504);
	wire_put64(&w, 0x0f0e0d0c0b0a0908);
	ck_assert_uint_eq(wire_room(&w), 4);
	wire_put_string(&w, "xy");
	ck_assert(!w.full);
	ck_assert_int_eq(memcmp(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\2\0xy", 19), 0);
	wire_put8(&w, 9);
	ck_assert(w.full);
	ck_assert_uint_eq(bytes[19], 0);
	ck_assert_uint_eq(w.len, 19);
}
END_TEST

SUITE_MAIN("virtio/share/wire", reads_little_endian, what_is_cut_short_is_bad, strings,
	   writes_what_fits)
