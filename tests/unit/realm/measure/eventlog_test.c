/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurement log as a verifier reads it: event by event, and a measurement out of nothing else
 * but its events and the parts that they name.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/vm/mem.h"
#include "realm/measure/digest.h"
#include "realm/measure/eventlog.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (16 * MiB)
#define LOG (RAM + SIZE - 64 * KiB)
#define DTB (RAM + 14 * MiB)

static const struct rim_params params = { .ipa_bits = 33,
					  .nr_bps = 6,
					  .nr_wps = 4,
					  .sve = true,
					  .sve_vl = 512,
					  .pmu = true,
					  .nr_counters = 5 };
static struct mem *m;
static struct plan plan;
static const u8 *at;
static const u8 zeros[128];

static void setup(void)
{
	const struct plan_conf c = {
		.page = 4096,
		.ram_base = gpa(RAM),
		.ram_size = SIZE,
		.nr_vcpus = 3,
		.entry = gpa(RAM),
		.dtb = gpa(DTB),
		.nr_parts = 4,
		.parts = {
			{ "kernel", "Image", gpa(RAM), 10000, false, "KERNEL" },
			{ "initrd", "initrd", gpa(DTB - 5004), 5000, false, "INITRD" },
			{ "device tree", NULL, gpa(DTB), 65536, false, "DTB" },
			{ "measurement log", NULL, gpa(LOG), 65536, true, "LOG" },
		},
	};

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, 0, NULL), 0);
	memset(mem_load_ptr(m, gpa(RAM), 10000), 0xab, 10000);
	memset(mem_load_ptr(m, gpa(DTB - 5004), 5000), 0xcd, 5000);
	memset(mem_load_ptr(m, gpa(DTB), 3000), 0xef, 3000);
	memset(mem_load_ptr(m, gpa(LOG), 65536), 0x11, 65536);
	ck_assert_int_eq(plan_build(&plan, &c), 0);
}

static void teardown(void)
{
	mem_destroy(m);
}

static int write_log(u64 len)
{
	const struct eventlog_conf c = { &plan, &params, gpa(LOG), len, SIZE };

	at = mem_load_ptr(m, gpa(LOG), 65536);
	return eventlog_write(m, &c);
}

/* ---- reading ---- */

static u64 number(unsigned bytes)
{
	u64 v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (u64)*at++ << 8 * i;
	return v;
}

static void bytes_are(const void *p, size_t len)
{
	ck_assert_mem_eq(at, p, len);
	at += len;
}

/* An event of the register 0 with one digest; at its data afterwards. */
static u64 event(u64 type, const u8 *sha512)
{
	ck_assert_uint_eq(number(4), 0);
	ck_assert_uint_eq(number(4), type);
	ck_assert_uint_eq(number(4), 1);
	ck_assert_uint_eq(number(2), 0xd);
	bytes_are(sha512, 64);
	return number(4);
}

static void tag(u64 id, u64 len)
{
	ck_assert_uint_eq(event(6, zeros), 8 + len);
	ck_assert_uint_eq(number(4), id);
	ck_assert_uint_eq(number(4), len);
}

/* [TCG PFP 1.06 10.4.5.1] */
static void read_header(void)
{
	ck_assert_uint_eq(number(4), 0);
	ck_assert_uint_eq(number(4), 3);
	bytes_are(zeros, 20);
	ck_assert_uint_eq(number(4), 37);
	bytes_are("Spec ID Event03\0\0\0\0\0\0\2\152\2", 24);
	ck_assert_uint_eq(number(4), 2);
	bytes_are("\x0b\0\x20\0\x0d\0\x40\0\0", 9);
	/* The VM, with a digest of zeros for each hash. */
	ck_assert_uint_eq(number(4), 0);
	ck_assert_uint_eq(number(4), 3);
	ck_assert_uint_eq(number(4), 2);
	ck_assert_uint_eq(number(2), 0xb);
	bytes_are(zeros, 32);
	ck_assert_uint_eq(number(2), 0xd);
	bytes_are(zeros, 64);
	ck_assert_uint_eq(number(4), 116);
	bytes_are("VM VERSION\0\0\0\0\0\0lkvm", 20);
	bytes_are(zeros, 28);
	at += 40;
	ck_assert_uint_eq(number(8), LOG);
	ck_assert_uint_eq(number(8), 65536);
	ck_assert_uint_eq(number(8), SIZE);
	ck_assert_uint_eq(number(4), 3);
}

