/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual CPU: the fd, its shared page, and one thread that runs it.
 */
#ifndef LKVM_VCPU_H
#define LKVM_VCPU_H

#include <sched.h>

#include "lkvm/kvm.h"

struct bus;
struct realm;
struct stop;
struct vcpu;

/* What the exits of a vCPU lead to; outlives the vCPUs. */
struct vcpu_env {
	const struct kvm *kvm;
	struct bus *bus;
	struct stop *stop;
	struct realm *realm;
	const cpu_set_t *affinity; /* host CPUs for all vCPU threads, or NULL: any */
	bool log_mmio; /* --debug-mmio: tell about accesses that nobody answers */
};

/*
 * Create vCPU `index` in the VM (not initialised yet: arm64/cpu.h does that). 0 or -errno, no
 * message.
 */
int vcpu_create(struct vcpu **out, const struct vcpu_env *env, unsigned index);

/* The thread has been joined or was never started. Takes NULL. */
void vcpu_destroy(struct vcpu *v);

int vcpu_fd(const struct vcpu *v);

/* Start the thread; it runs until the stop is asked for. Main thread. */
int vcpu_start(struct vcpu *v);

/*
 * Make it look at the stop flag: get it out of the guest and out of any blocking system call. Main
 * thread, after stop_request().
 */
void vcpu_kick(struct vcpu *v);
void vcpu_join(struct vcpu *v);

#endif
