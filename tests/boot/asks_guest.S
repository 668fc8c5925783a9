/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest without MMU: does the asks_steps of the page behind it [tests/fake/asks.h]. What it did
 * not expect is a write of ESR_EL1 to UNEXPECTED in the shared half.
 */
#define UNEXPECTED 0x120000000
#define RSI_IPA_STATE_SET 0xc4000197
#define PSCI_SYSTEM_OFF 0x84000008

	.section .rodata
	.balign	4096
	.global	asks_guest, asks_guest_end
asks_guest:
	adr	x0, vectors
	msr	vbar_el1, x0
	isb
	adr	x19, asks_guest
	add	x19, x19, #4096
next:	ldp	x20, x21, [x19], #16		// kind, base
	ldp	x22, x23, [x19], #16		// top, RIPAS
	cbz	x20, off
	cmp	x20, #2
	b.lo	ripas
	b.eq	1f
	mov	w0, #0x5a
	strb	w0, [x21]
	b	next
1:	ldr	w0, [x21]
	b	next

ripas:	ldr	x0, =RSI_IPA_STATE_SET
	mov	x1, x21
	mov	x2, x22
	mov	x3, x23
	mov	x4, #0
	smc	#0
	cbnz	x0, fault
	mov	x21, x1
	cmp	x21, x22
	b.lo	ripas
	b	next

off:	ldr	x0, =PSCI_SYSTEM_OFF
	smc	#0
	b	off

fault:	ldr	x1, =UNEXPECTED
	mrs	x2, esr_el1
	str	w2, [x1]
	b	off
	.ltorg

	.balign	2048
vectors:
	.rept	16
	b	fault
	.balign	128
	.endr
asks_guest_end:
