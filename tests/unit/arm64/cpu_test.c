/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPU features, vector lengths, PMU, stolen time, entry registers, with the kernel replaced. */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "arm64/cpu.h"
#include "arm64/memmap.h"
#include "arm64/pvtime.h"
#include "lkvm/kvm/kvm.h"
#include "tests/unit/arm64/capture.h"

#define VM 42
#define VCPU 43
#define MAX_CALLS 32

static struct {
	bool sve, pmu, ptrauth_a, ptrauth_g, mte, steal, psci, nr_counters_attr;
	u64 vls; /* bit i: (i + 1) * 128 bits */
	u64 pmcr;
	u64 mmfr0;
	unsigned long fail; /* this ioctl fails */
	int only_on;	    /* the one host CPU of the target, + 1; 0: all are */

	struct kvm_vcpu_init init;
	u64 vls_set;
	u64 regs[34];
	u64 pmcr_set;
	u64 thread_regs[3];
	bool mte_enabled, finalized;
	struct kvm_userspace_memory_region slot;
	struct {
		u32 group;
		u64 attr, val;
	} attr[MAX_CALLS];
	unsigned nr_attrs;
} kernel;

static struct kvm k = { .dev_fd = -1, .vm_fd = VM };

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_assert_int_eq(fd, VM); /* only the VM knows what a Realm takes away */
	ck_assert_uint_eq(req, KVM_CHECK_EXTENSION);
	switch (val) {
	case KVM_CAP_ARM_SVE:
		return kernel.sve;
	case KVM_CAP_ARM_PMU_V3:
		return kernel.pmu;
	case KVM_CAP_ARM_PTRAUTH_ADDRESS:
		return kernel.ptrauth_a;
	case KVM_CAP_ARM_PTRAUTH_GENERIC:
		return kernel.ptrauth_g;
	case KVM_CAP_ARM_MTE:
		return kernel.mte;
	case KVM_CAP_STEAL_TIME:
		return kernel.steal;
	case KVM_CAP_ARM_PSCI_0_2:
		return kernel.psci;
	default:
		ck_abort_msg("capability %lu", val);
	}
}

static int one_reg(unsigned long req, struct kvm_one_reg *r)
{
	const u64 pmcr = KVM_REG_SYS(3u, 3u, 9u, 12u, 0u);
	const u64 thread[] = { KVM_REG_SYS(3u, 3u, 13u, 0u, 2u), KVM_REG_SYS(3u, 3u, 13u, 0u, 3u),
			       KVM_REG_SYS(3u, 0u, 13u, 0u, 4u) };
	void *val = (void *)(uintptr_t)r->addr;

	for (unsigned i = 0; i < ARRAY_SIZE(thread) && req == KVM_SET_ONE_REG; i++)
		if (r->id == thread[i]) {
			memcpy(&kernel.thread_regs[i], val, 8);
			return 0;
		}

	u64 vls[8] = { kernel.vls };

	if (r->id == KVM_REG_ARM64_SVE_VLS && req == KVM_GET_ONE_REG) {
		memcpy(val, vls, sizeof(vls));
	} else if (r->id == KVM_REG_ARM64_SVE_VLS) {
		memcpy(vls, val, sizeof(vls));
		ck_assert(!kernel.finalized); /* EPERM from the real one */
		for (int i = 1; i < 8; i++)
			ck_assert_uint_eq(vls[i], 0);
		kernel.vls_set = vls[0];
	} else if (r->id == KVM_REG_SYS(3u, 0u, 0u, 7u, 0u) && req == KVM_GET_ONE_REG) {
		memcpy(val, &kernel.mmfr0, 8); /* ID_AA64MMFR0_EL1 */
	} else if (r->id == pmcr && req == KVM_GET_ONE_REG) {
		memcpy(val, &kernel.pmcr, 8);
	} else if (r->id == pmcr) {
		memcpy(&kernel.pmcr_set, val, 8);
	} else {
		u64 n = (r->id - KVM_REG_X(0)) / 2;

		ck_assert_uint_eq(req, KVM_SET_ONE_REG);
		ck_assert_uint_lt(n, ARRAY_SIZE(kernel.regs));
		memcpy(&kernel.regs[n], val, 8);
	}
	return 0;
}

