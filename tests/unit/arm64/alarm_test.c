/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The alarm of the clocks, on a real loop. */
#include <pthread.h>

#include "arm64/alarm.h"
#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"

static unsigned looks;
static u64 answer;

static u64 due(void *arg)
{
	looks++;
	return answer;
}

static void steps(struct loop *l, unsigned want)
{
	for (int i = 0; i < 100 && looks < want; i++)
		loop_step(l, 100);
}

START_TEST(asked_when_told_to_and_when_time_has_come)
{
	struct alarm *a;
	struct loop *l;

	ck_assert_int_eq(loop_create(&l, "alarm"), 0);
	ck_assert_int_eq(alarm_create(&a, l, due, NULL), 0);
	loop_step(l, 0);
	ck_assert_uint_eq(looks, 0);
	answer = ALARM_NEVER;
	alarm_look(a);
	alarm_look(a); /* once is enough */
	steps(l, 1);
	ck_assert_uint_eq(looks, 1);
	loop_step(l, 20);
	ck_assert_uint_eq(looks, 1);
	answer = 1000000;
	alarm_look(a);
	steps(l, 5);
	ck_assert_uint_ge(looks, 5);
	answer = ALARM_NEVER; /* ends it, whatever was armed */
	alarm_look(a);
	steps(l, looks + 1);
	looks = 0;
	loop_step(l, 20);
	ck_assert_uint_eq(looks, 0);
	alarm_destroy(a);
	alarm_destroy(NULL);
	alarm_look(NULL);
	loop_destroy(l);
}
END_TEST

/* The loop knows no wall clock: what is a year ahead may be due after a night's sleep. */
START_TEST(a_long_wait_is_looked_at_in_between)
{
	u64 from = loop_now_ns();
	struct alarm *a;
	struct loop *l;

	looks = 0;
	ck_assert_int_eq(loop_create(&l, "alarm"), 0);
	ck_assert_int_eq(alarm_create(&a, l, due, NULL), 0);
	answer = UINT64_C(1) << 62;
	alarm_look(a);
	steps(l, 2);
	ck_assert_uint_ge(looks, 2);
	ck_assert_uint_ge(loop_now_ns() - from, 1000000000);
	alarm_destroy(a);
	loop_destroy(l);
}
END_TEST

SUITE_MAIN("arm64/alarm", asked_when_told_to_and_when_time_has_come,
	   a_long_wait_is_looked_at_in_between)
