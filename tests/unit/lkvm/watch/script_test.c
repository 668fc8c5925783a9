/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run waits for: steps in their order, across the borders of pieces, in time; and what is a
 * panic.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/watch/script.h"
#include "tests/unit/suite.h"

#define SECOND UINT64_C(1000000000)

static struct watch_conf conf;
static struct script *script;
static char log_[1000];
static u64 now;

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	size_t len = strlen(log_);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(log_ + len, sizeof(log_) - len, fmt, ap);
	va_end(ap);
}

static void on_step(void *arg, unsigned n, const char *text, size_t len)
{
	note("step %u '%.*s';", n, (int)len, len ? text : "");
}

static void on_until(void *arg, const char *line)
{
	note("until '%s';", line);
}

static void on_failed(void *arg, const char *line)
{
	note("failed '%s';", line);
}

static void on_late(void *arg, unsigned n)
{
	note("late %u;", n);
}

static void on_panicked(void *arg)
{
	note("panicked;");
}

static const struct script_events events = { on_step, on_until,	   on_failed,
					     on_late, on_panicked, NULL };

static struct ere *ere(const char *re)
{
	const char *why = "";
	struct ere *e = NULL;

	ck_assert_msg(!ere_compile(&e, re, &why), "%s: %s", re, why);
	return e;
}

static void add_step(const char *after, const char *send, u32 within)
{
	conf.steps[conf.nr_steps++] = (struct watch_step){ .after = after,
							   .after_ere = ere(after),
							   .bytes = send,
							   .len = send ? strlen(send) : 0,
							   .within_s = within };
}

static void create(const char *until, const char *fail_on, const char *status)
{
	conf.until_ere = until ? ere(until) : NULL;
	conf.fail_on_ere = fail_on ? ere(fail_on) : NULL;
	conf.status_ere = status ? ere(status) : NULL;
	ck_assert_int_eq(script_create(&script, &conf, &events), 0);
	script_started(script, now);
}

static void before(void)
{
	memset(&conf, 0, sizeof(conf));
	log_[0] = 0;
	now = SECOND;
}

static void after(void)
{
	script_destroy(script);
	for (unsigned i = 0; i < conf.nr_steps; i++)
		ere_free(conf.steps[i].after_ere);
	ere_free(conf.until_ere);
	ere_free(conf.fail_on_ere);
	ere_free(conf.status_ere);
}

static void prints(const char *text)
{
	script_feed(script, 0, text, strlen(text), now);
}

static void passes(u64 ns)
{
	now += ns;
	if (script_next(script) <= now)
		script_tick(script, now);
}

static void happened(const char *expected)
{
	ck_assert_str_eq(log_, expected);
	log_[0] = 0;
}

START_TEST(byte_by_byte)
{
	create("login: ", NULL, NULL);
	for (const char *p = "\r\nDebian 13 \033[1mlo\033[0mgin: "; *p; p++)
		script_feed(script, 0, p, 1, now);
	happened("until 'Debian 13 login: ';");
	prints("login: \nlogin: \n");
	happened("");
	ck_assert(script_until_seen(script));
}
END_TEST

/* tput sgr0, the title of a window, and systemd's marks are no text. */
START_TEST(control_strings)
{
	create("^root@guest:~# $", NULL, NULL);
	prints("\033(B\033[m\033]0;root@host: ~\007");
	prints("\033]3008;start=5e;user=root\033\\root@guest:~# \n");
	happened("until 'root@guest:~# ';");
}
END_TEST

/* A line's end ends each, and so does CAN. */
START_TEST(control_strings_that_are_cut_short)
{
	create("^seen( again)?$", NULL, NULL);
	prints("\033]never ended\nunseen\n");
	happened("");
	prints("\033]never ended\nse\033P hidden \030en\n");
	happened("until 'seen';");
}
END_TEST

START_TEST(not_across_lines)
{
	create("ab", NULL, NULL);
	prints("a\nb\ra\r\nb");
	happened("");
	/* Two consoles are two streams. */
	script_feed(script, 1, "a", 1, now);
	prints("b");
	happened("");
	script_feed(script, 1, "b", 1, now);
	happened("until 'ab';");
}
END_TEST

START_TEST(steps_in_order)
{
	add_step("login:", "root\n", 0);
	add_step("# ", "poweroff\n", 0);
	create("# ", NULL, NULL);
	prints("# login");
	happened("");
	prints(": # ");
	/* What is behind the first one's match is the second's. --until comes after both. */
	happened("step 0 'root\n';step 1 'poweroff\n';");
	ck_assert_uint_eq(script_steps_done(script), 2);
	prints("# ");
	happened("until '# login: # # ';");
}
END_TEST

/* A step that has matched up to a byte leaves that byte to nobody. */
START_TEST(nothing_is_matched_twice)
{
	add_step("a", NULL, 0);
	add_step("a", NULL, 0);
	create("a", NULL, NULL);
	prints("a");
	happened("step 0 '';");
	prints("ba");
	happened("step 1 '';");
	prints("b");
	happened("");
	prints("a");
	happened("until 'ababa';");
}
END_TEST

START_TEST(late_steps)
{
	add_step("one", NULL, 10);
	add_step("two", NULL, 0);
	add_step("three", NULL, 2);
	create(NULL, NULL, NULL);
	ck_assert_uint_eq(script_next(script), now + 10 * SECOND);
	passes(9 * SECOND);
	prints("one\n");
	happened("step 0 '';");
	passes(1000 * SECOND);
	prints("two\n");
	happened("step 1 '';");
	passes(2 * SECOND);
	happened("late 2;");
	passes(1000 * SECOND);
	happened("");
}
END_TEST

