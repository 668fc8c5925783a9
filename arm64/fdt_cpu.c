/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nodes of the device tree that are about CPUs: themselves, what switches them on, their
 * interrupt controller, timer and PMU.
 *
 * Thread: main, or any: no state.
 * Trust:  nothing of the guest's.
 * Spec:   Devicetree Specification 0.4; the bindings named at each node.
 */
#include "arm64/fdt_words.h"
#include "lkvm/kvm/psci_ids.h"

void fdt_cpus(struct tree *t)
{
	node(t, "cpus");
	prop_list(t, "#address-cells", 1);
	prop_list(t, "#size-cells", 0);
	for (unsigned i = 0; i < t->conf->board->nr_cpus; i++) {
		u64 mpidr = board_mpidr(i);

		node_at(t, "cpu", mpidr);
		prop_str(t, "device_type", "cpu");
		prop_str(t, "compatible", "arm,armv8");
		prop_str(t, "enable-method", "psci");
		prop_list(t, "reg", lo(mpidr));
		end(t);
	}
	end(t);
}

void fdt_psci(struct tree *t)
{
	u32 wide = t->conf->board->aarch32 ? 0 : PSCI_64;

	node(t, "psci");
	prop_strings(t, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
	prop_str(t, "method", t->conf->board->psci_smc || t->conf->board->el2 ? "smc" : "hvc");
	/* Function numbers, for drivers that stop at "arm,psci". [DEN0022 5.1] */
	prop_list(t, "cpu_suspend", PSCI_CPU_SUSPEND | wide);
	prop_list(t, "cpu_off", PSCI_CPU_OFF);
	prop_list(t, "cpu_on", PSCI_CPU_ON | wide);
	end(t);
}

static void its(struct tree *t, const struct board_span *s)
{
	node_at(t, "msic", s->base);
	prop_str(t, "compatible", "arm,gic-v3-its");
	prop_flag(t, "msi-controller");
	prop_list(t, "#msi-cells", 1);
	prop_reg(t, s->base, s->size);
	prop_list(t, "phandle", PHANDLE_MSI);
	end(t);
}

static void v2m(struct tree *t, const struct board_span *s)
{
	node_at(t, "msic", s->base);
	prop_str(t, "compatible", "arm,gic-v2m-frame");
	prop_flag(t, "msi-controller");
	prop_reg(t, s->base, s->size);
	prop_list(t, "arm,msi-base-spi", 32 + MEMMAP_SPI_V2M);
	prop_list(t, "arm,msi-num-spis", MEMMAP_NR_SPI_V2M);
	prop_list(t, "phandle", PHANDLE_MSI);
	end(t);
}

void fdt_gic(struct tree *t)
{
	const struct board_layout *l = t->conf->layout;
	const struct board_span *second = l->gicc.size ? &l->gicc : &l->gicr;

	node_at(t, "intc", l->gicd.base);
	prop_str(t, "compatible", l->gicc.size ? "arm,cortex-a15-gic" : "arm,gic-v3");
	prop_flag(t, "interrupt-controller");
	prop_list(t, "#interrupt-cells", 3);
	prop_list(t, "#address-cells", 2);
	prop_list(t, "#size-cells", 2);
	prop_flag(t, "ranges");
	prop_list(t, "reg", hi(l->gicd.base), lo(l->gicd.base), hi(l->gicd.size), lo(l->gicd.size),
		  hi(second->base), lo(second->base), hi(second->size), lo(second->size));
	prop_list(t, "phandle", PHANDLE_GIC);
	if (t->conf->board->el2)
		prop_list(t, "interrupts", IRQ_PPI, MEMMAP_PPI_GIC_MAINT,
			  ppi_flags(t, IRQ_LEVEL_HIGH));
	if (l->its.size)
		its(t, &l->its);
	if (l->v2m.size)
		v2m(t, &l->v2m);
	end(t);
}

void fdt_timer(struct tree *t)
{
	u32 f = ppi_flags(t, IRQ_LEVEL_LOW);
	/* The last one is the virtual timer of EL2, which only a hypervisor sees. */
	/* clang-format off */
	const u32 lines[] = {
		IRQ_PPI, MEMMAP_PPI_TIMER_SEC, f,
		IRQ_PPI, MEMMAP_PPI_TIMER_PHYS, f,
		IRQ_PPI, MEMMAP_PPI_TIMER_VIRT, f,
		IRQ_PPI, MEMMAP_PPI_TIMER_HYP, f,
		IRQ_PPI, MEMMAP_PPI_TIMER_HYP_VIRT, f,
	};
	/* clang-format on */

	node(t, "timer");
	prop_strings(t, "compatible", "arm,armv8-timer\0arm,armv7-timer");
	prop_cells(t, "interrupts", lines, ARRAY_SIZE(lines) - (t->conf->board->el2 ? 0 : 3));
	prop_flag(t, "always-on");
	if (t->conf->board->timer_hz)
		prop_list(t, "clock-frequency", t->conf->board->timer_hz);
	end(t);
}

void fdt_pmu(struct tree *t)
{
	node(t, "pmu");
	prop_str(t, "compatible", "arm,armv8-pmuv3");
	prop_list(t, "interrupts", IRQ_PPI, MEMMAP_PPI_PMU, ppi_flags(t, IRQ_LEVEL_HIGH));
	end(t);
}
