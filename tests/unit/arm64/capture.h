/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the code under test writes to stderr. Each test of Check runs in a process of its own, so
 * the redirection ends with the test.
 */
#ifndef TESTS_UNIT_ARM64_CAPTURE_H
#define TESTS_UNIT_ARM64_CAPTURE_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static int capture_fd = -1;
static char capture_buf[16384];

static inline void capture_start(void)
{
	capture_fd = memfd_create("stderr", MFD_CLOEXEC);
	ck_assert_int_ge(capture_fd, 0);
	dup2(capture_fd, STDERR_FILENO);
}

/* All of it so far. */
static inline const char *captured(void)
{
	ssize_t n = pread(capture_fd, capture_buf, sizeof(capture_buf) - 1, 0);

	capture_buf[MAX(n, 0)] = 0;
	return capture_buf;
}

/* Exactly one error line that contains both; then start afresh. */
static inline void captured_one_error(const char *a, const char *b)
{
	const char *s = captured();
	const char *end = strchr(s, '\n');

	ck_assert_msg(end && !end[1], "not one line: '%s'", s);
	ck_assert_msg(!strncmp(s, "  Error: ", 9) || !strncmp(s, "  Fatal: ", 9),
		      "not an error: '%s'", s);
	ck_assert_msg(strstr(s, a) && strstr(s, b), "'%s' has no '%s' or no '%s'", s, a, b);
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
}

#endif
