/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The RSI service, clause by clause, over a toy environment of 64 pages. */
#include <errno.h>
#include <string.h>

#include "realm/measure/digest.h"
#include "realm/sim/rsi.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define PAGES 64u
#define IPA_BITS 33u
#define PAR_END BIT(IPA_BITS - 1)

static u8 ram[PAGES][RSI_GRANULE];
static bool is_ram[PAGES]; /* RIPAS */
static int set_error, token_error;
static u64 set_stop; /* ripas_set() goes no further than this, 0: no limit */
static u8 token[3000], seen_challenge[64];
static unsigned seen_rec;
static u16 seen_imm;

static int page_of(u64 ipa)
{
	return ipa >= RAM && ipa < RAM + PAGES * RSI_GRANULE ? (int)((ipa - RAM) / RSI_GRANULE)
							     : -1;
}

static int t_read(void *arg, u64 ipa, void *buf, u32 len)
{
	int p = page_of(ipa);

	if (p < 0 || !is_ram[p])
		return -EFAULT;
	memcpy(buf, &ram[p][ipa % RSI_GRANULE], len);
	return 0;
}

static int t_write(void *arg, u64 ipa, const void *buf, u32 len)
{
	int p = page_of(ipa);

	if (p < 0 || !is_ram[p])
		return -EFAULT;
	memcpy(&ram[p][ipa % RSI_GRANULE], buf, len);
	return 0;
}

static enum rsi_ripas state_at(u64 a)
{
	int p = page_of(a);

	return p >= 0 && is_ram[p] ? RSI_RIPAS_RAM : RSI_RIPAS_EMPTY;
}

static u64 t_run(void *arg, u64 base, u64 top, enum rsi_ripas *ripas)
{
	u64 a = base;

	*ripas = state_at(base);
	while (a < top && state_at(a) == *ripas)
		a += RSI_GRANULE;
	return a;
}

static int t_set(void *arg, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached)
{
	*reached = base;
	if (set_error)
		return set_error;
	for (; *reached < top && *reached != set_stop; *reached += RSI_GRANULE) {
		int p = page_of(*reached);

		if (p >= 0)
			is_ram[p] = ripas == RSI_RIPAS_RAM;
	}
	return 0;
}

static int t_token(void *arg, unsigned rec, const u8 challenge[64], const u8 **out, u32 *len)
{
	seen_rec = rec;
	memcpy(seen_challenge, challenge, 64);
	*out = token;
	*len = sizeof(token);
	return token_error;
}

static int host_call_error;

static int t_host_call(void *arg, u16 imm, u64 gprs[31])
{
	seen_imm = imm;
	for (int i = 0; i < 31 && !host_call_error; i++)
		gprs[i] += 1;
	return host_call_error;
}

static const struct rsi_env env = { t_read, t_write, t_run, t_set, t_token, t_host_call };
static struct rsi_realm realm;
static struct rsi_rec rec;
static u64 x[RSI_NR_REGS];
static unsigned nr_out;

static void setup(void)
{
	memset(ram, 0, sizeof(ram));
	memset(is_ram, 1, sizeof(is_ram));
	set_error = token_error = 0;
	set_stop = 0;
	for (size_t i = 0; i < sizeof(token); i++)
		token[i] = (u8)(i * 7);
	rsi_init(&realm, &env, NULL);
	realm.ipa_bits = IPA_BITS;
	realm.token_max = 4096;
	rec = (struct rsi_rec){ .index = 3 };
}

static u64 call(u64 fid, u64 a, u64 b, u64 c, u64 d)
{
	u64 args[RSI_NR_REGS] = { fid, a, b, c, d, 5, 6, 7, 8, 9, 10 };

	memcpy(x, args, sizeof(x));
	rsi_call(&realm, &rec, x, &nr_out);
	return x[0];
}

