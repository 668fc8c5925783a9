/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's clock, and its alarm (arm64/alarm.h), in the hands of a test: time passes when `host`
 * is changed, and looks() is what the loop does when it was asked to, or when time has come.
 */
#ifndef TESTS_UNIT_ARM64_CLOCK_H
#define TESTS_UNIT_ARM64_CLOCK_H

#include "arm64/alarm.h"
#include "tests/unit/suite.h"

#define SEC INT64_C(1000000000)

static s64 host;
static alarm_fn alarm_due;
static void *alarm_arg;
static unsigned alarm_looks; /* how often a device has asked for it */

static inline s64 clock_of_test(void)
{
	return host;
}

int alarm_create(struct alarm **out, struct loop *loop, alarm_fn fn, void *arg)
{
	alarm_due = fn;
	alarm_arg = arg;
	*out = arg;
	return 0;
}

void alarm_look(struct alarm *a)
{
	alarm_looks++;
}

void alarm_destroy(struct alarm *a)
{
}

/* How long until there is more to do. */
static inline u64 looks(void)
{
	return alarm_due(alarm_arg);
}

#endif
