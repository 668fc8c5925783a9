/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes: those of users, in pieces, and no others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"
#include "virtio/share/fid.h"

static struct fake_p9 p;
static bool none; /* the test's file system has none of these */

#define XATTRS_OR_SKIP()                                                                           \
	do {                                                                                       \
		if (none) {                                                                        \
			fprintf(stderr, "skip: no user.* attributes below /tmp\n");                \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static void up(void)
{
	fake_p9_up(&p, false);
	fake_p9_host_write(&p, "f", "hello");
	none = setxattr(fake_p9_path(&p, "f"), "user.a", "one", 3, 0) != 0;
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "f"), 0);
}

static void down(void)
{
	fake_p9_down(&p);
}

/* The size of the value (of the list), or -errno. */
static int walk(u32 fid, u32 new_fid, const char *name)
{
	int err;

	fake_p9_begin(&p, P9_TXATTRWALK, 1);
	fake_p9_32(&p, fid);
	fake_p9_32(&p, new_fid);
	fake_p9_str(&p, name);
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	return err ? err : (int)wire_get64(&p.in);
}

static int create(u32 fid, const char *name, u64 size, u32 flags)
{
	fake_p9_begin(&p, P9_TXATTRCREATE, 1);
	fake_p9_32(&p, fid);
	fake_p9_str(&p, name);
	fake_p9_64(&p, size);
	fake_p9_32(&p, flags);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

START_TEST(reads_values_and_lists)
{
	char buf[64];

	XATTRS_OR_SKIP();
	ck_assert_int_eq(setxattr(fake_p9_path(&p, "f"), "user.bb", "", 0, 0), 0);
	ck_assert_int_eq(walk(1, 2, "user.a"), 3);
	ck_assert_int_eq(fake_p9_read(&p, 2, 0, buf, 64), 3);
	ck_assert_int_eq(memcmp(buf, "one", 3), 0);
	ck_assert_int_eq(fake_p9_read(&p, 2, 1, buf, 1), 1);
	ck_assert_int_eq(buf[0], 'n');
	ck_assert_int_eq(fake_p9_read(&p, 2, 99, buf, 64), 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "x", 1), -EINVAL);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), 0);
	ck_assert_int_eq(walk(1, 2, ""), 15);
	ck_assert_int_eq(fake_p9_read(&p, 2, 0, buf, 64), 15);
	ck_assert(memmem(buf, 15, "user.a", 7) && memmem(buf, 15, "user.bb", 8));
	ck_assert_int_eq(walk(1, 3, "user.none"), -ENODATA);
	ck_assert_int_eq(walk(1, 1, "user.a"), -EBUSY);
	/* Of an attribute there are none. */
	ck_assert_int_eq(walk(2, 3, "user.a"), -EINVAL);
}
END_TEST

START_TEST(writes_in_pieces)
{
	char buf[64];

	XATTRS_OR_SKIP();
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, ""), 0);
	ck_assert_int_eq(create(2, "user.new", 6, 0), 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "abc", 3), 3);
	/* Not yet; nor a piece twice, or out of order, or past the end. */
	ck_assert_int_lt(getxattr(fake_p9_path(&p, "f"), "user.new", buf, 64), 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "abc", 3), -EINVAL);
	ck_assert_int_eq(fake_p9_write(&p, 2, 3, "defg", 4), -EINVAL);
	ck_assert_int_eq(fake_p9_write(&p, 2, 3, "def", 3), 3);
	ck_assert_int_eq(fake_p9_read(&p, 2, 0, buf, 1), -EINVAL);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), 0);
	ck_assert_int_eq(getxattr(fake_p9_path(&p, "f"), "user.new", buf, 64), 6);
	ck_assert_int_eq(memcmp(buf, "abcdef", 6), 0);
	/* What was not written to its end is not set. */
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, ""), 0);
	ck_assert_int_eq(create(2, "user.half", 6, 0), 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "abc", 3), 3);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), 0);
	ck_assert_int_lt(getxattr(fake_p9_path(&p, "f"), "user.half", buf, 64), 0);
	/* Replaced, made, and removed. */
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, ""), 0);
	ck_assert_int_eq(create(2, "user.new", 1, XATTR_CREATE), 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "x", 1), 1);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), -EEXIST);
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, ""), 0);
	ck_assert_int_eq(create(2, "user.new", 0, XATTR_REPLACE), 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), 0);
	ck_assert_int_lt(getxattr(fake_p9_path(&p, "f"), "user.new", buf, 64), 0);
}
END_TEST

START_TEST(others_mean_something_to_the_host)
{
	static const char *const names[] = {
		"security.capability",
		"trusted.overlay.opaque",
		"system.posix_acl_access",
		"user",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(walk(1, 2, names[i]), -ENODATA);
		ck_assert_int_eq(create(1, names[i], 1, 0), -EOPNOTSUPP);
	}
	ck_assert_int_eq(create(1, "user.x", FID_XATTR_MAX + 1, 0), -E2BIG);
	ck_assert_int_eq(create(1, "user.x", 1, 4), -EINVAL);
}
END_TEST

/* There is room for so many at a time; then they are refused, and files are not. */
START_TEST(too_many_at_a_time)
{
	XATTRS_OR_SKIP();
	for (u32 i = 0; i < FID_XATTRS; i++)
		ck_assert_int_eq(walk(1, 100 + i, "user.a"), 3);
	ck_assert_int_eq(walk(1, 99, "user.a"), -EBUSY);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 98, "f"), 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 100), 0);
	ck_assert_int_eq(walk(1, 99, "user.a"), 3);
}
END_TEST

START_TEST(read_only_is_read_only)
{
	fake_p9_down(&p);
	fake_p9_up(&p, true);
	ck_assert_int_eq(create(0, "user.x", 1, 0), -EROFS);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/xattr", up, down, reads_values_and_lists, writes_in_pieces,
		   others_mean_something_to_the_host, too_many_at_a_time, read_only_is_read_only)
