/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of simulated RECs: a vCPU is a list of registers, as KVM leaves them at a reset. */
#include <errno.h>

#include "lkvm/kvm/kvm.h"
#include "realm/sim/regs.h"
#include "tests/unit/suite.h"

#define PATTERN UINT64_C(0x1de7ec7edbadc0de) /* KVM's own */
#define CPUS 2

#define SYS(...) KVM_REG_SYS(__VA_ARGS__)
#define TPIDR_EL0 SYS(3u, 3u, 13u, 0u, 2u)
#define SCTLR SYS(3u, 0u, 1u, 0u, 0u)
#define MDSCR SYS(2u, 0u, 0u, 2u, 2u)
#define VBAR SYS(3u, 0u, 12u, 0u, 0u)
#define ESR SYS(3u, 0u, 5u, 2u, 0u)
#define FAR SYS(3u, 0u, 6u, 0u, 0u)
#define PFR1 SYS(3u, 0u, 0u, 4u, 1u)
#define HCR SYS(3u, 4u, 1u, 1u, 0u) /* there is no EL2 */
#define PMCR SYS(3u, 3u, 9u, 12u, 0u)
#define HOSTS SYS(3u, 0u, 10u, 4u, 7u) /* one that KVM lets nobody change */

struct reg {
	u64 id, val, want;
};

/* After a reset: what KVM has there, and what is there in the end. */
static const struct reg after_reset[] = {
	{ TPIDR_EL0, PATTERN, 0 },
	{ SYS(3u, 0u, 13u, 0u, 4u), PATTERN, 0 }, /* TPIDR_EL1 */
	{ SYS(3u, 0u, 2u, 0u, 0u), PATTERN, 0 },  /* TTBR0_EL1 */
	{ SYS(3u, 0u, 10u, 3u, 0u), 0x1122, 0 },  /* AMAIR_EL1: the host CPU's */
	{ SYS(3u, 2u, 0u, 0u, 0u), PATTERN, 0 },  /* CSSELR_EL1 */
	{ SYS(3u, 0u, 14u, 1u, 0u), PATTERN, 0 }, /* CNTKCTL_EL1 */
	{ SYS(3u, 3u, 14u, 3u, 2u), 0x55, 0x55 }, /* the counter */
	{ SYS(3u, 0u, 0u, 4u, 0u), 0x11, 0x11 },  /* ID_AA64PFR0_EL1 */
	{ PFR1, 0, 0 },
	{ SYS(3u, 4u, 3u, 0u, 0u), 0x700, 0x700 }, /* DACR32_EL2 */
	{ SYS(2u, 0u, 1u, 1u, 4u), 0xa, 0xa },	   /* OSLSR_EL1 */
	{ PMCR, 6 << 11, 6 << 11 },
	{ SYS(3u, 3u, 9u, 12u, 1u), PATTERN, 0 }, /* PMCNTENSET_EL0 */
	{ HOSTS, 7, 7 },
	{ SCTLR, 0xc50078, 0xc50878 },
	{ MDSCR, 0, 0x1000 },
	{ VBAR, 0, 0 },
	{ ESR, PATTERN, 0 },
	{ FAR, PATTERN, 0 },
	{ KVM_REG_PC, 0x80080000, 0x80080000 },
	{ KVM_REG_PSTATE, 0x3c5, 0x3c5 },
	{ KVM_REG_X(0u), 0x8fe00000, 0x8fe00000 },
	{ KVM_REG_X(30u), 0, 0 },
	{ KVM_REG_ELR_EL1, 0, 0 },
	{ KVM_REG_SPSR_EL1, 0, 0 },
};

static u64 vals[CPUS][ARRAY_SIZE(after_reset)];
static u32 mp_state[CPUS];
static u64 access_at, abort_esr;
static unsigned fail_at, calls; /* the n-th access fails, from 1 on; 0: none */

static u64 *reg(int cpu, u64 id)
{
	static u64 other; /* x1..x29 */

	for (unsigned i = 0; i < ARRAY_SIZE(after_reset); i++)
		if (after_reset[i].id == id)
			return &vals[cpu][i];
	ck_assert(id > KVM_REG_X(0u) && id < KVM_REG_X(30u));
	return &other;
}

static int list(struct kvm_reg_list *l)
{
	bool room = l->n >= ARRAY_SIZE(after_reset);

	l->n = ARRAY_SIZE(after_reset);
	for (unsigned i = 0; room && i < ARRAY_SIZE(after_reset); i++)
		l->reg[i] = after_reset[i].id;
	return room ? 0 : -E2BIG;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_one_reg *r = arg;

	if (++calls == fail_at)
		return -EIO;
	switch (req) {
	case KVM_GET_REG_LIST:
		return list(arg);
	case KVM_GET_ONE_REG:
		if (r->id == HCR)
			return -ENOENT;
		*(u64 *)(uintptr_t)r->addr = *reg(fd, r->id);
		return 0;
	case KVM_SET_ONE_REG:
		if (r->id == HOSTS)
			return -EINVAL;
		*reg(fd, r->id) = *(u64 *)(uintptr_t)r->addr;
		return 0;
	case KVM_SET_VCPU_EVENTS: /* from user space it is always data */
		ck_assert(((struct kvm_vcpu_events *)arg)->exception.ext_dabt_pending);
		*reg(fd, FAR) = access_at;
		*reg(fd, ESR) = abort_esr;
		return 0;
	case KVM_SET_MP_STATE:
		mp_state[fd] = ((struct kvm_mp_state *)arg)->mp_state;
		return 0;
	default:
		ck_abort_msg("unexpected ioctl %#lx", req);
	}
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("unexpected ioctl %#lx", req);
}