static struct rim read_create(enum rim_rmm rmm)
{
	struct rim_params p = { 0 };
	struct rim r;
	u64 flags;

	tag(1, 14);
	flags = number(8);
	ck_assert_uint_eq(flags, 6);
	p.sve = flags & 2;
	p.pmu = flags & 4;
	p.ipa_bits = (unsigned)number(1);
	p.sve_vl = 128 * ((unsigned)number(1) + 1);
	p.nr_bps = (unsigned)number(1) + 1;
	p.nr_wps = (unsigned)number(1) + 1;
	p.nr_counters = (unsigned)number(1);
	p.hash = (enum rsi_hash)number(1);
	rim_create(&r, rmm, &p);
	return r;
}

static void read_ripas(struct rim *r)
{
	u64 base;

	tag(2, 16);
	base = number(8);
	rim_init_ripas(r, base, base + number(8));
}

/* A part by its name; those that are measured have the SHA-512 of their bytes. */
static void read_blob(struct rim *r, u64 type, const char *name, u64 base, u64 len, bool measured)
{
	const u8 *pages = mem_load_ptr(m, gpa(align_down(base, 4096)), len);
	u8 hash[64] = { 0 };

	if (measured)
		digest(RSI_HASH_SHA512, mem_load_ptr(m, gpa(base), len), len, NULL, 0, hash);
	ck_assert_uint_eq(event(type, hash), 1 + strlen(name) + 1 + 16);
	ck_assert_uint_eq(number(1), strlen(name) + 1);
	bytes_are(name, strlen(name) + 1);
	ck_assert_uint_eq(number(8), base);
	ck_assert_uint_eq(number(8), len);
	for (u64 g = align_down(base, 4096); g < base + len; g += 4096, pages += 4096)
		rim_data(r, g, measured ? pages : NULL);
}

static void read_rec(struct rim *r)
{
	u64 pc, gprs[8];

	tag(3, 80);
	ck_assert_uint_eq(number(8), 1);
	pc = number(8);
	for (unsigned i = 0; i < 8; i++)
		gprs[i] = number(8);
	rim_rec(r, true, pc, gprs);
}

/* ---- tests ---- */

START_TEST(a_measurement_from_the_log)
{
	const u8 *log = mem_load_ptr(m, gpa(LOG), 65536);
	struct rim got, want;

	ck_assert_int_eq(write_log(65536), 0);
	read_header();
	got = read_create(RIM_RMM_1_0);
	read_ripas(&got);
	read_blob(&got, 0x13, "KERNEL", RAM, 10000, true);
	read_blob(&got, 0x13, "INITRD", DTB - 5004, 5000, true);
	read_blob(&got, 0x13, "DTB", DTB, 65536, true);
	read_rec(&got);
	read_blob(&got, 0x13, "LOG", LOG, 65536, false);
	while (at < log + 65536)
		ck_assert_uint_eq(*at++, 0);
	ck_assert_int_eq(plan_measure(&plan, RIM_RMM_1_0, &params, m, NULL, NULL, &want), 0);
	ck_assert_mem_eq(got.value, want.value, RSI_HASH_MAX);
}
END_TEST

START_TEST(firmware_is_an_event_of_its_own)
{
	struct rim r;

	plan.steps[2].part.log = "FIRMWARE";
	ck_assert_int_eq(write_log(65536), 0);
	read_header();
	r = read_create(RIM_RMM_1_0);
	read_ripas(&r);
	read_blob(&r, 0x8000000a, "FIRMWARE", RAM, 10000, true);
}
END_TEST

START_TEST(what_cannot_be_written)
{
	const u8 *log = mem_load_ptr(m, gpa(LOG), 65536);
	u64 used = 65536, len;

	ck_assert_int_eq(write_log(65536), 0);
	while (!log[used - 1])
		used--;
	/* The last bytes are zeros of the last event. */
	for (len = used; write_log(len) == -ENOSPC; len++)
		ck_assert_uint_lt(len, used + 16);
	for (u64 n = 1; n < len; n++)
		ck_assert_int_eq(write_log(n), -ENOSPC);
	plan.steps[2].part.base = gpa(RAM - 4096);
	ck_assert_int_eq(write_log(65536), -EFAULT);
	mem_seal(m);
	ck_assert_int_eq(write_log(65536), -EFAULT);
}
END_TEST

SUITE_MAIN_FIXTURE("realm/eventlog", setup, teardown, a_measurement_from_the_log,
		   firmware_is_an_event_of_its_own, what_cannot_be_written)
