/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: BRKs of its own are exceptions of its own EL1, whether somebody debugs it or not.
 *
 * Thread: CPU 0.
 * Trust:  none needed.
 * Spec:   Arm ARM C6.2.40 BRK, D24.2.40 ESR_EL1
 */
#include "guest/guest.h"

#define EC_BRK 0x3cul

#define test_brk(number)                                                                           \
	do {                                                                                       \
		u64 at;                                                                            \
                                                                                                   \
		fault_begin();                                                                     \
		__asm__ volatile("adr %0, 1f\n1:\tbrk %1" : "=r"(at) : "i"(number) : "memory");    \
		checkf("brk " #number,                                                             \
		       fault_end() == 1 && fault.esr >> 26 == EC_BRK &&                            \
			       (fault.esr & 0xffff) == (number) && fault.elr == at,                \
		       "%u faults, esr %lx, elr %lx", fault.count, fault.esr, fault.elr);          \
	} while (0)

void payload_main(void)
{
	test_brk(0);
	test_brk(1);
	test_brk(0x800); /* BUG() and WARN() of Linux */
	test_brk(0xffff);
	check_summary();
}