/* [RMM 1.0 B5.3.11] */
START_TEST(version)
{
	setup();
	ck_assert_uint_eq(call(RSI_VERSION, 0x10000, 1, 1, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], 0x10000);
	ck_assert_uint_eq(x[2], 0x10000);
	ck_assert_uint_eq(x[3], 0);
	ck_assert_uint_eq(nr_out, 4); /* x4 and up are preserved */
	ck_assert_uint_eq(call(RSI_VERSION, 0x20000, 0, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(x[1], 0x10000);
	ck_assert_uint_eq(x[2], 0x10000);
	ck_assert_uint_eq(call(RSI_VERSION, 0x10001, 0, 0, 0), RSI_ERROR_INPUT);
}
END_TEST

START_TEST(versions_that_were_chosen)
{
	static const struct {
		u32 low, high;
		u64 requested;
		u64 status, lower, higher;
	} v[] = {
		{ 0x10000, 0x10001, 0x10000, RSI_SUCCESS, 0x10000, 0x10001 },
		{ 0x10000, 0x10001, 0x10001, RSI_SUCCESS, 0x10001, 0x10001 },
		{ 0x10000, 0x10001, 0x10002, RSI_ERROR_INPUT, 0x10001, 0x10001 },
		{ 0x20000, 0x20000, 0x10000, RSI_ERROR_INPUT, 0x20000, 0x20000 },
	};

	setup();
	for (unsigned i = 0; i < ARRAY_SIZE(v); i++) {
		realm.version_low = v[i].low;
		realm.version_high = v[i].high;
		ck_assert_uint_eq(call(RSI_VERSION, v[i].requested, 0, 0, 0), v[i].status);
		ck_assert(x[1] == v[i].lower && x[2] == v[i].higher);
	}
}
END_TEST

START_TEST(features_and_unknown_functions)
{
	setup();
	for (u64 i = 0; i < 3; i++) {
		ck_assert_uint_eq(call(RSI_FEATURES, i, 9, 9, 9), RSI_SUCCESS);
		ck_assert_uint_eq(x[1], 0);
		ck_assert_uint_eq(x[2], 0);
	}
	for (u64 fid = RSI_HOST_CALL + 1; fid < RSI_FID_BASE + RSI_NR_FIDS; fid++)
		ck_assert_uint_eq(call(fid, 0, 0, 0, 0), RSI_NOT_SUPPORTED);
}
END_TEST

/* [RMM 1.0 B5.3.7, B5.3.8]; the value is the published one of rsi.md */
START_TEST(measurements)
{
	static const u8 want[32] = { 0xbb, 0x22, 0x75, 0xc4, 0x9f, 0x28, 0xad, 0x52,
				     0xca, 0xe6, 0xd5, 0x5e, 0x34, 0xa9, 0x74, 0xa5,
				     0x8c, 0x7a, 0x3b, 0xa2, 0x6f, 0x97, 0x6e, 0x8e,
				     0xcb, 0xbe, 0x7a, 0x53, 0x69, 0x18, 0xdc, 0x73 };
	u64 ext[RSI_NR_REGS] = { RSI_MEASUREMENT_EXTEND, 2, 32 };

	setup();
	memset(realm.rim, 0xab, 32);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_READ, 0, 0, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[4], 0xabababababababab);
	ck_assert_uint_eq(x[5], 0); /* beyond the hash: zero */
	ck_assert_uint_eq(nr_out, 9);
	for (int i = 0; i < 32; i++)
		((u8 *)&ext[3])[i] = (u8)i;
	memcpy(x, ext, sizeof(x));
	rsi_call(&realm, &rec, x, &nr_out);
	ck_assert_uint_eq(x[0], RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_READ, 2, 0, 0, 0), RSI_SUCCESS);
	ck_assert_mem_eq(&x[1], want, 32);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_READ, 1, 0, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], 0); /* the others are untouched */
	ck_assert_uint_eq(call(RSI_MEASUREMENT_READ, 5, 0, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 0, 32, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 5, 32, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 1, 65, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 1, 64, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 1, 0, 0, 0), RSI_SUCCESS);
}
END_TEST

START_TEST(sha512_fills_all_eight_words)
{
	setup();
	realm.hash_algo = RSI_HASH_SHA512;
	ck_assert_uint_eq(call(RSI_MEASUREMENT_EXTEND, 4, 8, 0x11, 0), RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_MEASUREMENT_READ, 4, 0, 0, 0), RSI_SUCCESS);
	ck_assert_uint_ne(x[8], 0);
}
END_TEST

