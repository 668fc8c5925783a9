/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of the host that the guest gets (--vfio-pci): which guests can have them, and what they
 * need of the machine. Main thread.
 */
#ifndef LKVM_ASSIGN_H
#define LKVM_ASSIGN_H

#include "lkvm/run/config.h"

struct assign;
struct filter;
struct irq;
struct kvm;
struct loop;
struct mem;
struct pci;
struct realm_ops;

/* What they are connected to. All of it outlives them. */
struct assign_env {
	struct kvm *kvm;
	struct mem *mem;
	struct pci *pci;
	struct irq *irq;
	struct loop *loop; /* does not run yet, and not any more when they are destroyed */
	const struct realm_ops *ops;
	u64 alias; /* realm_device_alias() */
};

/*
 * Open all devices of the config, as PCI devices 0, 1, ..., and let them reach what the guest
 * shares. *out is NULL if there are none. 0, or -errno after one log_error() line. The guest's
 * memory is mapped, and KVM has an interrupt controller; before vCPUs run.
 */
int assign_create(struct assign **out, const struct config *c, const struct assign_env *env);

/* Size of the window for 64-bit BARs that the board needs for them, a power of two; 0: none. */
u64 assign_window(const struct config *c);

/* Add the system calls of a running guest with such devices. Takes NULL. */
void assign_calls(const struct assign *a, struct filter *f);

/* Stop and reset the devices. No vCPU runs any more. Takes NULL. */
void assign_reset(struct assign *a);

/* Give them back. The memory is still there. Takes NULL. */
void assign_destroy(struct assign *a);

#endif
