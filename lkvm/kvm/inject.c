/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions that KVM has no call for: registers are set as a CPU sets them when it takes one.
 *
 * Thread: any; the vCPU is not in KVM_RUN.
 * Trust:  registers are the guest's, whatever it has put there.
 * Spec:   [Arm ARM D1.3 exception entry, D24.2.40 ESR_EL1]
 */
#include <errno.h>

#include "lkvm/kvm/kvm.h"

#define SCTLR_EL1 KVM_REG_SYS(3u, 0u, 1u, 0u, 0u)
#define SCTLR_SPAN BIT(23)
#define SCTLR_DSSBS BIT(44)
#define ESR_EL1 KVM_REG_SYS(3u, 0u, 5u, 2u, 0u)
#define VBAR_EL1 KVM_REG_SYS(3u, 0u, 12u, 0u, 0u)
#define ID_AA64PFR1_EL1 KVM_REG_SYS(3u, 0u, 0u, 4u, 1u)
#define PFR1_MTE UINT64_C(0xf00)
#define HCR_EL2 KVM_REG_SYS(3u, 4u, 1u, 1u, 0u)

#define PSTATE_EL0T 0u
#define PSTATE_EL1T 4u
#define PSTATE_EL1H 5u
#define PSTATE_USER32 0x10u
#define PSTATE_MODE 0x1fu
#define PSTATE_DAIF 0x3c0u
#define PSTATE_SSBS BIT(12)
#define PSTATE_PAN BIT(22)
#define PSTATE_TCO BIT(25)
#define PSTATE_KEPT (UINT64_C(0xf0000000) | BIT(24) | PSTATE_PAN) /* NZCV, DIT, PAN */

#define NO_VECTOR UINT64_MAX

/* Of a synchronous exception, from VBAR_EL1; NO_VECTOR: it does not go to a 64-bit EL1. */
static u64 vector_of(u64 pstate)
{
	switch (pstate & PSTATE_MODE) {
	case PSTATE_EL1T:
		return 0;
	case PSTATE_EL1H:
		return 0x200;
	case PSTATE_EL0T:
		return 0x400;
	case PSTATE_USER32:
		return 0x600;
	default:
		return NO_VECTOR;
	}
}

/* What taking an exception to EL1 makes of PSTATE. */
static u64 taken(u64 pstate, u64 sctlr, u64 pfr1)
{
	return (pstate & PSTATE_KEPT) | (sctlr & SCTLR_SPAN ? 0 : PSTATE_PAN) |
	       (sctlr & SCTLR_DSSBS ? PSTATE_SSBS : 0) | (pfr1 & PFR1_MTE ? PSTATE_TCO : 0) |
	       PSTATE_DAIF | PSTATE_EL1H;
}

int kvm_inject_sync(int vcpu_fd, u32 esr, u64 elr)
{
	static const u64 ids[] = { KVM_REG_PSTATE, SCTLR_EL1, VBAR_EL1, ID_AA64PFR1_EL1 };
	u64 v[ARRAY_SIZE(ids)], hcr;
	int err = kvm_reg_get64(vcpu_fd, HCR_EL2, &hcr);

	/* A guest that has an EL2 decides there what goes to its EL1. */
	if (err != -ENOENT)
		return err ? err : -EOPNOTSUPP;
	err = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(ids) && !err; i++)
		err = kvm_reg_get64(vcpu_fd, ids[i], &v[i]);
	if (err)
		return err;

	u64 pstate = v[0], sctlr = v[1], vbar = v[2], pfr1 = v[3], vector = vector_of(pstate);
	const struct {
		u64 id, val;
	} set[] = {
		{ KVM_REG_ELR_EL1, elr },
		{ KVM_REG_SPSR_EL1, pstate },
		{ ESR_EL1, esr },
		{ KVM_REG_PSTATE, taken(pstate, sctlr, pfr1) },
		{ KVM_REG_PC, vbar + vector },
	};

	if (vector == NO_VECTOR)
		return -EOPNOTSUPP;
	for (unsigned i = 0; i < ARRAY_SIZE(set) && !err; i++)
		err = kvm_reg_set64(vcpu_fd, set[i].id, set[i].val);
	return err;
}