/* [RMM 1.0 B5.3.10, B4.4.4] */
START_TEST(realm_config)
{
	setup();
	memset(ram[2], 0xff, RSI_GRANULE);
	memcpy(realm.rpv, "ARMCCA01", 8);
	realm.hash_algo = RSI_HASH_SHA512;
	ck_assert_uint_eq(call(RSI_REALM_CONFIG, RAM + 0x2000, 0, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(*(u64 *)&ram[2][0], IPA_BITS);
	ck_assert_uint_eq(*(u64 *)&ram[2][8], 1); /* Linux reads 64 bits */
	ck_assert_mem_eq(&ram[2][0x200], "ARMCCA01\0", 9);
	ck_assert_uint_eq(ram[2][0xfff], 0);
	ck_assert_uint_eq(call(RSI_REALM_CONFIG, RAM + 0x2008, 0, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_REALM_CONFIG, PAR_END | RAM, 0, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_REALM_CONFIG, 0x1000, 0, 0, 0), RSI_ERROR_INPUT);
	is_ram[2] = false;
	ck_assert_uint_eq(call(RSI_REALM_CONFIG, RAM + 0x2000, 0, 0, 0), RSI_ERROR_INPUT);
}
END_TEST

/* [RMM 1.0 B5.3.6] */
START_TEST(ipa_state_set)
{
	u64 end = RAM + PAGES * RSI_GRANULE;

	setup();
	ck_assert_uint_eq(call(RSI_IPA_STATE_SET, RAM, end, 1, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], end);
	ck_assert_uint_eq(x[2], RSI_ACCEPT);
	ck_assert_uint_eq(call(RSI_IPA_STATE_SET, RAM + 0x1000, RAM + 0x3000, 0, 1), RSI_SUCCESS);
	ck_assert(is_ram[0] && !is_ram[1] && !is_ram[2] && is_ram[3]);
	set_stop = RAM + 0x5000; /* partial progress is a success that says how far */
	ck_assert_uint_eq(call(RSI_IPA_STATE_SET, RAM, end, 0, 1), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], RAM + 0x5000);
	set_stop = 0;
	set_error = -EFAULT; /* the host does not want: only RAM can be rejected */
	ck_assert_uint_eq(call(RSI_IPA_STATE_SET, RAM, end, 1, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[2], RSI_REJECT);
	ck_assert_uint_eq(x[1], RAM);
	ck_assert_uint_eq(call(RSI_IPA_STATE_SET, RAM, end, 0, 0), RSI_ERROR_INPUT);
}
END_TEST

START_TEST(ipa_state_set_bad_arguments)
{
	static const u64 bad[][3] = {
		{ RAM, RAM + 0x1000, 2 },
		{ RAM, RAM + 0x1000, 3 },
		{ RAM + 1, RAM + 0x1000, 1 },
		{ RAM, RAM + 0x1001, 1 },
		{ RAM, RAM, 1 },
		{ RAM + 0x1000, RAM, 1 },
		{ RAM, PAR_END + 0x1000, 0 },
		{ PAR_END, PAR_END + 0x1000, 0 },
		{ 0, UINT64_MAX & ~0xfffull, 0 },
		{ UINT64_MAX & ~0xfffull, 0, 0 },
		{ RAM, RAM + 0x1000, BIT(32) },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_uint_eq(call(RSI_IPA_STATE_SET, bad[i][0], bad[i][1], bad[i][2], 1),
				  RSI_ERROR_INPUT);
		for (int p = 0; p < (int)PAGES; p++)
			ck_assert(is_ram[p]);
	}
}
END_TEST

/* [RMM 1.0 B5.3.5] */
START_TEST(ipa_state_get)
{
	setup();
	is_ram[4] = is_ram[5] = false;
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, RAM, RAM + 0x40000, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], RAM + 0x4000);
	ck_assert_uint_eq(x[2], RSI_RIPAS_RAM);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, RAM + 0x4000, RAM + 0x5000, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], RAM + 0x5000); /* clipped to the end asked for */
	ck_assert_uint_eq(x[2], RSI_RIPAS_EMPTY);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, 0x1000000, 0x1001000, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[2], RSI_RIPAS_EMPTY);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, RAM, RAM, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, RAM + 8, RAM + 0x1000, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, PAR_END - 0x1000, PAR_END, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_IPA_STATE_GET, PAR_END, PAR_END + 0x1000, 0, 0),
			  RSI_ERROR_INPUT);
}
END_TEST

