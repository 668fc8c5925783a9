/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of the board. Only this file and fdt_check.c include libfdt.
 *
 * Thread: main, or any: no state.
 * Trust:  the user's command line, which is copied.
 * Spec:   Devicetree Specification 0.4; the bindings named at each node.
 *
 * Everything is listed in a fixed order with fixed phandles, because the blob is measured into a
 * Realm: all 32 PCI slots (31 with firmware) are in the interrupt map whether occupied or not, and
 * nothing depends on the host.
 */
#include "arm64/fdt.h"

#include <endian.h>
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"

#define PHANDLE_GIC 1
#define PHANDLE_MSI 2 /* ITS or GICv2m frame */
#define PHANDLE_PCLK 3
#define PHANDLE_POOL 4

/* First and third cell of an interrupt specifier [arm,gic-v3.yaml]. */
#define IRQ_SPI 0
#define IRQ_PPI 1
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH 4
#define IRQ_LEVEL_LOW 8

#define UART_CLOCK_HZ 1843200 /* 115200 baud x 16 */
#define PCLK_HZ 24000000

#define PCI_RANGE_IO 0x01000000
#define PCI_RANGE_MEM32 0x02000000
/* Of one entry: child address 3, pin 1, phandle 1, parent address 2, interrupt 3. */
#define PCI_MAP_CELLS 10

/* A tree being written. The first error sticks; later calls do nothing. */
struct tree {
	void *fdt;
	int err;
	const struct fdt_conf *conf;
};

/* ---- words of the tree ---- */

static void did(struct tree *t, int err)
{
	if (!t->err)
		t->err = err;
}

static void node(struct tree *t, const char *name)
{
	if (!t->err)
		did(t, fdt_begin_node(t->fdt, name));
}

static void node_at(struct tree *t, const char *name, u64 addr)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%s@%llx", name, (unsigned long long)addr);
	node(t, buf);
}

static void end(struct tree *t)
{
	if (!t->err)
		did(t, fdt_end_node(t->fdt));
}

static void prop(struct tree *t, const char *name, const void *val, size_t len)
{
	if (!t->err)
		did(t, fdt_property(t->fdt, name, val, (int)len));
}

static void prop_flag(struct tree *t, const char *name)
{
	prop(t, name, NULL, 0);
}

/* `val` may hold several strings, each ended by NUL; `len` counts all of it. */
#define prop_strings(t, name, val) prop(t, name, val, sizeof(val))

static void prop_str(struct tree *t, const char *name, const char *val)
{
	prop(t, name, val, strlen(val) + 1);
}

static void prop_cells(struct tree *t, const char *name, const u32 *cells, size_t nr)
{
	void *p;

	if (t->err)
		return;
	did(t, fdt_property_placeholder(t->fdt, name, (int)(nr * sizeof(u32)), &p));
	for (size_t i = 0; !t->err && i < nr; i++) {
		u32 be = htobe32(cells[i]);

		memcpy((u8 *)p + i * sizeof(be), &be, sizeof(be));
	}
}

#define prop_list(t, name, ...)                                                                    \
	prop_cells(t, name, (const u32[]){ __VA_ARGS__ },                                          \
		   sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

#define hi(x) ((u32)((u64)(x) >> 32))
#define lo(x) ((u32)(x))

/* One range with two address and two size cells. */
static void prop_reg(struct tree *t, u64 base, u64 size)
{
	prop_list(t, "reg", hi(base), lo(base), hi(size), lo(size));
}

static void prop_u64(struct tree *t, const char *name, u64 val)
{
	prop_list(t, name, hi(val), lo(val));
}

static void prop_spi(struct tree *t, u32 spi, u32 trigger)
{
	prop_list(t, "interrupts", IRQ_SPI, spi, trigger);
}

/* A GICv2 PPI says in bits 15:8 which CPUs have it. [arm,gic.yaml] */
static u32 ppi_flags(const struct tree *t, u32 trigger)
{
	if (!t->conf->layout->gicc.size)
		return trigger;
	return ((1u << t->conf->board->nr_cpus) - 1) << 8 | trigger;
}

/* ---- nodes, in the order of the blob ---- */

static void aliases(struct tree *t)
{
	char name[16], path[32];

	node(t, "aliases");
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++) {
		snprintf(name, sizeof(name), "serial%u", i);
		snprintf(path, sizeof(path), "/serial@%llx", (unsigned long long)board_uart(i).a);
		prop_str(t, name, path);
	}
	end(t);
}

