/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a BRK is, and what becomes of the guest's own, with a vCPU that is a few registers. */
#include "lkvm/gdb/own.h"

#include <endian.h>
#include <errno.h>

#include "lkvm/vm/mem.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define CODE (RAM + 0x100)
#define VECTORS (RAM + 0x800)
#define ESR KVM_REG_SYS(3u, 0u, 5u, 2u, 0u)
#define VBAR KVM_REG_SYS(3u, 0u, 12u, 0u, 0u)
#define HCR KVM_REG_SYS(3u, 4u, 1u, 1u, 0u)

#define BRK_ESR(number) (KVM_ESR_BRK << KVM_ESR_CLASS_SHIFT | 1u << 25 | (number))
#define BRK_INSN(number) (POINTS_BRK | (u32)(number) << 5)

static struct {
	u64 pc, pstate, elr, spsr, esr, vbar;
	bool has_el2;
} cpu;
static u64 *reg(u64 id)
{
	static u64 other;

	other = 0;
	switch (id) {
	case KVM_REG_PC:
		return &cpu.pc;
	case KVM_REG_PSTATE:
		return &cpu.pstate;
	case KVM_REG_ELR_EL1:
		return &cpu.elr;
	case KVM_REG_SPSR_EL1:
		return &cpu.spsr;
	case ESR:
		return &cpu.esr;
	case VBAR:
		return &cpu.vbar;
	default:
		return &other; /* without MMU */
	}
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_one_reg *r = arg;
	u64 *val = (u64 *)(uintptr_t)r->addr;

	if (r->id == HCR && !cpu.has_el2)
		return -ENOENT;
	if (req == KVM_GET_ONE_REG)
		*val = *reg(r->id);
	else
		*reg(r->id) = *val;
	return 0;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("unexpected ioctl %#lx", req);
}

static struct mem *m;
static struct points p;

/* A vCPU has met what is at CODE, an instruction that GDB has set or that is the guest's. */
static bool met(bool set, u32 insn, u32 esr)
{
	static const struct view_map map;
	bool own;

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), 4096, 0, NULL), 0);
	p = (struct points){ 0 };
	insn = htole32(insn);
	ck_assert_int_eq(mem_debug_write(m, gpa(CODE), &insn, sizeof(insn)), 0);
	if (set)
		ck_assert_int_eq(points_set(&p, m, &map, GDB_SW_BREAK, CODE, 4), 0);
	cpu.pc = CODE;
	cpu.pstate = 5;
	cpu.vbar = VECTORS;
	cpu.esr = 0;
	own = own_brk(0, m, &p, esr);
	ck_assert_uint_eq(cpu.pc, own ? VECTORS + 0x200 : CODE);
	ck_assert_uint_eq(cpu.esr, own ? esr : 0);
	if (own)
		ck_assert_uint_eq(cpu.elr, CODE);
	mem_destroy(m);
	return own;
}

START_TEST(whose_it_is)
{
	cpu.has_el2 = false;
	/* GDB's; GDB's that has gone meanwhile. */
	ck_assert(!met(true, 0xd503201f, BRK_ESR(0)));
	ck_assert(!met(false, 0xd503201f, BRK_ESR(0)));
	/* The guest's, of any number; and one where GDB has set its own since. */
	ck_assert(met(false, BRK_INSN(0), BRK_ESR(0)));
	ck_assert(met(false, BRK_INSN(0x800), BRK_ESR(0x800)));
	ck_assert(met(false, BRK_INSN(0xffff), BRK_ESR(0xffff)));
	ck_assert(met(true, BRK_INSN(1), BRK_ESR(1)));
	/* Of a 32-bit program: GDB sets none there. */
	ck_assert(met(false, 0xe1200070, KVM_ESR_BKPT32 << KVM_ESR_CLASS_SHIFT));
	/* All else that stops a guest for a debugger. */
	ck_assert(!met(false, 0xd503201f, KVM_ESR_WATCHPOINT << KVM_ESR_CLASS_SHIFT));
	ck_assert(!met(false, BRK_INSN(0), KVM_ESR_BREAKPOINT << KVM_ESR_CLASS_SHIFT));
	ck_assert(!met(false, BRK_INSN(0), 0x32u << KVM_ESR_CLASS_SHIFT));
}
END_TEST

/* A guest with an EL2: who knows which of its levels would have it. GDB is told, as of all. */
START_TEST(it_cannot_be_given)
{
	cpu.has_el2 = true;
	ck_assert(!met(false, BRK_INSN(0x800), BRK_ESR(0x800)));
}
END_TEST

SUITE_MAIN("lkvm/gdb/own", whose_it_is, it_cannot_be_given)
