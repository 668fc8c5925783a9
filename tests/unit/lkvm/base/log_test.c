/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages: prefixes, levels, one write per line, and the budget of a site that a guest can reach.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "tests/unit/suite.h"

static char out[65536];

static int grab_start(void)
{
	int fd = memfd_create("stderr", 0);

	dup2(fd, STDERR_FILENO);
	return fd;
}

static const char *grabbed(int fd)
{
	ssize_t n = pread(fd, out, sizeof(out) - 1, 0);

	out[MAX(n, 0)] = 0;
	return out;
}

START_TEST(errors_are_counted_shown_or_not)
{
	unsigned before = log_errors();

	grab_start();
	log_warn("no error");
	ck_assert_uint_eq(log_errors(), before);
	log_error("one");
	log_set_level(LOG_FATAL);
	log_errno(-ENOMEM, "two");
	ck_assert_uint_eq(log_errors(), before + 2);
}
END_TEST

START_TEST(prefixes_and_levels)
{
	int fd = grab_start();

	log_info("one %d", 1);
	log_debug("hidden");
	log_warn("two");
	log_error("three");
	ck_assert_str_eq(grabbed(fd), "  Info: one 1\n  Warning: two\n  Error: three\n");
	log_set_level(LOG_WARNING);
	log_info("hidden");
	log_set_level(LOG_DEBUG);
	log_set_raw_terminal(true);
	log_debug("four");
	ck_assert_ptr_nonnull(strstr(grabbed(fd), "three\n  Debug: four\r\n"));
}
END_TEST

START_TEST(a_line_of_its_own)
{
	char big[4000];
	int fd = grab_start();

	log_set_mid_line(true);
	log_info("one");
	log_info("two");
	log_set_mid_line(true);
	log_set_mid_line(false);
	log_info("three");
	log_set_raw_terminal(true);
	log_set_mid_line(true);
	log_info("four");
	ck_assert_str_eq(grabbed(fd), "\n  Info: one\n  Info: two\n  Info: three\n"
				      "\r\n  Info: four\r\n");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	log_set_mid_line(true);
	log_info("%s", big);
	ck_assert_str_eq(grabbed(fd) + strlen(out) - 3, "x\r\n");
}
END_TEST

/* Names of files and words of other programs are in it. */
START_TEST(a_message_is_no_order_to_the_terminal)
{
	int fd = grab_start();

	log_error("cannot open %s", "\x1b[2J\xc2\x9b"
				    "31m\x9b\xc3\xa9");
	ck_assert_str_eq(grabbed(fd), "  Error: cannot open ?[2J??31m?\xc3\xa9\n");
}
END_TEST

START_TEST(an_error_number_is_said_and_handed_on)
{
	int fd = grab_start(), errors[] = { -ENOENT, -EACCES }, *e = errors;

	ck_assert_int_eq(log_errno(*e++, "cannot open %s", "x"), -ENOENT); /* looked at once */
	ck_assert_int_eq(log_errno(*e, "plain"), -EACCES);
	ck_assert_str_eq(grabbed(fd), "  Error: cannot open x: No such file or directory\n"
				      "  Error: plain: Permission denied\n");
}
END_TEST

START_TEST(long_lines_are_cut_not_overrun)
{
	char big[4000];
	int fd = grab_start();

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	log_error("%s", big);
	ck_assert_uint_lt(strlen(grabbed(fd)), 1100);
	ck_assert_int_eq(out[strlen(out) - 1], '\n');
}
END_TEST

START_TEST(a_guest_cannot_flood)
{
	int fd = grab_start(), lines = 0;

	for (int i = 0; i < 100000; i++)
		guest_err("virtio-net 0", "bad thing %d", i);
	for (const char *p = grabbed(fd); (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_int_eq(lines, LOG_SITE_BURST + 1);
	ck_assert_ptr_nonnull(strstr(out, "  Warning: virtio-net 0: bad thing 0\n"));
	ck_assert_ptr_nonnull(strstr(out, "further messages of this kind are not shown"));
}
END_TEST

SUITE_MAIN("lkvm/log", errors_are_counted_shown_or_not, prefixes_and_levels, a_line_of_its_own,
	   an_error_number_is_said_and_handed_on, long_lines_are_cut_not_overrun,
	   a_guest_cannot_flood, a_message_is_no_order_to_the_terminal)
