/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PSCI answered in the place of KVM: function by function, with the answers that KVM gives. */
#include "arm64/power.h"

#include <errno.h>
#include <pthread.h>

#include "arm64/board.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/stop.h"
#include "tests/unit/arm64/capture.h"

#define VM 42
#define VCPU(i) (100 + (int)(i))
#define NR 18u
#define EE BIT(25)
#define ENTRY UINT64_C(0x80200000)

static struct {
	bool no_filter;
	unsigned nr_filters;
	struct kvm_smccc_filter filters[8];
	_Atomic unsigned nr_inits[NR];
	u32 features;
	int fail_init;
	u64 x[NR][4], pc[NR], sctlr[NR], pstate[NR];
} kernel;

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("ioctl %#lx", req);
}

static int one_reg(unsigned cpu, unsigned long req, struct kvm_one_reg *r)
{
	u64 *val = (u64 *)(uintptr_t)r->addr, *reg;

	if (r->id == KVM_REG_PC)
		reg = &kernel.pc[cpu];
	else if (r->id == KVM_REG_PSTATE)
		reg = &kernel.pstate[cpu];
	else if (r->id == KVM_REG_SYS(3u, 0u, 1u, 0u, 0u))
		reg = &kernel.sctlr[cpu];
	else if (r->id - KVM_REG_X(0) < 8)
		reg = &kernel.x[cpu][(r->id - KVM_REG_X(0)) / 2];
	else
		ck_abort_msg("register %#llx", (unsigned long long)r->id);
	if (req == KVM_GET_ONE_REG)
		*val = *reg;
	else
		*reg = *val;
	return 0;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_device_attr *a = arg;

	switch (req) {
	case KVM_HAS_DEVICE_ATTR:
		return kernel.no_filter ? -ENXIO : 0;
	case KVM_SET_DEVICE_ATTR:
		ck_assert_int_eq(fd, VM);
		kernel.filters[kernel.nr_filters++] =
			*(struct kvm_smccc_filter *)(uintptr_t)a->addr;
		return 0;
	case KVM_ARM_VCPU_INIT:
		if (kernel.fail_init)
			return kernel.fail_init;
		atomic_fetch_add(&kernel.nr_inits[fd - VCPU(0)], 1);
		kernel.features = ((struct kvm_vcpu_init *)arg)->features[0];
		kernel.sctlr[fd - VCPU(0)] = 0x30d00800;
		kernel.pstate[fd - VCPU(0)] = 0x1d3;
		return 0;
	default:
		return one_reg((unsigned)(fd - VCPU(0)), req, arg);
	}
}

static struct kvm k = { .dev_fd = -1, .vm_fd = VM };
static struct cpu_model model = { .features = { 4 } };
static struct vcpu_gate gate;
static struct stop stop;
static struct power *power;

static void setup(void)
{
	struct power_env env = { .kvm = &k, .model = &model, .gate = &gate, .nr_cpus = NR };

	memset(&kernel, 0, sizeof(kernel));
	vcpu_gate_init(&gate);
	ck_assert_int_eq(stop_init(&stop), 0);
	env.stop = &stop;
	ck_assert_int_eq(power_create(&power, &env), 0);
	for (unsigned i = 0; i < NR; i++)
		power_add(power, i, VCPU(i));
}

static void teardown(void)
{
	power_destroy(power);
	vcpu_gate_fini(&gate);
	stop_fini(&stop);
}

static bool on(unsigned cpu)
{
	return power_hooks.is_on(power, cpu);
}

static int exit_with(unsigned cpu, u64 function)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_HYPERCALL, .hypercall.nr = function };

	return power_hooks.hypercall(power, cpu, VCPU(cpu), &run);
}

static s64 call(unsigned cpu, u64 function, u64 a, u64 b, u64 c)
{
	const u64 x[] = { function, a, b, c };

	memcpy(kernel.x[cpu], x, sizeof(x));
	ck_assert_int_eq(exit_with(cpu, function), 0);
	if (on(cpu))
		for (unsigned i = 1; i < 4; i++)
			ck_assert_uint_eq(kernel.x[cpu][i], 0);
	return (s64)kernel.x[cpu][0];
}

