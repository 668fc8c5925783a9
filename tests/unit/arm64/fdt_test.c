/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree: golden trees in tests/golden, compared node by node and property by property
 * with what dtc makes of the text; dtc's own checks; bytes that must not vary.
 *
 * `make golden` (GOLDEN=write) writes the texts anew. Read the diff: it changes measurements.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>

#include "arm64/fdt.h"
#include "tests/unit/arm64/capture.h"

#define SIZE 65536u

static u8 blob[SIZE], golden[2 * SIZE];

static const struct {
	const char *name;
	struct board_conf board;
	struct fdt_conf fdt;
} cases[] = {
	{ "default",
	  { .pl031 = true, .nr_cpus = 1, .ram_base = MEMMAP_RAM, .ram_size = 512 * MiB },
	  { .bootargs = " console=ttyS0 root=/dev/vda rw " } },
	{ "initrd-kaslr-cntfrq",
	  { .pl031 = true,
	    .nr_cpus = 2,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 256 * MiB,
	    .timer_hz = 24000000 },
	  { .bootargs = "quiet",
	    .initrd_base = 0x8f123454,
	    .initrd_len = 0xbdcbab,
	    .has_kaslr_seed = true,
	    .kaslr_seed = 0x1122334455667788 } },
	{ "realm",
	  { .nr_cpus = 2,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .psci_smc = true,
	    .pmu = true },
	  { .bootargs = "" } },
	{ "big",
	  { .pl031 = true,
	    .nr_cpus = 18,
	    .ram_base = 0x100000000,
	    .ram_size = 64 * GiB,
	    .gic = BOARD_GIC_V3 },
	  { .bootargs = "console=ttyS0" } },
	{ "virtio-mmio",
	  { .pl031 = true,
	    .nr_cpus = 1,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 64 * MiB,
	    .gic = BOARD_GIC_V3,
	    .nr_virtio_mmio = 3 },
	  { .bootargs = NULL } },
	{ "gicv2m-pmu",
	  { .pl031 = true,
	    .nr_cpus = 3,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 6 * MiB,
	    .gic = BOARD_GIC_V2M,
	    .pmu = true },
	  { .bootargs = NULL } },
	{ "firmware",
	  { .pl031 = true,
	    .nr_cpus = 1,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .edk2 = true },
	  { .bootargs = NULL } },
	{ "gicv2",
	  { .nr_cpus = 8, .ram_base = MEMMAP_RAM, .ram_size = 6 * MiB, .gic = BOARD_GIC_V2 },
	  { .bootargs = NULL } },
	{ "realm-log",
	  { .nr_cpus = 1, .ram_base = MEMMAP_RAM, .ram_size = 512 * MiB, .psci_smc = true },
	  { .bootargs = "", .log_base = 0x8fff0000, .log_len = 0x10000 } },
	{ "bounce",
	  { .pl031 = true,
	    .nr_cpus = 1,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .nr_virtio_mmio = 1,
	    .pool_size = 32 * MiB },
	  { .bootargs = "" } },
	{ "nested-flash",
	  { .pl031 = true,
	    .nr_cpus = 2,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .el2 = true,
	    .flash_size = 2 * MiB },
	  { .bootargs = "" } },
	{ "assigned",
	  { .pl031 = true,
	    .nr_cpus = 1,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .pci64_size = 64 * GiB },
	  { .bootargs = "" } },
	{ "realm-pl031",
	  { .pl031 = true,
	    .nr_cpus = 1,
	    .ram_base = MEMMAP_RAM,
	    .ram_size = 512 * MiB,
	    .psci_smc = true },
	  { .bootargs = "" } },
};

static void build(size_t i, void *out)
{
	struct board_layout l;
	struct fdt_conf c = cases[i].fdt;

	ck_assert_int_eq(board_layout(&l, &cases[i].board), 0);
	c.board = &cases[i].board;
	c.layout = &l;
	ck_assert_int_eq(fdt_build(out, SIZE, &c), 0);
}

