/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First instructions of every payload: optional Image header, entry of the boot CPU and of the
 * others, caches and MMU on, exception vectors.
 *
 * The MMU is on because memory shared with a device must be cacheable to be coherent on a host
 * without FEAT_S2FWB, and because exclusives need it. The map is the identity: 2 GiB of device
 * memory below MEMMAP_RAM, 2 GiB of normal memory above. A Realm adds the same once more, at the
 * shared alias [guest/realm.c].
 */
#include "arm64/memmap.h"

#define BLOCK_NORMAL 0x701		  /* 1 GiB, attribute 0, inner shareable, accessed */
#define BLOCK_DEVICE 0x60000000000405	  /* attribute 1, never executed */
#define MAIR 0x04ff			  /* 0: write-back, 1: device nGnRE */
#define TCR 0x200803519			  /* 39-bit TTBR0 4 KiB pages, write-back, PA 40 bit */
#define SCTLR_ON 0x1005			  /* I, C, M */

/*
 * A payload that wants to see the first registers has such a function, which keeps x0 to x3 and all
 * else as the others expect it; a call of one that is nowhere is a nop [AAELF64 §5.7.5].
 */
	.weak	at_entry

	.section .head, "ax"
	.globl	_start
_start:
#ifdef IMAGE_HEADER
	b	entry
	.long	0
	.quad	0x80000		/* text_offset: where link.ld puts us, from the start of RAM */
	.quad	_end - _start	/* image_size */
	.quad	0xa		/* flags: little-endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
entry:
#endif
	orr	x29, x29, x30	/* bl takes x30: what was in it must not be lost */
	bl	at_entry
	/* Keep what the VMM handed over; .bss cannot take it yet. */
	mov	x20, x0
	mov	x21, x1
	mov	x22, x2
	mov	x23, x3
	mrs	x24, CurrentEL
	mrs	x25, DAIF
	mrs	x26, SCTLR_EL1
	bl	mmu_on

	adrp	x0, __bss_start
	add	x0, x0, :lo12:__bss_start
	adrp	x1, _end
	add	x1, x1, :lo12:_end
1:	cmp	x0, x1
	b.hs	2f
	str	xzr, [x0], #8
	b	1b
2:
	adrp	x0, boot_state
	add	x0, x0, :lo12:boot_state
	stp	x20, x21, [x0]
	stp	x22, x23, [x0, #16]
	stp	x24, x25, [x0, #32]
	str	x26, [x0, #48]
	adrp	x0, boot_stack_top
	add	x0, x0, :lo12:boot_stack_top
	mov	sp, x0
	bl	lib_init
	bl	payload_main
	b	system_off

/*
 * PSCI CPU_ON brings a CPU here with the top of its stack in x0; the word below it is what it runs.
 */
	.globl	secondary_entry
secondary_entry:
	orr	x29, x29, x30
	bl	at_entry
	mov	x20, x0
	bl	mmu_on
	mov	sp, x20
	ldr	x1, [sp, #-16]!
	ldr	x0, [sp, #8]
	blr	x1
4:	wfi
	b	4b

mmu_on:
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	VBAR_EL1, x0
	ldr	x0, =MAIR
	msr	MAIR_EL1, x0
	ldr	x0, =TCR
	msr	TCR_EL1, x0
	adrp	x0, page_table
	msr	TTBR0_EL1, x0
	tlbi	vmalle1
	dsb	sy
	isb
	mrs	x0, SCTLR_EL1
	mov	x1, #SCTLR_ON
	orr	x0, x0, x1
	msr	SCTLR_EL1, x0
	isb
	ret
	.ltorg

/* One vector: all general registers, ELR and SPSR as struct frame; x0 = which of the sixteen. */
	.macro	vector which
	.balign	128
	sub	sp, sp, #272
	stp	x0, x1, [sp]
	mov	x0, #\which
	b	exception_common
	.endm

	.balign	2048
vectors:
	.set	which, 0
	.rept	16
	vector	which
	.set	which, which + 1
	.endr

exception_common:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x1, ELR_EL1
	stp	x30, x1, [sp, #240]
	mrs	x1, SPSR_EL1
	str	x1, [sp, #256]
	mov	x1, sp
	bl	exception
	ldr	x1, [sp, #256]
	msr	SPSR_EL1, x1
	ldp	x30, x1, [sp, #240]
	msr	ELR_EL1, x1
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldp	x0, x1, [sp]
	add	sp, sp, #272
	eret

	.section .data
	.balign	4096
	.globl	page_table
page_table:
	.quad	0x00000000 + BLOCK_DEVICE
	.quad	0x40000000 + BLOCK_DEVICE
	.quad	MEMMAP_RAM + BLOCK_NORMAL
	.quad	MEMMAP_RAM + 0x40000000 + BLOCK_NORMAL
	.fill	508, 8, 0

	.section .bss
	.balign	16
	.skip	16384
boot_stack_top:
