/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the registers that a Realm's CPUs start with: zero, but for what the launch, PSCI and
 * the architecture say.
 *
 * Thread: all CPUs, one after the other.
 * Trust:  the (simulated) RMM is under test.
 * Spec:   [RMM 1.0 A2.3 REC, B6.3 PSCI_CPU_ON], [Arm ARM D24 reset values]
 */
#include "guest/realm.h"

#define SCTLR_RES1 0x00c50078u
#define SCTLR_EOS 0x800u /* RES1 where FEAT_ExS is not */
#define MDSCR_TDCC 0x1000u
#define DAIF_ALL 0x3c0u
#define CURRENT_EL1 4u

/* System registers in the order in which at_entry stores them, by their names for the assembler. */
#define SYSTEM_REGISTERS(x)                                                                        \
	x(sctlr_el1) x(CurrentEL) x(daif) x(nzcv) x(spsel) x(sp_el0) x(elr_el1) x(spsr_el1)        \
		x(tpidr_el0) x(tpidrro_el0) x(tpidr_el1) x(contextidr_el1) x(ttbr0_el1)            \
			x(ttbr1_el1) x(tcr_el1) x(mair_el1) x(amair_el1) x(afsr0_el1) x(afsr1_el1) \
				x(esr_el1) x(far_el1) x(par_el1) x(vbar_el1) x(cpacr_el1)          \
					x(csselr_el1) x(cntkctl_el1) x(cntv_ctl_el0)               \
						x(cntp_ctl_el0) x(cntv_cval_el0) x(cntp_cval_el0)  \
							x(mdscr_el1) x(mdccint_el1)
#define ID(name) R_##name,
#define NAME(name) #name,
#define STORE(name) "mrs x27, " #name "\n str x27, [x28], #8\n"

/* x0 to x27, then x28 to x30 or-ed together, SP, system registers. */
#define NR_OWN 28u
enum { R_OTHERS = NR_OWN, R_SP, SYSTEM_REGISTERS(ID) NR_REGS };
static const char *const names[] = { "x28 to x30", "sp", SYSTEM_REGISTERS(NAME) };

/* Of the CPU that has started last. Not in .bss, which is cleared later; lines of its own. */
u64 entry_regs[(NR_REGS + 7) & ~7u] __attribute__((section(".data"), used, aligned(64)));

/* clang-format off */
/* Called by start.S with the MMU off, so that lines of the cache are to be dropped afterwards. */
__asm__(".pushsection .text\n"
	".globl at_entry\n"
	"at_entry:\n"
	"orr x29, x29, x28\n"
	"adrp x28, entry_regs\n"
	"add x28, x28, :lo12:entry_regs\n"
	"stp x0, x1, [x28], #16\n"
	"stp x2, x3, [x28], #16\n"
	"stp x4, x5, [x28], #16\n"
	"stp x6, x7, [x28], #16\n"
	"stp x8, x9, [x28], #16\n"
	"stp x10, x11, [x28], #16\n"
	"stp x12, x13, [x28], #16\n"
	"stp x14, x15, [x28], #16\n"
	"stp x16, x17, [x28], #16\n"
	"stp x18, x19, [x28], #16\n"
	"stp x20, x21, [x28], #16\n"
	"stp x22, x23, [x28], #16\n"
	"stp x24, x25, [x28], #16\n"
	"stp x26, x27, [x28], #16\n"
	"mov x27, sp\n"
	"stp x29, x27, [x28], #16\n"
	SYSTEM_REGISTERS(STORE)
	"dsb sy\n"
	"adrp x27, entry_regs\n"
	"add x27, x27, :lo12:entry_regs\n"
	"1: dc ivac, x27\n"
	"add x27, x27, #64\n"
	"cmp x27, x28\n"
	"b.lo 1b\n"
	"dsb sy\n"
	"ret\n"
	".popsection\n");
/* clang-format on */

static const char *name_of(unsigned i)
{
	static char x[] = "x00";

	if (i >= NR_OWN)
		return names[i - NR_OWN];
	x[1] = (char)('0' + i / 10);
	x[2] = (char)('0' + i % 10);
	return x;
}

/* What is not zero, by the launch, PSCI or the architecture. */
static bool as_it_should_be(unsigned i, u64 x0)
{
	u64 v = entry_regs[i];

	switch (i) {
	case 0:
		return v == x0;
	case R_sctlr_el1:
		return (v | SCTLR_EOS) == (SCTLR_RES1 | SCTLR_EOS);
	case R_CurrentEL:
		return v == CURRENT_EL1;
	case R_daif:
		return v == DAIF_ALL;
	case R_spsel:
		return v == 1;
	case R_mdscr_el1:
		return !(v & ~(u64)MDSCR_TDCC);
	default:
		return !v;
	}
}

