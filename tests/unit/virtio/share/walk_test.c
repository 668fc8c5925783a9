/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attach, walk, clunk: which fids there are, and that no way leads out of the shared directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

static struct fake_p9 p;

static void up(void)
{
	fake_p9_up(&p, false);
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d"), 0755), 0);
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d/e"), 0755), 0);
	fake_p9_host_write(&p, "d/e/f", "inside");
	fake_p9_host_write(&p, "../secret", "outside");
}

static void down(void)
{
	fake_p9_down(&p);
}

/* What the file behind the fid reads, opened by a clone. */
static const char *text_of(u32 fid)
{
	static char text[64];
	int n;

	memset(text, 0, sizeof(text));
	ck_assert_int_eq(fake_p9_walk(&p, fid, 99, ""), 0);
	ck_assert_int_eq(fake_p9_open(&p, 99, 0), 0);
	n = fake_p9_read(&p, 99, 0, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 99), 0);
	return text;
}

START_TEST(several_names_at_once)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e/f"), 0);
	ck_assert_str_eq(text_of(1), "inside");
	/* [walk(5)] As far as it went, and no fid. */
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "d/e/nothing"), -ENOENT);
	ck_assert_uint_eq(p.type, P9_TWALK + 1);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), -EBADF);
	/* The first name is not there: an error. */
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "nothing/e"), -ENOENT);
	ck_assert_uint_eq(p.type, P9_RLERROR);
	/* A file is no directory. */
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, "x"), -ENOTDIR);
}
END_TEST

START_TEST(fids_have_one_meaning)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e"), -EBUSY);
	ck_assert_int_eq(fake_p9_attach(&p, 1), -EBUSY);
	ck_assert_int_eq(fake_p9_attach(&p, P9_NOFID), -EINVAL);
	ck_assert_int_eq(fake_p9_walk(&p, 7, 8, "d"), -EBADF);
	/* The same number: it moves. */
	ck_assert_int_eq(fake_p9_walk(&p, 1, 1, "e"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, "f"), 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 1), 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 1), -EBADF);
	ck_assert_str_eq(text_of(2), "inside");
	/* [version(5)] All are gone. */
	ck_assert_int_eq(fake_p9_version(&p, 8192, P9_VERSION), 0);
	ck_assert_int_eq(fake_p9_clunk(&p, 2), -EBADF);
	ck_assert_int_eq(fake_p9_clunk(&p, 0), -EBADF);
}
END_TEST

START_TEST(names_that_are_none)
{
	static const char *const bad[] = { ".", "", "a/b", "/", "../secret" };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_p9_begin(&p, P9_TWALK, 1);
		fake_p9_32(&p, 0);
		fake_p9_32(&p, 1);
		fake_p9_16(&p, 1);
		fake_p9_str(&p, bad[i]);
		fake_p9_end(&p);
		ck_assert_int_eq(fake_p9_send(&p), -EINVAL);
	}
	/* A NUL in it; longer than any name; more names than may be. */
	fake_p9_begin(&p, P9_TWALK, 1);
	fake_p9_32(&p, 0);
	fake_p9_32(&p, 1);
	fake_p9_16(&p, 1);
	fake_p9_16(&p, 3);
	fake_p9_put(&p, "d\0e", 3);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EINVAL);

	fake_p9_begin(&p, P9_TWALK, 1);
	fake_p9_32(&p, 0);
	fake_p9_32(&p, 1);
	fake_p9_16(&p, 1);
	fake_p9_16(&p, 300);
	for (unsigned i = 0; i < 300; i++)
		fake_p9_8(&p, 'x');
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -ENAMETOOLONG);

	fake_p9_begin(&p, P9_TWALK, 1);
	fake_p9_32(&p, 0);
	fake_p9_32(&p, 1);
	fake_p9_16(&p, 17);
	for (unsigned i = 0; i < 17; i++)
		fake_p9_str(&p, "..");
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EINVAL);
}
END_TEST

START_TEST(up_ends_at_the_top)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e/../../d/e/f"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "../../../.."), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 2, 3, "d/e/f"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 4, "../secret"), -ENOENT);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 5, "d/../../secret"), -ENOENT);
}
END_TEST

