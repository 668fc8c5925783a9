/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Just enough of GICv2 and GICv3 drivers for payloads, boot CPU's view.
 *
 * Thread: CPU 0; gic_handle() in its exceptions.
 * Trust:  addresses from the device tree.
 * Spec:   GICv2 and GICv3/v4 architecture specifications (IHI 0048, IHI 0069)
 */
#include "guest/guest.h"

#define GICD_CTLR 0x0
#define GICD_IGROUPR 0x80
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00
#define GICC_CTLR 0x0
#define GICC_PMR 0x4
#define GICC_IAR 0xc
#define GICC_EOIR 0x10
#define GICR_WAKER 0x14
#define GICR_SGI_BASE 0x10000
#define NR_SPECIAL 1020

void gic_handle(void (*fn)(u32 intid));

static unsigned version;
static u64 dist, second; /* redistributor of CPU 0, or CPU interface */

unsigned gic_version(void)
{
	return version;
}

static void init_v2(void)
{
	write32(dist + GICD_CTLR, 1);
	write32(second + GICC_PMR, 0xff);
	write32(second + GICC_CTLR, 1);
}

static void init_v3(void)
{
	write32(dist + GICD_CTLR, 0x12); /* ARE, group 1 */
	write32(second + GICR_WAKER, 0);
	while (read32(second + GICR_WAKER) & 4)
		;
	write32(second + GICR_SGI_BASE + GICD_IGROUPR, ~0u);
	/* By number: assemblers before ARMv8 GIC names have none for them. */
	write_sysreg(S3_0_C12_C12_5, 7);  /* ICC_SRE_EL1 */
	write_sysreg(S3_0_C4_C6_0, 0xff); /* ICC_PMR_EL1 */
	write_sysreg(S3_0_C12_C12_7, 1);  /* ICC_IGRPEN1_EL1 */
}

bool gic_init(void)
{
	struct fdt_node intc;
	const char *compatible;
	const u8 *reg;
	u32 len;

	if (!fdt_find(dtb(), "intc", &intc))
		return false;
	compatible = fdt_prop(dtb(), &intc, "compatible", &len);
	reg = fdt_prop(dtb(), &intc, "reg", &len);
	if (!compatible || !reg || len < 32)
		return false;
	version = str_equal(compatible, "arm,gic-v3") ? 3 : 2;
	dist = io(be64(reg));
	second = io(be64(reg + 16));
	if (version == 3)
		init_v3();
	else
		init_v2();
	return true;
}

/* Registers of SGIs and PPIs are the redistributor's in GICv3. */
static u64 base_of(u32 intid)
{
	return version == 3 && intid < 32 ? second + GICR_SGI_BASE : dist;
}

void gic_enable(u32 intid, bool edge)
{
	u64 base = base_of(intid);
	u64 cfg = base + GICD_ICFGR + intid / 16 * 4;
	u32 bit = 2u << (intid % 16 * 2);

	if (version == 3) {
		u64 group = base + GICD_IGROUPR + intid / 32 * 4;

		write32(group, read32(group) | 1u << intid % 32);
	}
	if (intid >= 32) {
		if (version == 2)
			write8(dist + GICD_ITARGETSR + intid, 1);
		else
			write64(dist + 0x6000 + 8 * intid, read_sysreg(mpidr_el1) & 0xff00ffffff);
		write32(cfg, edge ? read32(cfg) | bit : read32(cfg) & ~bit);
	}
	write8(base + GICD_IPRIORITYR + intid, 0x80);
	write32(base + GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
	dsb();
}

void gic_disable(u32 intid)
{
	write32(base_of(intid) + GICD_ICENABLER + intid / 32 * 4, 1u << intid % 32);
	dsb();
}

void gic_handle(void (*fn)(u32 intid))
{
	u32 iar = version == 3 ? (u32)read_sysreg(S3_0_C12_C12_0) : read32(second + GICC_IAR);
	u32 intid = version == 3 ? iar : iar & 0x3ff;

	if (intid >= NR_SPECIAL && intid < NR_SPECIAL + 4)
		return;
	fn(intid);
	dsb();
	if (version == 3)
		write_sysreg(S3_0_C12_C12_1, iar);
	else
		write32(second + GICC_EOIR, iar);
}

void gic_send_sgi(u32 intid, u64 mpidr)
{
	dsb();
	if (version == 3)
		write_sysreg(S3_0_C12_C11_5,
			     (u64)intid << 24 | (mpidr & 0xff00) << 8 | 1u << (mpidr & 0xf));
	else
		write32(dist + GICD_SGIR, 1u << ((mpidr & 7) + 16) | intid);
}

void irq_on(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

void irq_off(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}
