/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host calls of a Realm on a real RMM.
 *
 * Thread: main; exits on vCPU threads.
 * Trust:  registers are the guest's, as far as it has put them into the call.
 * Spec:   [RMM 1.0 B5.3.4 RSI_HOST_CALL, A4.3.5], [KVM devices/vm.rst 6 SMCCC filter]
 */
#include "realm/host/hostcall.h"

#include <errno.h>

#include "lkvm/kvm/smccc.h"
#include "realm/realm.h"
#include "realm/rhi.h"

int hostcall_create(struct realm *r)
{
	static const struct smccc_range calls = { RHI_FID_BASE, RHI_FID_BASE + RHI_NR_FIDS - 1 };

	return realm_rhi(r) ? smccc_forward(realm_kvm(r), &calls, 1, "--service-ip") : 0;
}

bool hostcall_is(const struct realm *r, const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_HYPERCALL && realm_rhi(r);
}

int hostcall_exit(struct realm *r, int vcpu_fd, const struct kvm_run *run)
{
	u64 x[RHI_NR_REGS];
	int err = kvm_gprs_get(vcpu_fd, x, RHI_NR_REGS);

	if (err)
		return err;
	x[0] = (u32)run->hypercall.nr;
	if (rhi_call(realm_rhi(r), x) == -EAGAIN) {
		rhi_wait(realm_rhi(r));
		return -EINPROGRESS;
	}
	return kvm_gprs_set(vcpu_fd, x, RHI_NR_REGS - 1);
}
