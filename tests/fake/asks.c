/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The questions: VMs, capabilities, loading, sides of pages, registers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/fake/asks_rig.h"

static const struct fake_op ends[] = { { GUEST_END, 0, 0, NULL } };

/* ---- VMs and capabilities ---- */

static void type(const char *question, u32 bits)
{
	int dev, vm;

	asks_host->fresh(ends);
	dev = open(asks_host->dev, O_RDWR | O_CLOEXEC);
	vm = kvm_ioctl_val(dev, KVM_CREATE_VM, bits);
	answer(question, vm);
	close(vm);
	close(dev);
}

static void ask_types(void)
{
	const u32 old = KVM_VM_TYPE_ARM_REALM, bit = KVM_VM_TYPE_ARM_REALM_BIT;

	type("type: bit 30, 33 bits", bit | 33);
	type("type: bit 30, no bits", bit);
	type("type: bit 30, 31 bits", bit | 31);
	type("type: bit 30, 60 bits", bit | 60);
	type("type: bits 30 and 31", bit | KVM_VM_TYPE_ARM_PROTECTED | 33);
	type("type: 0x100, 33 bits", old | 33);
	type("type: 0x100, 60 bits", old | 60);
	type("type: 0x200, 33 bits", 0x200 | 33);
}

static void ask_caps(void)
{
	static const struct {
		const char *name;
		unsigned cap;
	} caps[] = {
		{ "IRQCHIP", KVM_CAP_IRQCHIP },
		{ "NR_VCPUS", KVM_CAP_NR_VCPUS },
		{ "MAX_VCPUS", KVM_CAP_MAX_VCPUS },
		{ "ONE_REG", KVM_CAP_ONE_REG },
		{ "ARM_PSCI_0_2", KVM_CAP_ARM_PSCI_0_2 },
		{ "MSI_DEVID", KVM_CAP_MSI_DEVID },
		{ "ARM_VM_IPA_SIZE", KVM_CAP_ARM_VM_IPA_SIZE },
		{ "ARM_PMU_V3", KVM_CAP_ARM_PMU_V3 },
		{ "ARM_SVE", KVM_CAP_ARM_SVE },
		{ "ARM_PTRAUTH_ADDRESS", KVM_CAP_ARM_PTRAUTH_ADDRESS },
		{ "ARM_PTRAUTH_GENERIC", KVM_CAP_ARM_PTRAUTH_GENERIC },
		{ "ARM_NISV_TO_USER", KVM_CAP_ARM_NISV_TO_USER },
		{ "ARM_INJECT_EXT_DABT", KVM_CAP_ARM_INJECT_EXT_DABT },
		{ "STEAL_TIME", KVM_CAP_STEAL_TIME },
		{ "ARM_MTE", KVM_CAP_ARM_MTE },
		{ "MEMORY_ATTRIBUTES", KVM_CAP_MEMORY_ATTRIBUTES },
		{ "GUEST_MEMFD", KVM_CAP_GUEST_MEMFD },
	};
	struct kvm_enable_cap nisv = { .cap = KVM_CAP_ARM_NISV_TO_USER };
	struct kvm_device_attr filter = { .group = KVM_ARM_VM_SMCCC_CTRL,
					  .attr = KVM_ARM_VM_SMCCC_FILTER };

	up(ends, BARE);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		say("capability %s: %s", caps[i].name,
		    kvm_ioctl_val(m.vm, KVM_CHECK_EXTENSION, caps[i].cap) > 0 ? "yes" : "no");
	answer("a vCPU, once the GIC is initialised", kvm_ioctl_val(m.vm, KVM_CREATE_VCPU, 2));
	answer("enable ARM_NISV_TO_USER", vm_call(KVM_ENABLE_CAP, &nisv));
	answer("SMCCC filter", vm_call(KVM_HAS_DEVICE_ATTR, &filter));
	down();
}

/* ---- loading [uapi update 4 - 9] ---- */

static void one_load(const char *question, struct rmi_populate p)
{
	answer(question, once(&p));
}

static void ask_wrong_loads(void)
{
	struct rmi_populate p = pages(0, 1);

	p.reserved = 1;
	one_load("load: reserved set", p);
	p = pages(0, 1);
	p.flags = 2;
	one_load("load: unknown flag", p);
	p = pages(0, 1);
	p.base += 100;
	one_load("load: base is no page", p);
	p = pages(0, 1);
	p.size = 100;
	one_load("load: size is no page", p);
	p = pages(0, 1);
	p.source += 100;
	one_load("load: source is no page", p);
	one_load("load: nothing", pages(0, 0));
	p = pages(0, 1);
	p.source = 0;
	one_load("load: no source", p);
	p.source = 0x1000;
	one_load("load: nothing at the source", p);
	one_load("load: behind RAM", pages(PAGES, 1));
	one_load("load: before RAM", pages((u64)-1, 1));
	one_load("load: in the shared half", pages(BIT(ASKS_IPA - 1) / PAGE, 1));
	one_load("load: behind all addresses", pages(BIT(ASKS_IPA) / PAGE, 1));
}

