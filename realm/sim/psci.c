/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI as a Realm has it: what an RMM answers, not what KVM would.
 *
 * Thread: vCPU threads; one call at a time under the lock.
 * Trust:  all arguments are the guest's.
 * Spec:   [RMM 1.0 B6 Power State Control Interface], PSCI 1.1 (DEN 0022)
 *
 * KVM's own CPU_ON resets the other vCPU inside KVM_RUN, to register values that no RMM gives, and
 * nobody can change them before the first instruction. So a CPU that is off is kept out of KVM_RUN
 * by its thread, and whoever switches it on sets its registers.
 */
#include "realm/sim/psci.h"

void psci_init(struct psci *p, const struct psci_env *env, void *env_arg, u64 par_size)
{
	*p = (struct psci){ .env = env, .env_arg = env_arg, .par_size = par_size };
	pthread_mutex_init(&p->lock, NULL);
}

void psci_fini(struct psci *p)
{
	pthread_mutex_destroy(&p->lock);
}

/*
 * MPIDRs are those of RECs in order: 16 in the lowest level, 256 in those above it
 * [RMM 1.0 A2.3.3]. Bits that are no affinity make it nobody's.
 */
static u64 cpu_of(u64 mpidr)
{
	u64 aff0 = mpidr & 0xff, aff1 = mpidr >> 8 & 0xff, aff2 = mpidr >> 16 & 0xff;

	if (aff0 > 15 || mpidr >> 24)
		return UINT64_MAX;
	return aff0 | aff1 << 4 | aff2 << 12;
}

static u64 cpu_on(struct psci *p, unsigned self, const u64 x[])
{
	u64 cpu = cpu_of(x[1]), entry = x[2];

	if (entry >= p->par_size)
		return PSCI_INVALID_ADDRESS;
	if (cpu >= p->nr_cpus)
		return PSCI_INVALID_PARAMETERS;
	if (cpu == self || psci_is_on(p, (unsigned)cpu))
		return PSCI_ALREADY_ON;
	if (p->env->start(p->env_arg, self, (unsigned)cpu, entry, x[3]))
		return PSCI_DENIED;
	atomic_store(&p->on[cpu], true);
	return PSCI_SUCCESS;
}

static u64 affinity_info(const struct psci *p, const u64 x[])
{
	u64 cpu = cpu_of(x[1]), level = x[2];

	if (level || cpu >= p->nr_cpus)
		return PSCI_INVALID_PARAMETERS;
	return psci_is_on(p, (unsigned)cpu) ? PSCI_AFFINITY_ON : PSCI_AFFINITY_OFF;
}

static u64 features(u64 function)
{
	switch ((u32)function) {
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND | PSCI_64:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | PSCI_64:
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | PSCI_64:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case SMCCC_VERSION:
		return PSCI_SUCCESS;
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

static u64 dispatch(struct psci *p, unsigned self, const u64 x[])
{
	switch ((u32)x[0]) {
	case PSCI_VERSION:
		return PSCI_VERSION_1_1;
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | PSCI_64:
		return cpu_on(p, self, x);
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | PSCI_64:
		return affinity_info(p, x);
	case PSCI_FEATURES:
		return features(x[1]);
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

bool psci_call(struct psci *p, unsigned cpu, u64 x[PSCI_NR_REGS])
{
	bool stays = (u32)x[0] != PSCI_CPU_OFF;

	psci_narrow(x);
	pthread_mutex_lock(&p->lock);
	if (stays)
		x[0] = dispatch(p, cpu, x);
	else
		atomic_store(&p->on[cpu], false);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 1; i < PSCI_NR_REGS; i++)
		x[i] = 0;
	return stays;
}

bool psci_is_on(const struct psci *p, unsigned cpu)
{
	return atomic_load(&p->on[cpu]);
}