static int device_attr(unsigned long req, struct kvm_device_attr *a)
{
	if (req == KVM_HAS_DEVICE_ATTR)
		return kernel.nr_counters_attr ? 0 : -ENXIO;
	ck_assert_uint_eq(req, KVM_SET_DEVICE_ATTR);
	ck_assert_uint_lt(kernel.nr_attrs, MAX_CALLS);
	kernel.attr[kernel.nr_attrs].group = a->group;
	kernel.attr[kernel.nr_attrs].attr = a->attr;
	if (a->addr)
		memcpy(&kernel.attr[kernel.nr_attrs].val, (void *)(uintptr_t)a->addr,
		       a->group == KVM_ARM_VCPU_PVTIME_CTRL ? 8 : 4);
	kernel.nr_attrs++;
	return 0;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	if (req == kernel.fail)
		return -EIO;
	switch (req) {
	case KVM_ARM_PREFERRED_TARGET:
		((struct kvm_vcpu_init *)arg)->target = 5;
		return 0;
	case KVM_ENABLE_CAP:
		ck_assert_uint_eq(((struct kvm_enable_cap *)arg)->cap, KVM_CAP_ARM_MTE);
		kernel.mte_enabled = true;
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		memcpy(&kernel.slot, arg, sizeof(kernel.slot));
		return 0;
	case KVM_ARM_VCPU_INIT:
		ck_assert_int_eq(fd, VCPU);
		if (kernel.only_on && sched_getcpu() != kernel.only_on - 1)
			return -EINVAL;
		memcpy(&kernel.init, arg, sizeof(kernel.init));
		return 0;
	case KVM_ARM_VCPU_FINALIZE:
		ck_assert_int_eq(*(int *)arg, KVM_ARM_VCPU_SVE);
		kernel.finalized = true;
		return 0;
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return one_reg(req, arg);
	default:
		return device_attr(req, arg);
	}
}

static void host_with_everything(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.sve = kernel.pmu = kernel.ptrauth_a = kernel.ptrauth_g = kernel.mte = true;
	kernel.steal = kernel.psci = true;
	kernel.vls = 0x0b; /* 128, 256, 512 */
	kernel.pmcr = 6u << 11 | 0x41000041;
}

static struct cpu_model chosen(struct cpu_conf c)
{
	struct cpu_model m = { 0 };

	ck_assert_int_eq(cpu_choose(&m, &k, &c), 0);
	return m;
}

static void refused(struct cpu_conf c, int err, const char *a, const char *b)
{
	struct cpu_model m;

	ck_assert_int_eq(cpu_choose(&m, &k, &c), err);
	captured_one_error(a, b);
}

/* ---- choice ---- */

START_TEST(features_follow_the_host)
{
	struct cpu_model m;

	host_with_everything();
	m = chosen((struct cpu_conf){ 0 });
	ck_assert_uint_eq(m.target, 5);
	ck_assert_uint_eq(m.features[0], BIT(2) | BIT(4) | BIT(5) | BIT(6));
	ck_assert(m.sve && !m.pmu);
	ck_assert(!kernel.mte_enabled);
	m = chosen((struct cpu_conf){ .pmu = true, .mte = true });
	ck_assert(kernel.mte_enabled);
	ck_assert_uint_eq(m.features[0], BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6));

	memset(&kernel, 0, sizeof(kernel));
	kernel.psci = true;
	m = chosen((struct cpu_conf){ .mte = true }); /* where the host has it */
	ck_assert_uint_eq(m.features[0], BIT(2));
	ck_assert(!kernel.mte_enabled);
}
END_TEST

/*
 * [KVM api 4.82] with both kinds present KVM wants both or none; with one, there is none to want.
 */
START_TEST(pointer_authentication_is_both_or_none)
{
	host_with_everything();
	kernel.ptrauth_g = false;
	ck_assert_uint_eq(chosen((struct cpu_conf){ 0 }).features[0], BIT(2) | BIT(4));
	kernel.ptrauth_g = true;
	kernel.ptrauth_a = false;
	ck_assert_uint_eq(chosen((struct cpu_conf){ 0 }).features[0], BIT(2) | BIT(4));
}
END_TEST

START_TEST(off_means_off)
{
	host_with_everything();
	ck_assert(!chosen((struct cpu_conf){ .no_sve = true }).sve);
}
END_TEST

