/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurement log: how a Realm was built, for verifiers that compute its measurement from the
 * values of the parts. It lies in the Realm's memory and is not measured itself, so nobody has to
 * believe it: either its events give the measurement, or not. Main thread.
 *
 * A log of TCG2, little-endian: the header, "VM VERSION", then an event of the register (PCR) 0 for
 * each step of the plan. [docs/measurement-log.md of veraison/cca-realm-measurements]
 */
#ifndef REALM_EVENTLOG_H
#define REALM_EVENTLOG_H

#include "realm/measure/plan.h"

struct mem;

struct eventlog_conf {
	const struct plan *plan;
	const struct rim_params *params;
	gpa_t base; /* of the log itself */
	u64 len;
	u64 ram_size;
};

/*
 * Write the log to [base, base + len), zeros behind; before mem_seal(), with all other parts in
 * place. -EFAULT: one of them is not in memory; -ENOSPC.
 */
int eventlog_write(struct mem *m, const struct eventlog_conf *c);

#endif
