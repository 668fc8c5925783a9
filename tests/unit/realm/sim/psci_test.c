/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PSCI of a Realm, function by function. */
#include <errno.h>

#include "realm/sim/psci.h"
#include "tests/unit/suite.h"

#define PAR_END BIT(32)
#define ENTRY UINT64_C(0x80200000)

static struct psci psci;
static u64 x[PSCI_NR_REGS];
static bool stays;
static struct {
	unsigned nr, caller, cpu;
	u64 entry, context;
	int err;
} started;

static int start(void *arg, unsigned caller, unsigned cpu, u64 entry, u64 context)
{
	ck_assert_ptr_eq(arg, &started);
	ck_assert(!psci_is_on(&psci, cpu)); /* its registers are still ours */
	started.nr++;
	started.caller = caller;
	started.cpu = cpu;
	started.entry = entry;
	started.context = context;
	return started.err;
}

static const struct psci_env env = { .start = start };

static void setup(unsigned nr)
{
	memset(&started, 0, sizeof(started));
	psci_init(&psci, &env, &started, PAR_END);
	psci.nr_cpus = nr;
	atomic_store(&psci.on[0], true);
}

static s64 call(unsigned cpu, u64 function, u64 a, u64 b, u64 c)
{
	x[0] = function;
	x[1] = a;
	x[2] = b;
	x[3] = c;
	stays = psci_call(&psci, cpu, x);
	for (unsigned i = 1; i < PSCI_NR_REGS; i++)
		ck_assert_uint_eq(x[i], 0);
	return (s64)x[0];
}

START_TEST(version_and_features)
{
	/* What TF-RMM says yes to; KVM would say so of more. */
	static const struct {
		u32 function;
		bool is;
	} functions[] = {
		{ 0x80000000, true },  { 0x84000001, true },  { 0xc4000001, true },
		{ 0x84000002, true },  { 0x84000003, true },  { 0xc4000003, true },
		{ 0x84000004, true },  { 0xc4000004, true },  { 0x84000008, true },
		{ 0x84000009, true },  { 0x8400000a, true },  { 0x84000000, false },
		{ 0x84000006, false }, { 0x8400000e, false }, { 0xc400000e, false },
		{ 0x84000012, false }, { 0xc4000012, false }, { 0x84000015, false },
		{ 0xc4000190, false }, { 0, false },
	};

	setup(1);
	ck_assert_int_eq(call(0, PSCI_VERSION, 1, 2, 3), 0x10001);
	for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
		ck_assert_int_eq(call(0, PSCI_FEATURES, functions[i].function, 0, 0),
				 functions[i].is ? 0 : -1);
	ck_assert_int_eq(call(0, 0x84000006, 0, 0, 0), -1); /* MIGRATE_INFO_TYPE */
	ck_assert_int_eq(call(0, 0xc4000012, 0, 0, 0), -1); /* SYSTEM_RESET2 */
}
END_TEST

START_TEST(a_cpu_is_switched_on_and_off)
{
	setup(2);
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO | PSCI_64, 1, 0, 0), 1);
	ck_assert_int_eq(call(0, PSCI_CPU_ON | PSCI_64, 1, ENTRY, 0xc0), 0);
	ck_assert(stays && started.nr == 1 && started.caller == 0 && started.cpu == 1);
	ck_assert(started.entry == ENTRY && started.context == 0xc0);
	ck_assert(psci_is_on(&psci, 1));
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO, 1, 0, 0), 0);
	ck_assert_int_eq(call(0, PSCI_CPU_ON, 1, ENTRY, 0), -4);
	call(1, PSCI_CPU_OFF, 0, 0, 0);
	ck_assert(!stays && !psci_is_on(&psci, 1) && psci_is_on(&psci, 0));
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO, 1, 0, 0), 1);
	ck_assert_int_eq(call(0, PSCI_CPU_ON, 1, ENTRY, 0), 0);
	ck_assert(started.nr == 2);
}
END_TEST

/* [RMM 1.0 B6.3] the errors, and in which order an RMM looks for them */
START_TEST(what_cannot_be_switched_on)
{
	static const struct {
		u64 mpidr, entry;
		int error;
	} bad[] = {
		{ 0, ENTRY, -4 },
		{ 18, ENTRY, -2 },
		{ 0x101, ENTRY, -2 },
		{ 1, PAR_END, -9 },
		{ 1, ~UINT64_C(0), -9 },
		{ 99, PAR_END, -9 },
		{ 0xff00000000, ENTRY, -2 },
		{ 0x1000001, ENTRY, -2 },
		{ ~UINT64_C(0), ENTRY, -2 },
	};

	setup(17);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(call(0, PSCI_CPU_ON | PSCI_64, bad[i].mpidr, bad[i].entry, 0),
				 bad[i].error);
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO, 0x101, 0, 0), -2);
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO, 1, 1, 0), -2);
	ck_assert_uint_eq(started.nr, 0);
	/* 16 CPUs in the lowest level */
	ck_assert_int_eq(call(0, PSCI_CPU_ON, 0x100, ENTRY, 0), 0);
	ck_assert_uint_eq(started.cpu, 16);
	started.err = -EIO;
	ck_assert_int_eq(call(0, PSCI_CPU_ON, 1, ENTRY, 0), -3);
	ck_assert(!psci_is_on(&psci, 1));
}
END_TEST

/* [SMCCC 1.2 2.4] What the upper halves of the registers have is nobody's. */
START_TEST(calls_of_the_32_bit_form)
{
	const u64 junk = UINT64_C(0xdead) << 32;

	setup(2);
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO, junk | 1, junk, 0), 1);
	ck_assert_int_eq(call(0, PSCI_CPU_ON, junk | 1, junk | ENTRY, junk | 0xc0), 0);
	ck_assert(started.cpu == 1 && started.entry == ENTRY && started.context == 0xc0);
	ck_assert_int_eq(call(0, PSCI_AFFINITY_INFO | PSCI_64, junk | 1, 0, 0), -2);
}
END_TEST

SUITE_MAIN("realm/sim/psci", version_and_features, a_cpu_is_switched_on_and_off,
	   what_cannot_be_switched_on, calls_of_the_32_bit_form)
