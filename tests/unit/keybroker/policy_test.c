/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gets a key: the one that is meant, and nobody else. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/keybroker/policy.h"
#include "tests/unit/realm/token/tokens.h"
#include "tests/unit/suite.h"

#define LIFECYCLE_SECURED 0x3003

static struct attest_keys keys, others;
static struct policy policy;
static struct policy_verdict verdict;
static u8 token[TOKENS_MAX], challenge[TOKEN_CHALLENGE_LEN];
static size_t token_len;

/* A token of a secured platform, and a policy that it satisfies. */
static void setup(void)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);
	struct tokens_half platform, realm;
	struct cbor_out o;
	u8 value[16];

	tokens_keys(&keys);
	tokens_keys(&others);
	for (unsigned i = 0; i < sizeof(challenge); i++)
		challenge[i] = (u8)(i + 1);
	token_len = tokens_good(&keys, TOKEN_COLLECTION, &r, challenge, token);
	tokens_claims(token, token_len, TOKEN_PLATFORM, &platform);
	tokens_claims(token, token_len, TOKEN_REALM, &realm);
	cbor_out_init(&o, value, sizeof(value));
	cbor_put_int(&o, LIFECYCLE_SECURED);
	tokens_set(&platform, CLAIM_LIFECYCLE, value, o.len);
	token_len = tokens_sign(&keys, TOKEN_COLLECTION, &platform, &realm, token);
	policy = (struct policy){ .nr_anchors = 1, .has_references = true, .nr_rims = 1 };
	ec_public_of(keys.cpak, &policy.anchors[0]);
	policy.rims[0].len = 32;
	memset(policy.rims[0].value, 0x11, 32);
}

static void teardown(void)
{
	keys_close(&keys);
	keys_close(&others);
}

static enum policy_result judge(void)
{
	policy_judge(&policy, challenge, token, token_len, &verdict);
	return verdict.result;
}

static void refused(enum policy_result result, const char *why)
{
	ck_assert_msg(judge() == result && strstr(verdict.why, why), "%d '%s' instead of %d '%s'",
		      verdict.result, verdict.why, result, why);
}

START_TEST(the_one_that_is_meant)
{
	ck_assert_msg(judge() == POLICY_GRANTED && !*verdict.why, "%s", verdict.why);
	ck_assert_uint_eq(verdict.rim.len, 32);
	ck_assert_mem_eq(verdict.rim.value, policy.rims[0].value, POLICY_RIM_MAX);
}
END_TEST

START_TEST(not_without_an_anchor)
{
	policy.nr_anchors = 0;
	refused(POLICY_NO_RESULT, "No trust anchor");
	ck_assert_uint_eq(verdict.rim.len, 0);
}
END_TEST

START_TEST(not_of_an_unknown_platform)
{
	ec_public_of(others.cpak, &policy.anchors[0]);
	refused(POLICY_NO_RESULT, "not signed with the key of the trust anchor");
	ck_assert_uint_eq(verdict.rim.len, 0);
}
END_TEST

START_TEST(any_of_the_anchors_will_do)
{
	policy.nr_anchors = POLICY_MAX_ANCHORS;
	for (unsigned i = 0; i < POLICY_MAX_ANCHORS; i++)
		ec_public_of(others.cpak, &policy.anchors[i]);
	refused(POLICY_NO_RESULT, "not signed");
	ec_public_of(keys.cpak, &policy.anchors[POLICY_MAX_ANCHORS - 1]);
	ck_assert(judge() == POLICY_GRANTED);
}
END_TEST

/* The answer to another challenge, of any difference. */
START_TEST(not_a_replay)
{
	challenge[63] ^= 1;
	refused(POLICY_NO_RESULT, "challenge in the Realm token is not the one");
	ck_assert_uint_eq(verdict.rim.len, 0);
}
END_TEST

