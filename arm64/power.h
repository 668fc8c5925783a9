/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PSCI of an ordinary guest, answered here instead of by KVM (--psci): which CPUs are on, and what
 * a guest asks about that. A CPU that is off is kept out of KVM_RUN by its thread
 * [lkvm/kvm/vcpu.h], so whoever switches it on may set its registers.
 */
#ifndef ARM64_POWER_H
#define ARM64_POWER_H

#include "arm64/cpu.h"
#include "lkvm/kvm/vcpu.h"

struct power;
struct stop;

/* What power needs of the machine; all of it outlives it. */
struct power_env {
	struct kvm *kvm;
	const struct cpu_model *model; /* filled until the first vCPU runs */
	struct vcpu_gate *gate;
	struct stop *stop;
	unsigned nr_cpus;
};

/* The calls that are answered here, and their results. */
enum psci_result { PSCI_STAYS_ON, PSCI_IS_OFF };

/*
 * Have KVM forward PSCI, all but CPU_SUSPEND, which is WFI with another name. Before the first vCPU
 * runs. 0, or -errno after one log_error() line (-ENODEV: this KVM has no SMCCC filter).
 */
int power_create(struct power **out, const struct power_env *env);

/* No vCPU runs. Takes NULL. */
void power_destroy(struct power *p);

/* vCPU `index` has this descriptor: index 0 is on, the others are off. Main, before they run. */
void power_add(struct power *p, unsigned index, int vcpu_fd);

/* For vcpu_env, with the power as its argument. */
extern const struct vcpu_hooks power_hooks;

/* What the vCPU threads ask of the kernel for it. */
extern const struct calls power_calls;

#endif
