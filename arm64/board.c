/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board: address and interrupt layout from the options, and the devices that are soldered on.
 *
 * Thread: main, before and after the others.
 * Trust:  numbers of the user only.
 * Spec:   realm-vm.md of veraison/cca-realm-measurements (layout).
 */
#include "arm64/board.h"

#include <errno.h>
#include <stdlib.h>

#include "arm64/rtc.h"
#include "arm64/serial.h"
#include "lkvm/base/log.h"

#define GICV2_MAX_CPUS 8 /* one bit each in the target registers [IHI0048B 4.3.12] */
#define MAX_IPA_BITS 52

struct board {
	struct serial *uart[MEMMAP_NR_UARTS];
	struct rtc *rtc;
	struct pl031 *pl031;
};

/* Of the guest's huge pages. */
#define POOL_ALIGN (2 * MiB)

static int layout_ram(struct board_layout *l, const struct board_conf *c)
{
	u64 end = c->ram_base + c->ram_size;

	if (c->ram_base < MEMMAP_RAM) {
		log_error(
			"RAM address is below the I/O region ending at 2GB: use --mem SIZE@0x%x or higher",
			MEMMAP_RAM);
		return -EINVAL;
	}
	if (!c->ram_size || !is_aligned(c->ram_size | c->ram_base, 4 * KiB)) {
		log_error(
			"Invalid RAM size: size and address must be multiples of 4 KiB, and not 0");
		return -EINVAL;
	}
	if (end < c->ram_base || end > BIT(MAX_IPA_BITS)) {
		log_error("Memory too large: RAM must end below 2^%d", MAX_IPA_BITS);
		return -EINVAL;
	}
	if (c->aarch32 && end > 4 * GiB) {
		log_error(
			"RAM extends above 4GB, which a 32-bit guest does not reach: use less --mem");
		return -EINVAL;
	}
	l->ram = (struct board_span){ c->ram_base, c->ram_size };
	l->ipa_bits = 32;
	while (end > BIT(l->ipa_bits))
		l->ipa_bits++;
	return 0;
}

static int layout_gicv3(struct board_layout *l, const struct board_conf *c)
{
	const u64 floor = MEMMAP_VIRTIO_MMIO + MEMMAP_NR_VIRTIO_MMIO * MEMMAP_VIRTIO_MMIO_STRIDE;
	const u64 max = (MEMMAP_GICD - MEMMAP_ITS_SIZE - floor) / MEMMAP_GICR_STRIDE;

	if (c->nr_cpus > max) {
		log_error("%u CPUs do not fit below the GIC: at most %llu", c->nr_cpus,
			  (unsigned long long)max);
		return -EINVAL;
	}
	l->gicr.size = (u64)c->nr_cpus * MEMMAP_GICR_STRIDE;
	l->gicr.base = MEMMAP_GICD - l->gicr.size;
	if (l->gic == BOARD_GIC_V3_ITS)
		l->its = (struct board_span){ l->gicr.base - MEMMAP_ITS_SIZE, MEMMAP_ITS_SIZE };
	return 0;
}

/* Wherever RAM ends, all of the window is decoded by the same high bits. */
static int layout_pci64(struct board_layout *l, const struct board_conf *c)
{
	u64 base;

	if (!c->pci64_size)
		return 0;
	base = align_up(MAX(l->ram.base + l->ram.size, 4 * GiB), c->pci64_size);
	if (base + c->pci64_size > BIT(MAX_IPA_BITS)) {
		log_error("Memory too large: above RAM there is no place for the BARs of devices");
		return -EINVAL;
	}
	l->pci64 = (struct board_span){ base, c->pci64_size };
	while (base + c->pci64_size > BIT(l->ipa_bits))
		l->ipa_bits++;
	return 0;
}

static int layout_pool(struct board_layout *l, const struct board_conf *c)
{
	u64 end = align_down(l->ram.base + l->ram.size, POOL_ALIGN);

	if (!c->pool_size)
		return 0;
	if (c->pool_size > l->ram.size / 2) {
		log_error("--bounce: a pool of %llu MiB is more than half of the guest's memory",
			  (unsigned long long)(c->pool_size / MiB));
		return -EINVAL;
	}
	l->pool = (struct board_span){ end - c->pool_size, c->pool_size };
	return 0;
}

