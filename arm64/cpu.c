/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vCPU is before its first instruction: features, vector length, PMU, entry registers.
 *
 * Thread: main, while the machine is built.
 * Trust:  the kernel; numbers of the user.
 * Spec:   [KVM api 4.82 ARM_VCPU_INIT, 4.119 ARM_VCPU_FINALIZE], devices/vcpu.rst;
 *         Linux booting.rst (entry state)
 */
#include "arm64/cpu.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "arm64/memmap.h"
#include "arm64/pvtime.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"

#define SVE_VQ_BITS 128
#define SVE_MIN_VL 128
#define SVE_MAX_VL 2048

#define PPI_TO_INTID 16

/* PMCR_EL0.N, the number of event counters. [ARM DDI 0487 D24.5.9] */
#define PMCR_EL0 KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)
#define PMCR_N_SHIFT 11
#define PMCR_N_MASK UINT64_C(0x1f)

#define TPIDR_EL1 KVM_REG_SYS(3u, 0u, 13u, 0u, 4u)
#define TPIDR_EL0 KVM_REG_SYS(3u, 3u, 13u, 0u, 2u)
#define TPIDRRO_EL0 KVM_REG_SYS(3u, 3u, 13u, 0u, 3u)

/* ID_AA64MMFR0_EL1: which pages the MMU knows, and mixed endianness. [ARM DDI 0487 D24.2.75] */
#define ID_AA64MMFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 7u, 0u)
#define MMFR0_BIG_END 8
#define MMFR0_TGRAN16 20 /* 0: not there */
#define MMFR0_TGRAN64 24 /* 15: not there; so the next */
#define MMFR0_TGRAN4 28

static void feature_add(struct cpu_model *m, unsigned feature)
{
	m->features[feature / 32] |= 1u << feature % 32;
}

/* ---- choice ---- */

static int choose_sve(struct cpu_model *m, struct kvm *k, const struct cpu_conf *c)
{
	unsigned vl = c->sve_max_vl;

	if (vl && c->no_sve) {
		log_error(
			"SVE VL requested when SVE is disabled: drop --sve-max-vl or --disable-sve");
		return -EINVAL;
	}
	if (vl && !is_power_of_2(vl)) {
		log_error("SVE vector length isn't power of 2: --sve-max-vl=%u", vl);
		return -EINVAL;
	}
	if (vl && (vl < SVE_MIN_VL || vl > SVE_MAX_VL)) {
		log_error("SVE vector length is out of range: --sve-max-vl takes %d to %d bits",
			  SVE_MIN_VL, SVE_MAX_VL);
		return -EINVAL;
	}
	m->sve = !c->no_sve && !c->aarch32 && kvm_vm_cap(k, KVM_CAP_ARM_SVE);
	m->sve_max_vl = vl;
	if (vl && !m->sve) {
		log_error(
			"SVE vector length not supported: this host has no SVE; drop --sve-max-vl");
		return -ENODEV;
	}
	if (m->sve)
		feature_add(m, KVM_ARM_VCPU_SVE);
	return 0;
}

static int choose_pmu(struct cpu_model *m, struct kvm *k, const struct cpu_conf *c)
{
	if (!c->pmu)
		return 0;
	if (!kvm_vm_cap(k, KVM_CAP_ARM_PMU_V3)) {
		log_error("PMUv3 is not supported by this host: drop --pmu");
		return -ENODEV;
	}
	if (c->pmu_counters > PMCR_N_MASK) {
		log_error("A PMU has at most %u counters: --pmu-counters=%u", (unsigned)PMCR_N_MASK,
			  c->pmu_counters);
		return -EINVAL;
	}
	m->pmu = true;
	m->pmu_counters = c->pmu_counters;
	feature_add(m, KVM_ARM_VCPU_PMU_V3);
	return 0;
}

static int choose_el2(struct cpu_model *m, struct kvm *k, const struct cpu_conf *c)
{
	if (!c->el2)
		return 0;
	if (!kvm_vm_cap(k, KVM_CAP_ARM_EL2)) {
		log_error("--nested: this host's KVM gives guests no EL2. It takes a CPU with "
			  "FEAT_NV2 and a kernel that was booted with kvm-arm.mode=nested");
		return -ENODEV;
	}
	if (c->e2h0 && !kvm_vm_cap(k, KVM_CAP_ARM_EL2_E2H0)) {
		log_error("--e2h0: this host cannot give a guest an EL2 without VHE: drop it");
		return -ENODEV;
	}
	feature_add(m, KVM_ARM_VCPU_HAS_EL2);
	if (c->e2h0)
		feature_add(m, KVM_ARM_VCPU_HAS_EL2_E2H0);
	return 0;
}