static void ask_loads(void)
{
	struct rmi_populate p;

	up(ends, BARE);
	ask_wrong_loads();
	answer("load: no argument", vm_call(KVM_ARM_RMI_POPULATE, NULL));
	answer("load: v12's number", vm_call(_IOW(KVMIO, 0xd7, struct rmi_populate), NULL));
	down();
	up(ends, BARE);
	left("load: 1 page", pages(2, 1));
	left("load: 4 pages, the third is there", pages(0, 4));
	left("load: the page that is there", pages(2, 1));
	left("load: 4 pages, 2 behind RAM", pages(PAGES - 2, 4));
	p = pages(PAGES - 4, 1);
	p.size = -(p.base - PAGE);
	answer("load: a size that wraps", once(&p));
	answer("make a page shared before the guest runs", set_private(8, 1, false));
	left("load: a shared page", pages(8, 1));
	left("load: 2 pages, the second is shared", pages(7, 2));
	close(m.gmem);
	left("load: the guest_memfd is closed", pages(16, 1));
	m.gmem = -1;
	down();
	up(ends, BARE | WITH_SVE);
	left("load: SVE is not final", pages(0, 1));
	down();
}

/* ---- v7's sub-commands ---- */

static int populate(u64 page, u64 nr, u32 flags)
{
	struct rme_populate p = { RAM + page * PAGE, nr * PAGE, flags, { 0 } };

	return sub(RME_POPULATE, &p);
}

static int ripas(u64 base, u64 size)
{
	struct rme_init_ripas r = { .base = base, .size = size };

	return sub(RME_INIT_RIPAS, &r);
}

static int config(u32 cfg, u32 hash)
{
	struct rme_config c = { .cfg = cfg, .hash = hash };

	return sub(RME_CONFIG_REALM, &c);
}

static int finalize(unsigned vcpu)
{
	int rec = RME_VCPU_REC;

	return kvm_ioctl(m.vcpu[vcpu], KVM_ARM_VCPU_FINALIZE, &rec);
}

static void before_the_descriptor(void)
{
	answer("sub-command: unknown", sub(9, &m));
	answer("sub-command: no argument", sub(RME_CONFIG_REALM, NULL));
	answer("configure: unknown", config(9, 0));
	answer("configure: unknown hash", config(RME_CFG_HASH, 9));
	answer("configure: SHA-512", config(RME_CFG_HASH, RME_HASH_SHA512));
	answer("configure: vectors, as the RFC did", config(RME_CFG_SVE, 1));
	answer("RIPAS: no descriptor", ripas(RAM, SIZE));
	answer("load: no descriptor", populate(0, 1, 0));
	answer("REC: no descriptor", finalize(0));
	answer("activate: no descriptor", sub(RME_ACTIVATE, NULL));
	run("run: no descriptor", 0);
}

static void ask_sub_commands(void)
{
	up(ends, BARE);
	before_the_descriptor();
	answer("descriptor", sub(RME_CREATE_REALM, NULL));
	answer("descriptor: again", sub(RME_CREATE_REALM, NULL));
	answer("configure: too late", config(RME_CFG_HASH, RME_HASH_SHA256));
	answer("RIPAS: part of a page", ripas(RAM, 100));
	answer("RIPAS: nothing", ripas(RAM, 0));
	answer("RIPAS: nothing there", ripas(RAM + SIZE, PAGE));
	answer("RIPAS: RAM", ripas(RAM, SIZE));
	answer("RIPAS: again", ripas(RAM, SIZE));
	answer("load: unknown flag", populate(0, 1, 2));
	answer("load: nothing", populate(0, 0, 0));
	answer("load: behind RAM", populate(PAGES, 1, 0));
	answer("load: over the end", populate(PAGES - 1, 2, 0));
	answer("load: 2 pages", populate(0, 2, RME_POPULATE_MEASURE));
	answer("load: again", populate(0, 1, RME_POPULATE_MEASURE));
	answer("load: not measured", populate(4, 1, 0));
	answer("REC: the second one first", finalize(1));
	answer("REC: the first", finalize(0));
	answer("REC: the first again", finalize(0));
	run("run: not active", 0);
	answer("activate", sub(RME_ACTIVATE, NULL));
	answer("activate: again", sub(RME_ACTIVATE, NULL));
	answer("load: active", populate(5, 1, 0));
	answer("RIPAS: active", ripas(RAM, SIZE));
	run("run: no REC", 1);
	down();
	up(ends, BARE);
	sub(RME_CREATE_REALM, NULL);
	answer("load: RIPAS is empty", populate(0, 1, RME_POPULATE_MEASURE));
	answer("RIPAS: something is loaded", ripas(RAM, SIZE));
	answer("RIPAS: the rest", ripas(RAM + PAGE, SIZE - PAGE));
	down();
}

