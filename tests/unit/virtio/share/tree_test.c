/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries come, go and move; never outside the shared directory, never in a read-only one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

static struct fake_p9 p;
static struct stat st;

static void up(void)
{
	fake_p9_up(&p, false);
	fake_p9_host_write(&p, "f", "hello");
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d"), 0755), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "f"), 0);
}

static void down(void)
{
	fake_p9_down(&p);
}

static int make_dir(u32 dir, const char *name, u32 mode)
{
	fake_p9_begin(&p, P9_TMKDIR, 1);
	fake_p9_32(&p, dir);
	fake_p9_str(&p, name);
	fake_p9_32(&p, mode);
	fake_p9_32(&p, getegid());
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int make_link(u32 dir, const char *name, const char *target)
{
	fake_p9_begin(&p, P9_TSYMLINK, 1);
	fake_p9_32(&p, dir);
	fake_p9_str(&p, name);
	fake_p9_str(&p, target);
	fake_p9_32(&p, getegid());
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int make_node(u32 dir, const char *name, u32 mode)
{
	fake_p9_begin(&p, P9_TMKNOD, 1);
	fake_p9_32(&p, dir);
	fake_p9_str(&p, name);
	fake_p9_32(&p, mode);
	fake_p9_32(&p, 0);
	fake_p9_32(&p, 0);
	fake_p9_32(&p, getegid());
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int hard_link(u32 dir, u32 fid, const char *name)
{
	fake_p9_begin(&p, P9_TLINK, 1);
	fake_p9_32(&p, dir);
	fake_p9_32(&p, fid);
	fake_p9_str(&p, name);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int move(u32 dir, const char *name, u32 new_dir, const char *new_name)
{
	fake_p9_begin(&p, P9_TRENAMEAT, 1);
	fake_p9_32(&p, dir);
	fake_p9_str(&p, name);
	fake_p9_32(&p, new_dir);
	fake_p9_str(&p, new_name);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int delete (u32 dir, const char *name, u32 flags)
{
	fake_p9_begin(&p, P9_TUNLINKAT, 1);
	fake_p9_32(&p, dir);
	fake_p9_str(&p, name);
	fake_p9_32(&p, flags);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

static int read_link(u32 fid, char *buf, u32 size)
{
	int err;

	fake_p9_begin(&p, P9_TREADLINK, 1);
	fake_p9_32(&p, fid);
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	return err ? err : wire_get_string(&p.in, buf, size);
}

START_TEST(directories)
{
	mode_t mask = umask(077);

	ck_assert_int_eq(make_dir(1, "n", 01775), 0);
	umask(mask);
	ck_assert_uint_eq(wire_get8(&p.in), P9_QID_DIR);
	ck_assert_int_eq(stat(fake_p9_path(&p, "d/n"), &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFDIR | 01775);
	ck_assert_int_eq(make_dir(1, "n", 0755), -EEXIST);
	ck_assert_int_eq(delete (1, "n", 0), -EISDIR);
	ck_assert_int_eq(delete (1, "n", P9_UNLINKAT_DIR), 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "d/n"), &st), -1);
	ck_assert_int_eq(delete (0, "d", 1), -EINVAL);
	ck_assert_int_eq(delete (0, "f", P9_UNLINKAT_DIR), -ENOTDIR);
}
END_TEST

START_TEST(links)
{
	char target[PATH_MAX];

	/* Where it leads is not ours to judge: the guest goes there on its own. */
	ck_assert_int_eq(make_link(1, "l", "/etc/../anything at all"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 5, "d/l"), 0);
	ck_assert_int_eq(read_link(5, target, sizeof(target)), 0);
	ck_assert_str_eq(target, "/etc/../anything at all");
	ck_assert_int_eq(read_link(2, target, sizeof(target)), -EINVAL);
	/* A second name: of the file, and of the link itself. */
	ck_assert_int_eq(hard_link(1, 2, "second"), 0);
	ck_assert_str_eq(fake_p9_host_read(&p, "d/second"), "hello");
	ck_assert_int_eq(hard_link(0, 5, "l2"), 0);
	ck_assert_int_eq(lstat(fake_p9_path(&p, "l2"), &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(hard_link(0, 2, "d"), -EEXIST);
	ck_assert_int_eq(hard_link(0, 77, "x"), -EBADF);
	ck_assert_int_eq(hard_link(77, 2, "x"), -EBADF);
}
END_TEST

START_TEST(nodes)
{
	ck_assert_int_eq(make_node(1, "pipe", S_IFIFO | 0640), 0);
	ck_assert_int_eq(stat(fake_p9_path(&p, "d/pipe"), &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFIFO | 0640);
	ck_assert_int_eq(make_node(1, "file", S_IFREG | 0600), 0);
	ck_assert_int_eq(make_node(1, "dir", S_IFDIR | 0600), -EPERM);
}
END_TEST

START_TEST(moves)
{
	ck_assert_int_eq(move(0, "f", 1, "g"), 0);
	ck_assert_str_eq(fake_p9_host_read(&p, "d/g"), "hello");
	/* The fid is still that file. */
	ck_assert_int_eq(fake_p9_walk(&p, 2, 3, ""), 0);
	ck_assert_int_eq(fake_p9_open(&p, 3, 0), 0);
	ck_assert_int_eq(move(0, "f", 0, "x"), -ENOENT);
	ck_assert_int_eq(move(1, "g", 77, "x"), -EBADF);
	ck_assert_int_eq(move(0, "d", 1, "x"), -EINVAL);
}
END_TEST

/* No name is a way. */
START_TEST(names_are_one_step)
{
	static const char *const bad[] = { "..", ".", "", "../out", "d/x", "/tmp/x" };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(make_dir(1, bad[i], 0755), -EINVAL);
		ck_assert_int_eq(make_link(1, bad[i], "t"), -EINVAL);
		ck_assert_int_eq(make_node(1, bad[i], S_IFIFO), -EINVAL);
		ck_assert_int_eq(hard_link(1, 2, bad[i]), -EINVAL);
		ck_assert_int_eq(move(0, "f", 1, bad[i]), -EINVAL);
		ck_assert_int_eq(move(1, bad[i], 0, "new"), -EINVAL);
		ck_assert_int_eq(delete (1, bad[i], 0), -EINVAL);
		ck_assert_int_eq(delete (1, bad[i], P9_UNLINKAT_DIR), -EINVAL);
	}
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "hello");
}
END_TEST

START_TEST(read_only_is_read_only)
{
	fake_p9_down(&p);
	fake_p9_up(&p, true);
	fake_p9_host_write(&p, "f", "hello");
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "f"), 0);
	ck_assert_int_eq(make_dir(0, "n", 0755), -EROFS);
	ck_assert_int_eq(make_link(0, "n", "t"), -EROFS);
	ck_assert_int_eq(make_node(0, "n", S_IFIFO), -EROFS);
	ck_assert_int_eq(hard_link(0, 2, "n"), -EROFS);
	ck_assert_int_eq(move(0, "f", 0, "n"), -EROFS);
	ck_assert_int_eq(delete (0, "f", 0), -EROFS);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "hello");
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/tree", up, down, directories, links, nodes, moves,
		   names_are_one_step, read_only_is_read_only)