START_TEST(not_a_forgery)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);
	struct tokens_half platform, realm;
	u8 p[TOKENS_MAX], s[TOKENS_MAX];
	size_t p_len, s_len;

	tokens_claims(token, token_len, TOKEN_PLATFORM, &platform);
	tokens_claims(token, token_len, TOKEN_REALM, &realm);
	/* A Realm that signs with a key that the platform does not vouch for. */
	ck_assert(!cose_sign1_make(keys.cpak, platform.buf, platform.len, p, sizeof(p), &p_len));
	ck_assert(!cose_sign1_make(others.rak, realm.buf, realm.len, s, sizeof(s), &s_len));
	token_len = tokens_pair(TOKEN_COLLECTION, p, p_len, s, s_len, token);
	refused(POLICY_NO_RESULT, "not signed with the public key in it");
	/* One that says so, and brings another platform's token. */
	token_len = tokens_good(&others, TOKEN_COLLECTION, &r, challenge, token);
	tokens_claims(token, token_len, TOKEN_REALM, &realm);
	ck_assert(!cose_sign1_make(others.rak, realm.buf, realm.len, s, sizeof(s), &s_len));
	token_len = tokens_pair(TOKEN_COLLECTION, p, p_len, s, s_len, token);
	refused(POLICY_NO_RESULT, "not the hash of the Realm token's public key");
}
END_TEST

/* Each byte is signed. */
START_TEST(not_with_a_byte_changed)
{
	for (size_t i = 0; i < token_len; i += 7) {
		token[i] ^= 0x20;
		ck_assert_msg(judge() == POLICY_NO_RESULT, "byte %zu", i);
		token[i] ^= 0x20;
	}
	ck_assert(judge() == POLICY_GRANTED);
}
END_TEST

START_TEST(not_truncated_nor_longer)
{
	size_t len = token_len;

	for (token_len = 0; token_len < len; token_len += 13)
		refused(POLICY_NO_RESULT, "The evidence is refused: ");
	token_len = len + 1;
	refused(POLICY_NO_RESULT, "The evidence is refused: ");
}
END_TEST

START_TEST(not_of_another_measurement)
{
	policy.rims[0].value[31] ^= 1;
	/* The value of the token, which its sender may know; not those that are good. */
	refused(POLICY_NOT_IN_POLICY,
		"ERERERERERERERERERERERERERERERERERERERERERE= is no reference");
	policy.nr_rims = 0;
	refused(POLICY_NOT_IN_POLICY, "is no reference value");
}
END_TEST

START_TEST(not_without_reference_values)
{
	policy.has_references = false;
	policy.nr_rims = 0;
	refused(POLICY_NO_REFERENCES, "No known-good reference values.");
	/* For the line that says what to start with. */
	ck_assert_uint_eq(verdict.rim.len, 32);
}
END_TEST

START_TEST(not_on_a_platform_that_protects_nothing)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);

	token_len = tokens_good(&keys, TOKEN_COLLECTION, &r, challenge, token);
	refused(POLICY_NOT_IN_POLICY, "does not protect Realms: its lifecycle state is 'unknown'");
	policy.unsecured = true;
	ck_assert(judge() == POLICY_GRANTED);
	/* That option opens nothing else. */
	policy.rims[0].value[0] ^= 1;
	refused(POLICY_NOT_IN_POLICY, "is no reference value");
}
END_TEST

START_TEST(hashes_of_any_size)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA512);

	policy.unsecured = true;
	token_len = tokens_good(&keys, TOKEN_CMW, &r, challenge, token);
	refused(POLICY_NOT_IN_POLICY, "is no reference value");
	policy.rims[0].len = 64;
	memset(policy.rims[0].value, 0x11, 64);
	ck_assert(judge() == POLICY_GRANTED);
}
END_TEST

/*
 * What the public client sends with --mock-evidence, to the challenge of the public server's
 * --mock-challenge: a secured platform, so nothing has to be allowed.
 */
