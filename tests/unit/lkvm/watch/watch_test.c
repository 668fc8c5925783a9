/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watcher with its thread: a guest is a test that prints into its tap.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/console/tap.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/ere.h"
#include "lkvm/watch/watch.h"
#include "tests/unit/arm64/capture.h"

static struct watch_conf conf;
static struct watch_run run;
static struct watch *w;
static struct stop stop;
static const struct watch_start ordinary = { .built_ns = 0 };
static char log_file[] = "/tmp/lkvm-watch-XXXXXX";

static struct ere *ere(const char *re)
{
	const char *why;
	struct ere *e;

	ck_assert_int_eq(ere_compile(&e, re, &why), 0);
	return e;
}

static void before(void)
{
	memset(&conf, 0, sizeof(conf));
	run = (struct watch_run){ .name = "g", .sources = 3u };
	capture_start();
	ck_assert_int_eq(stop_init(&stop), 0);
}

static void after(void)
{
	watch_destroy(w);
	stop_fini(&stop);
	ere_free(conf.until_ere);
	ere_free(conf.fail_on_ere);
}

static void start(void)
{
	ck_assert_int_eq(watch_create(&w, &conf, &run, &stop), 0);
	watch_started(w, &ordinary);
}

static void prints(const char *s)
{
	tap_put(watch_tap(w, 0), s, strlen(s));
}

static enum stop_reason stopped(void)
{
	stop_wait(&stop, scaled(20000));
	return stop_why(&stop);
}

static int ends(enum stop_reason end)
{
	ck_assert(!watch_ended(w, end));
	return watch_finish(w, true);
}

START_TEST(until)
{
	conf.until = "login:";
	conf.until_ere = ere(conf.until);
	start();
	prints("x\nlog");
	prints("in: ");
	ck_assert_int_eq(stopped(), STOP_WATCH);
	ck_assert_int_eq(ends(STOP_WATCH), 0);
	ck_assert(strstr(captured(), "ended normally. --until was seen: login:"));
}
END_TEST

/* The guest's last words are heard, also when it has ended already. */
START_TEST(last_words)
{
	conf.fail_on = "FAIL";
	conf.fail_on_ere = ere(conf.fail_on);
	start();
	prints("FAIL\033[2J");
	ck_assert_int_eq(ends(STOP_POWEROFF), 125);
	ck_assert(strstr(captured(), "Error: --fail-on was seen: FAIL"));
}
END_TEST

START_TEST(timeout_before_there_is_a_machine)
{
	conf.timeout_s = 1;
	ck_assert_int_eq(watch_create(&w, &conf, &run, &stop), 0);
	usleep(1300000);
	ck_assert_int_eq(stopped(), STOP_WATCH);
	ck_assert_int_eq(ends(STOP_WATCH), 124);
}
END_TEST

START_TEST(a_panic)
{
	start();
	prints("Kernel panic - not syncing: \x1b[1mtest\nCPU: 0\n");
	ck_assert_int_eq(ends(STOP_RESET), 125);
	ck_assert(strstr(captured(), "the guest has panicked: Kernel panic - not syncing: test"));
}
END_TEST

/* By pvpanic, and then an end that looks like a good one. */
START_TEST(a_panic_that_is_said)
{
	start();
	prints("booting\n");
	watch_said(w, WATCH_CRASH_KERNEL);
	ck_assert_int_eq(ends(STOP_POWEROFF), 125);
	ck_assert(strstr(captured(), "the guest has panicked: it goes on in its crash kernel"));
}
END_TEST

START_TEST(a_panic_that_is_said_and_silence)
{
	start();
	watch_said(w, WATCH_PANICKED);
	ck_assert_int_eq(stopped(), STOP_WATCH);
	ck_assert_int_eq(ends(STOP_WATCH), 125);
	ck_assert(strstr(captured(), "the guest has panicked: it has said so"));
}
END_TEST

START_TEST(panic_unwatched)
{
	conf.no_panic_watch = true;
	start();
	prints("Kernel panic - not syncing: test\n---[ end Kernel panic - not syncing: test\n");
	watch_said(w, WATCH_PANICKED);
	ck_assert_int_eq(ends(STOP_RESET), 0);
}
END_TEST

/* --reboot goes on after one, but the run has failed. */
START_TEST(panic_of_an_earlier_boot)
{
	run.reboots = true;
	start();
	prints("Kernel panic - not syncing: test\n");
	ck_assert(watch_ended(w, STOP_RESET));
	watch_started(w, &ordinary);
	prints("well\n");
	ck_assert_int_eq(ends(STOP_POWEROFF), 125);
}
END_TEST

START_TEST(too_many_resets)
{
	run.reboots = true;
	conf.max_resets = 2;
	start();
	ck_assert(watch_ended(w, STOP_RESET) && watch_ended(w, STOP_RESET));
	ck_assert_int_eq(ends(STOP_RESET), 121);
}
END_TEST

START_TEST(a_log)
{
	static char big[10000], back[20000];
	struct watch *other;
	int fd = mkstemp(log_file);

	memset(big, 'x', sizeof(big));
	ck_assert_int_eq(write(fd, "old", 3), 3);
	conf.log = log_file;
	start();
	ck_assert_int_lt(watch_create(&other, &conf, &run, &stop), 0);
	ck_assert(strstr(captured(), "another guest has it"));
	for (size_t at = 0; at < sizeof(big);) {
		size_t n = MIN(tap_room(watch_tap(w, 1)), sizeof(big) - at);

		tap_put(watch_tap(w, 1), big + at, n);
		at += n;
	}
	prints("end");
	ck_assert_int_eq(ends(STOP_POWEROFF), 0);
	ck_assert_int_eq(read(fd, back, 3), 3);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), sizeof(big) + 3);
	ck_assert_mem_ne(back, "old", 3);
	unlink(log_file);
	close(fd);
}
END_TEST

START_TEST(log_that_cannot_be)
{
	conf.log = "/nonexistent/log";
	ck_assert_int_lt(watch_create(&w, &conf, &run, &stop), 0);
	captured_one_error("--console-log /nonexistent/log", "No such file");
	w = NULL;
}
END_TEST

/* Nobody reads it; open(2) would wait for ever, and signals are the warden's. */
START_TEST(fifos_that_nobody_reads)
{
	static char dir[] = "/tmp/lkvm-watch-XXXXXX", name[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(name, 0600), 0);
	conf.log = name;
	ck_assert_int_eq(watch_create(&w, &conf, &run, &stop), -ETIMEDOUT);
	conf.log = NULL;
	conf.report = name;
	ck_assert_int_eq(watch_create(&w, &conf, &run, &stop), -ETIMEDOUT);
	w = NULL;
	unlink(name);
	rmdir(dir);
}
END_TEST

/* A signal that comes when a boot is over and the next has not begun. */
START_TEST(asked_for_between_boots)
{
	run.reboots = true;
	start();
	ck_assert(watch_ended(w, STOP_RESET));
	stop_request_signal(&stop, SIGTERM);
	ck_assert_int_eq(watch_finish(w, true), 128 + SIGTERM);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/watch", before, after, until, last_words,
		   timeout_before_there_is_a_machine, a_panic, a_panic_that_is_said,
		   a_panic_that_is_said_and_silence, panic_unwatched, panic_of_an_earlier_boot,
		   too_many_resets, asked_for_between_boots, a_log, log_that_cannot_be,
		   fifos_that_nobody_reads)