/* ---- what start.S leaves alone ---- */

#define READ(name)                                                                                 \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("mrs %0, " name : "=r"(v_));                                      \
		v_;                                                                                \
	})

static u64 pauth_keys(void)
{
	u64 isar1 = read_sysreg(id_aa64isar1_el1), isar2 = READ("S3_0_C0_C6_2");

	/* APA, API, GPA, GPI; GPA3, APA3 */
	if (!(isar1 & 0xff000ff0) && !(isar2 & 0xff00))
		return 0;
	return READ("S3_0_C2_C1_0") | READ("S3_0_C2_C1_1") | READ("S3_0_C2_C1_2") |
	       READ("S3_0_C2_C1_3") | READ("S3_0_C2_C2_0") | READ("S3_0_C2_C2_1") |
	       READ("S3_0_C2_C2_2") | READ("S3_0_C2_C2_3") | READ("S3_0_C2_C3_0") |
	       READ("S3_0_C2_C3_1");
}

static u64 pmu(void)
{
	unsigned version = read_sysreg(id_aa64dfr0_el1) >> 8 & 15;

	if (!version || version == 15)
		return 0;
	return READ("pmselr_el0") | READ("pmcntenset_el0") | READ("pmovsset_el0") |
	       READ("pmuserenr_el0") | READ("pmintenset_el1") | READ("pmccfiltr_el0") |
	       (READ("pmcr_el0") & 1);
}

#define VECTOR(n)                                                                                  \
	__asm__ volatile(".arch_extension simd\n"                                                  \
			 "umov %0, v" #n ".d[0]\n umov %1, v" #n ".d[1]\n"                         \
			 : "=r"(lo), "=r"(hi));                                                    \
	sum |= lo | hi;

static u64 floating_point(void)
{
	u64 lo, hi, sum;

	write_sysreg(cpacr_el1, 3ull << 20);
	sum = read_sysreg(fpcr) | read_sysreg(fpsr);
	/* clang-format off */
	VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(5) VECTOR(6) VECTOR(7)
	VECTOR(8) VECTOR(9) VECTOR(10) VECTOR(11) VECTOR(12) VECTOR(13) VECTOR(14) VECTOR(15)
	VECTOR(16) VECTOR(17) VECTOR(18) VECTOR(19) VECTOR(20) VECTOR(21) VECTOR(22) VECTOR(23)
	VECTOR(24) VECTOR(25) VECTOR(26) VECTOR(27) VECTOR(28) VECTOR(29) VECTOR(30) VECTOR(31)
		/* clang-format on */
		return sum;
}

static void look(u64 cpu, u64 x0)
{
	unsigned good = 0;

	for (unsigned i = 0; i < NR_REGS; i++) {
		if (as_it_should_be(i, x0))
			good++;
		else
			checkf("registers at the start", false, "CPU %lu: %s is %lx", cpu,
			       name_of(i), entry_regs[i]);
	}
	checkf("registers at the start", good == NR_REGS, "CPU %lu: %u of %u", cpu, good,
	       (unsigned)NR_REGS);
	checkf("keys of pointer authentication", !pauth_keys(), "CPU %lu: %lx", cpu, pauth_keys());
	checkf("PMU", !pmu(), "CPU %lu: %lx", cpu, pmu());
	checkf("floating point", !floating_point(), "CPU %lu", cpu);
}

static volatile u64 done;

/* The context of CPU_ON is the top of its stack, of which 16 bytes are in use by now. */
static void other_cpu(u64 cpu)
{
	u64 sp;

	__asm__ volatile("mov %0, sp" : "=r"(sp));
	look(cpu, entry_regs[0]);
	checkf("x0 is the context of CPU_ON", entry_regs[0] - sp < 256, "%lx, %lx", entry_regs[0],
	       sp);
	dsb();
	done = cpu;
}

void payload_main(void)
{
	u64 mpidr;

	if (!check("this is a Realm", io_alias))
		goto out;
	look(0, boot_state.x0);
	for (unsigned i = 1; fdt_cpu(i, &mpidr); i++) {
		if (check("CPU_ON", cpu_on(i, mpidr, other_cpu, i) == 0))
			check("it comes to its end", wait_for(done == i, 20000));
	}
out:
	check_summary();
}
