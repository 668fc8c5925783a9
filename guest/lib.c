/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The payloads' library: output, checks, faults, time, PSCI.
 *
 * Thread: any CPU of the guest; output is locked.
 * Trust:  the VMM is under test, its answers are checked by the payloads.
 */
#include "guest/guest.h"

#include <stdarg.h>

#define UART io(MEMMAP_UART)
#define UART_LSR (UART + 5)
#define LSR_THRE 0x20
#define UART_FIFO 16

#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

struct boot_state boot_state;
u64 io_alias;
volatile struct fault fault;
static volatile bool fault_expected;
static void (*irq_handler)(u32 intid);
void gic_handle(void (*fn)(u32 intid)); /* gic.c */

/* ---- memory and strings ---- */

void *memset(void *p, int c, size_t len)
{
	u8 *to = p;

	while (len--)
		*to++ = (u8)c;
	return p;
}

void *memcpy(void *to, const void *from, size_t len)
{
	u8 *t = to;
	const u8 *f = from;

	while (len--)
		*t++ = *f++;
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (; len; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool str_equal(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !memcmp(a, b, strlen(a));
}

bool has_word(const char *s, const char *word)
{
	size_t len = strlen(word);

	for (; *s; s++) {
		size_t n = 0;

		while (s[n] && s[n] != ' ')
			n++;
		if (n == len && !memcmp(s, word, len))
			return true;
		s += n;
		if (!*s)
			return false;
	}
	return false;
}

u64 random_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- output ---- */

static u32 lock;

static void spin_lock(u32 *l)
{
	u32 old, fail;

	__asm__ volatile("1: ldaxr %w0, [%2]\n"
			 "cbnz %w0, 1b\n"
			 "stxr %w1, %w3, [%2]\n"
			 "cbnz %w1, 1b\n"
			 : "=&r"(old), "=&r"(fail)
			 : "r"(l), "r"(1)
			 : "memory");
}

static void spin_unlock(u32 *l)
{
	__asm__ volatile("stlr wzr, [%0]" : : "r"(l) : "memory");
}

/* A full FIFO's worth between two looks at THRE is what the 16550 allows, and saves exits. */
static void put(char c)
{
	static unsigned room;

	if (!room) {
		while (!(read8(UART_LSR) & LSR_THRE))
			;
		room = UART_FIFO;
	}
	room--;
	write8(UART, (u8)c);
}

static void put_number(u64 v, unsigned base, unsigned width, char pad, bool negative)
{
	char buf[24];
	unsigned n = 0;

	do {
		buf[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		buf[n++] = '-';
	for (; width > n; width--)
		put(pad);
	while (n)
		put(buf[--n]);
}

static void vprint(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		unsigned width = 0, is_long = 0;
		char pad = ' ';
		const char *s;
		long d;

		if (*fmt != '%') {
			if (*fmt == '\n')
				put('\r');
			put(*fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = *fmt++;
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + (unsigned)(*fmt++ - '0');
		while (*fmt == 'l') {
			is_long = 1;
			fmt++;
		}
		switch (*fmt) {
		case 's':
			for (s = va_arg(ap, const char *); *s; s++)
				put(*s);
			break;
		case 'c':
			put((char)va_arg(ap, int));
			break;
		case 'd':
			d = is_long ? va_arg(ap, long) : va_arg(ap, int);
			put_number((u64)(d < 0 ? -d : d), 10, width, pad, d < 0);
			break;
		case 'u':
		case 'x':
			put_number(is_long ? va_arg(ap, u64) : va_arg(ap, unsigned),
				   *fmt == 'x' ? 16 : 10, width, pad, false);
			break;
		default:
			put(*fmt);
		}
	}
}

void print(const char *fmt, ...)
{
	va_list ap;

	spin_lock(&lock);
	va_start(ap, fmt);
	vprint(fmt, ap);
	va_end(ap);
	spin_unlock(&lock);
}

/* ---- checks ---- */

static unsigned nr_checks, nr_failed;

bool check(const char *name, bool ok)
{
	nr_checks++;
	nr_failed += !ok;
	print("%s %s\n", ok ? "ok" : "FAIL", name);
	return ok;
}

bool checkf(const char *name, bool ok, const char *fmt, ...)
{
	va_list ap;

	nr_checks++;
	nr_failed += !ok;
	spin_lock(&lock);
	va_start(ap, fmt);
	put(ok ? 'o' : 'F');
	for (const char *s = ok ? "k " : "AIL "; *s; s++)
		put(*s);
	for (const char *s = name; *s; s++)
		put(*s);
	if (!ok) {
		put(':');
		put(' ');
		vprint(fmt, ap);
	}
	put('\r');
	put('\n');
	va_end(ap);
	spin_unlock(&lock);
	return ok;
}

void check_summary(void)
{
	if (nr_failed)
		print("FAILED %u of %u\n", nr_failed, nr_checks);
	else
		print("PASS %u\n", nr_checks);
}

/* ---- any width ---- */

u64 read_width(u64 a, unsigned width)
{
	switch (width) {
	case 1:
		return read8(a);
	case 2:
		return read16(a);
	case 4:
		return read32(a);
	default:
		return read64(a);
	}
}

void write_width(u64 a, unsigned width, u64 v)
{
	switch (width) {
	case 1:
		write8(a, (u8)v);
		break;
	case 2:
		write16(a, (u16)v);
		break;
	case 4:
		write32(a, (u32)v);
		break;
	default:
		write64(a, v);
	}
}

/* ---- exceptions ---- */

struct frame {
	u64 x[31];
	u64 elr, spsr;
};

void exception(u64 which, struct frame *f);

/* Aborts without a change of exception level [Arm ARM D24.2.40]. */
#define EC_UNKNOWN 0u
#define EC_FETCH 0x21u
#define EC_DATA 0x25u

static unsigned fault_class(void)
{
	return (unsigned)(fault.esr >> 26 & 0x3f);
}

/*
 * The address behind the instruction that has faulted. An HVC that is undefined for want of a
 * hypervisor, not of the instruction, has been left behind already: so TF-RMM has it.
 */
static u64 behind(u64 elr)
{
	return fault_class() == EC_UNKNOWN && *(const u32 *)(elr - 4) == HVC_0 ? elr : elr + 4;
}

void exception(u64 which, struct frame *f)
{
	/* Four vectors each for EL1t, EL1h, lower EL: sync, IRQ, FIQ, SError. */
	if (which % 4 == 1 && irq_handler) {
		gic_handle(irq_handler);
		return;
	}
	if (which % 4 == 0 && fault_expected) {
		fault.count++;
		fault.esr = read_sysreg(esr_el1);
		fault.far = read_sysreg(far_el1);
		fault.elr = f->elr;
		f->elr = fault_class() == EC_FETCH ? f->x[30] : behind(f->elr);
		return;
	}
	/* Nobody holds the lock that matters any more: the payload is over. */
	lock = 0;
	print("PANIC vector %lu esr %lx far %lx elr %lx\n", which, read_sysreg(esr_el1),
	      read_sysreg(far_el1), f->elr);
	system_off();
}

void fault_begin(void)
{
	fault.count = 0;
	fault_expected = true;
	dsb();
}

unsigned fault_end(void)
{
	dsb();
	isb();
	fault_expected = false;
	return fault.count;
}

static bool is_external(unsigned ec)
{
	return fault_class() == ec && (fault.esr & 0x3f) == 0x10;
}

bool fault_is_sea(void)
{
	return is_external(EC_DATA);
}

bool fault_is_fetch_sea(void)
{
	return is_external(EC_FETCH);
}

void gic_set_handler(void (*fn)(u32 intid))
{
	irq_handler = fn;
}

/* ---- time ---- */

u64 now_ns(void)
{
	u64 freq = read_sysreg(cntfrq_el0), ticks;

	isb();
	ticks = read_sysreg(cntvct_el0);
	return ticks / freq * 1000000000 + ticks % freq * 1000000000 / freq;
}

void delay_ms(unsigned ms)
{
	u64 end = now_ns() + (u64)ms * 1000000;

	while (now_ns() < end)
		;
}

/* ---- PSCI ---- */

long psci(u32 function, u64 a, u64 b, u64 c)
{
	register u64 x0 __asm__("x0") = function;
	register u64 x1 __asm__("x1") = a;
	register u64 x2 __asm__("x2") = b;
	register u64 x3 __asm__("x3") = c;

	if (io_alias)
		__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	else
		__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return (long)x0;
}

void system_off(void)
{
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

void system_reset(void)
{
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

void secondary_entry(void);

long cpu_on(unsigned index, u64 mpidr, void (*fn)(u64 arg), u64 arg)
{
	static u64 stacks[MAX_CPUS][1024] __attribute__((aligned(16)));
	u64 *top = stacks[index] + 1024;

	top[-2] = (u64)fn;
	top[-1] = arg;
	/*
	 * Also to memory: the new CPU enables its MMU before it looks, but let nothing depend on
	 * it.
	 */
	__asm__ volatile("dc civac, %0" : : "r"(top - 2) : "memory");
	dsb();
	return psci(PSCI_CPU_ON, mpidr, (u64)secondary_entry, (u64)top);
}
