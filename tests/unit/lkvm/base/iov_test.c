/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The iovec cursor: every operation across element borders, empty elements, and at the end. */
#include <errno.h>
#include <string.h>

#include "lkvm/base/iov.h"
#include "tests/unit/suite.h"

static char a[3], b[1], c[4];

static struct iov_cur three(struct iovec iov[4])
{
	memcpy(a, "abc", 3);
	memcpy(b, "d", 1);
	memcpy(c, "efgh", 4);
	iov[0] = (struct iovec){ a, 3 };
	iov[1] = (struct iovec){ NULL, 0 };
	iov[2] = (struct iovec){ b, 1 };
	iov[3] = (struct iovec){ c, 4 };
	return iov_cur(iov, 4);
}

START_TEST(reads_across_elements_and_stops_at_the_end)
{
	struct iovec iov[4];
	struct iov_cur cur = three(iov);
	char buf[16] = "";

	ck_assert_uint_eq(cur.left, 8);
	ck_assert_uint_eq(iov_read(&cur, buf, 5), 5);
	ck_assert_mem_eq(buf, "abcde", 5);
	ck_assert_uint_eq(iov_read(&cur, buf, 16), 3);
	ck_assert_mem_eq(buf, "fgh", 3);
	ck_assert_uint_eq(iov_read(&cur, buf, 1), 0);
	ck_assert_uint_eq(cur.left, 0);
}
END_TEST

START_TEST(writes_zeroes_and_skips)
{
	struct iovec iov[4];
	struct iov_cur cur = three(iov);

	ck_assert_uint_eq(iov_skip(&cur, 2), 2);
	ck_assert_uint_eq(iov_write(&cur, "XYZ", 3), 3);
	ck_assert_uint_eq(iov_zero(&cur, 2), 2);
	ck_assert_mem_eq(a, "abX", 3);
	ck_assert_mem_eq(b, "Y", 1);
	ck_assert_mem_eq(c, "Z\0\0h", 4);
	ck_assert_uint_eq(cur.left, 1);
	ck_assert_uint_eq(iov_skip(&cur, 9), 1);
	ck_assert_uint_eq(iov_write(&cur, "x", 1), 0);
}
END_TEST

START_TEST(copies_between_cursors)
{
	struct iovec iov[4];
	struct iov_cur from = three(iov);
	char x[2], y[3];
	struct iovec out[2] = { { x, 2 }, { y, 3 } };
	struct iov_cur to = iov_cur(out, 2);

	ck_assert_uint_eq(iov_copy(&to, &from, 100), 5);
	ck_assert_mem_eq(x, "ab", 2);
	ck_assert_mem_eq(y, "cde", 3);
	ck_assert_uint_eq(from.left, 3);
}
END_TEST

START_TEST(takes_pieces_or_leaves_the_cursor_alone)
{
	struct iovec iov[4], out[4];
	struct iov_cur cur = three(iov);

	ck_assert_int_eq(iov_take(&cur, 6, out, 2), -ENOBUFS);
	ck_assert_uint_eq(cur.left, 8);
	ck_assert_int_eq(iov_take(&cur, 6, out, 4), 3);
	ck_assert_uint_eq(iov_len(out, 3), 6);
	ck_assert_ptr_eq(out[2].iov_base, c);
	ck_assert_uint_eq(out[2].iov_len, 2);
	ck_assert_int_eq(iov_take(&cur, 0, out, 0), 0);
	ck_assert_uint_eq(cur.left, 2);
}
END_TEST

SUITE_MAIN("lkvm/iov", reads_across_elements_and_stops_at_the_end, writes_zeroes_and_skips,
	   copies_between_cursors, takes_pieces_or_leaves_the_cursor_alone)