/* A directory that the host moves away stays what the guest knows, but its parent is not there. */
START_TEST(a_directory_that_was_moved_away)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e"), 0);
	ck_assert_int_eq(rename(fake_p9_path(&p, "d/e"), fake_p9_path(&p, "../e")), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, "f"), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 1, 3, ".."), -ENOENT);
	ck_assert_int_eq(fake_p9_walk(&p, 1, 3, "../secret"), -ENOENT);
}
END_TEST

START_TEST(links_are_never_followed)
{
	static const char *const targets[] = { "../secret", "..", "/etc", "d", "/proc/self/root" };

	for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
		ck_assert_int_eq(symlink(targets[i], fake_p9_path(&p, "l")), 0);
		/* The link itself: its qid says so, and it is neither opened nor walked. */
		ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "l"), 0);
		ck_assert_uint_eq(wire_get8(&p.in), P9_QID_SYMLINK);
		ck_assert_int_eq(fake_p9_open(&p, 1, 0), -ELOOP);
		ck_assert_int_lt(fake_p9_walk(&p, 1, 2, "passwd"), 0);
		ck_assert_int_lt(fake_p9_walk(&p, 0, 2, "l/e"), 0);
		ck_assert_int_eq(fake_p9_create(&p, 1, "new", 0, 0644), -ENOTDIR);
		ck_assert_int_eq(fake_p9_clunk(&p, 1), 0);
		ck_assert_int_eq(unlink(fake_p9_path(&p, "l")), 0);
	}
	/* Nor where a file is to be made. */
	ck_assert_int_eq(symlink("../secret", fake_p9_path(&p, "l")), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, ""), 0);
	ck_assert_int_eq(fake_p9_create(&p, 1, "l", 1, 0644), -EEXIST);
	ck_assert_str_eq(fake_p9_host_read(&p, "../secret"), "outside");
}
END_TEST

START_TEST(attach_with_authentication_is_refused)
{
	fake_p9_begin(&p, P9_TATTACH, 1);
	fake_p9_32(&p, 5);
	fake_p9_32(&p, 4);
	fake_p9_str(&p, "");
	fake_p9_str(&p, "");
	fake_p9_32(&p, 0);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EOPNOTSUPP);
	fake_p9_begin(&p, P9_TAUTH, 1);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EOPNOTSUPP);
}
END_TEST

/* [remove(5)] The fid is gone though the file stays. */
START_TEST(remove_lets_go)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e/f"), 0);
	fake_p9_begin(&p, P9_TREMOVE, 1);
	fake_p9_32(&p, 1);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EOPNOTSUPP);
	ck_assert_int_eq(fake_p9_clunk(&p, 1), -EBADF);
	ck_assert_str_eq(fake_p9_host_read(&p, "d/e/f"), "inside");
}
END_TEST

/* The host takes the whole share away while the guest has it, and a file of it open. */
START_TEST(the_share_is_gone)
{
	char text[16] = "", cmd[300];

	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d/e/f"), 0);
	ck_assert_int_eq(fake_p9_open(&p, 1, 0), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "d"), 0);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", fake_p9_path(&p, ""));
	ck_assert_int_eq(system(cmd), 0);
	/* As for a process that is in there: what is open stays, and nothing else is found. */
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, text, 6), 6);
	ck_assert_str_eq(text, "inside");
	ck_assert_int_eq(fake_p9_walk(&p, 0, 3, "d"), -ENOENT);
	ck_assert_int_eq(fake_p9_walk(&p, 2, 3, "e"), -ENOENT);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 3, ""), 0);
	ck_assert_int_eq(fake_p9_create(&p, 3, "new", 1, 0600), -ENOENT);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 4, ".."), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 4, 5, "secret"), -ENOENT);
	ck_assert_int_eq(mkdir(fake_p9_path(&p, ""), 0755), 0); /* for the end */
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/walk", up, down, several_names_at_once, the_share_is_gone,
		   fids_have_one_meaning, names_that_are_none, up_ends_at_the_top,
		   a_directory_that_was_moved_away, links_are_never_followed,
		   attach_with_authentication_is_refused, remove_lets_go)