static int layout_gicv2(struct board_layout *l, const struct board_conf *c)
{
	if (c->nr_cpus > GICV2_MAX_CPUS) {
		log_error("A GICv2 has at most %d CPUs: use --cpus %d or --irqchip=gicv3",
			  GICV2_MAX_CPUS, GICV2_MAX_CPUS);
		return -EINVAL;
	}
	l->gicc = (struct board_span){ MEMMAP_GICC, MEMMAP_GICC_SIZE };
	if (l->gic == BOARD_GIC_V2M) {
		l->v2m = (struct board_span){ MEMMAP_V2M, MEMMAP_V2M_SIZE };
		l->nr_spis += MEMMAP_NR_SPI_V2M;
	}
	return 0;
}

int board_layout(struct board_layout *out, const struct board_conf *c)
{
	struct board_layout l = {
		.gic = c->gic == BOARD_GIC_AUTO ? BOARD_GIC_V3_ITS : c->gic,
		.gicd = { MEMMAP_GICD, MEMMAP_GICD_SIZE },
		.nr_spis = MEMMAP_SPI_PCI + MEMMAP_NR_PCI_SLOTS,
	};
	int err = layout_ram(&l, c);

	if (!err)
		err = layout_pci64(&l, c);
	if (!err)
		err = layout_pool(&l, c);
	if (err)
		return err;
	if (!c->nr_cpus || c->nr_virtio_mmio > MEMMAP_NR_VIRTIO_MMIO) {
		log_error("A board has at least one CPU and at most %d virtio-mmio devices",
			  MEMMAP_NR_VIRTIO_MMIO);
		return -EINVAL;
	}
	if (l.gic == BOARD_GIC_V3_ITS || l.gic == BOARD_GIC_V3)
		err = layout_gicv3(&l, c);
	else
		err = layout_gicv2(&l, c);
	if (!err)
		*out = l;
	return err;
}

/*
 * Aff0 (bits 7:0) holds 16 CPUs, because ICC_SGI1R_EL1 addresses 16 at a time; the rest of the
 * number goes on in Aff1 and Aff2.
 */
u64 board_mpidr(unsigned cpu)
{
	return (u64)(cpu >> 4) << 8 | (cpu & 0xf);
}

static int create_clocks(struct board *b, const struct board_conf *c, struct rtc_conf conf)
{
	struct irq *irq = conf.irq;
	int err;

	conf.base = gpa(MEMMAP_RTC);
	conf.spi = MEMMAP_SPI_RTC;
	conf.irq = c->pl031 ? irq : NULL;
	err = rtc_create(&b->rtc, &conf);
	if (err || !c->pl031)
		return err;
	conf.base = gpa(MEMMAP_PL031);
	conf.spi = MEMMAP_SPI_PL031;
	return pl031_create(&b->pl031, &conf);
}

int board_create(struct board **out, const struct board_conf *c, struct bus *bus, struct irq *irq,
		 struct loop *loop, struct chardev *const uart[MEMMAP_NR_UARTS])
{
	const struct rtc_conf clock = {
		.bus = bus, .clock = rtc_host_clock, .irq = irq, .loop = loop
	};
	struct board *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++) {
		err = serial_create(&b->uart[i], i, board_uart(i), MEMMAP_SPI_UART + i, bus, irq,
				    uart[i]);
		if (err)
			goto fail;
	}
	err = create_clocks(b, c, clock);
	if (err)
		goto fail;
	*out = b;
	return 0;
fail:
	board_destroy(b);
	return err;
}

void board_destroy(struct board *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++)
		serial_destroy(b->uart[i]);
	rtc_destroy(b->rtc);
	pl031_destroy(b->pl031);
	free(b);
}

int board_use_page(struct board *b, struct kvm *k, const struct vcpu *v, struct loop *loop)
{
	return serial_use_page(b->uart[0], k, v, loop);
}

void board_settle(struct board *b)
{
	serial_settle(b->uart[0]);
}

int board_sysrq(struct board *b, char key)
{
	return serial_sysrq(b->uart[0], key);
}
