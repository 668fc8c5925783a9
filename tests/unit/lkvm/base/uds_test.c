/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets with a name: stale ones, foreign files, long paths, and what is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/uds.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"

static char dir[] = "/tmp/uds-XXXXXX", path[4096];

static void setup(void)
{
	strcpy(dir, "/tmp/uds-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(listen_and_connect)
{
	struct uds u, to;
	struct stat st;
	int a, b;
	char c;

	setup();
	ck_assert_int_eq(uds_open(&u, path), 0);
	ck_assert_int_eq(uds_listen(&u, 4), 0);
	ck_assert_int_eq(uds_accept(&u), -EAGAIN);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	/* From the same name, and from one that is the beginning of it. */
	a = uds_connect(&u, "");
	ck_assert_int_ge(a, 0);
	b = uds_accept(&u);
	ck_assert_int_ge(b, 0);
	ck_assert_int_eq(write(a, "x", 1), 1);
	ck_assert_int_eq(read(b, &c, 1), 1);
	ck_assert_int_eq(read(b, &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(a);
	close(b);
	uds_close(&u);
	ck_assert_int_eq(access(path, F_OK), -1);
	strcat(path, "_52");
	ck_assert_int_eq(uds_open(&u, path), 0);
	ck_assert_int_eq(uds_listen(&u, 4), 0);
	path[strlen(path) - 3] = '\0';
	ck_assert_int_eq(uds_open(&to, path), 0);
	ck_assert_int_eq(uds_connect(&to, "_53"), -ENOENT);
	a = uds_connect(&to, "_52");
	ck_assert_int_ge(a, 0);
	close(a);
	uds_close(&to);
	uds_close(&u);
	teardown();
}
END_TEST

START_TEST(what_is_there_already)
{
	struct uds u, other;
	int fd;

	setup();
	/* Somebody listens. */
	ck_assert_int_eq(uds_open(&u, path), 0);
	ck_assert_int_eq(uds_listen(&u, 4), 0);
	ck_assert_int_eq(uds_open(&other, path), 0);
	ck_assert_int_eq(uds_listen(&other, 4), -EADDRINUSE);
	uds_close(&other);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* Nobody does any more: as after a kill. */
	close(u.fd);
	u.fd = -1;
	uds_close(&u);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(uds_open(&u, path), 0);
	ck_assert_int_eq(uds_connect(&u, ""), -ECONNREFUSED);
	ck_assert_int_eq(uds_listen(&u, 4), 0);
	/* It was replaced behind our back: not ours to remove. */
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	uds_close(&u);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* A file stays. */
	ck_assert_int_eq(uds_open(&u, path), 0);
	ck_assert_int_eq(uds_listen(&u, 4), -EADDRINUSE);
	uds_close(&u);
	ck_assert_int_eq(access(path, F_OK), 0);
	teardown();
}
END_TEST

START_TEST(paths)
{
	char name[100], deep[600];
	struct uds u;
	int here;

	setup();
	ck_assert_int_eq(uds_open(&u, "/no/such/dir/s"), -ENOENT);
	uds_close(&u);
	ck_assert_int_eq(uds_open(&u, "/tmp/"), -EINVAL);
	uds_close(&u);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(uds_open(&u, name), -ENAMETOOLONG);
	uds_close(&u);
	/* Longer than an address has room for. */
	snprintf(deep, sizeof(deep), "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(deep, 0700), 0);
	strcat(deep, "/sock");
	ck_assert_uint_gt(strlen(deep), 108);
	ck_assert_int_eq(uds_open(&u, deep), 0);
	ck_assert_int_eq(uds_listen(&u, 4), 0);
	here = uds_connect(&u, "");
	ck_assert_int_ge(here, 0);
	close(here);
	uds_close(&u);
	*strrchr(deep, '/') = '\0';
	ck_assert_int_eq(rmdir(deep), 0);
	/* Without a directory: here. */
	ck_assert_int_eq(uds_open(&u, "here"), 0);
	uds_close(&u);
	teardown();
}
END_TEST

static int try(void)
{
	struct uds u;
	int err = uds_open(&u, path), fd;

	if (!err)
		err = uds_listen(&u, 1);
	if (!err) {
		fd = uds_connect(&u, "");
		err = fd < 0 ? fd : 0;
		if (fd >= 0)
			close(fd);
	}
	uds_close(&u);
	return err;
}

START_TEST(fails_step_by_step)
{
	setup();
	fds_exhaust(try);
	teardown();
}
END_TEST

SUITE_MAIN("base/uds", listen_and_connect, what_is_there_already, paths, fails_step_by_step)
