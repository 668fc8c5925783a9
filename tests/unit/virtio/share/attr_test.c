/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes: told as they are, set as asked, and whose a file is on either side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

static struct fake_p9 p;
static struct stat st;

static void up(void)
{
	fake_p9_up(&p, false);
	fake_p9_host_write(&p, "f", "hello");
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "f"), 0);
}

static void down(void)
{
	fake_p9_down(&p);
}

struct got {
	u32 mode, uid, gid;
	u64 ino, size;
};

static int get(u32 fid, struct got *g)
{
	int err;

	fake_p9_begin(&p, P9_TGETATTR, 1);
	fake_p9_32(&p, fid);
	fake_p9_64(&p, 0x7ff);
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	if (err)
		return err;
	ck_assert_uint_eq(p.in.left, 153);
	ck_assert_uint_eq(wire_get64(&p.in), 0x7ff);
	wire_get8(&p.in);
	wire_get32(&p.in);
	g->ino = wire_get64(&p.in);
	g->mode = wire_get32(&p.in);
	g->uid = wire_get32(&p.in);
	g->gid = wire_get32(&p.in);
	wire_get64(&p.in);
	wire_get64(&p.in);
	g->size = wire_get64(&p.in);
	return 0;
}

static int set_id(u32 fid, u32 valid, u32 mode, u32 uid, u32 gid, u64 size)
{
	fake_p9_begin(&p, P9_TSETATTR, 1);
	fake_p9_32(&p, fid);
	fake_p9_32(&p, valid);
	fake_p9_32(&p, mode);
	fake_p9_32(&p, uid);
	fake_p9_32(&p, gid);
	fake_p9_64(&p, size);
	fake_p9_64(&p, 1000000000);
	fake_p9_64(&p, 5);
	fake_p9_64(&p, 1100000000);
	fake_p9_64(&p, 7);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int set(u32 fid, u32 valid, u32 mode, u64 size)
{
	return set_id(fid, valid, mode, 0, 0, size);
}

START_TEST(tells_what_is)
{
	struct got g;

	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_int_eq(get(1, &g), 0);
	ck_assert_uint_eq(g.mode, st.st_mode);
	ck_assert_uint_eq(g.uid, geteuid());
	ck_assert_uint_eq(g.gid, st.st_gid);
	ck_assert_uint_eq(g.ino, st.st_ino);
	ck_assert_uint_eq(g.size, 5);
	ck_assert_int_eq(get(9, &g), -EBADF);
}
END_TEST

START_TEST(sets_what_is_asked)
{
	ck_assert_int_eq(set(1, P9_SETATTR_MODE, 04711, 0), 0);
	ck_assert_int_eq(set(1, P9_SETATTR_SIZE, 0, 2), 0);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "he");
	ck_assert_int_eq(set(1, P9_SETATTR_SIZE, 0, UINT64_MAX), -EINVAL);
	ck_assert_int_eq(set(1,
			     P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET | P9_SETATTR_MTIME |
				     P9_SETATTR_MTIME_SET,
			     0, 0),
			 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_int_eq(st.st_atim.tv_sec, 1000000000);
	ck_assert_int_eq(st.st_atim.tv_nsec, 5);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1100000000);
	ck_assert_int_eq(st.st_mtim.tv_nsec, 7);
	/* One of the two, and that to now. */
	ck_assert_int_eq(set(1, P9_SETATTR_MTIME, 0, 0), 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_int_eq(st.st_atim.tv_sec, 1000000000);
	ck_assert_int_gt(st.st_mtim.tv_sec, 1500000000);
}
END_TEST

/* The file is truncated by the descriptor that is open for writing, however its mode is now. */
START_TEST(an_open_file_is_truncated)
{
	ck_assert_int_eq(fake_p9_open(&p, 1, 2), 0);
	ck_assert_int_eq(set(1, P9_SETATTR_SIZE, 0, 1), 0);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "h");
}
END_TEST

