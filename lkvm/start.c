/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the program starts, instead of the C library's crt files: the linker marks a program as
 * guarded against indirect branches into the middle of functions (BTI on arm64, IBT on x86) only if
 * every object in it has landing pads, and those files have none on Debian 12. They do nothing else
 * that is needed here, as there are no constructors.
 *
 * The C library's ABI: __libc_start_main(main, argc, argv, init, fini, rtld_fini, stack's end).
 *
 * Thread: main.
 * Trust:  nothing; the kernel and the dynamic linker come before.
 * Spec:   [AAPCS64 6.2.1.1, sysvabi64: process initialisation], [x86-64 psABI 3.4.1]
 */
#if defined(__aarch64__)
__asm__(".text\n"
	".global _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	hint	#38\n" /* bti jc: the dynamic linker branches here, by whatever register */
	"	mov	x29, #0\n"
	"	mov	x30, #0\n"
	"	mov	x5, x0\n"
	"	ldr	x1, [sp]\n"
	"	add	x2, sp, #8\n"
	"	mov	x6, sp\n"
	"	adrp	x0, main\n"
	"	add	x0, x0, :lo12:main\n"
	"	mov	x3, #0\n"
	"	mov	x4, #0\n"
	"	bl	__libc_start_main\n"
	"	brk	#1\n"
	"	.cfi_endproc\n"
	".size _start, . - _start\n");
#elif defined(__x86_64__)
__asm__(".text\n"
	".global _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	endbr64\n"
	"	xorl	%ebp, %ebp\n"
	"	movq	%rdx, %r9\n"
	"	popq	%rsi\n"
	"	movq	%rsp, %rdx\n"
	"	andq	$-16, %rsp\n"
	"	pushq	%rax\n"
	"	pushq	%rsp\n"
	"	xorl	%r8d, %r8d\n"
	"	xorl	%ecx, %ecx\n"
	"	leaq	main(%rip), %rdi\n"
	"	call	*__libc_start_main@GOTPCREL(%rip)\n"
	"	hlt\n"
	"	.cfi_endproc\n"
	".size _start, . - _start\n");
#endif
