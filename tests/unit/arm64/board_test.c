/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layout as a function of the options, and the devices that a board puts on the bus. */
#include <errno.h>

#include "arm64/board.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/irq.h"
#include "lkvm/vm/loop.h"
#include "tests/unit/arm64/capture.h"

static struct board_conf conf(unsigned cpus, enum board_gic gic)
{
	return (struct board_conf){
		.nr_cpus = cpus, .ram_base = MEMMAP_RAM, .ram_size = 512 * MiB, .gic = gic
	};
}

/* realm-vm.md: GICD at 0x3fff0000, redistributors below it, ITS below them. */
START_TEST(gicv3_grows_downwards)
{
	struct board_conf c = conf(1, BOARD_GIC_V3_ITS);
	struct board_layout l;

	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.gicd.base, 0x3fff0000);
	ck_assert_uint_eq(l.gicr.base, 0x3ffd0000);
	ck_assert_uint_eq(l.gicr.size, 0x20000);
	ck_assert_uint_eq(l.its.base, 0x3ffb0000);
	ck_assert_uint_eq(l.its.size, 0x20000);
	ck_assert_uint_eq(l.nr_spis, 96);
	ck_assert_uint_eq(l.gicc.size | l.v2m.size, 0);

	c.nr_cpus = 123;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.gicr.base, 0x3fff0000 - 123 * 0x20000);
	ck_assert_uint_eq(l.gicr.base + l.gicr.size, l.gicd.base);
	ck_assert_uint_eq(l.its.base + l.its.size, l.gicr.base);

	c.gic = BOARD_GIC_V3;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.its.size, 0);
}
END_TEST

START_TEST(auto_is_gicv3_its)
{
	struct board_conf a = conf(3, BOARD_GIC_AUTO), b = conf(3, BOARD_GIC_V3_ITS);
	struct board_layout la, lb;

	ck_assert_int_eq(board_layout(&la, &a), 0);
	ck_assert_int_eq(board_layout(&lb, &b), 0);
	ck_assert_int_eq(la.gic, BOARD_GIC_V3_ITS);
	ck_assert_mem_eq(&la, &lb, sizeof(la));
}
END_TEST

START_TEST(gicv2_has_its_own_frames)
{
	struct board_conf c = conf(8, BOARD_GIC_V2);
	struct board_layout l;

	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.gicc.base, 0x3ffd0000);
	ck_assert_uint_eq(l.gicr.size | l.its.size | l.v2m.size, 0);
	c.gic = BOARD_GIC_V2M;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.v2m.base, 0x3ffcf000);
	ck_assert_uint_eq(l.nr_spis, 160);
	ck_assert_uint_eq(l.nr_spis % 32, 0);

	capture_start();
	c.nr_cpus = 9;
	ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
	captured_one_error("--cpus 8", "gicv3");
}
END_TEST

START_TEST(too_many_cpus_are_refused)
{
	struct board_conf c = conf(0, BOARD_GIC_V3_ITS);
	struct board_layout l;

	capture_start();
	ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
	captured_one_error("CPU", "");
	c.nr_cpus = 512;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	/* The last count that leaves the virtio-mmio area alone, and the first that does not. */
	c.nr_cpus = 7806;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_ge(l.its.base, MEMMAP_VIRTIO_MMIO + MEMMAP_NR_VIRTIO_MMIO * 0x200);
	c.nr_cpus = 7807;
	ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
	captured_one_error("7807", "7806");
	c.nr_cpus = UINT32_MAX;
	ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
	captured_one_error("CPUs", "7806");
}
END_TEST

