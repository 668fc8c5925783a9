/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the state in which a kernel is entered, and the facts of the device tree that x0 points
 * to, printed for the host to compare with its options.
 *
 * Thread: CPU 0.
 * Trust:  the device tree is under test.
 * Spec:   Linux Documentation/arch/arm64/booting.rst; the Realm-VM layout for addresses
 */
#include "guest/guest.h"

#define DTB_ROOM 0x10000
#define SCTLR_M_C_I 0x1005

extern u8 _end[];

static bool zero_padded(const u8 *p, u32 from, u32 to)
{
	for (; from < to; from++)
		if (p[from])
			return false;
	return true;
}

/* Of the physical counter less its offset: --counter-offset. */
static void print_counter(void)
{
	print("counter: %lx\n", read_sysreg(cntvct_el0));
}

static void print_chosen(void)
{
	struct fdt_node chosen;
	const void *start, *end, *seed;
	u32 len;

	if (!check("chosen node", fdt_find(dtb(), "chosen", &chosen)))
		return;
	print("bootargs: [%s]\n", bootargs());
	start = fdt_prop(dtb(), &chosen, "linux,initrd-start", &len);
	end = fdt_prop(dtb(), &chosen, "linux,initrd-end", &len);
	if (start && end) {
		const u8 *p = (const u8 *)be64(start);
		u64 size = be64(end) - be64(start);

		print("initrd: %lx %lu", be64(start), size);
		print(" [");
		for (u64 i = 0; i < size && i < 32 && p[i] >= ' '; i++)
			print("%c", p[i]);
		print("]\n");
		check("initrd is 4-byte aligned", be64(start) % 4 == 0);
		check("initrd is below the device tree", be64(end) <= boot_state.x0);
	}
	seed = fdt_prop(dtb(), &chosen, "kaslr-seed", &len);
	print("kaslr-seed: %lx\n", seed ? be64(seed) : 0);
}

static void print_memory(void)
{
	struct fdt_node memory;
	const u8 *reg;
	u32 len;

	if (!check("memory node", fdt_find(dtb(), "memory", &memory)))
		return;
	reg = fdt_prop(dtb(), &memory, "reg", &len);
	if (check("memory has one range", reg && len == 16))
		print("memory: %lx %lx\n", be64(reg), be64(reg + 8));
}

static void print_board(void)
{
	static const char *const names[] = { "timer", "pmu", "psci", "pci", "rtc" };
	struct fdt_node n;
	const char *compatible;
	u32 len;

	if (fdt_find(dtb(), "intc", &n)) {
		struct fdt_node child;

		compatible = fdt_prop(dtb(), &n, "compatible", &len);
		print("intc: %s", compatible);
		if (fdt_child(dtb(), &n, 0, &child))
			print(" %s", (const char *)fdt_prop(dtb(), &child, "compatible", &len));
		print("\n");
	}
	print("nodes:");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (fdt_find(dtb(), names[i], &n))
			print(" %s", names[i]);
	print("\n");
}

static void print_features(void)
{
	u64 pfr0 = read_sysreg(id_aa64pfr0_el1), isar1 = read_sysreg(id_aa64isar1_el1);
	u64 dfr0 = read_sysreg(id_aa64dfr0_el1);

	print("features: sve %u pauth %u pmu %u\n", (unsigned)(pfr0 >> 32 & 15),
	      (isar1 >> 4 & 0xff) != 0, (unsigned)(dfr0 >> 8 & 15));
}

/* PV_TIME_FEATURES through SMCCC [DEN 0057]; the host answers 0 when stolen time is there. */
static void print_pvtime(void)
{
	long there = psci(0xc5000020, 0xc5000021, 0, 0);
	long at = there == 0 ? psci(0xc5000021, 0, 0, 0) : -1;

	print("pvtime: %s", there == 0 ? "yes" : "no");
	if (at > 0)
		print(" at %lx revision %u", (u64)at, read32((u64)at));
	print("\n");
}

void payload_main(void)
{
	const u8 *blob = dtb();

	checkf("EL1", boot_state.current_el == 4, "%lx", boot_state.current_el);
	checkf("DAIF masked", boot_state.daif == 0x3c0, "%lx", boot_state.daif);
	checkf("x1 to x3 are zero", !(boot_state.x1 | boot_state.x2 | boot_state.x3), "%lx %lx %lx",
	       boot_state.x1, boot_state.x2, boot_state.x3);
	checkf("MMU and caches off", !(boot_state.sctlr & SCTLR_M_C_I & ~0x1000ull), "%lx",
	       boot_state.sctlr);
	/* Firmware keeps a pointer there, and tells by it whether it has been at work. */
	checkf("thread registers are zero",
	       !(read_sysreg(tpidr_el0) | read_sysreg(tpidrro_el0) | read_sysreg(tpidr_el1)),
	       "%lx %lx %lx", read_sysreg(tpidr_el0), read_sysreg(tpidrro_el0),
	       read_sysreg(tpidr_el1));
	print("dtb: %lx\n", boot_state.x0);
	check("dtb is 2 MiB aligned", boot_state.x0 % 0x200000 == 0);
	check("dtb is above the image", boot_state.x0 >= (u64)_end);
	if (check("dtb magic", fdt_ok(blob))) {
		u32 size = fdt_total_size(blob);

		checkf("dtb size", size <= DTB_ROOM, "%u", size);
		check("dtb is zero-padded", zero_padded(blob, size, DTB_ROOM));
		print_counter();
		print_chosen();
		print_memory();
		print_board();
	}
	print_features();
	print_pvtime();
	check_summary();
}
