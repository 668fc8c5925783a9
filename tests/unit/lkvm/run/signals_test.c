/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wishes to end: when they come, and which of them are none. */
#include <signal.h>

#include "lkvm/run/signals.h"
#include "lkvm/vm/stop.h"
#include "tests/unit/suite.h"

static struct loop *loop;
static struct stop stop;
static struct signals *signals;

static void watch(void)
{
	ck_assert_int_eq(loop_create(&loop, "signals"), 0);
	ck_assert_int_eq(stop_init(&stop), 0);
	ck_assert_int_eq(signals_create(&signals, loop, &stop), 0);
}

/* The signal is looked at if it came at all: one step takes what is there. */
static enum stop_reason after_a_step(void)
{
	loop_step(loop, 0);
	return stop_why(&stop);
}

START_TEST(each_is_a_wish_to_end)
{
	static const int all[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	signal(all[_i], SIG_DFL); /* these tests may run under nohup themselves */
	watch();
	raise(all[_i]);
	ck_assert_int_eq(after_a_step(), STOP_SIGNAL);
	ck_assert_int_eq(atomic_load(&stop.signal), all[_i]);
}
END_TEST

/* Between the start of the process and the first loop there is a socket to be removed. */
START_TEST(one_that_comes_early_waits)
{
	signals_block();
	raise(SIGTERM);
	watch();
	ck_assert_int_eq(after_a_step(), STOP_SIGNAL);
}
END_TEST

/* nohup, and a background job of a script. */
START_TEST(what_was_ignored_stays_ignored)
{
	static const int all[] = { SIGINT, SIGHUP, SIGQUIT };

	signal(all[_i], SIG_IGN);
	signals_block();
	raise(all[_i]);
	watch();
	raise(all[_i]);
	ck_assert_int_eq(after_a_step(), STOP_NONE);
	raise(SIGTERM);
	ck_assert_int_eq(after_a_step(), STOP_SIGNAL);
}
END_TEST

static int asked;

static bool wants(void *arg, int signal)
{
	asked = signal;
	return signal != *(int *)arg;
}

/* Somebody takes them, and what he does not take is an end only if it always is. */
START_TEST(for_a_command)
{
	int left = SIGUSR1;

	signal(SIGHUP, SIG_DFL);
	ck_assert_int_eq(loop_create(&loop, "signals"), 0);
	ck_assert_int_eq(stop_init(&stop), 0);
	ck_assert_int_eq(signals_create_for(&signals, loop, &stop, wants, &left), 0);
	raise(SIGTERM);
	ck_assert_int_eq(after_a_step(), STOP_NONE);
	ck_assert_int_eq(asked, SIGTERM);
	raise(SIGUSR1);
	ck_assert_int_eq(after_a_step(), STOP_NONE);
	ck_assert_int_eq(asked, SIGUSR1);
	left = SIGHUP;
	raise(SIGHUP);
	ck_assert_int_eq(after_a_step(), STOP_SIGNAL);
	ck_assert_int_eq(atomic_load(&stop.signal), SIGHUP);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("signals");

	tcase_add_loop_test(tc, each_is_a_wish_to_end, 0, 4);
	tcase_add_test(tc, one_that_comes_early_waits);
	tcase_add_loop_test(tc, what_was_ignored_stays_ignored, 0, 3);
	tcase_add_test(tc, for_a_command);
	return suite_run("lkvm/run/signals", tc);
}