START_TEST(what_the_host_lacks_is_an_error_if_asked_for)
{
	host_with_everything();
	kernel.pmu = kernel.sve = false;
	capture_start();
	refused((struct cpu_conf){ .pmu = true }, -ENODEV, "PMUv3 is not supported", "--pmu");
	refused((struct cpu_conf){ .sve_max_vl = 256 }, -ENODEV, "not supported", "--sve-max-vl");
	kernel.psci = false;
	refused((struct cpu_conf){ 0 }, -ENODEV, "PSCI", "Linux 3.17");
	kernel.fail = KVM_ARM_PREFERRED_TARGET;
	refused((struct cpu_conf){ 0 }, -EIO, "CPU model", "");
	host_with_everything();
	kernel.fail = KVM_ENABLE_CAP;
	refused((struct cpu_conf){ .mte = true }, -EIO, "memory tagging", "");
}
END_TEST

START_TEST(vector_lengths_that_are_none)
{
	host_with_everything();
	capture_start();
	refused((struct cpu_conf){ .sve_max_vl = 384 }, -EINVAL, "isn't power of 2", "384");
	refused((struct cpu_conf){ .sve_max_vl = 64 }, -EINVAL, "out of range", "128");
	refused((struct cpu_conf){ .sve_max_vl = 4096 }, -EINVAL, "out of range", "2048");
	refused((struct cpu_conf){ .sve_max_vl = 128, .no_sve = true }, -EINVAL,
		"SVE VL requested when SVE is disabled", "--disable-sve");
	refused((struct cpu_conf){ .pmu = true, .pmu_counters = 32 }, -EINVAL, "at most 31", "32");
}
END_TEST

/* ---- initialisation ---- */

START_TEST(others_start_powered_off)
{
	struct cpu_model m;

	host_with_everything();
	m = chosen((struct cpu_conf){ 0 });
	ck_assert_int_eq(cpu_init(&m, VCPU, 0), 0);
	ck_assert_uint_eq(kernel.init.target, 5);
	ck_assert_uint_eq(kernel.init.features[0], m.features[0]);
	ck_assert_int_eq(cpu_init(&m, VCPU, 1), 0);
	ck_assert_uint_eq(kernel.init.features[0], m.features[0] | 1);
	ck_assert_uint_eq(kernel.vls_set, 0); /* not touched without --sve-max-vl */
}
END_TEST

/* Bit i of the register is (i + 1) * 128 bits; shorter lengths must stay. */
START_TEST(vector_length_is_limited)
{
	static const struct {
		unsigned bits;
		u64 vls;
	} good[] = { { 128, 0x1 }, { 256, 0x3 }, { 512, 0xb } };
	struct cpu_model m;

	host_with_everything();
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		m = chosen((struct cpu_conf){ .sve_max_vl = good[i].bits });
		ck_assert_int_eq(cpu_init(&m, VCPU, 0), 0);
		ck_assert_uint_eq(kernel.vls_set, good[i].vls);
	}
	capture_start();
	m = chosen((struct cpu_conf){ .sve_max_vl = 1024 });
	ck_assert_int_eq(cpu_init(&m, VCPU, 0), -EINVAL);
	captured_one_error("SVE vector length not supported", "1024");
	m.sve_max_vl = 2048;
	ck_assert_int_eq(cpu_init(&m, VCPU, 0), -EINVAL);
	captured_one_error("SVE vector length not supported", "2048");
}
END_TEST

/*
 * [Linux 5.15 arch/arm64/kvm/arm.c kvm_vcpu_set_target()]: EINVAL unless the caller is on a CPU of
 * the target, and a thread is where the scheduler has put it.
 */
START_TEST(initialised_on_a_cpu_of_the_target)
{
	cpu_set_t mine, after;
	struct cpu_model m;
	int nr = 0;

	host_with_everything();
	capture_start();
	m = chosen((struct cpu_conf){ 0 });
	ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &mine))
			continue;
		kernel.only_on = i + 1;
		memset(&kernel.init, 0, sizeof(kernel.init));
		ck_assert_int_eq(cpu_reset(&m, VCPU, 0), 0);
		ck_assert_uint_eq(kernel.init.target, 5);
		ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
		ck_assert(CPU_EQUAL(&mine, &after));
		nr++;
	}
	ck_assert_int_gt(nr, 0);
	ck_assert_str_eq(captured(), "");
	kernel.only_on = CPU_SETSIZE + 1; /* nowhere */
	ck_assert_int_eq(cpu_init(&m, VCPU, 0), -EINVAL);
	captured_one_error("Cannot initialise a vCPU", "");
	ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	ck_assert(CPU_EQUAL(&mine, &after));
}
END_TEST