/* All of PSCI but CPU_SUSPEND, in both widths, and nothing else. */
START_TEST(what_is_forwarded)
{
	setup();
	for (u64 f = 0x83ffff00; f < 0xc4000100; f = f == 0x84000100 ? 0xc3ffff00 : f + 1) {
		bool psci = (f & ~BIT(30)) >= 0x84000000 && (f & ~BIT(30)) < 0x84000020, is = false;

		for (unsigned i = 0; i < kernel.nr_filters; i++)
			is = is || (f >= kernel.filters[i].base &&
				    f - kernel.filters[i].base < kernel.filters[i].nr_functions);
		ck_assert_msg(is == (psci && (f & ~BIT(30)) != 0x84000001), "%llx",
			      (unsigned long long)f);
	}
	ck_assert_int_eq(exit_with(0, 0xc4000190), -ENOENT);
	ck_assert_int_eq(exit_with(0, 0x80000000), -ENOENT);
	teardown();
}
END_TEST

START_TEST(version_and_features)
{
	static const struct {
		u32 function;
		bool is;
	} functions[] = {
		{ 0x80000000, true },  { 0x84000000, true },  { 0x84000001, true },
		{ 0xc4000001, true },  { 0x84000002, true },  { 0xc4000002, false },
		{ 0x84000003, true },  { 0xc4000003, true },  { 0x84000004, true },
		{ 0xc4000004, true },  { 0x84000005, false }, { 0x84000006, true },
		{ 0x84000008, true },  { 0x84000009, true },  { 0x8400000a, true },
		{ 0x8400000e, false }, /* SYSTEM_SUSPEND */
		{ 0xc400000e, false }, { 0x84000012, true },  { 0xc4000012, true },
		{ 0x84000015, false }, { 0, false },
	};

	setup();
	ck_assert_int_eq(call(0, 0x84000000, 1, 2, 3), 0x10001);
	ck_assert_int_eq(call(0, 0x84000006, 0, 0, 0), 2);
	for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
		ck_assert_int_eq(call(0, 0x8400000a, functions[i].function, 0, 0),
				 functions[i].is ? 0 : -1);
	ck_assert_int_eq(call(0, 0xc400000e, ENTRY, 0, 0), -1);
	ck_assert_int_eq(call(0, 0xc4000000, 0, 0, 0), -1);
	teardown();
}
END_TEST

START_TEST(a_cpu_is_switched_on_and_off)
{
	setup();
	ck_assert(on(0) && !on(1) && !on(17));
	/* [DEN 0022 5.6] CPU 17 is in the second cluster. */
	ck_assert_int_eq(call(0, 0xc4000003, board_mpidr(17), ENTRY, 0x1234567890), 0);
	ck_assert(on(17));
	ck_assert_uint_eq(kernel.nr_inits[17], 1);
	ck_assert_uint_eq(kernel.features, 4); /* without POWER_OFF */
	ck_assert_uint_eq(kernel.pc[17], ENTRY);
	ck_assert_uint_eq(kernel.x[17][0], 0x1234567890);
	ck_assert_uint_eq(kernel.sctlr[17] & EE, 0);
	ck_assert_int_eq(call(0, 0xc4000003, board_mpidr(17), ENTRY, 0), -4);
	ck_assert_int_eq(call(0, 0xc4000003, board_mpidr(0), ENTRY, 0), -4);
	call(17, 0x84000002, 0, 0, 0);
	ck_assert(!on(17));
	/* A big-endian caller starts a big-endian CPU; the 32-bit call has 32-bit arguments. */
	kernel.sctlr[0] |= EE;
	ck_assert_int_eq(
		call(0, 0x84000003, BIT(32) | board_mpidr(17), BIT(40) | ENTRY, BIT(33) | 5), 0);
	ck_assert_uint_eq(kernel.pc[17], ENTRY);
	ck_assert_uint_eq(kernel.x[17][0], 5);
	ck_assert_uint_eq(kernel.sctlr[17] & EE, EE);
	teardown();
}
END_TEST

/* A 32-bit kernel of Thumb instructions says so in bit 0, and its byte order is PSTATE's. */
START_TEST(cpus_of_32_bits)
{
	setup();
	model.aarch32 = true;
	kernel.pstate[0] = 0x1d3;
	ck_assert_int_eq(call(0, 0x84000003, 1, ENTRY, 0), 0);
	ck_assert_uint_eq(kernel.pc[1], ENTRY);
	ck_assert_uint_eq(kernel.pstate[1], 0x1d3);
	kernel.pstate[0] |= BIT(9);
	ck_assert_int_eq(call(0, 0x84000003, 2, ENTRY | 1, 0), 0);
	ck_assert_uint_eq(kernel.pc[2], ENTRY);
	ck_assert_uint_eq(kernel.pstate[2], 0x1d3 | BIT(5) | BIT(9));
	model.aarch32 = false;
	ck_assert_int_eq(call(0, 0xc4000003, 3, ENTRY | 1, 0), 0);
	ck_assert_uint_eq(kernel.pc[3], ENTRY | 1);
	teardown();
}
END_TEST

