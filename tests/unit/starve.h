/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop in a process that gets no more descriptors. */
#ifndef TESTS_UNIT_STARVE_H
#define TESTS_UNIT_STARVE_H

#include <sys/resource.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "tests/unit/suite.h"

/*
 * Let `loop` run for 200 ms in which no descriptor can be had, and say how many steps it has made:
 * one that spins makes thousands, as a step waits for an event up to 50 ms.
 */
static inline unsigned steps_without_descriptors(struct loop *loop)
{
	struct rlimit old, none;
	unsigned steps = 0;
	int next = dup(STDERR_FILENO);
	u64 until;

	ck_assert_int_ge(next, 0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ (rlim_t)next, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (until = loop_now_ns() + 200000000u; loop_now_ns() < until; steps++)
		loop_step(loop, 50);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	return steps;
}

#endif
