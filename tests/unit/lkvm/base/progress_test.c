/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A long step on a real terminal, on a pipe, and a short one.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/progress.h"
#include "tests/unit/suite.h"

static int screen, tty;

static void make_terminal(void)
{
	screen = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	ck_assert(screen >= 0 && !grantpt(screen) && !unlockpt(screen));
	tty = open(ptsname(screen), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(tty, 0);
}

/* What has come since the last call. */
static const char *seen(void)
{
	static char buf[4096];
	ssize_t n = read(screen, buf, sizeof(buf) - 1);

	buf[MAX(n, 0)] = 0;
	return buf;
}

START_TEST(on_a_terminal)
{
	struct progress p = { 0 };

	make_terminal();
	progress_begin(&p, tty, 4 * MiB, 0);
	ck_assert_str_eq(seen(), "");
	ck_assert_uint_eq(progress_piece(&p, 3 * MiB), 256 * KiB);
	ck_assert_uint_eq(progress_piece(&p, 4096), 4096);
	progress_add(&p, MiB);
	ck_assert_str_eq(seen(), "\r  Info: loading, 1 of 4 MiB (25 %)\033[K\r");
	progress_add(&p, 4096); /* the same figure */
	ck_assert_str_eq(seen(), "");
	progress_add(&p, 3 * MiB - 4096);
	ck_assert_str_eq(seen(), "\r  Info: loading, 4 of 4 MiB (100 %)\033[K\r");
	progress_end(&p);
	ck_assert_str_eq(seen(), "\r\033[K\r");
	progress_end(&p);
	ck_assert_str_eq(seen(), "");
}
END_TEST

START_TEST(elsewhere)
{
	struct progress p;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	screen = fds[0];
	progress_begin(&p, fds[1], 4 * MiB, 0);
	ck_assert_uint_eq(progress_piece(&p, 3 * MiB), 3 * MiB);
	progress_add(&p, 3 * MiB);
	progress_end(&p);
	ck_assert_str_eq(seen(), "");
	/* nothing to do: no division by it */
	make_terminal();
	progress_begin(&p, tty, 0, 0);
	progress_add(&p, 0);
	progress_end(&p);
	ck_assert_str_eq(seen(), "");
}
END_TEST

START_TEST(a_short_step_shows_nothing)
{
	struct progress p;

	make_terminal();
	progress_begin(&p, tty, 4 * MiB, 3600 * 1000);
	progress_add(&p, 4 * MiB);
	progress_end(&p);
	ck_assert_str_eq(seen(), "");
	progress_begin(&p, tty, 4 * MiB, 20);
	progress_add(&p, MiB);
	nanosleep(&(struct timespec){ .tv_nsec = 25000000 }, NULL);
	seen();
	progress_add(&p, MiB);
	ck_assert(strstr(seen(), "2 of 4 MiB (50 %)"));
}
END_TEST

/* The terminal goes away: that is no reason not to go on. */
START_TEST(hung_up)
{
	struct progress p;

	make_terminal();
	progress_begin(&p, tty, 4 * MiB, 0);
	close(screen);
	progress_add(&p, MiB);
	progress_end(&p);
}
END_TEST

SUITE_MAIN("lkvm/progress", on_a_terminal, elsewhere, a_short_step_shows_nothing, hung_up)
