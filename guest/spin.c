/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: never ends. For everything that stops a guest from outside.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 */
#include "guest/guest.h"

void payload_main(void)
{
	print("spinning\n");
	for (;;)
		__asm__ volatile("nop");
}