START_TEST(ram_decides_the_ipa_width)
{
	static const struct {
		u64 base, size;
		unsigned bits;
	} good[] = {
		{ 0x80000000, 6 * MiB, 32 },	       { 0x80000000, 2 * GiB, 32 },
		{ 0x80000000, 2 * GiB + 4 * KiB, 33 }, { 0x80000000, 6 * GiB, 33 },
		{ 0x100000000, 4 * GiB, 33 },	       { 0x80000000, 1024 * GiB, 41 },
		{ 0x80000000, BIT(52) - 2 * GiB, 52 },
	};
	static const struct {
		u64 base, size;
		const char *why;
	} bad[] = {
		{ 0x7ffff000, 512 * MiB, "below the I/O region" },
		{ 0, 512 * MiB, "below the I/O region" },
		{ 0x80000000, 0, "Invalid RAM size" },
		{ 0x80000000, 512 * MiB + 1, "Invalid RAM size" },
		{ 0x80000800, 512 * MiB, "Invalid RAM size" },
		{ 0x80000000, BIT(52), "Memory too large" },
		{ 0x80000000, UINT64_MAX - 0xfff, "Memory too large" },
	};
	struct board_conf c = conf(1, BOARD_GIC_AUTO);
	struct board_layout l;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		c.ram_base = good[i].base;
		c.ram_size = good[i].size;
		ck_assert_int_eq(board_layout(&l, &c), 0);
		ck_assert_uint_eq(l.ipa_bits, good[i].bits);
	}
	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		c.ram_base = bad[i].base;
		c.ram_size = bad[i].size;
		ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
		captured_one_error(bad[i].why, "");
	}
}
END_TEST

START_TEST(mpidrs_are_kvms)
{
	ck_assert_uint_eq(board_mpidr(0), 0);
	ck_assert_uint_eq(board_mpidr(15), 15);
	ck_assert_uint_eq(board_mpidr(16), 0x100);
	ck_assert_uint_eq(board_mpidr(511), 0x1f0f);
	ck_assert_uint_eq(board_mpidr(4096), 0x10000);
}
END_TEST

/* The spans of a board never meet, whatever its size. */
START_TEST(nothing_overlaps)
{
	static const enum board_gic gics[] = { BOARD_GIC_V3_ITS, BOARD_GIC_V3, BOARD_GIC_V2M,
					       BOARD_GIC_V2 };

	for (size_t g = 0; g < ARRAY_SIZE(gics); g++) {
		for (unsigned cpus = 1; cpus <= (g < 2 ? 512 : 8); cpus++) {
			struct board_conf c = conf(cpus, gics[g]);
			struct board_layout l;

			ck_assert_int_eq(board_layout(&l, &c), 0);

			const struct board_span s[] = {
				l.ram,
				l.gicd,
				l.gicr,
				l.its,
				l.gicc,
				l.v2m,
				{ MEMMAP_UART, 0x10000 },
				{ MEMMAP_RTC, 0x10000 },
				{ MEMMAP_PVTIME, MEMMAP_PVTIME_SIZE },
				{ MEMMAP_PL031, MEMMAP_PL031_SIZE },
				{ MEMMAP_FLASH, MEMMAP_FLASH_MAX },
				{ MEMMAP_VIRTIO_MMIO, MEMMAP_NR_VIRTIO_MMIO * 0x200 },
				{ MEMMAP_PCI_ECAM, MEMMAP_PCI_ECAM_SIZE },
				{ MEMMAP_PCI_MEM, MEMMAP_PCI_MEM_SIZE },
				{ MEMMAP_PCI_IO, MEMMAP_PCI_IO_SIZE },
			};

			for (size_t i = 0; i < ARRAY_SIZE(s); i++)
				for (size_t j = 0; j < i; j++)
					ck_assert(!ranges_overlap(s[i].base, s[i].size, s[j].base,
								  s[j].size));
		}
	}
}
END_TEST

/* ---- the devices ---- */

static void no_line(struct irq *i, u32 spi, bool level)
{
}

static const struct irq_ops quiet = { .line = no_line };

/*
 * They lie between those of virtio-mmio and of PCI: a guest's GIC driver writes registers for each
 * interrupt that the board has, so a clock must not make them more.
 */
START_TEST(clocks_make_no_more_interrupts)
{
	static const enum board_gic gics[] = { BOARD_GIC_V3_ITS, BOARD_GIC_V2M, BOARD_GIC_V2 };

	for (size_t g = 0; g < ARRAY_SIZE(gics); g++) {
		struct board_conf c = conf(1, gics[g]);
		struct board_layout with, without;

		ck_assert_int_eq(board_layout(&without, &c), 0);
		c.pl031 = true;
		ck_assert_int_eq(board_layout(&with, &c), 0);
		ck_assert_uint_eq(with.nr_spis, without.nr_spis);
	}
	ck_assert_uint_ge(MEMMAP_SPI_RTC, MEMMAP_SPI_VIRTIO_MMIO + MEMMAP_NR_VIRTIO_MMIO);
	ck_assert_uint_eq(MEMMAP_SPI_PL031, MEMMAP_SPI_RTC + 1);
	ck_assert_uint_lt(MEMMAP_SPI_PL031, MEMMAP_SPI_PCI);
}
END_TEST

