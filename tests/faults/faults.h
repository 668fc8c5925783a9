/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that fail: who calls what, and one failure at a time.
 *
 * A place is a call and the functions that it came from: what many use (a helper that reads a file)
 * is as many places.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include "lkvm/base/util.h"

#define FAULT_DEPTH 4u
#define FAULT_PLACES 8192u

struct fault_place {
	const char *call;
	void *from[FAULT_DEPTH];
	u32 times;
};

/* Shared with the process that does it. */
struct fault_log {
	_Atomic u32 nr;
	_Atomic bool happened; /* what was asked for */
	struct fault_place places[FAULT_PLACES];
};

/* From now on, write down each place that is passed. `log` is zeroed. */
void faults_record(struct fault_log *log);

/* From now on, the call at `place` fails when it is made the `nth` time (0: the first), once. */
void faults_inject(struct fault_log *log, const struct fault_place *place, u32 nth);

/* From now on, nothing is written down, and nothing fails. */
void faults_off(void);

/* The same for a while: a scenario that makes ready what others have tried. */
void faults_hold(bool held);

/* Has a call of this name been made to fail? */
bool faults_happened(const char *call);

/*
 * What is done while a call fails: a scenario. In a process of its own, with its own $HOME, which
 * is also the current directory, and stdin /dev/null.
 */
struct scenario {
	const char *name;
	/* Makes what it needs, before faults. False: this machine cannot have it. */
	bool (*prepare)(void);
	/* The exit status: 0, or what is documented for what it could not do, after one line. */
	int (*run)(void);
	bool goes_on; /* without some of what was asked for, and says an error all the same */
};

extern const struct scenario scenarios_start[], scenarios_data[], scenarios_talk[];
extern const unsigned nr_scenarios_start, nr_scenarios_data, nr_scenarios_talk;

#endif
