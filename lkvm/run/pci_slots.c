/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest reads of PCI configuration spaces without an exit.
 *
 * Thread: main; pci_slots_show() also on vCPU threads, under the function's lock.
 * Trust:  nothing of the guest's.
 * Spec:   [KVM api 4.35, KVM_MEM_READONLY]: a write to such a slot is MMIO.
 */
#include "lkvm/run/pci_slots.h"

#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/pci.h"

static const struct sys_call list[] = {
	CALL_IOCTL_RARE(KVM_SET_USER_MEMORY_REGION, "a driver without mappings of its BARs"),
};

const struct calls pci_slots_calls = CALLS("PCI", list);

bool pci_slots_init(struct pci_slots *s, struct kvm *k)
{
	s->kvm = k;
	s->first = k->nr_slots;
	if (sysconf(_SC_PAGESIZE) != PCI_PAGE_SIZE || !kvm_vm_cap(k, KVM_CAP_READONLY_MEM))
		return false;
	k->nr_slots += PCI_SLOTS;
	return true;
}

int pci_slots_show(void *slots, unsigned n, gpa_t at, void *page)
{
	const struct pci_slots *s = slots;

	return kvm_set_slot(s->kvm, s->first + n, at, page ? PCI_PAGE_SIZE : 0, page,
			    page ? KVM_MEM_READONLY : 0);
}
