/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The power state calls of a Realm's guest, as an RMM answers them [RMM 1.0 B6, PSCI 1.1]: a pure
 * state machine, like rsi.h. It knows which CPUs are on; how one is started is asked for through
 * struct psci_env.
 */
#ifndef REALM_PSCI_H
#define REALM_PSCI_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/kvm/psci_ids.h"

#define PSCI_MAX_CPUS 512u

struct psci_env {
	/*
	 * CPU `cpu` is off and stays so until this returns: give it the state that it is to start
	 * with, in the endianness of `caller`. 0 or -errno: the guest is told that it may not.
	 * Called with the lock held, on the thread of `caller`.
	 */
	int (*start)(void *arg, unsigned caller, unsigned cpu, u64 entry, u64 context);
};

struct psci {
	const struct psci_env *env;
	void *env_arg;
	u64 par_size;	  /* of the protected half: where entry points may be */
	unsigned nr_cpus; /* those that exist; final before the first call */
	pthread_mutex_t lock;
	atomic_bool on[PSCI_MAX_CPUS]; /* written under the lock, read by each CPU's own thread */
};

/*
 * A machine of no CPUs yet, whose protected addresses are below `par_size`. *env, which gets
 * `env_arg`, outlives *p. The caller then sets nr_cpus and on[]. Main thread, before the first
 * call.
 */
void psci_init(struct psci *p, const struct psci_env *env, void *env_arg, u64 par_size);

/* The end; no vCPU runs any more. */
void psci_fini(struct psci *p);

/*
 * Answer one call of the CPU `cpu`, on its thread: x[0] is the function id, results replace
 * x[0..3]. False: the CPU has gone off, and its registers are no longer its thread's to write.
 * Takes the lock.
 */
bool psci_call(struct psci *p, unsigned cpu, u64 x[PSCI_NR_REGS]);

/* Is the CPU on? Any thread. */
bool psci_is_on(const struct psci *p, unsigned cpu);

#endif