START_TEST(finalize_only_with_sve)
{
	struct cpu_model m;

	host_with_everything();
	m = chosen((struct cpu_conf){ .no_sve = true });
	ck_assert_int_eq(cpu_finalize(&m, VCPU), 0);
	ck_assert(!kernel.finalized);
	m = chosen((struct cpu_conf){ .sve_max_vl = 128 });
	ck_assert_int_eq(cpu_init(&m, VCPU, 0), 0);
	ck_assert_int_eq(cpu_finalize(&m, VCPU), 0);
	ck_assert(kernel.finalized);
	ck_assert_int_eq(cpu_reset(&m, VCPU, 0), 0); /* asserts that no lengths are set again */
}
END_TEST

START_TEST(initialisation_errors)
{
	static const unsigned long ioctls[] = { KVM_ARM_VCPU_INIT, KVM_GET_ONE_REG,
						KVM_SET_ONE_REG };
	struct cpu_model m;

	host_with_everything();
	capture_start();
	m = chosen((struct cpu_conf){ .sve_max_vl = 128 });
	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		kernel.fail = ioctls[i];
		ck_assert_int_eq(cpu_init(&m, VCPU, 0), -EIO);
		captured_one_error("Cannot", "");
	}
	kernel.fail = KVM_ARM_VCPU_FINALIZE;
	ck_assert_int_eq(cpu_finalize(&m, VCPU), -EIO);
	captured_one_error("finalize SVE", "");
	kernel.fail = KVM_SET_ONE_REG;
	ck_assert_int_eq(cpu_set_regs(VCPU, gpa(0), gpa(0)), -EIO);
	captured_one_error("entry point", "");
	ck_assert_int_eq(cpu_clear_thread_regs(VCPU), -EIO);
	captured_one_error("thread registers", "");
}
END_TEST

START_TEST(entry_state)
{
	host_with_everything();
	memset(kernel.thread_regs, 0xdb, sizeof(kernel.thread_regs));
	ck_assert_int_eq(cpu_clear_thread_regs(VCPU), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(kernel.thread_regs); i++)
		ck_assert_uint_eq(kernel.thread_regs[i], 0);
	ck_assert_int_eq(cpu_set_regs(VCPU, gpa(0x80080000), gpa(0x8fe00000)), 0);
	ck_assert_uint_eq(kernel.regs[0], 0x8fe00000);
	ck_assert_uint_eq(kernel.regs[32], 0x80080000);
}
END_TEST

/* [ARM DDI 0487 D24.2.75] TGran4 bits 31:28, TGran64 27:24, TGran16 23:20, BigEnd 11:8. */
START_TEST(kernels_for_pages_that_the_cpu_has)
{
	const u32 k4 = 4096, k16 = 16384, k64 = 65536;

	host_with_everything();
	capture_start();
	kernel.mmfr0 = 0x00200100; /* all three, both endiannesses */
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", 0, false), 0);
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k4, true), 0);
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k16, false), 0);
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k64, false), 0);
	kernel.mmfr0 = 0x0f000000; /* as an Apple M1's without 16 KiB */
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k4, false), 0);
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k16, false), -ENOEXEC);
	captured_one_error("k was built for pages of 16 KiB", "kernel for pages of 4 KiB\n");
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k64, false), -ENOEXEC);
	captured_one_error("64 KiB", "host's CPU");
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k4, true), -ENOEXEC);
	captured_one_error("big-endian", "little-endian only");
	kernel.mmfr0 = 0xf0100000;
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k4, false), -ENOEXEC);
	captured_one_error("4 KiB", "for pages of 16 KiB 64 KiB\n");
	kernel.fail = KVM_GET_ONE_REG; /* some Realm's */
	ck_assert_int_eq(cpu_check_kernel(VCPU, "k", k4, true), 0);
	ck_assert_str_eq(captured(), "");
}
END_TEST

/* ---- PMU ---- */

START_TEST(pmu_interrupt_then_init)
{
	struct cpu_model m;

	host_with_everything();
	m = chosen((struct cpu_conf){ .pmu = true });
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, NULL), 0);
	ck_assert_uint_eq(kernel.nr_attrs, 2);
	ck_assert_uint_eq(kernel.attr[0].group, 0);
	ck_assert_uint_eq(kernel.attr[0].attr, 0);
	ck_assert_uint_eq(kernel.attr[0].val, 23); /* PPI 7 */
	ck_assert_uint_eq(kernel.attr[1].attr, 1);
	ck_assert_uint_eq(kernel.pmcr_set, 0);
}
END_TEST

