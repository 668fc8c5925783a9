/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: ends that a guest can have beside switching itself off, by a word on the command line:
 * PSCI SYSTEM_RESET2 (warm, vendor), or what pvpanic is told (panicked, crash-kernel, shutdown,
 * hostile: a driver that says anything anywhere). Without a word it looks for pvpanic and ends.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 * Spec:   PSCI 1.1 (DEN 0022) 5.1.13; QEMU docs/specs/pvpanic.rst
 */
#include "guest/guest.h"

#define SYSTEM_RESET2 0xc4000012u
#define VENDOR_TYPE 0x80000005u
#define PVPANIC_ID 0x00111b36u
#define HEARD 7

/* Where its register is; 0: there is no such device. */
static u64 find_pvpanic(void)
{
	for (u64 slot = 0; slot < 32; slot++) {
		u64 ecam = io(MEMMAP_PCI_ECAM + (slot << 15));

		if (read32(ecam) == PVPANIC_ID)
			return io(read32(ecam + 0x10) & ~15u);
	}
	return 0;
}

static void hostile(u64 reg)
{
	for (u64 off = 1; off < 0x1000; off++)
		write8(reg + off, 0xff);
	write16(reg, 0xffff);
	write32(reg, ~0u);
	write64(reg, ~0ul);
	write8(reg, 0xf8);
	checkf("the register is what it was", read8(reg) == HEARD, "%x", read8(reg));
	for (unsigned i = 0; i < 1000; i++)
		write8(reg, 1);
}

/* Not switched off: by whom this is heard, has to end it. */
static void stay(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

void payload_main(void)
{
	const char *word = bootargs();
	u64 reg = find_pvpanic();

	print("pvpanic: %s\n", reg ? "here" : "none");
	if (has_word(word, "warm"))
		psci(SYSTEM_RESET2, 0, 0, 0);
	if (has_word(word, "vendor"))
		psci(SYSTEM_RESET2, VENDOR_TYPE, 42, 0);
	if (!reg)
		return;
	checkf("it hears what there is", read8(reg) == HEARD, "%x", read8(reg));
	if (has_word(word, "hostile"))
		hostile(reg);
	check_summary();
	if (has_word(word, "panicked"))
		write8(reg, 1);
	if (has_word(word, "crash-kernel"))
		write8(reg, 2);
	if (has_word(word, "shutdown"))
		write8(reg, 4);
	if (has_word(word, "reset"))
		system_reset();
	if (has_word(word, "stay"))
		stay();
}