START_TEST(a_link_has_times_but_no_mode)
{
	ck_assert_int_eq(symlink("f", fake_p9_path(&p, "l")), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "l"), 0);
	ck_assert_int_eq(set(2, P9_SETATTR_MODE, 0777, 0), -EOPNOTSUPP);
	ck_assert_int_eq(set(2, P9_SETATTR_SIZE, 0, 0), -ELOOP);
	ck_assert_int_eq(set(2, P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, 0, 0), 0);
	ck_assert_int_eq(lstat(fake_p9_path(&p, "l"), &st), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1100000000);
	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_int_ne(st.st_mtim.tv_sec, 1100000000);
}
END_TEST

START_TEST(owners_of_the_host)
{
	if (geteuid()) {
		fprintf(stderr, "skip: only root makes files of others\n");
		return;
	}
	ck_assert_int_eq(set_id(1, P9_SETATTR_UID | P9_SETATTR_GID, 0, 1234, 2345, 0), 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 1234);
	ck_assert_uint_eq(st.st_gid, 2345);
	/* What it makes belongs to who has attached. */
	fake_p9_begin(&p, P9_TATTACH, 1);
	fake_p9_32(&p, 5);
	fake_p9_32(&p, P9_NOFID);
	fake_p9_str(&p, "");
	fake_p9_str(&p, "");
	fake_p9_32(&p, 99);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), 0);
	ck_assert_int_eq(fake_p9_create(&p, 5, "new", 1, 04755), 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "new"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 99);
	ck_assert_uint_eq(st.st_mode & 07777, 04755);
}
END_TEST

START_TEST(we_are_the_guests_root)
{
	struct got g;

	fake_p9_down(&p);
	fake_p9_up_as(&p, &(struct share_conf){ .tag = "t", .map = SHARE_MAP_ROOT });
	fake_p9_host_write(&p, "f", "");
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "f"), 0);
	ck_assert_int_eq(get(1, &g), 0);
	ck_assert_uint_eq(g.uid, 0);
	ck_assert_int_eq(set_id(1, P9_SETATTR_UID | P9_SETATTR_GID, 0, 0, 0, 0), 0);
	ck_assert_int_eq(set_id(1, P9_SETATTR_UID, 0, 1000, 0, 0), -EPERM);
	ck_assert_int_eq(set_id(1, P9_SETATTR_GID, 0, 0, 1000, 0), -EPERM);
	ck_assert_int_eq(stat(fake_p9_path(&p, "f"), &st), 0);
	ck_assert_uint_eq(st.st_uid, geteuid());
	if (!geteuid()) {
		ck_assert_int_eq(chown(fake_p9_path(&p, "f"), 1234, 1234), 0);
		ck_assert_int_eq(get(1, &g), 0);
		ck_assert_uint_eq(g.uid, 65534);
		ck_assert_uint_eq(g.gid, 65534);
	}
}
END_TEST

START_TEST(read_only_is_read_only)
{
	fake_p9_down(&p);
	fake_p9_up(&p, true);
	ck_assert_int_eq(set(0, P9_SETATTR_MODE, 0777, 0), -EROFS);
}
END_TEST

START_TEST(the_file_system)
{
	struct statfs fs;

	ck_assert_int_eq(statfs(p.dir, &fs), 0);
	fake_p9_begin(&p, P9_TSTATFS, 1);
	fake_p9_32(&p, 0);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), 0);
	ck_assert_uint_eq(p.in.left, 60);
	ck_assert_uint_eq(wire_get32(&p.in), (u32)fs.f_type);
	ck_assert_uint_eq(wire_get32(&p.in), (u32)fs.f_bsize);
	ck_assert_uint_eq(wire_get64(&p.in), fs.f_blocks);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/attr", up, down, tells_what_is, sets_what_is_asked,
		   an_open_file_is_truncated, a_link_has_times_but_no_mode, owners_of_the_host,
		   we_are_the_guests_root, read_only_is_read_only, the_file_system)