START_TEST(evidence_of_the_public_client)
{
	static const char rim[] = "{\"reference-values\": "
				  "[\"MRMUq3NiA1DPdYg0rlxl2ejC3H/r5ufZZUu+hk4wDUk=\"]}";
	static const char nonce[] =
		"6e86d6d97cc713bc6dd43dbce491a6b40311c027a8bf85a39da63e9ce44c132a"
		"8a119d296fae6a6999e9bf3e4471b0ce01245d889424c31e89793b3b1d6b1504";
	const char *why;

	token_len = tokens_example("kbc_example.cbor", token);
	if (!token_len) {
		printf("skip: the example token is not here (" TOKENS_EXAMPLES ")\n");
		return;
	}
	policy = (struct policy){ .nr_anchors = 1 };
	tokens_example_anchor(&policy.anchors[0]);
	decode_hex(challenge, sizeof(challenge), nonce, sizeof(nonce) - 1);
	ck_assert(!policy_parse_references(&policy, rim, sizeof(rim) - 1, &why));
	ck_assert_msg(judge() == POLICY_GRANTED, "%s", verdict.why);
	challenge[0] ^= 1;
	refused(POLICY_NO_RESULT, "challenge in the Realm token is not the one");
}
END_TEST

/* ---- reference values ---- */

static const char *parse(const char *text)
{
	const char *why = "";
	int err;

	policy = (struct policy){ 0 };
	err = policy_parse_references(&policy, text, strlen(text), &why);
	ck_assert(err == 0 || err == -EINVAL);
	ck_assert(policy.has_references == !err);
	return err ? why : NULL;
}

START_TEST(reference_values_are_read)
{
	char text[POLICY_BASE64_SIZE];

	ck_assert_ptr_null(
		parse("{ \"reference-values\": [ "
		      "\"ERERERERERERERERERERERERERERERERERERERERERE=\", "
		      "\"IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIi\""
		      " ] }\n"));
	ck_assert_uint_eq(policy.nr_rims, 2);
	ck_assert_uint_eq(policy.rims[0].len, 32);
	ck_assert_uint_eq(policy.rims[1].len, 48);
	ck_assert(policy.rims[1].value[47] == 0x22 && policy.rims[1].value[48] == 0);
	ck_assert_str_eq(policy_rim_text(&policy.rims[0], text),
			 "ERERERERERERERERERERERERERERERERERERERERERE=");
	/* A list of nothing is a list. */
	ck_assert_ptr_null(parse("{\"reference-values\": []}"));
	ck_assert_uint_eq(policy.nr_rims, 0);
}
END_TEST

START_TEST(bad_reference_values_are_refused)
{
	static const char *const values[] = {
		"1",
		"\"\"",
		"\"ERER\"",
		"null",
		"\"ERERERERERERERERERERERERERERERERERERERERERE\"",  /* no padding */
		"\"ERERERERERERERERERERERERERERERERERERERERER_=\"", /* URL alphabet */
	};
	char text[200];

	ck_assert_str_eq(parse(""), "not JSON");
	ck_assert_str_eq(parse("[]"), "there is no list \"reference-values\"");
	ck_assert_str_eq(parse("{}"), "there is no list \"reference-values\"");
	ck_assert_str_eq(parse("{\"reference-values\": 3}"),
			 "there is no list \"reference-values\"");
	ck_assert_str_eq(parse("{\"reference-values\": [], \"reference-values\": []}"), "not JSON");
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(text, sizeof(text), "{\"reference-values\": [%s]}", values[i]);
		ck_assert_str_eq(parse(text),
				 "a reference value is not 32, 48 or 64 bytes in base64");
	}
}
END_TEST

START_TEST(too_many_reference_values_are_refused)
{
	char text[POLICY_BASE64_SIZE * (POLICY_MAX_RIMS + 2)] = "{\"reference-values\": [";

	for (unsigned i = 0; i <= POLICY_MAX_RIMS; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len,
			 "%s\"ERERERERERERERERERERERERERERERERERERERERERE=\"", i ? "," : "");
	}
	strncat(text, "]}", sizeof(text) - strlen(text) - 1);
	ck_assert_str_eq(parse(text), "there are more than 64 reference values");
}
END_TEST

SUITE_MAIN_FIXTURE("policy", setup, teardown, the_one_that_is_meant, not_without_an_anchor,
		   not_of_an_unknown_platform, any_of_the_anchors_will_do, not_a_replay,
		   not_a_forgery, not_with_a_byte_changed, not_truncated_nor_longer,
		   not_of_another_measurement, not_without_reference_values,
		   not_on_a_platform_that_protects_nothing, hashes_of_any_size,
		   evidence_of_the_public_client, reference_values_are_read,
		   bad_reference_values_are_refused, too_many_reference_values_are_refused)
