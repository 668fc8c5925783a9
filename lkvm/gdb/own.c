/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's own BRKs: WARN(), BUG() and kprobes of Linux are such, and programs have theirs.
 *
 * Thread: the caller's, while no vCPU runs.
 * Trust:  registers and memory are the guest's: they decide who hears of its own exception.
 * Spec:   [Arm ARM C6.2.40 BRK, D2.8 software breakpoint exceptions]
 */
#include "lkvm/gdb/own.h"

#include <endian.h>

/*
 * A debugger's BRKs have number 0. One that it has taken away after the vCPU had met it is not in
 * memory any more: the debugger is told of it, and knows.
 */
static bool is_own(int vcpu_fd, struct mem *mem, const struct points *p, u32 esr, u64 pc)
{
	struct view_map m;
	u32 insn;

	switch (esr >> KVM_ESR_CLASS_SHIFT) {
	case KVM_ESR_BKPT32:
		return true;
	case KVM_ESR_BRK:
		if (esr & KVM_ESR_BRK_NUMBER)
			return true;
		return !points_has(p, pc) && !view_map_get(vcpu_fd, &m) &&
		       view_read(mem, &m, pc, &insn, sizeof(insn)) == sizeof(insn) &&
		       le32toh(insn) == POINTS_BRK;
	default:
		return false;
	}
}

bool own_brk(int vcpu_fd, struct mem *mem, const struct points *p, u32 esr)
{
	u64 pc;

	return !kvm_reg_get64(vcpu_fd, KVM_REG_PC, &pc) && is_own(vcpu_fd, mem, p, esr, pc) &&
	       !kvm_inject_sync(vcpu_fd, esr, pc);
}
