/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest/init, a static program for arm64, as bytes of ours. Where this program is for another
 * machine, it starts no guests, and has none.
 *
 * Thread: any.
 * Trust:  our own.
 */
#include "lkvm/exec/orders.h"

#ifdef GUEST_INIT

/* Hidden: found without a table of addresses, in which symbols of the assembler's have no place. */
extern const char exec_init_begin[] __attribute__((visibility("hidden")));
extern const char exec_init_end[] __attribute__((visibility("hidden")));

__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".globl exec_init_begin, exec_init_end\n"
	".hidden exec_init_begin, exec_init_end\n"
	"exec_init_begin:\n"
	".incbin \"" GUEST_INIT "\"\n"
	"exec_init_end:\n"
	".popsection\n");

const void *orders_init(size_t *len)
{
	*len = (size_t)(exec_init_end - exec_init_begin);
	return exec_init_begin;
}

#else

const void *orders_init(size_t *len)
{
	*len = 0;
	return NULL;
}

#endif