/* ---- attributes and guest_memfd ---- */

static void attributes(const char *question, struct kvm_memory_attributes a)
{
	answer(question, vm_call(KVM_SET_MEMORY_ATTRIBUTES, &a));
}

static void create_gmem(const char *question, u64 size, u64 flags)
{
	struct kvm_create_guest_memfd g = { .size = size, .flags = flags };
	int fd = vm_call(KVM_CREATE_GUEST_MEMFD, &g);

	answer(question, fd);
	close(fd);
}

static void ask_sides(void)
{
	const u64 priv = KVM_MEMORY_ATTRIBUTE_PRIVATE;

	up(ends, BARE);
	attributes("attributes: no size", (struct kvm_memory_attributes){ RAM, 0, priv, 0 });
	attributes("attributes: base is no page",
		   (struct kvm_memory_attributes){ RAM + 100, PAGE, priv, 0 });
	attributes("attributes: size is no page",
		   (struct kvm_memory_attributes){ RAM, 100, priv, 0 });
	attributes("attributes: wraps", (struct kvm_memory_attributes){ RAM, -(u64)RAM, priv, 0 });
	attributes("attributes: unknown one", (struct kvm_memory_attributes){ RAM, PAGE, 1, 0 });
	attributes("attributes: unknown flag",
		   (struct kvm_memory_attributes){ RAM, PAGE, priv, 1 });
	answer("attributes: no argument", vm_call(KVM_SET_MEMORY_ATTRIBUTES, NULL));
	answer("attributes of a guest_memfd", kvm_ioctl(m.gmem, KVM_SET_MEMORY_ATTRIBUTES2, NULL));
	answer("free: not keeping the size", punch(FALLOC_FL_PUNCH_HOLE, 0, PAGE));
	answer("free: part of a page", punch(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100));
	answer("free: a page", free_pages(0, 1));
	create_gmem("guest_memfd: no size", 0, 0);
	create_gmem("guest_memfd: size is no page", 100, 0);
	create_gmem("guest_memfd: unknown flag", PAGE, 4);
	create_gmem("guest_memfd: to be mapped", PAGE, 1);
	create_gmem("guest_memfd: shared from the start", PAGE, 2);
	create_gmem("guest_memfd: both", PAGE, 3);
	down();
}

static void slot(const char *question, u64 base, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region2 r = { .slot = 1,
						  .flags = flags,
						  .guest_phys_addr = base,
						  .memory_size = size,
						  .userspace_addr = (uintptr_t)m.hva,
						  .guest_memfd = (u32)m.gmem };

	answer(question, vm_call(KVM_SET_USER_MEMORY_REGION2, &r));
}

static void ask_slots(void)
{
	struct kvm_irq_level spi = { KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | 40, 1 };
	struct kvm_irqfd irqfd = { .gsi = 8 };
	struct kvm_irq_routing routes = { .nr = 0 };
	struct kvm_create_device its = { .type = KVM_DEV_TYPE_ARM_VGIC_ITS };

	up(ends, BARE | RAW_GIC);
	slot("slot: no guest_memfd", RAM + SIZE, PAGE, 0);
	slot("slot: read-only", RAM + SIZE, PAGE, KVM_MEM_GUEST_MEMFD | KVM_MEM_READONLY);
	slot("slot: larger than the guest_memfd", RAM + SIZE, SIZE + PAGE, KVM_MEM_GUEST_MEMFD);
	slot("slot: part of a page", RAM + SIZE, 100, KVM_MEM_GUEST_MEMFD);
	slot("slot: where another is", RAM, PAGE, KVM_MEM_GUEST_MEMFD);
	slot("slot: memory that another has", RAM + SIZE, PAGE, KVM_MEM_GUEST_MEMFD);
	answer("GIC: an interrupt before it is initialised", vm_call(KVM_IRQ_LINE, &spi));
	irqfd.fd = (u32)eventfd(0, EFD_CLOEXEC);
	answer("GIC: an irqfd before it is initialised", vm_call(KVM_IRQFD, &irqfd));
	close((int)irqfd.fd);
	answer("GIC: routes before it is initialised", vm_call(KVM_SET_GSI_ROUTING, &routes));
	answer("GIC: an ITS", vm_call(KVM_CREATE_DEVICE, &its));
	close((int)its.fd);
	say("capability MSI_DEVID, with an ITS: %s",
	    kvm_ioctl_val(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID) > 0 ? "yes" : "no");
	down();
}