static void save(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* Run a shell command; returns what it printed on both outputs. */
__attribute__((format(printf, 1, 2))) static const char *run(const char *fmt, ...)
{
	static char cmd[512], out[8192];
	va_list ap;
	FILE *p;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	p = popen(cmd, "r");
	ck_assert_ptr_nonnull(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = 0;
	ck_assert_msg(pclose(p) == 0, "%s: %s", cmd, out);
	return out;
}

/* Both trees, tag by tag; names of nodes and properties and their bytes. */
static void compare(const char *name, const void *a, const void *b)
{
	int oa = 0, ob = 0, next_a, next_b, la, lb;
	u32 tag;

	do {
		tag = fdt_next_tag(a, oa, &next_a);
		ck_assert_uint_eq(tag, fdt_next_tag(b, ob, &next_b));
		if (tag == FDT_BEGIN_NODE)
			ck_assert_str_eq(fdt_get_name(a, oa, NULL), fdt_get_name(b, ob, NULL));
		if (tag == FDT_PROP) {
			const char *na, *nb;
			const void *pa = fdt_getprop_by_offset(a, oa, &na, &la);
			const void *pb = fdt_getprop_by_offset(b, ob, &nb, &lb);

			ck_assert_str_eq(na, nb);
			ck_assert_msg(la == lb && !memcmp(pa, pb, (size_t)la),
				      "%s: property %s is not the golden one", name, na);
		}
		oa = next_a;
		ob = next_b;
	} while (tag != FDT_END);
}

START_TEST(trees_are_golden)
{
	const char *mode = getenv("GOLDEN");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char dtb[128], dts[128];
		FILE *f;

		snprintf(dtb, sizeof(dtb), "build/unit/%s.dtb", cases[i].name);
		snprintf(dts, sizeof(dts), "tests/golden/%s.dts", cases[i].name);
		build(i, blob);
		if (mode && !strcmp(mode, "write")) {
			save(dtb, blob, SIZE);
			run("dtc -q -I dtb -O dts -o %s %s 2>&1", dts, dtb);
			continue;
		}
		run("dtc -q -I dts -O dtb -o %s %s 2>&1", dtb, dts);
		f = fopen(dtb, "rb");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_gt(fread(golden, 1, sizeof(golden), f), 0);
		fclose(f);
		compare(cases[i].name, blob, golden);
	}
}
END_TEST

/* dtc has a hundred opinions on a tree (-Wall is its default); ours are none of its business. */
START_TEST(dtc_finds_nothing)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char dtb[128];

		snprintf(dtb, sizeof(dtb), "build/unit/%s.checked", cases[i].name);
		build(i, blob);
		save(dtb, blob, SIZE);
		ck_assert_str_eq(run("dtc -I dtb -O dtb -o /dev/null %s 2>&1", dtb), "");
	}
}
END_TEST

/* The blob is measured: every byte of the 64 KiB is determined, whatever was there before. */
START_TEST(same_options_same_bytes)
{
	static u8 again[SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(blob, 0xaa, SIZE);
		memset(again, 0x55, SIZE);
		build(i, blob);
		build(i, again);
		ck_assert_mem_eq(blob, again, SIZE);
		for (size_t b = fdt_totalsize(blob); b < SIZE; b++)
			ck_assert_uint_eq(blob[b], 0);
	}
}
END_TEST

static const void *get(const char *path, const char *prop, int *len)
{
	return fdt_getprop(blob, fdt_path_offset(blob, path), prop, len);
}

/* Nothing random, and nothing that says "no initrd", unless there is one. */
START_TEST(absent_means_absent)
{
	int len;

	build(0, blob);
	ck_assert_ptr_null(get("/chosen", "kaslr-seed", &len));
	ck_assert_ptr_null(get("/chosen", "rng-seed", &len));
	ck_assert_ptr_null(get("/chosen", "linux,initrd-start", &len));
	ck_assert_ptr_null(get("/timer", "clock-frequency", &len));
	ck_assert_int_lt(fdt_path_offset(blob, "/pmu"), 0);
	build(4, blob);
	ck_assert_ptr_null(get("/chosen", "bootargs", &len));
}
END_TEST

/* stdout-path goes through the alias; EDK2 and kvm-unit-tests want to end at a 16550. */
START_TEST(console_is_found_the_way_guests_look_for_it)
{
	const char *path, *compatible;
	int len;

	build(0, blob);
	path = get("/chosen", "stdout-path", &len);
	ck_assert_str_eq(path, "serial0");
	path = fdt_get_alias(blob, path);
	ck_assert_ptr_nonnull(path);
	compatible = get(path, "compatible", &len);
	ck_assert_str_eq(compatible, "ns16550a");
}
END_TEST

/* The largest board fits into the 64 KiB that are measured. */
START_TEST(five_hundred_cpus_fit)
{
	struct board_conf b = { .nr_cpus = 512, .ram_base = MEMMAP_RAM, .ram_size = GiB };
	static char args[2048];
	struct fdt_conf c = { .board = &b, .bootargs = args };
	struct board_layout l;

	memset(args, 'x', sizeof(args) - 1);
	ck_assert_int_eq(board_layout(&l, &b), 0);
	c.layout = &l;
	ck_assert_int_eq(fdt_build(blob, SIZE, &c), 0);
}
END_TEST

START_TEST(a_tree_that_does_not_fit_is_an_error)
{
	struct board_conf b = { .nr_cpus = 1, .ram_base = MEMMAP_RAM, .ram_size = GiB };
	struct fdt_conf c = { .board = &b };
	struct board_layout l;

	ck_assert_int_eq(board_layout(&l, &b), 0);
	c.layout = &l;
	capture_start();
	for (u32 size = 0; size < 3000; size += 100) {
		ck_assert_int_eq(fdt_build(blob, size, &c), -ENOSPC);
		captured_one_error("device tree", "--params");
	}
}
END_TEST

/* ---- trees of the user's ---- */

