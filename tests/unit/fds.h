/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running out of file descriptors, step by step: a constructor that needs n of them is called with
 * room for 0, 1, ... n, so that each of its error paths is taken once.
 */
#ifndef TESTS_UNIT_FDS_H
#define TESTS_UNIT_FDS_H

#include <check.h>
#include <fcntl.h>
#include <sys/resource.h>

#define FDS_MAX 256

static inline unsigned fds_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* From now on at most `extra` more can be opened (-1: as many as you like). */
static inline void fds_limit(int extra)
{
	struct rlimit r = { FDS_MAX, FDS_MAX };
	int fd = 0;

	/* They are handed out from below: the limit goes behind the `extra` lowest free ones. */
	for (; extra >= 0 && fd < FDS_MAX; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && extra-- == 0)
			break;
	}
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = fd ? (rlim_t)fd : FDS_MAX;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

/*
 * `try()` returns an error and has released everything, or 0 (having undone what it did); the first
 * success is the end. At least one failure must have been seen.
 */
static inline void fds_exhaust(int (*try)(void))
{
	unsigned before = fds_open();

	for (int extra = 0;; extra++) {
		int err;

		ck_assert_int_lt(extra, 64);
		fds_limit(extra);
		err = try();
		fds_limit(-1);
		ck_assert_uint_eq(fds_open(), before);
		if (!err) {
			ck_assert_int_gt(extra, 0);
			return;
		}
		ck_assert_int_lt(err, 0);
	}
}

#endif
