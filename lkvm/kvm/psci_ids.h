/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of PSCI, of whoever answers it or tells a guest about it. No state.
 */
#ifndef LKVM_PSCI_IDS_H
#define LKVM_PSCI_IDS_H

#include "lkvm/base/util.h"

/* Function ids [DEN 0022 5], 32-bit; `| PSCI_64`: the 64-bit form, where there are both. */
#define PSCI_VERSION 0x84000000u
#define PSCI_CPU_SUSPEND 0x84000001u
#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0x84000003u
#define PSCI_AFFINITY_INFO 0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define PSCI_SYSTEM_RESET2 0x84000012u
#define PSCI_64 0x40000000u

#define PSCI_RANGE 0x20u /* function ids of PSCI, from PSCI_VERSION on, in either form */

/* PSCI_FEATURES is asked about this one, too [SMCCC 1.2 7.2]. */
#define SMCCC_VERSION 0x80000000u
#define SMCCC_1_1 0x10001u

#define PSCI_VERSION_1_1 0x10001u

/* Results [DEN 0022 5.2.2]. */
#define PSCI_SUCCESS UINT64_C(0)
#define PSCI_NOT_SUPPORTED ((u64)-1)
#define PSCI_INVALID_PARAMETERS ((u64)-2)
#define PSCI_DENIED ((u64)-3)
#define PSCI_ALREADY_ON ((u64)-4)
#define PSCI_INTERNAL_FAILURE ((u64)-6)
#define PSCI_INVALID_ADDRESS ((u64)-9)

/* Of AFFINITY_INFO [DEN 0022 5.7]. */
#define PSCI_AFFINITY_ON UINT64_C(0)
#define PSCI_AFFINITY_OFF UINT64_C(1)

#define PSCI_NR_REGS 4u /* x0..x3: what a call takes, and what it returns */

/* `function` has one of its two forms' numbers. */
static inline bool psci_is_call(u32 function)
{
	return (function & ~PSCI_64) - PSCI_VERSION < PSCI_RANGE;
}

/* [SMCCC 1.2 2.4] The functions of the 32-bit form have 32-bit arguments, in x[1] to x[3]. */
static inline void psci_narrow(u64 x[PSCI_NR_REGS])
{
	for (unsigned i = 1; i < PSCI_NR_REGS && !((u32)x[0] & PSCI_64); i++)
		x[i] = (u32)x[i];
}

#endif
