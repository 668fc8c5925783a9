/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Realm Initial Measurement against published values: P1 - P4 of the attestation reference (two
 * of veraison/cca-realm-measurements' own, made with kvmtool), and a value for each step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "realm/measure/rim.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define DTB UINT64_C(0x8fe00000)
#define DTB_SIZE (64 * KiB)

static const u64 entry_gprs[8] = { DTB };

static void check(const struct rim *r, const char *expected)
{
	char hex[2 * RSI_HASH_MAX + 1];

	for (unsigned i = 0; i < RSI_HASH_MAX; i++)
		snprintf(hex + 2 * i, 3, "%02x", r->value[i]);
	ck_assert_uint_eq(strlen(expected), 2 * rsi_hash_len(r->hash));
	ck_assert_msg(!strncmp(hex, expected, strlen(expected)), "%s\n%s", hex, expected);
	/* Fields of a measurement are 64 bytes: zeros behind a shorter one. */
	for (unsigned i = rsi_hash_len(r->hash); i < RSI_HASH_MAX; i++)
		ck_assert_uint_eq(r->value[i], 0);
}

/* ---- published vectors ---- */

START_TEST(p1_p2_parameters)
{
	struct rim_params p = { .hash = RSI_HASH_SHA256, .ipa_bits = 48, .nr_bps = 2, .nr_wps = 2 };
	struct rim r;

	rim_create(&r, RIM_RMM_1_0, &p);
	check(&r, "6739dfb22b75ee1268d08dfa8369f501bc0b066243553f069f560d1fa1172973");
	p.hash = RSI_HASH_SHA512;
	rim_create(&r, RIM_RMM_1_0, &p);
	check(&r, "799e434048fb57eb9d4f0e2a2b98158720377252deab2bdfcd69b5a8f82237f4"
		  "34bd6bb1c75bf160a2d49382f733b3439a3ff769e4ea5dd9a6f72239d44bbbab");
}
END_TEST

/* kvmtool's device tree of P3 and P4; NULL: it is not here. */
static const u8 *kvmtool_dtb(void)
{
	static u8 dtb[DTB_SIZE];
	const char *dir = getenv("LKVM_VECTORS");
	char path[256];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/kvmtool_vec.dtb", dir ? dir : "../shared/vectors");
	f = fopen(path, "rb");
	if (!f) {
		printf("skip: no device tree of kvmtool at %s\n", path);
		return NULL;
	}
	len = fread(dtb, 1, sizeof(dtb), f);
	fclose(f);
	ck_assert_uint_eq(len, 3415);
	return dtb;
}

/* --num-wps 6 --num-bps 6 kvmtool --realm -c 1 -m 512M */
static void kvmtool_realm(struct rim *r)
{
	struct rim_params p = { .ipa_bits = 33, .nr_bps = 6, .nr_wps = 6 };

	rim_create(r, RIM_RMM_1_0, &p);
	rim_init_ripas(r, RAM, RAM + 512 * MiB);
}

static void kvmtool_dtb_and_rec(struct rim *r, const u8 *dtb, u64 pc)
{
	for (u64 off = 0; off < DTB_SIZE; off += RSI_GRANULE)
		rim_data(r, DTB + off, dtb + off);
	rim_rec(r, true, pc, entry_gprs);
}

START_TEST(p3_kvmtool)
{
	const u8 *dtb = kvmtool_dtb();
	struct rim r;

	if (!dtb)
		return;
	kvmtool_realm(&r);
	kvmtool_dtb_and_rec(&r, dtb, 0);
	check(&r, "998dfdf6401d69f73ed88ac53d62d5ea2cfac6320b887ce4599aa8671791d4d0");
}
END_TEST

START_TEST(p4_kvmtool_firmware)
{
	u8 firmware[RSI_GRANULE] = "FW CONTENT";
	const u8 *dtb = kvmtool_dtb();
	struct rim r;

	if (!dtb)
		return;
	kvmtool_realm(&r);
	rim_data(&r, RAM, firmware);
	kvmtool_dtb_and_rec(&r, dtb, RAM);
	check(&r, "cf37146fce0ad50e1be1a04580c1024e5449b430b0dd96b6ef5c9a2b73767bf5");
}
END_TEST

/* ---- step by step ---- */

static const struct rim_params small = { .ipa_bits = 33, .nr_bps = 6, .nr_wps = 4 };

/* All of the steps; `expected` has the value after each of them, or NULL: not known. */
static void steps(struct rim *r, enum rim_rmm rmm, enum rsi_hash hash,
		  const char *const expected[6])
{
	struct rim_params p = small;
	u8 page[RSI_GRANULE] = { 0 };

	p.hash = hash;
	rim_create(r, rmm, &p);
	if (expected[0])
		check(r, expected[0]);
	rim_init_ripas(r, RAM, RAM + 2 * MiB + 4 * KiB);
	if (expected[1])
		check(r, expected[1]);
	rim_data(r, RAM, page);
	if (expected[2])
		check(r, expected[2]);
	for (unsigned i = 0; i < sizeof(page); i++)
		page[i] = (u8)i;
	rim_data(r, RAM + 4 * KiB, page);
	if (expected[3])
		check(r, expected[3]);
	if (rmm == RIM_RMM_1_0)
		rim_data(r, RAM + 8 * KiB, NULL);
	if (expected[4])
		check(r, expected[4]);
	rim_rec(r, true, RAM, entry_gprs);
	check(r, expected[5]);
}

START_TEST(steps_sha256)
{
	static const char *const expected[] = {
		"53de626e00bd6e56fdab0d092b7963081274c9b3d1cbbe5bbfe87ce9f2f294e8",
		"bf273e4ad02a95adee8d347e48aac15a5aaf0d4cb5e03fcea66709cb643d5b4b",
		"595ccfdcc8412545fda07255ffc4cb85501252d9d58a86f8d1586f847e379205",
		"f4f23c60930a610676456051a38480a79e4d8352eee9429dd708c09b6cec6ce8",
		"e710f781e9ac911cfcfd9698756fa5872f5f7aa0bbd106e07645762aabd44f09",
		"2df41f2166f7b95e8f5ce8660c42d4a34874959e6c9f000cc7be71e8da22b47a",
	};
	struct rim r;

	steps(&r, RIM_RMM_1_0, RSI_HASH_SHA256, expected);
}
END_TEST

START_TEST(steps_sha512)
{
	static const char *const expected[6] = {
		[5] = "74ed06d8e1d08da59df8dc792c18d4f72dba2e3221d1776d7dad4870c3321516"
		      "753240b0b189ef806b1571b7966c4ba8dc3a72609584f5173eb2ce6d21d6a1b8",
	};
	struct rim r;

	steps(&r, RIM_RMM_1_0, RSI_HASH_SHA512, expected);
}
END_TEST

/* The state of RAM is not measured by RMM 2.0. */
START_TEST(steps_rmm_2_0)
{
	static const struct {
		enum rsi_hash hash;
		const char *expected[6];
	} runs[] = {
		{ RSI_HASH_SHA256,
		  { [0] = "53de626e00bd6e56fdab0d092b7963081274c9b3d1cbbe5bbfe87ce9f2f294e8",
		    [1] = "53de626e00bd6e56fdab0d092b7963081274c9b3d1cbbe5bbfe87ce9f2f294e8",
		    [5] = "13b580d0361a3bd4b72bec2714be8d1349dbf1473d32f46548ef2b503c4ca5ad" } },
		{ RSI_HASH_SHA512,
		  { [5] = "fa8ad080e28bf4ff69d6a1ce1b210e00a6d3030bcc0ae085ecad3bc45eeba0ac"
			  "03b210d8b7310a761a700d5bc38e8ba3af5af0cbd25e32b500d8d57734db20cc" } },
		{ RSI_HASH_SHA384,
		  { [5] = "9e65679d9c5cd95494f044647c1de5eedfee236667b88ce9501b222767884841"
			  "04bb106a7eb2cb2cabff0d6c35e0131f" } },
	};
	struct rim r;

	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
		steps(&r, RIM_RMM_2_0, runs[i].hash, runs[i].expected);
}
END_TEST

START_TEST(sve_and_pmu)
{
	struct rim_params p = small;
	struct rim r;

	p.sve = p.pmu = true;
	p.sve_vl = 512;
	p.nr_counters = 6;
	rim_create(&r, RIM_RMM_1_0, &p);
	check(&r, "447ba1982948e209de9a776d830d8ef597eb7859e610756c51057b885b87700b");
	/* Without the flag the number says nothing. */
	p.sve = p.pmu = false;
	rim_create(&r, RIM_RMM_1_0, &p);
	check(&r, "53de626e00bd6e56fdab0d092b7963081274c9b3d1cbbe5bbfe87ce9f2f294e8");
}
END_TEST

/*
 * [uapi update 2: 2] Bit 0 of the flags. Values of this, which shares nothing with the program:
 *
 *   H = lambda b: hashlib.sha256(b).digest()
 *   def put(size, *fields):
 *       b = bytearray(size)
 *       for at, v in fields:
 *           v = v if isinstance(v, bytes) else struct.pack('<Q', v)
 *           b[at:at + len(v)] = v
 *       return bytes(b)
 *   def launch(flags, vl, counters):
 *       r = H(put(4096, (0, flags), (8, 33), (16, vl), (24, 5), (32, 3), (40, counters)))
 *       for n, page in ((0, bytes(4096)), (1, bytes(i & 255 for i in range(4096)))):
 *           r = H(put(256, (8, 256), (16, r), (80, 0x80000000 + 4096 * n), (88, 1), (96, H(page))))
 *       rec = put(4096, (0, 1), (0x200, 0x80000000), (0x300, 0x8fe00000))
 *       return H(put(256, (0, 1), (8, 256), (16, r), (80, H(rec))))
 *   launch(1, 0, 0); launch(3, 3, 0); launch(7, 3, 6)
 */
START_TEST(lpa2)
{
	static const char *const expected[] = {
		"a4fea80ab42c388d355281c51b8292f05ba20021cc45277cda2beba911d7ccf5",
		"ce5f3cb0d72f4bcced4bd3f50fb46196e77736ba5b6dcd3d97bf4c264bd2904f",
		"4cd48edd4f0586094c0a642b4323e6e14d1465be3f675b92dee3dde8ffac9bfb",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		struct rim_params p = small;
		u8 page[RSI_GRANULE] = { 0 };
		struct rim r;

		p.lpa2 = true;
		p.sve = i > 0;
		p.sve_vl = 512;
		p.pmu = i > 1;
		p.nr_counters = 6;
		rim_create(&r, RIM_RMM_2_0, &p);
		rim_data(&r, RAM, page);
		for (unsigned b = 0; b < sizeof(page); b++)
			page[b] = (u8)b;
		rim_data(&r, RAM + 4 * KiB, page);
		rim_rec(&r, true, RAM, entry_gprs);
		check(&r, expected[i]);
	}
}
END_TEST

/* ---- properties ---- */

/* [RMM 1.0 B4.3.12.4] */
START_TEST(only_runnable_recs)
{
	struct rim r, before;

	rim_create(&r, RIM_RMM_1_0, &small);
	before = r;
	rim_rec(&r, false, RAM, entry_gprs);
	ck_assert_mem_eq(&r, &before, sizeof(r));
	rim_rec(&r, true, RAM, entry_gprs);
	ck_assert_mem_ne(&r, &before, sizeof(r));
}
END_TEST

/* Does one call for [base, top) measure what calls for these entries, one each, do? */
static void check_entries(unsigned ipa_bits, u64 base, u64 top, const u64 *sizes, unsigned nr)
{
	struct rim_params p = small;
	struct rim one, many;

	p.ipa_bits = ipa_bits;
	rim_create(&one, RIM_RMM_1_0, &p);
	many = one;
	rim_init_ripas(&one, base, top);
	for (unsigned i = 0; i < nr; i++) {
		rim_init_ripas(&many, base, base + sizes[i]);
		base += sizes[i];
	}
	ck_assert_uint_eq(base, top);
	ck_assert_mem_eq(one.value, many.value, sizeof(one.value));
}

/* The largest entries: which there are depends on the width of the space. */
START_TEST(ripas_entries)
{
	static const u64 odd[] = { 4 * KiB, 4 * KiB, 2 * MiB, 4 * KiB };
	static const u64 wide[] = { 2 * MiB, GiB, 2 * MiB };
	u64 base = 3 * GiB - 2 * MiB, top = 4 * GiB + 2 * MiB;
	struct rim_params p = small;
	struct rim narrow, wider;

	check_entries(33, RAM - 8 * KiB, RAM + 2 * MiB + 4 * KiB, odd, ARRAY_SIZE(odd));
	check_entries(36, base, top, wide, ARRAY_SIZE(wide));
	/* 34 bits start at level 2: no entry of 1 GiB. The parameters differ too: not those. */
	p.ipa_bits = 34;
	rim_create(&narrow, RIM_RMM_1_0, &p);
	wider = narrow;
	wider.ipa_bits = 35;
	rim_init_ripas(&narrow, GiB, 2 * GiB);
	rim_init_ripas(&wider, GiB, 2 * GiB);
	ck_assert_mem_ne(narrow.value, wider.value, sizeof(narrow.value));
	/* 43 and 44 bits: the same at 512 GiB. */
	p.ipa_bits = 43;
	rim_create(&narrow, RIM_RMM_1_0, &p);
	wider = narrow;
	wider.ipa_bits = 44;
	rim_init_ripas(&narrow, 512 * GiB, 1024 * GiB);
	rim_init_ripas(&wider, 512 * GiB, 1024 * GiB);
	ck_assert_mem_ne(narrow.value, wider.value, sizeof(narrow.value));
	/* Entries that are RAM already are measured again, nothing is not. */
	wider = narrow;
	rim_init_ripas(&wider, GiB, GiB);
	ck_assert_mem_eq(&narrow, &wider, sizeof(narrow));
}
END_TEST

/* Each input counts. */
START_TEST(all_inputs)
{
	u64 gprs[8] = { 0 };
	u8 page[RSI_GRANULE] = { 0 };
	struct rim base, r[6];

	rim_create(&base, RIM_RMM_1_0, &small);
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = base;
	rim_data(&r[0], RAM, page);
	rim_data(&r[1], RAM, NULL);
	rim_data(&r[2], RAM + RSI_GRANULE, page);
	page[RSI_GRANULE - 1] = 1;
	rim_data(&r[3], RAM, page);
	rim_rec(&r[4], true, RAM, gprs);
	gprs[7] = 1;
	rim_rec(&r[5], true, RAM, gprs);
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		for (unsigned j = 0; j < i; j++)
			ck_assert_mem_ne(r[i].value, r[j].value, 32);
	}
}
END_TEST

SUITE_MAIN("realm/rim", p1_p2_parameters, p3_kvmtool, p4_kvmtool_firmware, steps_sha256,
	   steps_sha512, steps_rmm_2_0, sve_and_pmu, lpa2, only_runnable_recs, ripas_entries,
	   all_inputs)
