/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a simulated REC: what KVM leaves in them at a reset is KVM's own, and a guest that
 * relies on an RMM's values (EDK2 does, on a TPIDR_EL0 of 0) fails on it.
 *
 * Thread: see the header.
 * Trust:  the kernel; the guest's registers are its own, whatever it has put there.
 * Spec:   [RMM 1.0 A2.3 REC, B6.3 PSCI_CPU_ON], [Arm ARM D1.3 exception entry]; values are TF-RMM's
 */
#include "realm/sim/regs.h"

#include <errno.h>
#include <stdlib.h>

#include "lkvm/kvm/kvm.h"

#define SCTLR_EL1 KVM_REG_SYS(3u, 0u, 1u, 0u, 0u)
#define SCTLR_RESET UINT64_C(0x00c50878) /* RES1, and what is so without FEAT_ExS and the like */
#define SCTLR_EE BIT(25)
#define PMCR_EL0 KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)
#define MDSCR_EL1 KVM_REG_SYS(2u, 0u, 0u, 2u, 2u)
#define MDSCR_TDCC BIT(12)
#define ESR_EL1 KVM_REG_SYS(3u, 0u, 5u, 2u, 0u)
#define ESR_CLASS UINT64_C(0xfc000000)
#define ESR_FETCH_LESS (UINT64_C(4) << 26)
#define ESR_IL BIT(25)
#define FSC_SEA UINT64_C(0x10)
#define FAR_EL1 KVM_REG_SYS(3u, 0u, 6u, 0u, 0u)
#define ESR_UNKNOWN 0x02000000u /* EC 0, a 32-bit instruction */

#define PSTATE_EL1H 5u
#define PSTATE_DAIF 0x3c0u

/* ---- a new REC ---- */

static unsigned field(u64 id, unsigned shift, unsigned bits)
{
	return (unsigned)(id >> shift & (BIT(bits) - 1));
}

/*
 * A register that holds something of EL1's or EL0's, and not what the CPU is (CRn 0, but for
 * CSSELR_EL1), nor a timer's (CRn 14, zero after a reset, and the numbers of two of them are
 * swapped, but for CNTKCTL_EL1).
 */
static bool is_state(u64 id)
{
	unsigned op0 = field(id, 14, 2), op1 = field(id, 11, 3), crn = field(id, 7, 4);

	if ((id & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM64_SYSREG || op0 != 3 || op1 > 3)
		return false;
	if (crn == 0)
		return id == KVM_REG_SYS(3u, 2u, 0u, 0u, 0u);
	if (crn == 14)
		return id == KVM_REG_SYS(3u, 0u, 14u, 1u, 0u);
	return id != PMCR_EL0; /* it has the number of counters */
}

/* KVM keeps some as they are for everybody (EINVAL): those are the host's, not a reset pattern. */
static int clear(int vcpu_fd, u64 id)
{
	u64 val;
	int err = kvm_reg_get64(vcpu_fd, id, &val);

	if (!err && val)
		err = kvm_reg_set64(vcpu_fd, id, 0);
	return err == -EINVAL ? 0 : err;
}

int regs_reset(int vcpu_fd)
{
	struct kvm_reg_list *list;
	int err = kvm_reg_list(vcpu_fd, &list);

	for (u64 i = 0; !err && i < list->n; i++)
		if (is_state(list->reg[i]))
			err = clear(vcpu_fd, list->reg[i]);
	free(list);
	if (!err)
		err = kvm_reg_set64(vcpu_fd, SCTLR_EL1, SCTLR_RESET);
	return err ? err : kvm_reg_set64(vcpu_fd, MDSCR_EL1, MDSCR_TDCC);
}

/* ---- CPU_ON ---- */

int regs_start(int fd, int caller, u64 entry, u64 context)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	const u64 gprs[31] = { context };
	u64 sctlr;
	int err = kvm_reg_get64(caller, SCTLR_EL1, &sctlr);

	if (!err)
		err = kvm_reg_set64(fd, SCTLR_EL1, SCTLR_RESET | (sctlr & SCTLR_EE));
	if (!err)
		err = kvm_gprs_set(fd, gprs, ARRAY_SIZE(gprs));
	if (!err)
		err = kvm_reg_set64(fd, KVM_REG_PC, entry);
	if (!err)
		err = kvm_reg_set64(fd, KVM_REG_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
	return err ? err : kvm_ioctl(fd, KVM_SET_MP_STATE, &runnable);
}

/* ---- exceptions ---- */

/*
 * KVM takes all that user space injects for aborts of data, and lets it change the syndrome. The
 * address is that of the access: if it is the instruction's own, that could not be fetched.
 */
int regs_abort(int vcpu_fd)
{
	u64 pc, far = 0, esr = 0;
	int err = kvm_reg_get64(vcpu_fd, KVM_REG_PC, &pc);

	if (!err)
		err = kvm_inject_abort(vcpu_fd);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, FAR_EL1, &far);
	if (!err)
		err = kvm_reg_get64(vcpu_fd, ESR_EL1, &esr);
	if (err || far != pc)
		return err;
	/* Classes of instruction aborts are 4 less, from either exception level. */
	esr = ((esr & ESR_CLASS) - ESR_FETCH_LESS) | ESR_IL | FSC_SEA;
	return kvm_reg_set64(vcpu_fd, ESR_EL1, esr);
}

int regs_undefined(int vcpu_fd)
{
	u64 pc;
	int err = kvm_reg_get64(vcpu_fd, KVM_REG_PC, &pc);

	/* TF-RMM leaves ELR_EL1 where HVC returns, behind it; so KVM has left the PC. */
	return err ? err : kvm_inject_sync(vcpu_fd, ESR_UNKNOWN, pc);
}
