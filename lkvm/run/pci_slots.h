/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration spaces of PCI functions as read-only memory slots of KVM, for pci_map.show. Not for
 * guests without memory where devices are: real Realms, protected VMs, simulated Realms.
 */
#ifndef LKVM_PCI_SLOTS_H
#define LKVM_PCI_SLOTS_H

#include "lkvm/base/calls.h"
#include "lkvm/base/gpa.h"

struct kvm;

struct pci_slots {
	const struct kvm *kvm; /* outlives this */
	u32 first;	       /* of as many slots as the bus has */
};

extern const struct calls pci_slots_calls;

/* False: this KVM, or the size of the host's pages, does not allow it. Main thread. */
bool pci_slots_init(struct pci_slots *s, struct kvm *k);

/* As pci_map.show says. */
int pci_slots_show(void *slots, unsigned n, gpa_t at, void *page);

#endif
