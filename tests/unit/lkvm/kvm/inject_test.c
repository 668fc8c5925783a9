/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions that are put into registers, against a vCPU that is a few of them. */
#include <errno.h>

#include "lkvm/kvm/kvm.h"
#include "tests/unit/suite.h"

#define SCTLR KVM_REG_SYS(3u, 0u, 1u, 0u, 0u)
#define ESR KVM_REG_SYS(3u, 0u, 5u, 2u, 0u)
#define VBAR KVM_REG_SYS(3u, 0u, 12u, 0u, 0u)
#define PFR1 KVM_REG_SYS(3u, 0u, 0u, 4u, 1u)
#define HCR KVM_REG_SYS(3u, 4u, 1u, 1u, 0u)

static struct {
	u64 id, val;
} regs[] = {
	{ KVM_REG_PC, 0 },
	{ KVM_REG_PSTATE, 0 },
	{ KVM_REG_ELR_EL1, 0 },
	{ KVM_REG_SPSR_EL1, 0 },
	{ SCTLR, 0 },
	{ ESR, 0 },
	{ VBAR, 0 },
	{ PFR1, 0 },
	{ HCR, 0 },
};
static bool has_el2;
static unsigned nr_sets;

static u64 *reg(u64 id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		if (regs[i].id == id)
			return &regs[i].val;
	ck_abort_msg("a register that nobody should touch: %#llx", (unsigned long long)id);
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_one_reg *r = arg;
	u64 *val = (u64 *)(uintptr_t)r->addr;

	if (r->id == HCR && !has_el2)
		return -ENOENT;
	if (req == KVM_GET_ONE_REG) {
		*val = *reg(r->id);
	} else {
		ck_assert_uint_eq(req, KVM_SET_ONE_REG);
		*reg(r->id) = *val;
		nr_sets++;
	}
	return 0;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("unexpected ioctl %#lx", req);
}

static int brk_at(u64 pstate)
{
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		regs[i].val = 0;
	*reg(SCTLR) = BIT(23);
	*reg(VBAR) = 0xffff800080010800;
	*reg(KVM_REG_PC) = 0x401000;
	*reg(KVM_REG_PSTATE) = pstate;
	nr_sets = 0;
	return kvm_inject_sync(0, 0xf2000800, 0x401000);
}

/* [Arm ARM D1.3.1.2] Vectors: of this level with either stack, of a lower one in either state. */
START_TEST(where_it_comes_from)
{
	static const struct {
		u64 pstate, vector, taken;
	} from[] = {
		{ 0x80000304, 0x000, 0x800003c5 }, { 0x60400005, 0x200, 0x604003c5 },
		{ 0x00001000, 0x400, 0x000003c5 }, { 0x00000030, 0x600, 0x000003c5 },
		{ 0x00200e05, 0x200, 0x000003c5 }, /* SS and BTYPE go */
	};

	has_el2 = false;
	for (unsigned i = 0; i < ARRAY_SIZE(from); i++) {
		ck_assert_int_eq(brk_at(from[i].pstate), 0);
		ck_assert_uint_eq(*reg(KVM_REG_PC), 0xffff800080010800 + from[i].vector);
		ck_assert_uint_eq(*reg(KVM_REG_PSTATE), from[i].taken);
		ck_assert_uint_eq(*reg(KVM_REG_ELR_EL1), 0x401000);
		ck_assert_uint_eq(*reg(KVM_REG_SPSR_EL1), from[i].pstate);
		ck_assert_uint_eq(*reg(ESR), 0xf2000800);
	}
}
END_TEST

/* [Arm ARM D9.6] With tags an exception is taken with their checks off. */
START_TEST(with_memory_tags)
{
	has_el2 = false;
	ck_assert_int_eq(brk_at(0), 0);
	*reg(PFR1) = 0x200;
	*reg(KVM_REG_PSTATE) = 0;
	ck_assert_int_eq(kvm_inject_sync(0, 0xf2000800, 0x401000), 0);
	ck_assert_uint_eq(*reg(KVM_REG_PSTATE), 0x020003c5);
}
END_TEST

/* A hypervisor, a 32-bit kernel, and all of a guest that may have one: nothing changes. */
START_TEST(not_for_a_64_bit_el1)
{
	static const u64 others[] = { 9, 8, 0x13, 0x1f, 0x1a };

	has_el2 = false;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		ck_assert_int_eq(brk_at(others[i]), -EOPNOTSUPP);
		ck_assert_uint_eq(nr_sets, 0);
	}
	has_el2 = true;
	ck_assert_int_eq(brk_at(5), -EOPNOTSUPP);
	ck_assert_uint_eq(nr_sets, 0);
}
END_TEST

SUITE_MAIN("lkvm/kvm/inject", where_it_comes_from, with_memory_tags, not_for_a_64_bit_el1)
