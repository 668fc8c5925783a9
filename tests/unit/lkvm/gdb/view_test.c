/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which exception level's registers a debugger sees; the test is KVM. */
#include <endian.h>
#include <errno.h>

#include "lkvm/gdb/view.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define EL0 0u
#define EL1H 5u
#define EL2H 9u
#define VM BIT(0)
#define TGE BIT(27)
#define E2H BIT(34)
#define TCR_39_BITS 25u /* of the lower half: pages of 4 KiB, three levels */

static struct mem *m;
static bool has_el2;
static u64 pstate, hcr;

/* A register's value says which it is: op1, CRn and op2, in hexadecimal. */
static u64 named(u64 op1, u64 crn, u64 op2)
{
	return RAM | op1 << 24 | crn << 16 | op2 << 12;
}

int kvm_reg_get64(int vcpu_fd, u64 id, u64 *val)
{
	u64 op1 = id >> 11 & 7, crn = id >> 7 & 15, op2 = id & 7;

	if (id == KVM_REG_PSTATE)
		*val = pstate;
	else if (id == KVM_REG_PC || id == KVM_REG_SP || id == KVM_REG_SP_EL1)
		*val = id;
	else if (op1 >= 4 && !has_el2)
		return -ENOENT;
	else if (crn == 1 && op1 == 4 && (id >> 3 & 15) == 1)
		*val = hcr;
	else if (crn == 1)
		*val = 1; /* SCTLR.M */
	else if (crn == 2 && op2 == 2)
		*val = named(op1, crn, op2) | TCR_39_BITS;
	else
		*val = named(op1, crn, op2);
	return 0;
}

int kvm_reg_set64(int vcpu_fd, u64 id, u64 val)
{
	return 0;
}

int kvm_gprs_set(int vcpu_fd, const u64 x[], unsigned nr)
{
	return 0;
}

int kvm_gprs_get(int vcpu_fd, u64 x[], unsigned nr)
{
	return 0;
}

static struct view_map map_in(u64 el, u64 h)
{
	struct view_map v;

	pstate = el;
	hcr = h;
	ck_assert_int_eq(view_map_get(0, &v), 0);
	return v;
}

START_TEST(whose_translation)
{
	static const struct {
		bool has_el2;
		u64 pstate, hcr, op1;
		bool nowhere;
	} cases[] = {
		{ false, EL1H, 0, 0, false },	    { false, EL0, 0, 0, false },
		{ true, EL2H, 0, 4, false },	    { true, EL2H, E2H, 4, false },
		{ true, EL0, E2H | TGE, 4, false }, { true, EL0, E2H | VM, 0, true },
		{ true, EL1H, E2H | VM, 0, true },  { true, EL1H, 0, 0, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct view_map v;
		gpa_t g;
		u64 run;

		has_el2 = cases[i].has_el2;
		v = map_in(cases[i].pstate, cases[i].hcr);
		ck_assert(v.on);
		ck_assert_uint_eq(v.vbar, named(cases[i].op1, 12, 0));
		ck_assert_uint_eq(v.ttbr[0], named(cases[i].op1, 2, 0));
		ck_assert_int_eq(v.nowhere, cases[i].nowhere);
		if (v.nowhere)
			ck_assert_int_eq(view_translate(NULL, &v, RAM, &g, &run), -EFAULT);
	}
}
END_TEST

static u64 *at(u64 addr)
{
	return (u64 *)((char *)mem_region(m, 0)->host + (addr - RAM));
}

/* A page at the end of EL2's tables. Without VHE there are none for an upper half. */
START_TEST(memory_of_el2)
{
	struct view_map v;
	u64 *table, word = 0;

	has_el2 = true;
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), 0x8000000, 0, NULL), 0);
	table = at(named(4, 2, 0));
	table[2] = htole64(RAM | 1); /* 1 GiB at 2 GiB */
	*at(RAM) = 42;
	v = map_in(EL2H, 0);
	ck_assert_uint_eq(view_read(m, &v, RAM, &word, sizeof(word)), sizeof(word));
	ck_assert_uint_eq(word, 42);
	ck_assert_uint_eq(view_read(m, &v, RAM | ~BIT(40) << 41, &word, sizeof(word)), 0);
	mem_destroy(m);
}
END_TEST

START_TEST(whose_stack)
{
	static const u64 modes[][2] = { { EL0, KVM_REG_SP },
					{ 4, KVM_REG_SP },
					{ EL1H, KVM_REG_SP_EL1 },
					{ 8, KVM_REG_SP },
					{ EL2H, RAM | 6 << 24 | 4 << 16 } };
	struct view_regs r;

	has_el2 = true;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		pstate = modes[i][0];
		ck_assert_int_eq(view_regs_get(0, &r), 0);
		ck_assert_uint_eq(r.sp, modes[i][1]);
	}
}
END_TEST

SUITE_MAIN("lkvm/gdb/view", whose_translation, memory_of_el2, whose_stack)
