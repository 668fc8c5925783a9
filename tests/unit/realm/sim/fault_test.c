/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --sim-fault: what its values mean, and what becomes of the calls. */
#include <stdio.h>

#include "realm/sim/fault.h"
#include "tests/unit/arm64/capture.h"

#define FN(f) ((f)-RSI_FID_BASE)

static struct fault_plan plan;
static struct fault fault;
static u64 x[RSI_NR_REGS];

static void setup(const char *list)
{
	plan = (struct fault_plan){ 0 };
	if (list)
		ck_assert_int_eq(fault_parse(&plan, "sim-fault", list), 0);
	fault_init(&fault, &plan);
}

static bool call(unsigned cpu, u64 function, u64 a, u64 b, u64 c)
{
	u64 regs[RSI_NR_REGS] = { function, a, b, c, 4, 5, 6, 7, 8, 9, 10 };

	memcpy(x, regs, sizeof(x));
	return fault_call(&fault, cpu, x);
}

START_TEST(values)
{
	setup("token-incomplete=3,token-piece=100,ripas-piece=2M,ripas-reject=2-,ripas-stall=4-6,"
	      "fail=REALM_CONFIG:input,fail=measurement-read:unknown:2,"
	      "fail=attestation-token-init:not-supported:3-5,delay=7,delay=version:0,rsi=1.0-1.1");
	ck_assert_uint_eq(plan.token_incomplete, 3);
	ck_assert_uint_eq(plan.token_piece, 100);
	ck_assert_uint_eq(plan.ripas_piece, 2 * MiB);
	ck_assert(plan.ripas_reject.first == 2 && plan.ripas_reject.last == UINT32_MAX);
	ck_assert(plan.ripas_stall.first == 4 && plan.ripas_stall.last == 6);
	ck_assert_uint_eq(plan.fail[FN(RSI_REALM_CONFIG)].status, RSI_ERROR_INPUT);
	ck_assert_uint_eq(plan.fail[FN(RSI_REALM_CONFIG)].calls.last, UINT32_MAX);
	ck_assert_uint_eq(plan.fail[FN(RSI_MEASUREMENT_READ)].calls.first, 1);
	ck_assert_uint_eq(plan.fail[FN(RSI_MEASUREMENT_READ)].calls.last, 2);
	ck_assert_uint_eq(plan.fail[FN(RSI_ATTESTATION_TOKEN_INIT)].status, RSI_NOT_SUPPORTED);
	ck_assert_uint_eq(plan.fail[FN(RSI_ATTESTATION_TOKEN_INIT)].calls.first, 3);
	ck_assert_uint_eq(fault_delay_ms(&plan, RSI_HOST_CALL), 7);
	ck_assert_uint_eq(fault_delay_ms(&plan, RSI_VERSION), 0);
	ck_assert_uint_eq(fault_delay_ms(&plan, RSI_HOST_CALL + 1), 0);
	ck_assert(plan.version_low == 0x10000 && plan.version_high == 0x10001);
	setup("rsi=2.0");
	ck_assert(plan.version_low == 0x20000 && plan.version_high == 0x20000);
}
END_TEST

START_TEST(what_makes_no_sense)
{
	static const char *const bad[] = {
		"",
		"nonsense",
		"nonsense=1",
		"token-incomplete",
		"token-incomplete=",
		"token-incomplete=x",
		"token-incomplete=4294967296",
		"token-piece=0",
		"token-piece=4096M",
		"ripas-piece=100",
		"ripas-piece=K",
		"ripas-reject=0",
		"ripas-reject=3-2",
		"ripas-reject=-2",
		"ripas-stall=1-2-3",
		"fail=nothing:input",
		"fail=version",
		"fail=version:odd",
		"fail=version:input:x",
		"delay=version:",
		"delay=x:1",
		"delay=9999999999",
		"rsi=1",
		"rsi=1.1-1.0",
		"rsi=1.0-",
		"token-piece=1,,token-piece=2",
		"token-piece=1,",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fault_plan p = { 0 };

		capture_start();
		ck_assert_msg(fault_parse(&p, "sim-fault", bad[i]), "%s", bad[i]);
		captured_one_error("--sim-fault", "");
	}
}
END_TEST

