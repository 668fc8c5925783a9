/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults of a simulated RMM and of its host, as --sim-fault asks for them: what the specification
 * lets them do and they seldom do. They are made by changing a call's arguments before it is
 * answered, so that what is wrong with the arguments is still found.
 */
#ifndef REALM_FAULT_H
#define REALM_FAULT_H

#include <pthread.h>

#include "realm/sim/calltext.h"

#define FAULT_MAX_CPUS 512u

/* The calls, counted from 1, that have the fault; 0, 0: none. */
struct fault_span {
	u32 first, last;
};

/* Plain data. Zeros: no faults, RSI 1.0. */
struct fault_plan {
	u32 token_incomplete; /* TOKEN_CONTINUE calls without bytes after each TOKEN_INIT */
	u32 token_piece;      /* bytes of a token in one call at most; 0: no limit */
	u64 ripas_piece; /* bytes that IPA_STATE_SET changes in one call at most; 0: no limit */
	/* Of the IPA_STATE_SET calls that reach the host: */
	struct fault_span ripas_reject; /* of those that ask for RAM, these are rejected */
	struct fault_span ripas_stall;	/* of all, these change nothing */
	/* Calls of a function that answer with this status, and do nothing. */
	struct {
		struct fault_span calls;
		u64 status;
	} fail[CALLTEXT_NR_RSI];
	u32 delay_ms[CALLTEXT_NR_RSI];
	u32 version_low, version_high; /* as RSI_VERSION has them; 0: 1.0 */
};

/*
 * Add a list "KEY=VALUE[,KEY=VALUE...]" to the plan. Main thread. 0, or -EINVAL after one
 * log_error() line that names `option`.
 */
int fault_parse(struct fault_plan *plan, const char *option, const char *list);

/* What has happened so far, of one Realm. */
struct fault {
	const struct fault_plan *plan;
	pthread_mutex_t lock;
	u32 calls[CALLTEXT_NR_RSI]; /* of each function */
	u32 changes, ram_changes;   /* page states that the host was asked to change */
	u32 idle[FAULT_MAX_CPUS];   /* calls without bytes that are still to come, of each CPU */
};

/* Nothing has happened yet. `plan` outlives *f; NULL: no faults. Main thread, as fault_fini(). */
void fault_init(struct fault *f, const struct fault_plan *plan);
void fault_fini(struct fault *f);

/*
 * A call of the CPU `cpu` is about to be answered. True: it has a fault, and x0..x3 are the answer.
 * False: it is to be answered, with arguments that may be others now. vCPU threads; takes the lock.
 */
bool fault_call(struct fault *f, unsigned cpu, u64 x[RSI_NR_REGS]);

/* What the host does when the page states of a good range are to change. */
enum fault_host { FAULT_HOST_OBEYS, FAULT_HOST_STALLS, FAULT_HOST_REJECTS };

/* A range is about to become `to`: what does the host do? vCPU threads; takes the lock. */
enum fault_host fault_change(struct fault *f, enum rsi_ripas to);

/*
 * The change that fault_change() has just counted could not be made yet, and will be asked for
 * again: it counts once. vCPU threads; takes the lock.
 */
void fault_change_later(struct fault *f, enum rsi_ripas to);

/* How many milliseconds the answer to this function has to take at least. Any thread. */
u32 fault_delay_ms(const struct fault_plan *plan, u64 function);

#endif