/* A root, /memory with these cells, and /chosen with an initrd of one cell each; 0: without. */
static void small_tree(u32 cells, const u32 *reg, unsigned nr_reg, u32 start, u32 end)
{
	fdt32_t be[8];

	ck_assert_int_eq(fdt_create(blob, SIZE), 0);
	ck_assert_int_eq(fdt_finish_reservemap(blob), 0);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", cells);
	fdt_property_u32(blob, "#size-cells", cells);
	fdt_begin_node(blob, "memory@80000000");
	for (unsigned i = 0; i < nr_reg; i++)
		be[i] = cpu_to_fdt32(reg[i]);
	if (nr_reg)
		fdt_property(blob, "reg", be, (int)(4 * nr_reg));
	fdt_end_node(blob);
	fdt_begin_node(blob, "chosen");
	if (start)
		fdt_property_u32(blob, "linux,initrd-start", start);
	if (end)
		fdt_property_u32(blob, "linux,initrd-end", end);
	fdt_end_node(blob);
	fdt_end_node(blob);
	ck_assert_int_eq(fdt_finish(blob), 0);
}

#define SMALL(cells, start, end, ...)                                                              \
	small_tree(cells, (u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / 4, start, end)

/* What lies in the blob is no tree for this machine, and lkvm says why. */
static void refused(const struct fdt_conf *c, const char *what, const char *why)
{
	ck_assert_int_eq(fdt_check("t", blob, SIZE, c), -EINVAL);
	captured_one_error(what, why);
}

START_TEST(what_the_user_gives_has_to_fit)
{
	const struct board_conf board = { .nr_cpus = 1,
					  .ram_base = MEMMAP_RAM,
					  .ram_size = 64 * MiB };
	struct board_layout l;
	struct fdt_conf c = { .board = &board, .layout = &l };

	ck_assert_int_eq(board_layout(&l, &board), 0);
	SMALL(1, 0, 0, 0x80000000, 0x4000000);
	ck_assert_int_eq(fdt_check("t", blob, SIZE, &c), 0);
	SMALL(2, 0, 0, 0, 0x80000000, 0, 0x2000000);
	ck_assert_int_eq(fdt_check("t", blob, SIZE, &c), 0);
	capture_start();
	/* What is there is less than the header says, or nothing like it. */
	ck_assert_int_eq(fdt_check("t", blob, fdt_totalsize(blob) - 1, &c), -EINVAL);
	captured_one_error("--dtb t", "damaged");
	ck_assert_int_eq(fdt_check("t", blob, 3, &c), -EINVAL);
	captured_one_error("--dtb t", "no device tree blob");
	fdt_set_version(blob, 15); /* its nodes have whole paths as names */
	fdt_set_last_comp_version(blob, 15);
	refused(&c, "--dtb t", "old version");
	SMALL(1, 0, 0, 0x80000000, 0x4000001);
	refused(&c, "--dtb t", "--mem");
	SMALL(1, 0, 0, 0x7ffff000, 0x1000);
	refused(&c, "--dtb t", "--mem");
	SMALL(2, 0, 0, 0, 0x80000000, 0xffffffff, 0xffffffff);
	refused(&c, "--dtb t", "--mem");
	SMALL(2, 0, 0, 0, 0x80000000, 0);
	refused(&c, "--dtb t", "--mem");
	SMALL(3, 0, 0, 0, 0, 0x80000000, 0, 0, 0x1000);
	refused(&c, "--dtb t", "--mem");
	small_tree(1, NULL, 0, 0, 0);
	refused(&c, "--dtb t", "no memory node");
}
END_TEST

START_TEST(what_the_user_gives_knows_the_initrd)
{
	const struct board_conf board = { .nr_cpus = 1,
					  .ram_base = MEMMAP_RAM,
					  .ram_size = 64 * MiB };
	struct board_layout l;
	struct fdt_conf c = { .board = &board, .layout = &l };

	ck_assert_int_eq(board_layout(&l, &board), 0);
	capture_start();
	SMALL(1, 0x81000000, 0x81000100, 0x80000000, 0x4000000);
	refused(&c, "--dtb t", "no --initrd");
	c.initrd_base = 0x81000000;
	c.initrd_len = 0x100;
	ck_assert_int_eq(fdt_check("t", blob, SIZE, &c), 0);
	c.initrd_len++;
	refused(&c, "/chosen does not say", "0x81000000 up to 0x81000101");
	c.initrd_base++; /* the same end */
	c.initrd_len -= 2;
	refused(&c, "/chosen does not say", "0x81000001");
	SMALL(1, 0x81000000, 0, 0x80000000, 0x4000000);
	refused(&c, "/chosen does not say", "");
}
END_TEST

SUITE_MAIN("arm64/fdt", trees_are_golden, dtc_finds_nothing, same_options_same_bytes,
	   absent_means_absent, console_is_found_the_way_guests_look_for_it, five_hundred_cpus_fit,
	   a_tree_that_does_not_fit_is_an_error, what_the_user_gives_has_to_fit,
	   what_the_user_gives_knows_the_initrd)
