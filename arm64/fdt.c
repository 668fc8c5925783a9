/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of the board. Its CPUs are in fdt_cpu.c, the words that both write it with in
 * fdt_words.h. Only that and fdt_check.c include libfdt.
 *
 * Thread: main, or any: no state.
 * Trust:  the user's command line, which is copied.
 * Spec:   Devicetree Specification 0.4; the bindings named at each node.
 *
 * Everything is listed in a fixed order with fixed phandles, because the blob is measured into a
 * Realm: all 32 PCI slots (31 with firmware) are in the interrupt map whether occupied or not, and
 * nothing depends on the host.
 */
#include "arm64/fdt_words.h"

#include <errno.h>

#include "lkvm/base/log.h"

#define UART_CLOCK_HZ 1843200 /* 115200 baud x 16 */
#define PCLK_HZ 24000000

#define PCI_RANGE_IO 0x01000000
#define PCI_RANGE_MEM32 0x02000000
#define PCI_RANGE_MEM64 0x03000000
/* Of one entry: child address 3, pin 1, phandle 1, parent address 2, interrupt 3. */
#define PCI_MAP_CELLS 10

/* ---- nodes, in the order of the blob ---- */

static void aliases(struct tree *t)
{
	char name[] = "serial0", path[NAME_AT_SIZE];

	node(t, "aliases");
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++) {
		name[strlen("serial")] = (char)('0' + i);
		prop_str(t, name, name_at(path, "/serial", board_uart(i).a));
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

/* [mtd/mtd-physmap.yaml] Two chips of 16 bits. EDK2 keeps its variables in the one of this name. */
static void flash(struct tree *t)
{
	node_at(t, "flash", MEMMAP_FLASH);
	prop_str(t, "compatible", "cfi-flash");
	prop_str(t, "label", "System-firmware");
	prop_reg(t, MEMMAP_FLASH, t->conf->board->flash_size);
	prop_list(t, "bank-width", 4);
	end(t);
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

/* Which addresses the bridge forwards; the last of them only where devices are assigned. */
static void pci_ranges(struct tree *t)
{
	const struct board_span *mem64 = &t->conf->layout->pci64;
	const u32 high = (u32)(mem64->base >> 32), size = (u32)(mem64->size >> 32);
	/* clang-format off */
	const u32 cells[] = {
		PCI_RANGE_IO, 0, 0, 0, MEMMAP_PCI_IO, 0, MEMMAP_PCI_IO_SIZE,
		PCI_RANGE_MEM32, 0, MEMMAP_PCI_MEM, 0, MEMMAP_PCI_MEM, 0, MEMMAP_PCI_MEM_SIZE,
		PCI_RANGE_MEM64, high, (u32)mem64->base, high, (u32)mem64->base, size,
		(u32)mem64->size,
	};
	/* clang-format on */

	prop_cells(t, "ranges", cells, ARRAY_SIZE(cells) - (mem64->size ? 0 : 7));
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
	pci_ranges(t);
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
	fdt_cpus(t);
	fdt_psci(t);
	fdt_gic(t);
	fdt_timer(t);
	if (t->conf->board->pmu)
		fdt_pmu(t);
	if (t->conf->board->flash_size)
		flash(t);
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

static int build(void *buf, u32 size, const struct fdt_conf *c)
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
	return t.err;
}

/* libfdt clears all that it is given before it begins. This is enough for most. */
#define SMALL (8 * KiB)

int fdt_build(void *buf, u32 size, const struct fdt_conf *c)
{
	int err = build(buf, MIN(size, (u32)SMALL), c);

	if (err)
		err = build(buf, size, c);
	if (err) {
		log_error(
			"The device tree does not fit into %u bytes: shorten --params or use fewer CPUs",
			size);
		return -ENOSPC;
	}
	/* The blob is measured as a whole: no byte of it may be left to chance. */
	memset((u8 *)buf + fdt_totalsize(buf), 0, size - fdt_totalsize(buf));
	return 0;
}
