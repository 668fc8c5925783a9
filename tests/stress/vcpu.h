/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile vCPU: one operation after the other, drawn from a mix. */
#ifndef TESTS_STRESS_VCPU_H
#define TESTS_STRESS_VCPU_H

#include "tests/stress/board.h"

enum mix {
	MIX_CONVERSIONS, /* devices at work, while pages change sides */
	MIX_HOSTILE,	 /* and everything else that a guest can do to its devices */
};

struct vcpu {
	struct board *b;
	enum mix mix;
	u64 seed;
	u64 nr_ops;	      /* until `done` is that many */
	struct mem_user user; /* its own looks into the memory */
	_Atomic u64 done;     /* for those who watch */
	_Atomic(const char *) doing;
	_Atomic u64 conversions, busy; /* pages in flight when they were to change sides */
	_Atomic u64 over_the_bus;      /* rings in dialogues that no doorbell took */
};

/* The thread of a `struct vcpu`. */
void *vcpu_run(void *vcpu);

#endif
