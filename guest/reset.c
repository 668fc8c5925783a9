/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: resets the machine (PSCI SYSTEM_RESET). With --reboot it comes round again; the RTC's
 * RAM does not survive, so the host counts the lines.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 */
#include "guest/guest.h"

void payload_main(void)
{
	static volatile u32 used;

	/* .bss and .data are as the VMM loads them: a reset that keeps RAM dirty shows here. */
	static volatile u32 data = 1;

	print("reset: %s\n", used == 0 && data == 1 ? "clean" : "DIRTY");
	used = data = 2;
	system_reset();
}
