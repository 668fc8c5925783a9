/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a run went: a table of ends, with the status and the words of each.
 */
#include <signal.h>
#include <string.h>

#include "lkvm/watch/verdict.h"
#include "tests/unit/suite.h"

static struct watch_conf conf;

static void before(void)
{
	memset(&conf, 0, sizeof(conf));
}

static void after(void)
{
}

static void is(const struct verdict_facts *facts, int status, const char *words)
{
	struct verdict_facts f = *facts;
	struct verdict v;

	f.conf = &conf;
	f.started = true;
	f.reset = f.reset ? f.reset : STOP_RESET_PLAIN;
	if (!f.status)
		f.status = -1;
	verdict_of(&v, &f);
	ck_assert_msg(v.status == status && strstr(v.line, words), "%d: %s", v.status, v.line);
	ck_assert_int_eq(v.well, !status);
}

#define IS(status, words, ...) is(&(struct verdict_facts){ __VA_ARGS__ }, status, words)

START_TEST(ends)
{
	IS(0, "KVM session ended normally. The guest has switched itself off.",
	   .end = STOP_POWEROFF);
	IS(0, "KVM session ended normally. The guest has reset itself.", .end = STOP_RESET);
	IS(0, "The guest has reset itself (SYSTEM_RESET2 0x80000005).", .end = STOP_RESET,
	   .reset = 0x80000005);
	IS(0, "The guest has reset itself (SYSTEM_RESET2).", .end = STOP_RESET,
	   .reset = STOP_RESET_UNKNOWN);
	IS(0, "KVM session ended normally. lkvm stop has ended the guest.", .end = STOP_USER);
	IS(0, "KVM session ended normally. Ctrl-a x has ended the guest.", .end = STOP_KEYS);
	IS(143, "SIGTERM has ended the guest", .end = STOP_SIGNAL, .signal = SIGTERM);
	IS(130, "SIGINT has ended the guest", .end = STOP_SIGNAL, .signal = SIGINT);
	IS(1, "", .end = STOP_ERROR);
	IS(141, "nobody reads", .end = STOP_UNREAD);
	IS(125, "the guest has panicked: it has said so", .end = STOP_CRASH);
	IS(125, "the guest has panicked: Kernel panic", .end = STOP_RESET,
	   .panic = "Kernel panic - not syncing");
	IS(121, "reset itself 4 times, and --max-resets is 0", .end = STOP_RESET, .resets = 4,
	   .too_many_resets = true);
}
END_TEST

START_TEST(watched)
{
	conf.timeout_s = 7;
	conf.until = "login";
	conf.fail_on = "BUG";
	IS(124, "--timeout: the run has taken 7 s", .end = STOP_WATCH, .why = WHY_TIMEOUT);
	IS(125, "--fail-on was seen: a BUG", .end = STOP_WATCH, .why = WHY_FAIL_ON,
	   .line = "a BUG");
	IS(0, "KVM session ended normally. --until was seen: x login", .end = STOP_WATCH,
	   .why = WHY_UNTIL, .until_seen = true, .line = "x login");
	IS(120, "The guest has switched itself off: --until 'login' was not seen",
	   .end = STOP_POWEROFF);
	/* The machine's end was under way already. */
	IS(0, "switched itself off", .end = STOP_POWEROFF, .until_seen = true);
	IS(125, "panicked", .end = STOP_WATCH, .why = WHY_PANIC, .panic = "Kernel panic");
	/* What was wanted of the guest is what counts, also when it does not end. */
	IS(124, "has taken 7 s; it did not end: vCPU 0", .end = STOP_WATCH, .why = WHY_TIMEOUT,
	   .torn = "vCPU 0");
	IS(125, "--fail-on was seen: a BUG; it did not end: vCPU 0", .end = STOP_WATCH,
	   .why = WHY_FAIL_ON, .line = "a BUG", .torn = "vCPU 0");
	IS(3, "was to end, and did not: vCPU 0", .end = STOP_WATCH, .why = WHY_UNTIL,
	   .until_seen = true, .torn = "vCPU 0");
	IS(3, "was to end, and did not: vCPU 0", .end = STOP_POWEROFF, .torn = "vCPU 0");
	IS(125, "panicked: Kernel panic; it did not end: vCPU 0", .end = STOP_RESET,
	   .panic = "Kernel panic", .torn = "vCPU 0");
}
END_TEST

START_TEST(steps)
{
	conf.nr_steps = 2;
	conf.steps[0].after = "login:";
	conf.steps[1].after = "# ";
	conf.steps[1].within_s = 5;
	IS(120, "step 2: --after '# ' was not seen within 5 s", .end = STOP_WATCH, .why = WHY_LATE,
	   .steps_done = 1);
	IS(120, "The guest has reset itself before step 1: --after 'login:' was not seen",
	   .end = STOP_RESET);
	IS(0, "ended normally", .end = STOP_POWEROFF, .steps_done = 2);
}
END_TEST

START_TEST(statuses)
{
	struct verdict_facts f = { .conf = &conf, .started = true, .end = STOP_POWEROFF };
	struct verdict v;

	conf.status_from = "S=([0-9])";
	IS(120, "--status-from 'S=([0-9])' was not seen", .end = STOP_POWEROFF);
	IS(3, "The guest has switched itself off, with status 3", .end = STOP_POWEROFF,
	   .status = 3);
	IS(125, "panicked", .end = STOP_RESET, .status = 3, .panic = "Kernel panic");
	verdict_of(&v, &f);
	ck_assert(v.status == 0 && v.well);
	f.started = false;
	verdict_of(&v, &f);
	ck_assert(v.status == 128 && !v.well);
}
END_TEST

/* lkvm exec: the status is the command's, and a guest without one has failed. */
START_TEST(commands)
{
	struct verdict_facts f = {
		.conf = &conf, .started = true, .command = true, .end = STOP_COMMAND, .status = 3
	};
	struct verdict v;

	verdict_of(&v, &f);
	ck_assert_msg(v.status == 3 && v.commands && !v.well && strstr(v.line, "with status 3"),
		      "%s", v.line);
	f.status = 0;
	verdict_of(&v, &f);
	ck_assert(v.status == 0 && v.well);
	f.end = STOP_POWEROFF;
	f.status = -1;
	verdict_of(&v, &f);
	ck_assert_msg(v.status == 125 && !v.commands &&
			      strstr(v.line, "before its command had ended"),
		      "%s", v.line);
	f.end = STOP_RESET;
	f.panic = "Kernel panic";
	verdict_of(&v, &f);
	ck_assert(v.status == 125 && strstr(v.line, "panicked"));
}
END_TEST

START_TEST(kinds_of_reset)
{
	char buf[VERDICT_RESET_SIZE];

	verdict_reset(buf, STOP_RESET_PLAIN);
	ck_assert_str_eq(buf, "");
	verdict_reset(buf, 0);
	ck_assert_str_eq(buf, "SYSTEM_RESET2 warm");
	verdict_reset(buf, 0xffffffff);
	ck_assert_str_eq(buf, "SYSTEM_RESET2 0xffffffff");
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/watch/verdict", before, after, commands, ends, kinds_of_reset, watched,
		   steps, statuses)