START_TEST(no_faults_without_being_asked)
{
	setup(NULL);
	for (u64 f = RSI_FID_BASE; f < RSI_FID_BASE + RSI_NR_FIDS; f++) {
		ck_assert(!call(0, f, 1, 2, 3));
		ck_assert(x[0] == f && x[1] == 1 && x[2] == 2 && x[3] == 3);
	}
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_RAM), FAULT_HOST_OBEYS);
}
END_TEST

START_TEST(tokens_come_late_and_in_pieces)
{
	setup("token-incomplete=2,token-piece=100");
	for (unsigned round = 0; round < 2; round++) {
		ck_assert(!call(1, RSI_ATTESTATION_TOKEN_INIT, 0, 0, 0));
		for (unsigned i = 0; i < 4; i++) {
			/* another CPU has its own token */
			ck_assert(!call(0, RSI_ATTESTATION_TOKEN_CONTINUE, 0x1000, 0, 4096));
			ck_assert_uint_eq(x[3], 100);
			ck_assert(!call(1, RSI_ATTESTATION_TOKEN_CONTINUE, 0x1000, 0, 4096));
			ck_assert_uint_eq(x[3], i < 2 ? 0 : 100);
		}
	}
	ck_assert(!call(1, RSI_ATTESTATION_TOKEN_CONTINUE, 0x1000, 0, 60));
	ck_assert_uint_eq(x[3], 60);
}
END_TEST

START_TEST(page_states_change_in_pieces_or_not)
{
	setup("ripas-piece=8K,ripas-reject=2,ripas-stall=4-5");
	ck_assert(!call(0, RSI_IPA_STATE_SET, 0x1000, 0x9000, 1));
	ck_assert_uint_eq(x[2], 0x3000);
	ck_assert(!call(0, RSI_IPA_STATE_SET, 0x1000, 0x3000, 1));
	ck_assert_uint_eq(x[2], 0x3000);
	/* what is wrong stays wrong */
	ck_assert(!call(0, RSI_IPA_STATE_SET, 0x9000, 0x1000, 1));
	ck_assert_uint_eq(x[2], 0x1000);
	ck_assert(!call(0, RSI_IPA_STATE_SET, 0x1000, UINT64_MAX, 1));
	ck_assert_uint_eq(x[2], 0x3000);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_EMPTY), FAULT_HOST_OBEYS);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_RAM), FAULT_HOST_REJECTS);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_RAM), FAULT_HOST_REJECTS);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_RAM), FAULT_HOST_STALLS);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_EMPTY), FAULT_HOST_STALLS);
	ck_assert_int_eq(fault_change(&fault, RSI_RIPAS_RAM), FAULT_HOST_OBEYS);
}
END_TEST

START_TEST(calls_fail_when_they_are_to)
{
	setup("fail=realm-config:input:2-3,fail=ipa-state-get:unknown");
	for (unsigned i = 1; i < 6; i++) {
		bool fails = i == 2 || i == 3;

		ck_assert_int_eq(call(i, RSI_REALM_CONFIG, 0x1000, 2, 3), fails);
		ck_assert_uint_eq(x[0], fails ? RSI_ERROR_INPUT : RSI_REALM_CONFIG);
		ck_assert(fails ? !x[1] && !x[2] && !x[3] : x[1] == 0x1000);
		ck_assert(call(0, RSI_IPA_STATE_GET, 0x1000, 0x2000, 0));
		ck_assert_uint_eq(x[0], RSI_ERROR_UNKNOWN);
	}
}
END_TEST

SUITE_MAIN("realm/sim/fault", values, what_makes_no_sense, no_faults_without_being_asked,
	   tokens_come_late_and_in_pieces, page_states_change_in_pieces_or_not,
	   calls_fail_when_they_are_to)