/* KVM has neither SVE nor pointer authentication for them. */
static int choose_aarch32(struct cpu_model *m, struct kvm *k, const struct cpu_conf *c)
{
	m->aarch32 = c->aarch32;
	if (!c->aarch32)
		return 0;
	if (!kvm_vm_cap(k, KVM_CAP_ARM_EL1_32BIT)) {
		log_error("32bit guests are not supported: the host's CPUs have no AArch32 in EL1 "
			  "(--aarch32)");
		return -ENODEV;
	}
	feature_add(m, KVM_ARM_VCPU_EL1_32BIT);
	return 0;
}

int cpu_choose(struct cpu_model *out, struct kvm *k, const struct cpu_conf *c)
{
	struct kvm_vcpu_init preferred = { 0 };
	struct cpu_model m = { 0 };
	int err = kvm_ioctl(k->vm_fd, KVM_ARM_PREFERRED_TARGET, &preferred);

	if (err)
		return log_errno(err, "Cannot find out the CPU model of this host");
	m.target = preferred.target;
	if (!kvm_vm_cap(k, KVM_CAP_ARM_PSCI_0_2)) {
		log_error("This host's KVM has no PSCI 0.2: it needs Linux 3.17 or later");
		return -ENODEV;
	}
	feature_add(&m, KVM_ARM_VCPU_PSCI_0_2);
	/* KVM takes both kinds of pointer authentication or none. */
	if (!c->aarch32 && kvm_vm_cap(k, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    kvm_vm_cap(k, KVM_CAP_ARM_PTRAUTH_GENERIC)) {
		feature_add(&m, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
		feature_add(&m, KVM_ARM_VCPU_PTRAUTH_GENERIC);
	}
	err = choose_sve(&m, k, c);
	if (!err)
		err = choose_el2(&m, k, c);
	if (!err)
		err = choose_aarch32(&m, k, c);
	if (!err)
		err = choose_pmu(&m, k, c);
	if (!err && c->mte && !c->aarch32 && kvm_vm_cap(k, KVM_CAP_ARM_MTE)) {
		err = kvm_enable_cap(k, KVM_CAP_ARM_MTE, 0);
		if (err)
			log_errno(err, "Cannot enable memory tagging");
	}
	if (!err)
		*out = m;
	return err;
}

/* ---- initialisation ---- */

/*
 * Take away the vector lengths above the maximum. Bit i stands for (i + 1) * 128 bits; KVM insists
 * on all the shorter ones that the host has, so they stay.
 */
static int limit_sve(const struct cpu_model *m, int vcpu_fd)
{
	u64 vls[KVM_ARM64_SVE_VLS_WORDS] = { 0 };
	unsigned max_bit = m->sve_max_vl / SVE_VQ_BITS - 1;
	int err = kvm_reg_get(vcpu_fd, KVM_REG_ARM64_SVE_VLS, vls);

	if (err)
		return log_errno(err, "Cannot read the SVE vector lengths");
	if (!(vls[0] & BIT(max_bit))) {
		log_error(
			"SVE vector length not supported: this host has no %u bits (--sve-max-vl)",
			m->sve_max_vl);
		return -EINVAL;
	}
	/* SVE_MAX_VL is bit 15: the words above the first are beyond it. */
	vls[0] &= BIT(max_bit + 1) - 1;
	memset(vls + 1, 0, sizeof(vls) - sizeof(vls[0]));
	err = kvm_reg_set(vcpu_fd, KVM_REG_ARM64_SVE_VLS, vls);
	return err ? log_errno(err, "Cannot limit the SVE vector length") : 0;
}

/*
 * Older kernels initialise a vCPU only on a CPU of the very target that is asked for, and a host
 * may have CPUs of two (big.LITTLE): whoever has been moved to another since cpu_choose() asks on
 * each that it may run on.
 */
static int init_on_any(int vcpu_fd, struct kvm_vcpu_init *init)
{
	int err = kvm_ioctl(vcpu_fd, KVM_ARM_VCPU_INIT, init);
	cpu_set_t mine, one;

	if (err != -EINVAL || sched_getaffinity(0, sizeof(mine), &mine) < 0)
		return err;
	for (unsigned i = 0; i < CPU_SETSIZE && err == -EINVAL; i++) {
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (CPU_ISSET(i, &mine) && sched_setaffinity(0, sizeof(one), &one) == 0)
			err = kvm_ioctl(vcpu_fd, KVM_ARM_VCPU_INIT, init);
	}
	sched_setaffinity(0, sizeof(mine), &mine);
	return err;
}

int cpu_reset(const struct cpu_model *m, int vcpu_fd, unsigned index)
{
	struct kvm_vcpu_init init = { .target = m->target };
	int err;

	memcpy(init.features, m->features, sizeof(init.features));
	if (index)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	err = init_on_any(vcpu_fd, &init);
	return err ? log_errno(err, "Cannot initialise a vCPU") : 0;
}

int cpu_init(const struct cpu_model *m, int vcpu_fd, unsigned index)
{
	int err = cpu_reset(m, vcpu_fd, index);

	if (!err && m->sve_max_vl)
		err = limit_sve(m, vcpu_fd);
	return err;
}

int cpu_finalize(const struct cpu_model *m, int vcpu_fd)
{
	int feature = KVM_ARM_VCPU_SVE;
	int err;

	if (!m->sve)
		return 0;
	err = kvm_ioctl(vcpu_fd, KVM_ARM_VCPU_FINALIZE, &feature);
	return err ? log_errno(err, "Cannot finalize SVE") : 0;
}

/* ---- what hangs on a vCPU ---- */

/* Linux 6.16 has an attribute for it; before, PMCR_EL0.N is written as user space. */
static int set_pmu_counters(int vcpu_fd, unsigned nr)
{
	u64 pmcr;
	int err;

	if (kvm_attr_has(vcpu_fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS)) {
		u32 val = nr;

		return kvm_attr_set(vcpu_fd, KVM_ARM_VCPU_PMU_V3_CTRL,
				    KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS, &val);
	}
	err = kvm_reg_get64(vcpu_fd, PMCR_EL0, &pmcr);
	if (err)
		return err;
	pmcr &= ~(PMCR_N_MASK << PMCR_N_SHIFT);
	return kvm_reg_set64(vcpu_fd, PMCR_EL0, pmcr | (u64)nr << PMCR_N_SHIFT);
}

static int attach_pmu(const struct cpu_model *m, int vcpu_fd)
{
	const int irq = PPI_TO_INTID + MEMMAP_PPI_PMU;
	int err = kvm_attr_set(vcpu_fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);

	if (!err && m->pmu_counters) {
		err = set_pmu_counters(vcpu_fd, m->pmu_counters);
		if (err)
			return log_errno(
				err,
				"Cannot limit the PMU counters (does this host have so many?)");
	}
	if (!err)
		err = kvm_attr_set(vcpu_fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT,
				   NULL);
	return err ? log_errno(err, "Cannot start the PMU") : 0;
}

int cpu_attach(const struct cpu_model *m, int vcpu_fd, unsigned index, const struct pvtime *pv)
{
	int err = m->pmu ? attach_pmu(m, vcpu_fd) : 0;

	if (!err && pv)
		err = pvtime_attach(pv, vcpu_fd, index);
	return err;
}

int cpu_clear_thread_regs(int vcpu_fd)
{
	static const u64 ids[] = { TPIDR_EL0, TPIDRRO_EL0, TPIDR_EL1 };
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(ids) && !err; i++)
		err = kvm_reg_set64(vcpu_fd, ids[i], 0);
	return err ? log_errno(err, "Cannot clear the thread registers of the guest") : 0;
}

/* ---- the kernel ---- */

static bool has_pages(u64 mmfr0, u32 size)
{
	switch (size) {
	case 4 * KiB:
		return (mmfr0 >> MMFR0_TGRAN4 & 15) != 15;
	case 16 * KiB:
		return (mmfr0 >> MMFR0_TGRAN16 & 15) != 0;
	case 64 * KiB:
		return (mmfr0 >> MMFR0_TGRAN64 & 15) != 15;
	}
	return true;
}

int cpu_check_kernel(int vcpu_fd, const char *kernel, u32 page_size, bool big_endian)
{
	u64 mmfr0;

	/* Not every host lets a Realm's registers be read. */
	if (kvm_reg_get64(vcpu_fd, ID_AA64MMFR0_EL1, &mmfr0))
		return 0;
	if (!has_pages(mmfr0, page_size)) {
		log_error(
			"%s was built for pages of %u KiB, which this host's CPU does not have: use a kernel for pages of%s%s%s",
			kernel, page_size / (u32)KiB, has_pages(mmfr0, 4 * KiB) ? " 4 KiB" : "",
			has_pages(mmfr0, 16 * KiB) ? " 16 KiB" : "",
			has_pages(mmfr0, 64 * KiB) ? " 64 KiB" : "");
		return -ENOEXEC;
	}
	if (big_endian && !(mmfr0 >> MMFR0_BIG_END & 15)) {
		log_error(
			"%s is a big-endian kernel, and this host's CPU is little-endian only: use another kernel",
			kernel);
		return -ENOEXEC;
	}
	return 0;
}

int cpu_set_regs(int vcpu_fd, gpa_t entry, gpa_t dtb)
{
	int err = kvm_reg_set64(vcpu_fd, KVM_REG_X(0), dtb.a);

	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_PC, entry.a);
	return err ? log_errno(err, "Cannot set the entry point of the guest") : 0;
}

#define MACHINE_OF_TREE UINT64_C(0xffffffff)

int cpu_set_regs32(int vcpu_fd, gpa_t entry, gpa_t dtb)
{
	int err = kvm_reg_set64(vcpu_fd, KVM_REG_X(0), 0);

	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_X(1), MACHINE_OF_TREE);
	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_X(2), dtb.a);
	if (!err)
		err = kvm_reg_set64(vcpu_fd, KVM_REG_PC, entry.a);
	return err ? log_errno(err, "Cannot set the entry point of the guest") : 0;
}