static void chosen(struct tree *t)
{
	const struct fdt_conf *c = t->conf;

	node(t, "chosen");
	if (c->bootargs)
		prop_str(t, "bootargs", c->bootargs);
	prop_str(t, "stdout-path", "serial0");
	if (c->initrd_len) {
		prop_u64(t, "linux,initrd-start", c->initrd_base);
		prop_u64(t, "linux,initrd-end", c->initrd_base + c->initrd_len);
	}
	if (c->has_kaslr_seed)
		prop_u64(t, "kaslr-seed", c->kaslr_seed);
	end(t);
}

static void memory(struct tree *t)
{
	const struct board_span *ram = &t->conf->layout->ram;

	node_at(t, "memory", ram->base);
	prop_str(t, "device_type", "memory");
	prop_reg(t, ram->base, ram->size);
	end(t);
}

/* Its firmware or its programs find the log by this node. */
static void measurement_log(struct tree *t)
{
	node_at(t, "event-log", t->conf->log_base);
	prop_str(t, "compatible", "cc-event-log");
	prop_reg(t, t->conf->log_base, t->conf->log_len);
	end(t);
}

/* The DMA API of the guest bounces all I/O of devices that refer to it. [shared-dma-pool.yaml] */
static void bounce_pool(struct tree *t)
{
	const struct board_span *pool = &t->conf->layout->pool;

	node_at(t, "bounce-pool", pool->base);
	prop_str(t, "compatible", "restricted-dma-pool");
	prop_reg(t, pool->base, pool->size);
	prop_list(t, "phandle", PHANDLE_POOL);
	end(t);
}

/* Memory that the guest uses for nothing else. */
static void reserved_memory(struct tree *t)
{
	if (!t->conf->log_len && !t->conf->layout->pool.size)
		return;
	node(t, "reserved-memory");
	prop_list(t, "#address-cells", 2);
	prop_list(t, "#size-cells", 2);
	prop_flag(t, "ranges");
	if (t->conf->log_len)
		measurement_log(t);
	if (t->conf->layout->pool.size)
		bounce_pool(t);
	end(t);
}

/* In the node of each device, or of their bus. */
static void bounced(struct tree *t)
{
	if (t->conf->layout->pool.size)
		prop_list(t, "memory-region", PHANDLE_POOL);
}

static void cpus(struct tree *t)
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

