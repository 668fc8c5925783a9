/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: prints a line and powers off. The shortest life of a guest; also what start-up is
 * measured with.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 */
#include "guest/guest.h"

void payload_main(void)
{
	print("hello from the guest\n");
}
