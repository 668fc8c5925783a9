/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and files while somebody moves them about: whatever a guest asks for, and whenever, it gets
 * nothing from outside the shared directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"
#include "virtio/share/call.h"

#define ROUNDS 20000u

static struct fake_p9 p;
static atomic_bool over;

static void up(void)
{
	fake_p9_up(&p, false);
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d"), 0755), 0);
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "../out"), 0755), 0);
	fake_p9_host_write(&p, "d/x", "inside");
	fake_p9_host_write(&p, "../out/x", "outside");
}

static void down(void)
{
	fake_p9_down(&p);
}

/* "d" is a directory, then a link out of here, then a directory. */
static void *swap(void *arg)
{
	char d[PATH_MAX], aside[PATH_MAX], link[PATH_MAX];

	snprintf(d, sizeof(d), "%s/d", p.dir);
	snprintf(aside, sizeof(aside), "%s/aside", p.dir);
	snprintf(link, sizeof(link), "%s/link", p.dir);
	while (!atomic_load(&over)) {
		if (symlink("../out", link))
			break;
		rename(d, aside);
		rename(link, d);
		unlink(d);
		rename(aside, d);
	}
	return NULL;
}

/* "d" moves out of the shared directory and back. */
static void *carry(void *arg)
{
	char d[PATH_MAX], out[PATH_MAX];

	snprintf(d, sizeof(d), "%s/d", p.dir);
	snprintf(out, sizeof(out), "%s/out/d", p.up);
	while (!atomic_load(&over)) {
		rename(d, out);
		rename(out, d);
	}
	return NULL;
}

/* Read what the way leads to, if it leads anywhere. */
static void try_way(const char *way)
{
	char buf[16];
	int n;

	if (fake_p9_walk(&p, 0, 1, way))
		return;
	if (!fake_p9_open(&p, 1, 0)) {
		n = fake_p9_read(&p, 1, 0, buf, sizeof(buf));
		ck_assert_msg(n == 6 && !memcmp(buf, "inside", 6), "%s: %.*s", way, MAX(n, 0), buf);
	}
	fake_p9_clunk(&p, 1);
}

static void with(void *(*fn)(void *), const char *const *ways, unsigned nr)
{
	pthread_t thread;

	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, fn, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		try_way(ways[i % nr]);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
}

START_TEST(a_directory_becomes_a_link)
{
	static const char *const ways[] = { "d/x", "d/../d/x" };

	with(swap, ways, ARRAY_SIZE(ways));
}
END_TEST

START_TEST(a_directory_is_carried_away)
{
	static const char *const ways[] = { "d/../x", "d/../out/x", "d/x" };

	with(carry, ways, ARRAY_SIZE(ways));
}
END_TEST

/* Numbers of files below a mount point are not those of files beside it. */
START_TEST(qids_of_two_file_systems)
{
	struct stat here, there;
	struct call c = { .s = p.share };
	u8 a[13], b[13];
	struct iovec iov[] = { { a, 13 }, { b, 13 } };

	ck_assert_int_eq(stat(p.dir, &here), 0);
	there = here;
	there.st_dev++;
	c.out = (struct wire_out){ .cur = iov_cur(iov, 2), .max = 26 };
	put_qid(&c, &here);
	put_qid(&c, &there);
	ck_assert_int_ne(memcmp(a + 5, b + 5, 8), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/host", up, down, a_directory_becomes_a_link,
		   a_directory_is_carried_away, qids_of_two_file_systems)
