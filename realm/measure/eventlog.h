/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurement log: how a Realm was built, for verifiers that compute its measurement from the
 * values of the parts. The log lies in the Realm's memory and is not measured itself. Nobody has to
 * believe it: either its events give the measurement, or they do not. Main thread.
 *
 * A log of TCG2, little-endian: the header, "VM VERSION", then an event of the register (PCR) 0 for
 * each step of the plan. [docs/measurement-log.md of veraison/cca-realm-measurements]
 */
#ifndef REALM_EVENTLOG_H
#define REALM_EVENTLOG_H

#include "realm/measure/plan.h"

struct mem;

/* What the log is about, and where it goes. Nothing of this is kept. */
struct eventlog_conf {
	const struct plan *plan;
	const struct rim_params *params;
	gpa_t base;   /* of the log itself */
	u64 len;      /* bytes that there are for it */
	u64 ram_size; /* bytes */
};

/*
 * Write the log and zeros behind it to [base, base + len) of guest memory: before mem_seal(), with
 * all other parts in place. 0; -EFAULT: a part is not in memory; -ENOSPC: the log needs more than
 * `len` bytes. Without a message.
 */
int eventlog_write(struct mem *m, const struct eventlog_conf *c);

#endif
