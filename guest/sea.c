/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: touches where nothing is and touches devices in ways they do not know. Nothing there is
 * a synchronous external abort in a Realm, and zeros in an ordinary machine; an access without a
 * syndrome always is an abort. A device that does not take an access reads as ones and ignores
 * writes.
 *
 * Thread: CPU 0.
 * Trust:  the VMM's answers are under test.
 * Spec:   Arm ARM D8.16 (external aborts), ESR_EL1.DFSC 0b010000
 */
#include "guest/guest.h"

/* Holes of the map, see memmap.h. */
static const struct {
	const char *name;
	u64 addr;
} holes[] = {
	{ "between UARTs", MEMMAP_UART + 0x800 },
	{ "behind the UART's registers", MEMMAP_UART + MEMMAP_UART_SIZE },
	{ "behind the RTC", MEMMAP_RTC + 0x100 },
	{ "below the GIC", 0x20000000 },
	{ "PCI window without a BAR", MEMMAP_PCI_MEM + 0x2ff00000 },
};

static bool faults_once(u64 addr)
{
	return fault_end() == 1 && fault_is_sea() && fault.far == addr;
}

static bool read_is_right(u64 addr, unsigned width, u64 *val)
{
	fault_begin();
	*val = read_width(addr, width);
	return io_alias ? faults_once(addr) : !fault_end() && !*val;
}

static bool write_is_right(u64 addr, unsigned width)
{
	fault_begin();
	write_width(addr, width, 0x5a);
	return io_alias ? faults_once(addr) : !fault_end();
}

static void test_hole(const char *name, u64 addr)
{
	const char *read = io_alias ? "read aborts" : "read is zero";
	const char *write = io_alias ? "write aborts" : "write is ignored";
	u64 val;

	print("%s (%lx)\n", name, addr);
	for (unsigned width = 1; width <= 8; width *= 2) {
		checkf(read, read_is_right(addr, width, &val), "%u bytes, %lx, %u faults, esr %lx",
		       width, val, fault.count, fault.esr);
		checkf(write, write_is_right(addr, width), "%u bytes, %u faults, esr %lx", width,
		       fault.count, fault.esr);
	}
}

static void test_pairs(u64 addr)
{
	u64 a, b;

	fault_begin();
	__asm__ volatile("ldp %0, %1, [%2]" : "=r"(a), "=r"(b) : "r"(addr) : "memory");
	checkf("ldp aborts", fault_end() == 1 && fault_is_sea(), "esr %lx", fault.esr);
	fault_begin();
	__asm__ volatile("stp xzr, xzr, [%0]" : : "r"(addr) : "memory");
	checkf("stp aborts", fault_end() == 1 && fault_is_sea(), "esr %lx", fault.esr);
	fault_begin();
	__asm__ volatile("ldr %0, [%1], #8" : "=r"(a), "+r"(addr) : : "memory");
	checkf("ldr with write-back aborts", fault_end() == 1 && fault_is_sea(), "esr %lx",
	       fault.esr);
}

/* As long as a guest only prints, the UART's registers may be memory. */
static u32 uart_bytes(void)
{
	u32 word = 0;

	for (unsigned i = 0; i < 4; i++)
		word |= (u32)read8(io(MEMMAP_UART + i)) << 8 * i;
	return word;
}

static void test_odd_widths(void)
{
	u32 word;
	bool faults;

	fault_begin();
	word = read32(io(MEMMAP_UART));
	faults = fault_end();
	checkf("32-bit read of the UART is ones, its bytes or an abort",
	       faults ? fault_is_sea() : word == ~0u || word == uart_bytes(), "%x, %u faults", word,
	       fault.count);
	fault_begin();
	write32(io(MEMMAP_UART), 0x21212121);
	checkf("32-bit write of the UART", !fault_end() || fault_is_sea(), "esr %lx", fault.esr);
	checkf("ECAM behind the last function reads ones",
	       read32(io(MEMMAP_PCI_ECAM + (30u << 15))) == ~0u, "%x",
	       read32(io(MEMMAP_PCI_ECAM + (30u << 15))));
	fault_begin();
	word = read32(io(MEMMAP_PCI_ECAM + (1u << 20)));
	checkf("ECAM of bus 1", fault_end() ? fault_is_sea() : word == ~0u || !word, "%x", word);
}

void payload_main(void)
{
	u64 base, end;

	for (unsigned i = 0; i < ARRAY_SIZE(holes); i++)
		test_hole(holes[i].name, io(holes[i].addr));
	if (check("memory node", fdt_ram(&base, &end)))
		test_hole("behind the end of RAM", io(end));
	test_pairs(io(0x20000000));
	test_odd_widths();
	/* And the machine is as well as before. */
	check("RAM still works", *(volatile u32 *)dtb() == 0xedfe0dd0);
	check_summary();
}