START_TEST(cpus_that_are_not_there)
{
	static const u64 bad[] = { 18, 0x102, 0x10000, BIT(24), BIT(31), BIT(32), UINT64_MAX };

	setup();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(call(0, 0xc4000003, bad[i], ENTRY, 0), -2);
		ck_assert_int_eq(call(0, 0xc4000004, bad[i], 0, 0), -2);
	}
	kernel.fail_init = -EIO;
	capture_start();
	ck_assert_int_eq(call(0, 0xc4000003, 1, ENTRY, 0), -6);
	ck_assert(!on(1));
	teardown();
}
END_TEST

START_TEST(affinity_info)
{
	setup();
	ck_assert_int_eq(call(0, 0xc4000004, 0, 0, 0), 0);
	ck_assert_int_eq(call(0, 0xc4000004, 1, 0, 0), 1);
	ck_assert_int_eq(call(0, 0xc4000004, 5, 1, 0), 0);     /* cluster 0: CPU 0 is on */
	ck_assert_int_eq(call(0, 0xc4000004, 0x1ff, 1, 0), 1); /* cluster 1: none is */
	ck_assert_int_eq(call(0, 0xc4000004, 0x2ff, 1, 0), -2);
	ck_assert_int_eq(call(0, 0xc4000004, 0x1ff, 2, 0), 0);
	ck_assert_int_eq(call(0, 0xc4000004, 0xff00ff, 3, 0), 0);
	ck_assert_int_eq(call(0, 0xc4000004, 0, 4, 0), -2);
	ck_assert_int_eq(call(0, 0xc4000004, 0, BIT(32), 0), -2);
	ck_assert_int_eq(call(0, 0x84000004, 0, BIT(32), 0), 0);
	teardown();
}
END_TEST

START_TEST(the_system_ends)
{
	static const struct {
		u64 function, type;
		enum stop_reason why;
	} ends[] = {
		{ 0x84000008, 0, STOP_POWEROFF },
		{ 0x84000009, 0, STOP_RESET },
		{ 0xc4000012, 0, STOP_RESET },
		{ 0x84000012, BIT(31) | 7, STOP_RESET },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		setup();
		ck_assert_int_eq(call(0, 0xc4000012, 1, 0, 0), -2);
		ck_assert_int_eq(stop_why(&stop), STOP_NONE);
		call(0, ends[i].function, ends[i].type, 0, 0);
		ck_assert_int_eq(stop_why(&stop), ends[i].why);
		ck_assert(!on(0)); /* it goes no further */
		teardown();
	}
}
END_TEST

/* Of two that switch the same CPU on at the same time one does, and it is started once. */
static _Atomic unsigned nr_successes;

static void *switch_on_all(void *arg)
{
	unsigned self = *(unsigned *)arg;

	for (unsigned cpu = 2; cpu < NR; cpu++) {
		s64 res = call(self, 0xc4000003, board_mpidr(cpu), ENTRY, 0);

		ck_assert(res == 0 || res == -4);
		if (!res)
			atomic_fetch_add(&nr_successes, 1);
	}
	return NULL;
}

START_TEST(cpu_on_races)
{
	for (unsigned round = 0; round < 50; round++) {
		unsigned selves[] = { 0, 1 };
		pthread_t threads[2];

		setup();
		call(0, 0xc4000003, board_mpidr(1), ENTRY, 0);
		atomic_store(&nr_successes, 0);
		for (unsigned i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, switch_on_all, &selves[i]);
		for (unsigned i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		ck_assert_uint_eq(nr_successes, NR - 2);
		for (unsigned cpu = 2; cpu < NR; cpu++)
			ck_assert_uint_eq(kernel.nr_inits[cpu], 1);
		teardown();
	}
}
END_TEST

START_TEST(a_host_without_filter)
{
	const struct power_env env = { .kvm = &k, .nr_cpus = 1 };

	kernel.no_filter = true;
	capture_start();
	ck_assert_int_eq(power_create(&power, &env), -ENODEV);
	captured_one_error("--psci", "Linux 6.4");
}
END_TEST

SUITE_MAIN("arm64/power", what_is_forwarded, version_and_features, a_cpu_is_switched_on_and_off,
	   cpus_of_32_bits, cpus_that_are_not_there, affinity_info, the_system_ends, cpu_on_races,
	   a_host_without_filter)
