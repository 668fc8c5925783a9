/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vCPU is before its first instruction. Feature selection (a VM-wide decision),
 * initialisation and registers are separate steps, because a Realm backend has its say between
 * them:
 *
 *   cpu_choose      once per VM: features from the options and from what the VM can do
 *   cpu_init        each vCPU, in index order: KVM_ARM_VCPU_INIT, SVE vector lengths
 *   cpu_finalize    each vCPU: KVM_ARM_VCPU_FINALIZE(SVE); features are fixed from here on
 *   (gic_init)
 *   cpu_attach      each vCPU: PMU interrupt and counters, stolen-time record
 *   cpu_clear_thread_regs  vCPU 0, unless an RMM or a hypervisor decides what its registers are
 *   cpu_set_regs    vCPU 0: entry state. The others wait, powered off, for PSCI CPU_ON
 *
 * All on the thread that owns the vCPU's descriptor (main, until vCPUs run), before KVM_RUN. All
 * return 0, or -errno after one log_error() line.
 */
#ifndef ARM64_CPU_H
#define ARM64_CPU_H

#include "lkvm/base/gpa.h"

struct kvm;
struct pvtime;

struct cpu_conf {
	bool pmu;	       /* --pmu: -ENODEV if the host has none */
	unsigned pmu_counters; /* --pmu-counters; 0: as many as the host gives */
	bool no_sve;	       /* --disable-sve */
	unsigned sve_max_vl;   /* --sve-max-vl, bits: a power of two 128..2048; 0: host's maximum */
	/*
	 * Offer memory tagging where the host has it. KVM wants RAM that can carry tags: private
	 * anonymous memory, no hugetlbfs.
	 */
	bool mte;
	bool el2;     /* --nested: the guest starts in EL2, and may be a hypervisor */
	bool e2h0;    /* --e2h0: ... without VHE */
	bool aarch32; /* --aarch32 */
};

/* The choice for one VM. Plain data; read by the Realm backends. */
struct cpu_model {
	u32 target;	 /* KVM_ARM_TARGET_* */
	u32 features[7]; /* bitmap of KVM_ARM_VCPU_* as KVM_ARM_VCPU_INIT takes it */
	bool sve;
	unsigned sve_max_vl;
	bool pmu;
	unsigned pmu_counters;
	bool aarch32;
};

/*
 * Choose the features of the VM's vCPUs. May enable capabilities of the VM (MTE), so before the
 * first vCPU. -ENODEV: the host does not have what is asked for; -EINVAL: an impossible sve_max_vl.
 */
int cpu_choose(struct cpu_model *out, struct kvm *k, const struct cpu_conf *c);

/* Initialise vCPU `index`: number 0 starts running, all others powered off. Once per vCPU. */
int cpu_init(const struct cpu_model *m, int vcpu_fd, unsigned index);

/*
 * Put it back in the state after cpu_init() and cpu_finalize(), for a guest that is started again.
 */
int cpu_reset(const struct cpu_model *m, int vcpu_fd, unsigned index);

/* Fix its features. */
int cpu_finalize(const struct cpu_model *m, int vcpu_fd);

/*
 * Give it its PMU, if it has one, and its record of stolen time; `pv` NULL: none. After gic_init().
 */
int cpu_attach(const struct cpu_model *m, int vcpu_fd, unsigned index, const struct pvtime *pv);

/*
 * Clear TPIDR_EL0, TPIDRRO_EL0 and TPIDR_EL1: KVM resets them to a pattern, which firmware takes
 * for an address (EDK2 keeps its HOB list in TPIDR_EL0, and looks there first where
 * ID_AA64PFR0_EL1.RME is not 0). KVM writes the pattern again at PSCI CPU_ON, so that the other
 * vCPUs have it whatever is done here.
 */
int cpu_clear_thread_regs(int vcpu_fd);

/*
 * Can this vCPU run the kernel of the file `kernel`, which was built for pages of `page_size` bytes
 * (0: not known), and is `big_endian` or not? Otherwise the kernel would stop without a word. After
 * cpu_finalize(). -ENOEXEC: it cannot.
 */
int cpu_check_kernel(int vcpu_fd, const char *kernel, u32 page_size, bool big_endian);

/*
 * Set x0 to `dtb` and pc to `entry` [Linux booting.rst]. The rest keeps its reset value: x1..x30
 * are 0, PSTATE is EL1h (EL2h with el2) with DAIF masked.
 */
int cpu_set_regs(int vcpu_fd, gpa_t entry, gpa_t dtb);

/*
 * The same for a 32-bit kernel [Linux arm/booting.rst]: r0 is 0, r1 the machine that a device tree
 * stands for, r2 the tree.
 */
int cpu_set_regs32(int vcpu_fd, gpa_t entry, gpa_t dtb);

#endif