static void psci(struct tree *t)
{
	node(t, "psci");
	prop_strings(t, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
	prop_str(t, "method", t->conf->board->psci_smc ? "smc" : "hvc");
	/* Function numbers, for drivers that stop at "arm,psci". [DEN0022 5.1] */
	prop_list(t, "cpu_suspend", 0xc4000001);
	prop_list(t, "cpu_off", 0x84000002);
	prop_list(t, "cpu_on", 0xc4000003);
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

static void gic(struct tree *t)
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
	if (l->its.size)
		its(t, &l->its);
	if (l->v2m.size)
		v2m(t, &l->v2m);
	end(t);
}

static void timer(struct tree *t)
{
	u32 f = ppi_flags(t, IRQ_LEVEL_LOW);

	node(t, "timer");
	prop_strings(t, "compatible", "arm,armv8-timer\0arm,armv7-timer");
	/* clang-format off */
	prop_list(t, "interrupts",
		  IRQ_PPI, MEMMAP_PPI_TIMER_SEC, f,
		  IRQ_PPI, MEMMAP_PPI_TIMER_PHYS, f,
		  IRQ_PPI, MEMMAP_PPI_TIMER_VIRT, f,
		  IRQ_PPI, MEMMAP_PPI_TIMER_HYP, f);
	/* clang-format on */
	prop_flag(t, "always-on");
	if (t->conf->board->timer_hz)
		prop_list(t, "clock-frequency", t->conf->board->timer_hz);
	end(t);
}

static void pmu(struct tree *t)
{
	node(t, "pmu");
	prop_str(t, "compatible", "arm,armv8-pmuv3");
	prop_list(t, "interrupts", IRQ_PPI, MEMMAP_PPI_PMU, ppi_flags(t, IRQ_LEVEL_HIGH));
	end(t);
}

static void uarts(struct tree *t)
{
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++) {
		node_at(t, "serial", board_uart(i).a);
		prop_str(t, "compatible", "ns16550a");
		prop_reg(t, board_uart(i).a, MEMMAP_UART_SIZE);
		prop_spi(t, MEMMAP_SPI_UART + i, IRQ_LEVEL_HIGH);
		prop_list(t, "clock-frequency", UART_CLOCK_HZ);
		end(t);
	}
}

static void rtc(struct tree *t)
{
	node_at(t, "rtc", MEMMAP_RTC);
	prop_str(t, "compatible", "motorola,mc146818");
	prop_reg(t, MEMMAP_RTC, MEMMAP_RTC_SIZE);
	if (t->conf->board->pl031)
		prop_spi(t, MEMMAP_SPI_RTC, IRQ_LEVEL_HIGH);
	end(t);
}

/* Linux looks at no PrimeCell without its bus clock. [arm,primecell.yaml, arm,pl031.yaml] */
static void pl031(struct tree *t)
{
	node(t, "apb-pclk");
	prop_str(t, "compatible", "fixed-clock");
	prop_list(t, "#clock-cells", 0);
	prop_list(t, "clock-frequency", PCLK_HZ);
	prop_str(t, "clock-output-names", "apb_pclk");
	prop_list(t, "phandle", PHANDLE_PCLK);
	end(t);
	node_at(t, "rtc", MEMMAP_PL031);
	prop_strings(t, "compatible", "arm,pl031\0arm,primecell");
	prop_reg(t, MEMMAP_PL031, MEMMAP_PL031_SIZE);
	prop_spi(t, MEMMAP_SPI_PL031, IRQ_LEVEL_HIGH);
	prop_list(t, "clocks", PHANDLE_PCLK);
	prop_str(t, "clock-names", "apb_pclk");
	end(t);
}

static void virtio_mmio(struct tree *t)
{
	for (unsigned i = 0; i < t->conf->board->nr_virtio_mmio; i++) {
		node_at(t, "virtio", board_virtio_mmio(i).a);
		prop_str(t, "compatible", "virtio,mmio");
		prop_reg(t, board_virtio_mmio(i).a, MEMMAP_VIRTIO_MMIO_STRIDE);
		prop_spi(t, MEMMAP_SPI_VIRTIO_MMIO + i, IRQ_EDGE_RISING);
		prop_flag(t, "dma-coherent");
		bounced(t);
		end(t);
	}
}

/*
 * EDK2 describes no PCI bus to the OS when the map has 32 devices: "at most 32" is a count below 32
 * there [GeneratePciSlots() in SsdtPcieSupportLib.c, 2025.02 and 2026.08]. Slot 31 is left out for
 * it: no command line fills that many.
 */