static void setup(void)
{
	for (int c = 0; c < CPUS; c++)
		for (unsigned i = 0; i < ARRAY_SIZE(after_reset); i++)
			vals[c][i] = after_reset[i].val;
	mp_state[0] = KVM_MP_STATE_RUNNABLE;
	mp_state[1] = KVM_MP_STATE_STOPPED;
	fail_at = calls = 0;
}

START_TEST(a_new_rec_has_an_rmms_registers)
{
	setup();
	ck_assert_int_eq(regs_reset(0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(after_reset); i++)
		ck_assert_msg(vals[0][i] == after_reset[i].want, "%#llx: %#llx",
			      (unsigned long long)after_reset[i].id,
			      (unsigned long long)vals[0][i]);
	ck_assert_uint_eq(vals[1][0], PATTERN);
}
END_TEST

START_TEST(cpu_on_sets_what_psci_says)
{
	setup();
	*reg(0, SCTLR) |= BIT(25);
	*reg(1, KVM_REG_X(30u)) = 0x30;
	*reg(1, KVM_REG_PSTATE) = 0;
	*reg(1, TPIDR_EL0) = 0x1234; /* an RMM leaves what a CPU had when it went off */
	ck_assert_int_eq(regs_start(1, 0, 0x80200000, 0xc0), 0);
	ck_assert_uint_eq(*reg(1, KVM_REG_PC), 0x80200000);
	ck_assert_uint_eq(*reg(1, KVM_REG_X(0u)), 0xc0);
	ck_assert_uint_eq(*reg(1, KVM_REG_X(30u)), 0);
	ck_assert_uint_eq(*reg(1, KVM_REG_PSTATE), 0x3c5);
	ck_assert_uint_eq(*reg(1, SCTLR), 0x2c50878);
	ck_assert_uint_eq(*reg(1, TPIDR_EL0), 0x1234);
	ck_assert_uint_eq(mp_state[1], KVM_MP_STATE_RUNNABLE);
}
END_TEST

/* [Arm ARM D1.3] */
START_TEST(an_undefined_instruction_is_taken_to_el1)
{
	static const struct {
		u64 pstate, sctlr, vector, taken;
	} from[] = {
		{ 0x60000005, 0x800000, 0x200, 0x600003c5 },
		{ 0x80000204, 0x800000, 0x000, 0x800003c5 },
		{ 0x00400005, 0x800000, 0x200, 0x004003c5 }, /* PAN was on */
		{ 0x00000005, 0x000000, 0x200, 0x004003c5 }, /* SPAN is off */
		{ 0x00800c05, 0x800000, 0x200, 0x000003c5 }, /* UAO and BTYPE go */
		{ 0x00001005, UINT64_C(0x100000800000), 0x200, 0x000013c5 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(from); i++) {
		setup();
		*reg(0, KVM_REG_PC) = 0x80001004;
		*reg(0, KVM_REG_PSTATE) = from[i].pstate;
		*reg(0, SCTLR) = from[i].sctlr;
		*reg(0, VBAR) = 0x80100000;
		ck_assert_int_eq(regs_undefined(0), 0);
		ck_assert_uint_eq(*reg(0, KVM_REG_PC), 0x80100000 + from[i].vector);
		ck_assert_uint_eq(*reg(0, KVM_REG_PSTATE), from[i].taken);
		ck_assert_uint_eq(*reg(0, KVM_REG_ELR_EL1), 0x80001004);
		ck_assert_uint_eq(*reg(0, KVM_REG_SPSR_EL1), from[i].pstate);
		ck_assert_uint_eq(*reg(0, ESR), 0x02000000);
	}
}
END_TEST

START_TEST(an_instruction_that_cannot_be_fetched)
{
	static const struct {
		u64 pc, access, kvm, guest;
	} aborts[] = {
		{ 0x80001000, 0x90000000, 0x96000050, 0x96000050 }, /* a store */
		{ 0x80001000, 0x80001000, 0x96000010, 0x86000010 },
		{ 0x00401000, 0x00401000, 0x92000010, 0x82000010 }, /* of EL0 */
		{ 0x80001000, 0x80001008, 0x96000010, 0x96000010 }, /* beside itself */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(aborts); i++) {
		setup();
		*reg(0, KVM_REG_PC) = aborts[i].pc;
		access_at = aborts[i].access;
		abort_esr = aborts[i].kvm;
		ck_assert_int_eq(regs_abort(0), 0);
		ck_assert_uint_eq(*reg(0, ESR), aborts[i].guest);
		ck_assert_uint_eq(*reg(0, FAR), aborts[i].access);
	}
}
END_TEST

static int run_one(unsigned which)
{
	switch (which) {
	case 0:
		return regs_reset(0);
	case 1:
		return regs_start(1, 0, 0, 0);
	case 2:
		return regs_abort(0);
	default:
		return regs_undefined(0);
	}
}

START_TEST(each_failure_is_reported)
{
	int err;

	access_at = 0x80080000;
	for (unsigned n = 1, done = 0; done < 4; n++) {
		setup();
		fail_at = n;
		err = run_one(done);
		if (calls >= n) {
			ck_assert_int_eq(err, -EIO);
			continue;
		}
		ck_assert_int_eq(err, 0);
		ck_assert_uint_gt(n, 4);
		done++;
		n = 0;
	}
}
END_TEST

SUITE_MAIN("realm/sim/regs", a_new_rec_has_an_rmms_registers, cpu_on_sets_what_psci_says,
	   an_undefined_instruction_is_taken_to_el1, an_instruction_that_cannot_be_fetched,
	   each_failure_is_reported)
