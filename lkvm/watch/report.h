/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run as a JUnit document: a test case for each step, one for --until, and one for the run. Any
 * thread; writes only.
 */
#ifndef LKVM_REPORT_H
#define LKVM_REPORT_H

#include "lkvm/watch/tail.h"
#include "lkvm/watch/verdict.h"

struct report {
	const char *name; /* the guest's */
	const struct watch_conf *conf;
	const struct verdict *verdict;
	const struct tail *tail; /* what the guest said last */
	unsigned steps_done;
	bool until_seen;
	u64 step_ns[WATCH_MAX_STEPS]; /* since the start; of those that are done */
	u64 until_ns, total_ns;
};

void report_write(FILE *f, const struct report *r);

#endif
