/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GDB at a machine (--gdb): its connection, breakpoints, and how vCPUs stop for it and go on. Main
 * thread; it works on the loop of the devices.
 */
#ifndef LKVM_DEBUGGER_H
#define LKVM_DEBUGGER_H

#include "lkvm/kvm/vcpu.h"

struct debugger;
struct loop;
struct mem;
struct stop;

/* All of it outlives the debugger. */
struct debugger_env {
	struct vcpu *const *vcpus;
	unsigned nr_vcpus;
	struct vcpu_gate *gate;
	struct mem *mem;
	struct stop *stop;
	struct loop *loop;
	const struct kvm *kvm;
};

/*
 * Listen at `where`: a port of 127.0.0.1, or the path of a socket. Before the loop runs. 0, or
 * -errno after one log_error() line.
 */
int debugger_create(struct debugger **out, const char *where, const struct debugger_env *env);

/* The loop does not run. Takes NULL. */
void debugger_destroy(struct debugger *d);

/* Are the vCPUs stopped for it, or but one? Any thread. Takes NULL. */
bool debugger_holds(const struct debugger *d);

/* For vcpu_env, with the debugger as argument. */
extern const struct vcpu_debug debugger_vcpu;

/* What it asks of the kernel while the guest runs. */
extern const struct calls debugger_calls;

#endif
