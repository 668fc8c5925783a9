/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: faults for ever inside its own fault handler, as a guest does whose memory is gone; with
 * "data" on the command line, touches a device that is not there for ever (with an access without a
 * syndrome, which aborts). The VMM must stay stoppable and must not flood its log.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 */
#include "guest/guest.h"

/* Between the end of RAM (less than 1 GiB) and the end of what start.S maps as executable. */
#define NO_CODE 0xbff00000
#define NO_DEVICE 0x20000000

/* A pair of registers, which no device can decode: an abort in every machine. */
static void touch(u64 addr)
{
	__asm__ volatile("stp xzr, xzr, [%0]" : : "r"(addr) : "memory");
}

void payload_main(void)
{
	print("faulting\n");
	if (has_word(bootargs(), "data")) {
		/* Each of these is an exit to the VMM. */
		fault_begin();
		for (;;)
			touch(NO_DEVICE);
	}
	/* Every fetch of a vector faults, and its handler is the same vector. */
	write_sysreg(vbar_el1, NO_CODE);
	touch(NO_DEVICE);
}
