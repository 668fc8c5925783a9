/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What payloads share: printing, checks, MMIO, faults, interrupts, PSCI, the device tree.
 *
 * A payload defines payload_main() and says for each property "ok NAME" or "FAIL NAME: why"; the
 * last line is "PASS n" or "FAILED n of m". Returning powers the machine off.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arm64/memmap.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define static_assert _Static_assert /* there is no <assert.h> here */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- what the VMM handed over ---- */

struct boot_state {
	u64 x0, x1, x2, x3;
	u64 current_el, daif, sctlr;
};
extern struct boot_state boot_state;

/* The payload: what it does on CPU 0. */
void payload_main(void);
/* Before payload_main(), from start.S: a Realm finds its devices. */
void lib_init(void);

/* ---- memcpy and friends, which the compiler wants as well ---- */

void *memset(void *p, int c, size_t len);
void *memcpy(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
bool str_equal(const char *a, const char *b);
/* `word` is one of the words of `s`, separated by spaces. */
bool has_word(const char *s, const char *word);

/* At random, the same every time. *state is not 0. */
u64 random_next(u64 *state);

/* ---- output ---- */

/* %c %s %d %u %x %lx (64 bit) with optional 0 and width; one line at a time, from any CPU. */
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);

/* Counts and prints; `why` only if !ok. Returns ok. */
bool check(const char *name, bool ok);
__attribute__((format(printf, 3, 4))) bool checkf(const char *name, bool ok, const char *fmt, ...);
void check_summary(void);

/* ---- MMIO: single instructions that a hypervisor can decode ---- */

/* In a Realm the bit that selects the shared half of the address space, otherwise 0. */
extern u64 io_alias;

/* Where to reach a device whose address in the memory map is `a`. */
static inline u64 io(u64 a)
{
	return a | io_alias;
}

static inline u8 read8(u64 a)
{
	u32 v;

	__asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return (u8)v;
}

static inline u16 read16(u64 a)
{
	u32 v;

	__asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return (u16)v;
}

static inline u32 read32(u64 a)
{
	u32 v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline u64 read64(u64 a)
{
	u64 v;

	__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void write8(u64 a, u8 v)
{
	__asm__ volatile("strb %w0, [%1]" : : "r"((u32)v), "r"(a) : "memory");
}

static inline void write16(u64 a, u16 v)
{
	__asm__ volatile("strh %w0, [%1]" : : "r"((u32)v), "r"(a) : "memory");
}

static inline void write32(u64 a, u32 v)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory");
}

static inline void write64(u64 a, u64 v)
{
	__asm__ volatile("str %0, [%1]" : : "r"(v), "r"(a) : "memory");
}

/* The same of a width of 1, 2, 4 or 8 bytes. */
u64 read_width(u64 a, unsigned width);
void write_width(u64 a, unsigned width, u64 v);

static inline void dsb(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

#define read_sysreg(name)                                                                          \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("mrs %0, " #name : "=r"(v_));                                     \
		v_;                                                                                \
	})
#define write_sysreg(name, v)                                                                      \
	do {                                                                                       \
		u64 v_ = (v);                                                                      \
		__asm__ volatile("msr " #name ", %0\n\tisb" : : "r"(v_) : "memory");               \
	} while (0)

/* ---- faults ---- */

struct fault {
	unsigned count;
	u64 esr, far, elr;
};

/*
 * Between the two, a synchronous exception is recorded and the instruction skipped; an instruction
 * that could not be fetched is taken for the first of a function, which returns. At any other time
 * a synchronous exception ends the payload with "PANIC". fault_end() returns how many there were.
 */
void fault_begin(void);
unsigned fault_end(void);
extern volatile struct fault fault;

/* A synchronous external abort at EL1, not on a table walk: of data, of an instruction. */
bool fault_is_sea(void);
bool fault_is_fetch_sea(void);

#define HVC_0 0xd4000002u /* the instruction HVC #0 */

/* ---- time ---- */

/* Of CNTVCT_EL0; the second one is a busy wait. */
u64 now_ns(void);
void delay_ms(unsigned ms);

/* Poll `cond` for at most `ms`; true if it came. */
#define wait_for(cond, ms)                                                                         \
	({                                                                                         \
		u64 end_ = now_ns() + 1000000 * (u64)(ms);                                         \
		bool ok_;                                                                          \
		while (!(ok_ = !!(cond)) && now_ns() < end_)                                       \
			;                                                                          \
		ok_;                                                                               \
	})

/* ---- PSCI ---- */

#define PSCI_VERSION 0x84000000u
#define PSCI_CPU_ON 0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u
#define PSCI_FEATURES 0x8400000au

/* By HVC, or by SMC in a Realm. */
long psci(u32 function, u64 a, u64 b, u64 c);
__attribute__((noreturn)) void system_off(void);
__attribute__((noreturn)) void system_reset(void);

/* Start the CPU with this MPIDR in fn(arg). PSCI's answer. */
long cpu_on(unsigned index, u64 mpidr, void (*fn)(u64 arg), u64 arg);
#define MAX_CPUS 16u

/* ---- interrupts: GICv2 or GICv3, whichever the device tree has ---- */

/* Distributor and this CPU's interface on, everything masked. False if there is no GIC we know. */
bool gic_init(void);
unsigned gic_version(void);
/* INTID of a PPI is 16 + n, of an SPI 32 + n. */
void gic_enable(u32 intid, bool edge);
void gic_disable(u32 intid);
/* Called with interrupts off; the interrupt is ended when it returns. */
void gic_set_handler(void (*fn)(u32 intid));
void gic_send_sgi(u32 intid, u64 mpidr);
void irq_on(void);
void irq_off(void);

/* ---- the device tree ---- */

struct fdt_node {
	const u8 *begin; /* first token inside the node */
	const char *name;
};

/* Is it a device tree, and how many bytes has it? */
bool fdt_ok(const void *dtb);
u32 fdt_total_size(const void *dtb);
/* A direct child of the root, by its name up to '@'. */
bool fdt_find(const void *dtb, const char *name, struct fdt_node *out);
/* The n-th child of a node, from 0. */
bool fdt_child(const void *dtb, const struct fdt_node *n, unsigned i, struct fdt_node *out);
const void *fdt_prop(const void *dtb, const struct fdt_node *n, const char *name, u32 *len);
u32 be32(const void *p);
u64 be64(const void *p);
/* The first range of RAM. False: there is none. */
bool fdt_ram(u64 *base, u64 *end);
/* MPIDR of the CPU with this index. False: there are no more. */
bool fdt_cpu(unsigned i, u64 *mpidr);
/* /chosen/bootargs, or "". */
const char *bootargs(void);
static inline const void *dtb(void)
{
	return (const void *)boot_state.x0;
}

#endif