/* [RMM 1.0 B5.3.1, B5.3.2] in the pieces that Linux asks for */
START_TEST(token_in_pieces)
{
	setup();
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 4096, 0), RSI_ERROR_STATE);
	ck_assert_uint_eq(x[1], 0);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_INIT, 0x0102030405060708, 2, 3, 4),
			  RSI_SUCCESS);
	ck_assert_uint_eq(x[1], 4096);
	ck_assert_uint_eq(seen_rec, 3);
	ck_assert_uint_eq(seen_challenge[0], 8);
	ck_assert_uint_eq(seen_challenge[56], 8); /* x8 */
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 0, 0), RSI_INCOMPLETE);
	ck_assert_uint_eq(x[1], 0);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 1000, 0), RSI_INCOMPLETE);
	ck_assert_uint_eq(x[1], 1000);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 1000, 3096, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], 2000);
	ck_assert_mem_eq(ram[0], token, sizeof(token));
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 4096, 0), RSI_ERROR_STATE);
}
END_TEST

START_TEST(token_errors)
{
	setup();
	token_error = -ENOSYS;
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4), RSI_ERROR_UNKNOWN);
	rec.token = NULL;
	token_error = 0;
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4), RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM + 1, 0, 1, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 4096, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 1, 4096, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 1, UINT64_MAX, 0),
			  RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, 0, 0, 8, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(x[1], 0);
	/* INIT gives up what was under way */
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 100, 0), RSI_INCOMPLETE);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4), RSI_SUCCESS);
	ck_assert_uint_eq(call(RSI_ATTESTATION_TOKEN_CONTINUE, RAM, 0, 4096, 0), RSI_SUCCESS);
	ck_assert_uint_eq(x[1], sizeof(token));
}
END_TEST

/* [RMM 1.0 B5.3.4] */
START_TEST(host_call)
{
	u64 *gprs = (u64 *)&ram[1][0x108];

	setup();
	*(u32 *)&ram[1][0x100] = 0xffff0042;
	for (u64 i = 0; i < 31; i++)
		gprs[i] = i;
	ck_assert_uint_eq(call(RSI_HOST_CALL, RAM + 0x1100, 0, 0, 0), RSI_SUCCESS);
	ck_assert_uint_eq(seen_imm, 0x42);
	for (u64 i = 0; i < 31; i++)
		ck_assert_uint_eq(gprs[i], i + 1);
	ck_assert_uint_eq(call(RSI_HOST_CALL, RAM + 0x1108, 0, 0, 0), RSI_ERROR_INPUT);
	ck_assert_uint_eq(call(RSI_HOST_CALL, PAR_END | RAM, 0, 0, 0), RSI_ERROR_INPUT);
	/* A server that has to do something first: made again, nothing has changed. */
	host_call_error = -EAGAIN;
	memcpy(x, (u64[RSI_NR_REGS]){ RSI_HOST_CALL, RAM + 0x1100 }, sizeof(x));
	ck_assert_int_eq(rsi_call(&realm, &rec, x, &nr_out), -EAGAIN);
	ck_assert_uint_eq(gprs[1], 2);
	host_call_error = 0;
	is_ram[1] = false;
	ck_assert_uint_eq(call(RSI_HOST_CALL, RAM + 0x1100, 0, 0, 0), RSI_ERROR_INPUT);
}
END_TEST

/* A device uses the page: the guest waits in its call, which changes nothing, and is made again. */
START_TEST(a_change_that_has_to_wait)
{
	u64 args[RSI_NR_REGS] = { RSI_IPA_STATE_SET, RAM, RAM + RSI_GRANULE, RSI_RIPAS_EMPTY };

	setup();
	set_error = -EAGAIN;
	memcpy(x, args, sizeof(x));
	ck_assert_int_eq(rsi_call(&realm, &rec, x, &nr_out), -EAGAIN);
	ck_assert(is_ram[0]);
	set_error = 0;
	memcpy(x, args, sizeof(x));
	ck_assert_int_eq(rsi_call(&realm, &rec, x, &nr_out), 0);
	ck_assert_uint_eq(x[0], RSI_SUCCESS);
	ck_assert_uint_eq(x[1], RAM + RSI_GRANULE);
	ck_assert(!is_ram[0]);
}
END_TEST

SUITE_MAIN("realm/rsi", version, versions_that_were_chosen, features_and_unknown_functions,
	   measurements, sha512_fills_all_eight_words, realm_config, ipa_state_set,
	   ipa_state_set_bad_arguments, ipa_state_get, token_in_pieces, token_errors, host_call,
	   a_change_that_has_to_wait)
