/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the clocks. MC146818: valid, in BCD and 24 hours, advancing; prints the time for the
 *          host to compare. Where the board has a PL031: both agree, and both have interrupts.
 *
 * Thread: CPU 0 and its interrupts.
 * Trust:  the clocks are under test.
 * Spec:   MC146818 data sheet; Arm PL031 r1p3, DDI 0224C
 */
#include "guest/guest.h"

#define INTID(spi) (32u + (spi))

enum {
	SEC = 0,
	SEC_ALARM = 1,
	MIN = 2,
	MIN_ALARM = 3,
	HOUR = 4,
	HOUR_ALARM = 5,
	MDAY = 7,
	MON = 8,
	YEAR = 9,
	A = 10,
	B = 11,
	C = 12,
	D = 13,
	CENTURY = 0x32
};

enum { DR = 0x00, MR = 0x04, LR = 0x08, IMSC = 0x10, RIS = 0x14, ICR = 0x1c };

static volatile unsigned nr_rtc, nr_pl031, nr_other;
static volatile u8 flags;

static u8 get(u8 reg)
{
	write8(io(MEMMAP_RTC), reg);
	return read8(io(MEMMAP_RTC + 1));
}

static void set(u8 reg, u8 val)
{
	write8(io(MEMMAP_RTC), reg);
	write8(io(MEMMAP_RTC + 1), val);
}

static unsigned bcd(u8 reg)
{
	u8 v = get(reg);

	return (v >> 4) * 10u + (v & 15u);
}

static void mc146818(void)
{
	unsigned sec, year;

	check("time is valid", get(D) & 0x80);
	checkf("BCD and 24 hours", (get(B) & 0x86) == 0x02, "%x", get(B));
	wait_for(!(get(A) & 0x80), 100);
	year = bcd(CENTURY) * 100 + bcd(YEAR);
	sec = bcd(SEC);
	checkf("a year of our time", year >= 2024 && year < 2100, "%u", year);
	print("rtc: %04u-%02u-%02u %02u:%02u\n", year, bcd(MON), bcd(MDAY), bcd(HOUR), bcd(MIN));
	check("seconds advance", wait_for(bcd(SEC) != sec, 2500));
}

/* ---- interrupts ---- */

static void on_irq(u32 intid)
{
	if (intid == INTID(MEMMAP_SPI_RTC)) {
		flags |= get(C);
		nr_rtc++;
	} else if (intid == INTID(MEMMAP_SPI_PL031)) {
		write32(io(MEMMAP_PL031 + ICR), 1);
		nr_pl031++;
	} else {
		nr_other++;
	}
}

/* `enable` of register B until its interrupt comes, with this flag in register C. */
static void mc146818_interrupt(const char *name, u8 enable, unsigned ms)
{
	nr_rtc = 0;
	flags = 0;
	irq_off();
	get(C);
	set(B, 0x02 | enable);
	irq_on();
	wait_for(nr_rtc, ms);
	irq_off();
	set(B, 0x02);
	irq_on();
	checkf(name, nr_rtc && (flags & (0x80 | enable)) == (0x80 | enable), "%u, flags %x", nr_rtc,
	       flags);
}

static void mc146818_interrupts(void)
{
	mc146818_interrupt("update interrupt", 0x10, 3000);
	set(SEC_ALARM, 0xff);
	set(MIN_ALARM, 0xff);
	set(HOUR_ALARM, 0xff);
	mc146818_interrupt("alarm interrupt", 0x20, 3000);
	set(A, 0x2f); /* 2 Hz */
	mc146818_interrupt("periodic interrupt", 0x40, 2000);
	set(A, 0x26);
	nr_rtc = 0;
	wait_for(false, 20);
	checkf("none when disabled", nr_rtc == 0, "%u", nr_rtc);
}

static void pl031(void)
{
	u64 base = io(MEMMAP_PL031);
	u32 before = read32(base + DR), id = 0;

	for (unsigned i = 0; i < 4; i++)
		id |= read32(base + 0xfe0 + 4 * i) << 8 * i;
	checkf("PL031 by its id", (id & 0xfffff) == 0x41031, "%x", id);
	write32(base + MR, before + 2);
	write32(base + IMSC, 1);
	check("PL031: match interrupt", wait_for(nr_pl031, 5000));
	checkf("PL031: not early", read32(base + DR) >= before + 2, "%u s",
	       read32(base + DR) - before);
	checkf("PL031: once", nr_pl031 == 1 && read32(base + RIS) == 0, "%u", nr_pl031);
	write32(base + LR, 1000000000);
	before = read32(base + DR);
	checkf("PL031: set", before - 1000000000 < 60, "%u", before);
	check("PL031: advances", wait_for(read32(base + DR) != before, 2500));
}

void payload_main(void)
{
	struct fdt_node clock;

	mc146818();
	if (fdt_find(dtb(), "apb-pclk", &clock)) {
		gic_init();
		gic_set_handler(on_irq);
		gic_enable(INTID(MEMMAP_SPI_RTC), false);
		gic_enable(INTID(MEMMAP_SPI_PL031), false);
		irq_on();
		mc146818_interrupts();
		pl031();
		checkf("no other interrupt", nr_other == 0, "%u", nr_other);
	}
	check_summary();
}