START_TEST(board_is_on_the_bus)
{
	struct irq irq = { .ops = &quiet };
	struct chardev *none[MEMMAP_NR_UARTS] = { NULL };
	struct board_conf c = { .pl031 = true };
	struct board *b;
	struct loop *loop;
	struct bus *bus;
	u64 val = 0;

	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(loop_create(&loop, "board"), 0);
	ck_assert_int_eq(board_create(&b, &c, bus, &irq, loop, none), 0);
	for (unsigned i = 0; i < MEMMAP_NR_UARTS; i++) {
		ck_assert_int_eq(bus_access(bus, gpa_add(board_uart(i), 5), 1, false, &val),
				 BUS_OK);
		ck_assert_uint_eq(val, 0x60);
	}
	val = 0x0d;
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC), 1, true, &val), BUS_OK);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC + 1), 1, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x80);
	ck_assert_int_eq(board_sysrq(b, 'h'), -EAGAIN); /* no FIFO yet */
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_PL031 + 0xfe0), 4, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x31);

	board_destroy(b);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_PL031), 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(bus_access(bus, board_uart(0), 1, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC), 1, false, &val), BUS_UNMAPPED);
	c.pl031 = false;
	ck_assert_int_eq(board_create(&b, &c, bus, &irq, loop, none), 0);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_PL031), 4, false, &val), BUS_UNMAPPED);
	board_destroy(b);
	board_destroy(NULL);
	loop_destroy(loop);
	bus_destroy(bus);
}
END_TEST

/* Each step of the construction can fail, and leaves nothing behind. */
START_TEST(occupied_addresses_unwind)
{
	static const u64 taken[] = { MEMMAP_UART, MEMMAP_UART + 3 * MEMMAP_UART_STRIDE, MEMMAP_RTC,
				     MEMMAP_PL031 };
	const struct board_conf c = { .pl031 = true };
	struct irq irq = { .ops = &quiet };
	struct chardev *none[MEMMAP_NR_UARTS] = { NULL };
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct bus_range r = { .base = gpa(taken[i]), .len = 1, .lock = &lock, .name = "x" };
		struct board *b = NULL;
		struct loop *loop;
		struct bus *bus;
		u64 val;

		ck_assert_int_eq(bus_create(&bus), 0);
		ck_assert_int_eq(loop_create(&loop, "board"), 0);
		ck_assert_int_eq(bus_add(bus, &r), 0);
		ck_assert_int_eq(board_create(&b, &c, bus, &irq, loop, none), -EEXIST);
		ck_assert_ptr_null(b);
		ck_assert_int_eq(bus_access(bus, board_uart(1), 1, false, &val), BUS_UNMAPPED);
		loop_destroy(loop);
		bus_destroy(bus);
	}
}
END_TEST

/* Above RAM, aligned to its size, and only if there is one to be. */
START_TEST(a_window_for_64_bit_bars)
{
	struct board_conf c = conf(1, BOARD_GIC_V3_ITS);
	struct board_layout l;

	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.pci64.size, 0);
	ck_assert_uint_eq(l.ipa_bits, 32);
	c.pci64_size = 64 * GiB;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.pci64.base, 64 * GiB);
	ck_assert_uint_eq(l.pci64.size, 64 * GiB);
	ck_assert_uint_eq(l.ipa_bits, 37);
	c.ram_size = 63 * GiB;
	ck_assert_int_eq(board_layout(&l, &c), 0);
	ck_assert_uint_eq(l.pci64.base, 128 * GiB);
	ck_assert_uint_eq(l.ipa_bits, 38);
	capture_start();
	c.ram_base = UINT64_C(0xffff000000000);
	c.ram_size = GiB;
	ck_assert_int_eq(board_layout(&l, &c), -EINVAL);
	captured_one_error("Memory too large", "BARs");
}
END_TEST

SUITE_MAIN("arm64/board", a_window_for_64_bit_bars, gicv3_grows_downwards, auto_is_gicv3_its,
	   gicv2_has_its_own_frames, too_many_cpus_are_refused, ram_decides_the_ipa_width,
	   mpidrs_are_kvms, nothing_overlaps, clocks_make_no_more_interrupts, board_is_on_the_bus,
	   occupied_addresses_unwind)
