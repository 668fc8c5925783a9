/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a simulated Realm, shared by the two halves of the backend: sim.c builds it and is
 * the ops table, calls.c answers what its guest calls. Nobody else includes this.
 */
#ifndef REALM_SIM_H
#define REALM_SIM_H

#include "realm/measure/draft.h"
#include "realm/sim/fault.h"
#include "realm/sim/keeper.h"
#include "realm/sim/psci.h"
#include "realm/sim/rsi.h"

struct calllog;
struct kvm_run;
struct mem;
struct realm;

#define SIM_MAX_RECS PSCI_MAX_CPUS

/* What a vCPU has called, as the faults have made it. */
struct sim_call {
	u64 x[RSI_NR_REGS];
	bool answered; /* by a fault */
	bool waits;    /* for a page in flight, or a server: it will be made again */
};

struct sim {
	struct rsi_realm rsi;
	struct psci psci;
	struct fault fault;
	struct calllog *log; /* NULL: nobody wants to know */
	atomic_bool aware;   /* the guest knows that there is an RMM; vCPU threads write */
	struct realm *realm;
	struct mem *mem;
	struct rsi_rec recs[SIM_MAX_RECS];
	int vcpu_fds[SIM_MAX_RECS]; /* of the vCPUs that exist */
	struct sim_call calls[SIM_MAX_RECS];
	struct draft *draft;	  /* from which rsi.rim is computed when the guest asks */
	u8 *tokens[SIM_MAX_RECS]; /* KEEPER_TOKEN_MAX bytes for each vCPU that exists */
};

/*
 * How calls.c does what rsi.c and psci.c ask for; the argument of each function is the struct sim.
 */
extern const struct rsi_env calls_rsi_env;
extern const struct psci_env calls_psci_env;

/* Answer the KVM_EXIT_HYPERCALL of the vCPU `index`, on its thread; as realm_ops.exit. */
int calls_exit(struct sim *s, unsigned index, int vcpu_fd, const struct kvm_run *run);

#endif