/* ---- registers ---- */

#define DFR0 KVM_REG_SYS(3u, 0u, 0u, 5u, 0u)
#define FIELD(shift) (UINT64_C(15) << (shift))
#define BRPS 12
#define WRPS 20
#define CTX_CMPS 28

static void ask_debug_registers(void)
{
	u64 was;

	answer("DFR0: get", get_reg(DFR0, &was));
	answer("DFR0: as it is", set_reg(DFR0, was));
	answer("DFR0: 1 watchpoint", set_reg(DFR0, was & ~FIELD(WRPS)));
	answer("DFR0: 2 watchpoints", set_reg(DFR0, (was & ~FIELD(WRPS)) | 1 << WRPS));
	answer("DFR0: 16 watchpoints", set_reg(DFR0, was | FIELD(WRPS)));
	answer("DFR0: 2 breakpoints", set_reg(DFR0, (was & ~FIELD(BRPS)) | 1 << BRPS));
	answer("DFR0: other contexts", set_reg(DFR0, was ^ UINT64_C(1) << CTX_CMPS));
}

static void ask_registers(void)
{
	int sve = KVM_ARM_VCPU_SVE;
	u64 was;

	up(ends, BARE | WITH_SVE);
	answer("set x0", set_reg(KVM_REG_X(0u), 1));
	answer("set x30", set_reg(KVM_REG_X(30u), 1));
	answer("set PC", set_reg(KVM_REG_PC, RAM));
	answer("set PSTATE", set_reg(KVM_REG_PSTATE, 0x3c5));
	answer("set SP", set_reg(KVM_REG_SP, 0));
	answer("set ID_AA64PFR0_EL1", set_reg(KVM_REG_SYS(3u, 0u, 0u, 4u, 0u), 0));
	answer("set PMCR_EL0", set_reg(KVM_REG_SYS(3u, 3u, 9u, 12u, 0u), 0));
	if (asks_host->posting >= 12)
		ask_debug_registers();
	answer("SVE: 256 bits only", set_reg(KVM_REG_ARM64_SVE_VLS, 2));
	answer("SVE: none", set_reg(KVM_REG_ARM64_SVE_VLS, 0));
	for (unsigned i = 0; i < 2; i++)
		answer("SVE: final", kvm_ioctl(m.vcpu[i], KVM_ARM_VCPU_FINALIZE, &sve));
	answer("SVE: final again", kvm_ioctl(m.vcpu[0], KVM_ARM_VCPU_FINALIZE, &sve));
	get_reg(KVM_REG_ARM64_SVE_VLS, &was);
	answer("SVE: once it is final", set_reg(KVM_REG_ARM64_SVE_VLS, was));
	if (asks_host->posting >= 12) {
		get_reg(DFR0, &was);
		answer("loading", load(0, 1));
		answer("DFR0: as it is, once there is a descriptor", set_reg(DFR0, was));
		was &= ~FIELD(WRPS);
		answer("DFR0: 1 watchpoint, once there is a descriptor", set_reg(DFR0, was));
		answer("DFR0: 3 watchpoints, once there is a descriptor",
		       set_reg(DFR0, was | 2 << WRPS));
		answer("set PC, once there is a descriptor", set_reg(KVM_REG_PC, RAM));
	}
	down();
	up(ends, BARE | WITH_SVE);
	answer("SVE: 128 bits", set_reg(KVM_REG_ARM64_SVE_VLS, 1));
	for (unsigned i = 0; i < 2; i++)
		kvm_ioctl(m.vcpu[i], KVM_ARM_VCPU_FINALIZE, &sve);
	if (asks_host->posting >= 12)
		answer("SVE: loading, and another vCPU has more", load(0, 1));
	down();
}

void asks_run(const struct asks_host *h)
{
	asks_host = h;
	ask_types();
	ask_caps();
	if (h->posting >= 12)
		ask_loads();
	else
		ask_sub_commands();
	ask_sides();
	ask_slots();
	ask_registers();
	asks_of_a_guest();
}