/* The end of a prompt is that nothing follows. */
START_TEST(prompts)
{
	create("# $", NULL, NULL);
	prints("# ls\n# l");
	passes(SCRIPT_REST_NS);
	happened("");
	prints("\n# ");
	happened("");
	passes(SCRIPT_REST_NS / 2);
	happened("");
	passes(SCRIPT_REST_NS / 2);
	happened("until '# ';");
}
END_TEST

START_TEST(failures_come_first)
{
	add_step("never", NULL, 0);
	create("panic", "panic|oops", NULL);
	prints("an oops, a panic\n");
	happened("failed 'an oops';");
}
END_TEST

START_TEST(status)
{
	conf.status_kut = true;
	create(NULL, NULL, "EXIT: STATUS=([0-9]+)");
	ck_assert_int_eq(script_status(script), -1);
	prints("EXIT: STATUS=\nEXIT: STATUS=15");
	prints("5\r\n");
	ck_assert_int_eq(script_status(script), 77);
	conf.status_kut = false;
	prints("EXIT: STATUS=0\n");
	ck_assert_int_eq(script_status(script), 0);
	prints("EXIT: STATUS=99999999999999999999\n");
	ck_assert_int_eq(script_status(script), 255);
	prints("EXIT: STATUS=256\n");
	ck_assert_int_eq(script_status(script), 255);
}
END_TEST

/* ---- panics ---- */

static const char panic[] =
	"[    2.5] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n";
static const char end[] = "[    2.6] ---[ end Kernel panic - not syncing: VFS: Unable ]---\r\n";

START_TEST(a_panic_and_silence)
{
	create(NULL, NULL, NULL);
	/* A command that shows an old log. */
	script_feed(script, WATCH_OUT, panic, strlen(panic), now);
	script_feed(script, WATCH_ERR, end, strlen(end), now);
	ck_assert_ptr_null(script_panic(script));
	prints("Linux\n");
	ck_assert_ptr_null(script_panic(script));
	prints(panic);
	ck_assert(strstr(script_panic(script), "Unable to mount root fs"));
	passes(2 * SCRIPT_PANIC_NS);
	happened("");
	prints("[    2.5] CPU: 0\r\n");
	prints(end);
	passes(SCRIPT_PANIC_NS - 1);
	happened("");
	passes(1);
	happened("panicked;");
	/* The next boot is another one. */
	script_started(script, now);
	ck_assert_ptr_null(script_panic(script));
}
END_TEST

/* What it says beside its console counts, whatever is printed; and is over in silence. */
START_TEST(a_panic_that_is_said)
{
	create(NULL, NULL, NULL);
	prints("Linux\n");
	script_panicked(script, "it has said so", now);
	ck_assert_str_eq(script_panic(script), "it has said so");
	passes(SCRIPT_PANIC_NS - 1);
	for (unsigned i = 0; i <= SCRIPT_PANIC_LINES; i++)
		prints("more\n");
	passes(SCRIPT_PANIC_NS - 1);
	prints("and mo");
	passes(SCRIPT_PANIC_NS - 1);
	happened("");
	ck_assert(script_panic_said(script));
	passes(1);
	happened("panicked;");
	script_started(script, now);
	ck_assert_ptr_null(script_panic(script));
	/* The kernel's own words are the better ones. */
	script_panicked(script, "it goes on", WATCH_NEVER);
	prints(panic);
	ck_assert(strstr(script_panic(script), "Unable to mount root fs"));
	passes(2 * SCRIPT_PANIC_NS);
	happened("");
	for (unsigned i = 0; i <= SCRIPT_PANIC_LINES; i++)
		prints("more\n");
	ck_assert_str_eq(script_panic(script), "it goes on");
}
END_TEST

/* Somebody looks at an old log: there is a prompt behind it, or other lines follow. */
START_TEST(no_panic)
{
	create(NULL, NULL, NULL);
	prints("# dmesg | tail\r\n");
	prints(panic);
	prints(end);
	prints("# ");
	passes(2 * SCRIPT_PANIC_NS);
	happened("");
	prints("\r\n");
	prints(end);
	prints("[    3.0] more\n");
	passes(2 * SCRIPT_PANIC_NS);
	happened("");
	for (unsigned i = 0; i < SCRIPT_PANIC_LINES; i++)
		prints("line\n");
	ck_assert_ptr_null(script_panic(script));
}
END_TEST

/* ---- bounds ---- */

START_TEST(a_line_without_end)
{
	static char flood[100000];

	create("end", NULL, NULL);
	memset(flood, 'x', sizeof(flood));
	for (unsigned i = 0; i < 20; i++)
		script_feed(script, 0, flood, sizeof(flood), now);
	happened("");
	prints("end");
	ck_assert(script_until_seen(script));
	prints("\n");
	ck_assert_uint_eq(strlen(tail_get(script_tail(script), 0)), TAIL_WIDTH);
}
END_TEST

START_TEST(the_last_lines)
{
	char line[20];

	create(NULL, NULL, NULL);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(line, sizeof(line), "line %u\r\n\n", i);
		prints(line);
	}
	script_feed(script, 1, "a\0b", 3, now);
	script_flush(script);
	ck_assert_uint_eq(script_tail(script)->nr, TAIL_LINES);
	ck_assert_str_eq(tail_get(script_tail(script), TAIL_LINES - 1), "a b");
	ck_assert_str_eq(tail_get(script_tail(script), TAIL_LINES - 2), "line 49");
	ck_assert_str_eq(tail_get(script_tail(script), 0), "line 31");
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/watch/script", before, after, byte_by_byte, control_strings,
		   control_strings_that_are_cut_short, not_across_lines, steps_in_order,
		   nothing_is_matched_twice, late_steps, prompts, failures_come_first, status,
		   a_panic_and_silence, a_panic_that_is_said, no_panic, a_line_without_end,
		   the_last_lines)