START_TEST(pmu_counters_by_attribute_or_register)
{
	struct cpu_model m;

	host_with_everything();
	m = chosen((struct cpu_conf){ .pmu = true, .pmu_counters = 4 });
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, NULL), 0);
	ck_assert_uint_eq(kernel.pmcr_set, 4u << 11 | 0x41000041);
	ck_assert_uint_eq(kernel.nr_attrs, 2);

	host_with_everything();
	kernel.nr_counters_attr = true;
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, NULL), 0);
	ck_assert_uint_eq(kernel.pmcr_set, 0);
	ck_assert_uint_eq(kernel.nr_attrs, 3);
	ck_assert_uint_eq(kernel.attr[1].attr, 4);
	ck_assert_uint_eq(kernel.attr[1].val, 4);
	ck_assert_uint_eq(kernel.attr[2].attr, 1);
}
END_TEST

START_TEST(pmu_errors)
{
	struct cpu_model m;

	host_with_everything();
	capture_start();
	m = chosen((struct cpu_conf){ .pmu = true, .pmu_counters = 4 });
	kernel.fail = KVM_SET_DEVICE_ATTR;
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, NULL), -EIO);
	captured_one_error("PMU", "");
	kernel.fail = KVM_GET_ONE_REG;
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, NULL), -EIO);
	captured_one_error("PMU counters", "");
}
END_TEST

/* ---- stolen time ---- */

START_TEST(stolen_time_record_per_cpu)
{
	struct cpu_model m;
	struct pvtime *pv;

	host_with_everything();
	m = chosen((struct cpu_conf){ 0 });
	ck_assert_int_eq(pvtime_create(&pv, &k), 0);
	ck_assert_ptr_nonnull(pv);
	ck_assert_uint_eq(kernel.slot.guest_phys_addr, MEMMAP_PVTIME);
	ck_assert_uint_eq(kernel.slot.memory_size, 65536);
	ck_assert_uint_eq(kernel.slot.userspace_addr % (u64)sysconf(_SC_PAGESIZE), 0);
	ck_assert_int_eq(cpu_attach(&m, VCPU, 3, pv), 0);
	ck_assert_uint_eq(kernel.nr_attrs, 1);
	ck_assert_uint_eq(kernel.attr[0].group, 2);
	ck_assert_uint_eq(kernel.attr[0].attr, 0);
	ck_assert_uint_eq(kernel.attr[0].val, MEMMAP_PVTIME + 3 * 64);
	pvtime_destroy(pv);
	pvtime_destroy(NULL);
}
END_TEST

START_TEST(no_stolen_time_is_no_error)
{
	struct pvtime *pv = (void *)1;

	host_with_everything();
	kernel.steal = false;
	ck_assert_int_eq(pvtime_create(&pv, &k), 0);
	ck_assert_ptr_null(pv);
	ck_assert_uint_eq(kernel.slot.memory_size, 0);
}
END_TEST

START_TEST(stolen_time_errors)
{
	struct cpu_model m;
	struct pvtime *pv;

	host_with_everything();
	m = chosen((struct cpu_conf){ 0 });
	capture_start();
	kernel.fail = KVM_SET_USER_MEMORY_REGION;
	ck_assert_int_eq(pvtime_create(&pv, &k), -EIO);
	ck_assert_ptr_null(pv);
	captured_one_error("stolen time", "--no-pvtime");
	kernel.fail = 0;
	ck_assert_int_eq(pvtime_create(&pv, &k), 0);
	kernel.fail = KVM_SET_DEVICE_ATTR;
	ck_assert_int_eq(cpu_attach(&m, VCPU, 0, pv), -EIO);
	captured_one_error("stolen time", "--no-pvtime");
	pvtime_destroy(pv);
}
END_TEST

SUITE_MAIN("arm64/cpu", features_follow_the_host, pointer_authentication_is_both_or_none,
	   off_means_off, what_the_host_lacks_is_an_error_if_asked_for,
	   vector_lengths_that_are_none, others_start_powered_off,
	   initialised_on_a_cpu_of_the_target, vector_length_is_limited, finalize_only_with_sve,
	   initialisation_errors, entry_state, kernels_for_pages_that_the_cpu_has,
	   pmu_interrupt_then_init, pmu_counters_by_attribute_or_register, pmu_errors,
	   stolen_time_record_per_cpu, no_stolen_time_is_no_error, stolen_time_errors)
