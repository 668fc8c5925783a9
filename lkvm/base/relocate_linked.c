/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a static program starts: before the C library relocates it, all is relocated here but the
 * tables of libcrypto, and the C library is told that there is nothing left to do. Of 20 thousand
 * addresses 16 thousand are libcrypto's. To relocate all at each start was a third of the
 * instructions of a boot, and 80 pages of memory; guests that are no Realms do without.
 *
 * Thread: main, before there are others; relocate_late() on any.
 * Trust:  the linker's tables.
 * Spec:   [gABI 5, Dynamic Section; DT_RELR], [sysvabi64: process initialisation]
 */
#include "lkvm/base/relocate.h"

#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/base/relr.h"

/* The table under tags that the C library does not know [gABI: of the operating system]. */
#define DT_OURS (DT_LOOS + 0x1000)
#define DT_OUR_RELR (DT_OURS + 0)
#define DT_OUR_RELRSZ (DT_OURS + 1)

/* Of the linker: nothing that has to be relocated before it can be used. */
#define LINKERS extern __attribute__((visibility("hidden")))
LINKERS Elf64_Dyn _DYNAMIC[];
LINKERS const char __ehdr_start[];
/* Two objects before and behind libcrypto's archive [Makefile, relocate_begin.o]. */
LINKERS const char relocate_begin[], relocate_end[];

static struct relr_span late_part(void)
{
	return (struct relr_span){ (u64)relocate_begin - (u64)__ehdr_start,
				   (u64)relocate_end - (u64)__ehdr_start };
}

static void relocate(u64 relr, u64 size, bool late)
{
	const u64 *table = (const u64 *)(__ehdr_start + relr);

	relr_relocate(table, table + size / sizeof(*table), (u64)__ehdr_start, late_part(), late);
}

/* Nothing has an address yet, and nobody has set up the canary: no library, no static tables. */
__attribute__((used, no_stack_protector)) static void relocate_early(void)
{
	u64 relr = 0, size = 0;

	for (Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELR) {
			relr = d->d_un.d_ptr;
			d->d_tag = DT_OUR_RELR;
		} else if (d->d_tag == DT_RELRSZ) {
			size = d->d_un.d_val;
			d->d_tag = DT_OUR_RELRSZ;
		}
	}
	relocate(relr, size, false);
}

/* As the kernel enters it, on arm64: the C library's own start gets all as it was. */
__asm__(".text\n"
	".global relocate_start\n"
	".type relocate_start, %function\n"
	"relocate_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	hint	#38\n" /* bti jc */
	"	str	x0, [sp, #-16]!\n"
	"	bl	relocate_early\n"
	"	ldr	x0, [sp], #16\n"
	"	b	_start\n"
	"	.cfi_endproc\n"
	".size relocate_start, . - relocate_start\n");

/* They are within what is read-only after relocation, and so are the pages' other bytes. */
static void protect(int prot)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE), begin = align_down((u64)relocate_begin, page);
	int err = mprotect((void *)begin, align_up((u64)relocate_end, page) - begin, prot);

	assert(!err); /* of pages that the program has anyway */
}

static void relocate_once(void)
{
	u64 relr = 0, size = 0;

	for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_OUR_RELR)
			relr = d->d_un.d_ptr;
		else if (d->d_tag == DT_OUR_RELRSZ)
			size = d->d_un.d_val;
	}
	protect(PROT_READ | PROT_WRITE);
	relocate(relr, size, true);
	protect(PROT_READ);
}

void relocate_late(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, relocate_once);
}
