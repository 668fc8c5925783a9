/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMCCC filter of a VM.
 *
 * Thread: main, before the guest runs.
 * Trust:  nothing comes from the guest; KVM's refusals are the host's.
 * Spec:   [SMCCC 1.2], [KVM devices/vm.rst 6]
 */
#include "lkvm/kvm/smccc.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"

bool smccc_has_filter(const struct kvm *k)
{
	return kvm_attr_has(k->vm_fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER);
}

static int forward(const struct kvm *k, const struct smccc_range *r)
{
	const struct kvm_smccc_filter filter = { .base = r->first,
						 .nr_functions = r->last - r->first + 1,
						 .action = KVM_SMCCC_FILTER_FWD_TO_USER };

	return kvm_attr_set(k->vm_fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &filter);
}

int smccc_forward(const struct kvm *k, const struct smccc_range *ranges, unsigned nr,
		  const char *who)
{
	if (!smccc_has_filter(k)) {
		log_error("%s needs KVM's SMCCC filter: Linux 6.4 or later on the host", who);
		return -ENODEV;
	}
	for (unsigned i = 0; i < nr; i++) {
		int err = forward(k, &ranges[i]);

		if (err) {
			log_error("%s: this host's kernel does not hand over the guest's calls "
				  "%#x to %#x: %s",
				  who, ranges[i].first, ranges[i].last, strerror(-err));
			return err;
		}
	}
	return 0;
}
