/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fids: found, counted, replaced; every descriptor is closed once, at the last put. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "virtio/share/fid.h"

static struct fid_table *t;

static void up(void)
{
	t = calloc(1, sizeof(*t));
	ck_assert_int_eq(fid_table_init(t), 0);
}

static void down(void)
{
	fid_table_fini(t);
	free(t);
}

static int new_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(the_last_put_closes)
{
	int fd = new_fd();
	struct fid *f = fid_new(t, FID_PATH, fd, 7, false), *g;

	ck_assert_int_eq(fid_add(t, 5, f), 0);
	g = fid_get(t, 5);
	ck_assert_ptr_eq(g, f);
	ck_assert_uint_eq(g->uid, 7);
	ck_assert_ptr_null(fid_get(t, 6));
	/* Out of the table, and still somebody's. */
	fid_put(t, fid_remove(t, 5));
	ck_assert_ptr_null(fid_get(t, 5));
	ck_assert_ptr_null(fid_remove(t, 5));
	ck_assert(is_open(fd));
	fid_put(t, g);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(numbers_that_meet_in_one_bucket)
{
	int fds[4];

	for (u32 i = 0; i < 4; i++) {
		fds[i] = new_fd();
		ck_assert_int_eq(fid_add(t, i * 4096, fid_new(t, FID_PATH, fds[i], 0, false)), 0);
	}
	fid_put(t, fid_remove(t, 4096));
	ck_assert(!is_open(fds[1]));
	for (u32 i = 0; i < 4; i++) {
		struct fid *f = fid_get(t, i * 4096);

		ck_assert(!f == (i == 1));
		if (f)
			fid_put(t, f);
	}
	fid_clear(t);
	for (u32 i = 0; i < 4; i++)
		ck_assert(!is_open(fds[i]));
}
END_TEST

START_TEST(replaced_while_it_is_used)
{
	int a = new_fd(), b = new_fd(), c = new_fd();
	struct fid *old = fid_new(t, FID_PATH, a, 0, false);

	fid_add(t, 1, old);
	old = fid_get(t, 1);
	ck_assert_int_eq(fid_replace(t, old, fid_new(t, FID_OPEN, b, 0, false)), 0);
	/* Somebody else was quicker: what comes too late is closed. */
	ck_assert_int_eq(fid_replace(t, old, fid_new(t, FID_OPEN, c, 0, false)), -EBUSY);
	ck_assert(is_open(a) && is_open(b) && !is_open(c));
	fid_put(t, old);
	ck_assert(!is_open(a));
	c = new_fd();
	ck_assert_int_eq(fid_add(t, 1, fid_new(t, FID_PATH, c, 0, false)), -EBUSY);
	ck_assert(!is_open(c));
}
END_TEST

START_TEST(there_are_so_many)
{
	struct fid *f;
	int fd;

	for (u32 i = 0; i < FID_MAX; i++)
		ck_assert_int_eq(fid_add(t, i, fid_new(t, FID_XATTR_READ, -1, 0, false)), 0);
	fd = new_fd();
	ck_assert_ptr_null(fid_new(t, FID_PATH, fd, 0, false));
	ck_assert(!is_open(fd));
	fid_put(t, fid_remove(t, 17000));
	f = fid_new(t, FID_PATH, -1, 0, true);
	ck_assert_ptr_nonnull(f);
	fid_put(t, f);
	/* Attributes are fewer; a fid that found no room for one is not lost. */
	for (u32 i = 0; i < FID_XATTRS; i++)
		fid_put(t, fid_remove(t, i));
	for (u32 i = 0; i < FID_XATTRS; i++)
		ck_assert_int_eq(fid_add(t, i, fid_new(t, FID_XATTR_READ, -1, 0, true)), 0);
	ck_assert_ptr_null(fid_new(t, FID_XATTR_READ, -1, 0, true));
	f = fid_new(t, FID_PATH, -1, 0, false);
	ck_assert_ptr_nonnull(f);
	fid_put(t, f);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/fid", up, down, the_last_put_closes,
		   numbers_that_meet_in_one_bucket, replaced_while_it_is_used, there_are_so_many)