static void pci_interrupt_map(struct tree *t)
{
	u32 map[MEMMAP_NR_PCI_SLOTS][PCI_MAP_CELLS];
	u32 nr = MEMMAP_NR_PCI_SLOTS - t->conf->board->edk2;

	for (u32 slot = 0; slot < nr; slot++) {
		/* clang-format off */
		const u32 entry[PCI_MAP_CELLS] = {
			slot << 11, 0, 0, 1, PHANDLE_GIC, 0, 0,
			IRQ_SPI, MEMMAP_SPI_PCI + slot, IRQ_LEVEL_HIGH,
		};
		/* clang-format on */

		memcpy(map[slot], entry, sizeof(entry));
	}
	prop_cells(t, "interrupt-map", &map[0][0], (size_t)nr * PCI_MAP_CELLS);
	prop_list(t, "interrupt-map-mask", 0xf800, 0, 0, 7);
}

/* [host-generic-pci.yaml] */
static void pci(struct tree *t)
{
	node_at(t, "pci", MEMMAP_PCI_ECAM);
	prop_str(t, "device_type", "pci");
	prop_str(t, "compatible", "pci-host-ecam-generic");
	prop_list(t, "#address-cells", 3);
	prop_list(t, "#size-cells", 2);
	prop_list(t, "#interrupt-cells", 1);
	prop_list(t, "bus-range", 0, 0);
	prop_flag(t, "dma-coherent");
	bounced(t);
	prop_reg(t, MEMMAP_PCI_ECAM, MEMMAP_PCI_ECAM_SIZE);
	/* clang-format off */
	prop_list(t, "ranges",
		  PCI_RANGE_IO, 0, 0, 0, MEMMAP_PCI_IO, 0, MEMMAP_PCI_IO_SIZE,
		  PCI_RANGE_MEM32, 0, MEMMAP_PCI_MEM, 0, MEMMAP_PCI_MEM, 0, MEMMAP_PCI_MEM_SIZE);
	/* clang-format on */
	pci_interrupt_map(t);
	/* The requester id is the ITS device id; a GICv2m frame has no ids. */
	if (t->conf->layout->its.size)
		prop_list(t, "msi-map", 0, PHANDLE_MSI, 0, 0x10000);
	else if (t->conf->layout->v2m.size)
		prop_list(t, "msi-parent", PHANDLE_MSI);
	end(t);
}

static void root(struct tree *t)
{
	node(t, "");
	prop_str(t, "compatible", "linux,dummy-virt");
	prop_str(t, "model", "linux,dummy-virt");
	prop_list(t, "#address-cells", 2);
	prop_list(t, "#size-cells", 2);
	prop_list(t, "interrupt-parent", PHANDLE_GIC);
	aliases(t);
	chosen(t);
	memory(t);
	reserved_memory(t);
	cpus(t);
	psci(t);
	gic(t);
	timer(t);
	if (t->conf->board->pmu)
		pmu(t);
	uarts(t);
	rtc(t);
	if (t->conf->board->pl031)
		pl031(t);
	virtio_mmio(t);
	pci(t);
	end(t);
}

/*
 * Each property gets its own copy of its name: looking for the same one among the others was a
 * third of lkvm's instructions before the guest's first. With many CPUs the copies would not fit.
 */
#define MAX_CPUS_OWN_NAMES 64u

int fdt_build(void *buf, u32 size, const struct fdt_conf *c)
{
	struct tree t = { .fdt = buf, .conf = c };

	did(&t, fdt_create_with_flags(buf, (int)size,
				      c->board->nr_cpus > MAX_CPUS_OWN_NAMES
					      ? 0
					      : FDT_CREATE_FLAG_NO_NAME_DEDUP));
	if (!t.err)
		did(&t, fdt_finish_reservemap(buf));
	root(&t);
	if (!t.err)
		did(&t, fdt_finish(buf));
	if (t.err) {
		log_error(
			"The device tree does not fit into %u bytes: shorten --params or use fewer CPUs",
			size);
		return -ENOSPC;
	}
	/* The blob is measured as a whole: no byte of it may be left to chance. */
	memset((u8 *)buf + fdt_totalsize(buf), 0, size - fdt_totalsize(buf));
	return 0;
}
