/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's SMCCC filter: which SMC and HVC calls of a guest come to lkvm, as KVM_EXIT_HYPERCALL, and
 * are not answered by KVM [KVM devices/vm.rst 6].
 */
#ifndef LKVM_SMCCC_H
#define LKVM_SMCCC_H

#include "lkvm/kvm/kvm.h"

/* Function ids `first` to `last`. */
struct smccc_range {
	u32 first, last;
};

/* Does this host have the filter? Any thread. */
bool smccc_has_filter(const struct kvm *k);

/*
 * Have KVM forward the calls of these ranges, which neither overlap each other nor those of earlier
 * calls of this function. Main thread, before the first vCPU runs. 0, or -errno after one line that
 * begins with `who`, the option that wants it (-ENODEV: there is no filter).
 */
int smccc_forward(const struct kvm *k, const struct smccc_range *ranges, unsigned nr,
		  const char *who);

#endif
