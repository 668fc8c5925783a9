/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens: good ones of every kind, the examples of others, and each way in which one is wrong. */
#include <errno.h>
#include <stdio.h>

#include "lkvm/base/encode.h"
#include "realm/measure/digest.h"
#include "tests/unit/realm/token/tokens.h"
#include "tests/unit/suite.h"

static struct attest_keys keys;
static struct ec_public anchor;
static struct token_expect want;
static struct token_report rep;
static u8 token[TOKENS_MAX], challenge[64];
static size_t token_len;
static struct tokens_half platform, realm;

/* Good claims of both halves, to be changed and signed again. */
static void setup(void)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);

	if (!keys.cpak)
		tokens_keys(&keys);
	ec_public_of(keys.cpak, &anchor);
	want = (struct token_expect){ .anchor = &anchor };
	for (unsigned i = 0; i < sizeof(challenge); i++)
		challenge[i] = (u8)(i + 1);
	token_len = tokens_good(&keys, TOKEN_COLLECTION, &r, challenge, token);
	tokens_claims(token, token_len, TOKEN_PLATFORM, &platform);
	tokens_claims(token, token_len, TOKEN_REALM, &realm);
}

static void cleanup(void)
{
	keys_close(&keys);
}

static enum token_verdict verify(void)
{
	return token_verify(token, token_len, &want, &rep);
}

static enum token_verdict sign_and_verify(void)
{
	token_len = tokens_sign(&keys, TOKEN_COLLECTION, &platform, &realm, token);
	return verify();
}

static void malformed(const char *text)
{
	ck_assert_msg(rep.verdict == TOKEN_MALFORMED && strstr(rep.why, text),
		      "verdict %d, '%s' instead of '%s'", rep.verdict, rep.why, text);
}

/* ---- good ones ---- */

static void good_realm(enum token_form form, enum rsi_hash alg)
{
	struct rsi_realm r = tokens_realm(alg);
	u32 len = rsi_hash_len(alg);

	token_len = tokens_good(&keys, form, &r, challenge, token);
	/* [reference (b)] one granule holds it */
	ck_assert(token_len <= 4096);
	want = (struct token_expect){ &anchor, challenge, 64, r.rim, len };
	ck_assert_msg(verify() == TOKEN_VERIFIED, "%s", rep.why);
	ck_assert(rep.form == form && !*rep.why);
	ck_assert(rep.platform_signature == TOKEN_GOOD && rep.binding == TOKEN_GOOD);
	ck_assert(rep.realm_signature == TOKEN_GOOD && rep.challenge == TOKEN_GOOD);
	ck_assert(rep.rim == TOKEN_GOOD);
	ck_assert(token_part_is(&rep.realm.profile, "tag:arm.com,2023:realm#1.0.0"));
	ck_assert(token_part_is(&rep.realm.hash_algo, token_hash_name(alg)));
	ck_assert(token_part_is(&rep.realm.rak_hash_algo, "sha-256"));
	ck_assert(rep.realm.rim.len == len && !memcmp(rep.realm.rim.p, r.rim, len));
	for (unsigned i = 0; i < TOKEN_NR_REMS; i++)
		ck_assert(rep.realm.rem[i].len == len &&
			  !memcmp(rep.realm.rem[i].p, r.rem[i], len));
	ck_assert(!memcmp(rep.realm.rpv.p, r.rpv, 64) && rep.realm.rak.len == 107);
	ck_assert(!rep.realm.unknown.nr && !rep.platform.unknown.nr);
}

START_TEST(tokens_of_the_simulator_verify)
{
	setup();
	good_realm(TOKEN_COLLECTION, RSI_HASH_SHA256);
	good_realm(TOKEN_COLLECTION, RSI_HASH_SHA512);
	good_realm(TOKEN_CMW, RSI_HASH_SHA256);
	good_realm(TOKEN_CMW, RSI_HASH_SHA512);
	good_realm(TOKEN_CMW, RSI_HASH_SHA384);
	cleanup();
}
END_TEST

/* A reader of the claims must not take it for a real platform. */
START_TEST(simulated_tokens_say_so)
{
	setup();
	ck_assert_int_eq(verify(), TOKEN_VERIFIED);
	ck_assert(!token_lifecycle_secured(rep.platform.lifecycle));
	ck_assert(!strncmp((const char *)rep.platform.implementation_id.p, "lkvm simulator", 14));
	ck_assert(token_part_is(&rep.platform.config, "simulated"));
	ck_assert_uint_gt(rep.platform.nr_components, 0);
	for (unsigned i = 0; i < rep.platform.nr_components; i++)
		ck_assert(
			!strncmp((const char *)rep.platform.components[i].type.p, "SIMULATED", 9));
	cleanup();
}
END_TEST

/* [reference (b)] the emission order and the first bytes of RMM 1.0, byte by byte */
START_TEST(the_form_is_that_of_the_rmm)
{
	static const u8 head[] = { 0xd9, 0x01, 0x8f, 0xa2, 0x19, 0xac, 0xca, 0x59 };
	static const u8 sign1[] = { 0xd2, 0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x59 };
	static const s64 order[] = { 10, 44235, 44237, 44236, 44240, 265, 44238, 44239 };
	struct cbor c;
	s64 key;
	u64 nr;

	setup();
	ck_assert_mem_eq(token, head, sizeof(head));
	ck_assert_mem_eq(token + sizeof(head) + 2, sign1, sizeof(sign1));
	cbor_init(&c, realm.buf, realm.len);
	ck_assert(cbor_map(&c, &nr) && nr == ARRAY_SIZE(order));
	for (unsigned i = 0; i < nr; i++)
		ck_assert(cbor_int(&c, &key) && key == order[i] && cbor_skip(&c));
	cleanup();
}
END_TEST

/* Before profiles the key was a point, and the binding the hash of that. */
static void set_rak(bool raw)
{
	u8 buf[COSE_KEY_MAX] = { 4 }, hash[32];
	struct ec_public rak;
	size_t n, len;

	ec_public_of(keys.rak, &rak);
	n = ec_coord_len(rak.curve);
	len = raw ? 1 + 2 * n : cose_key_make(&rak, buf);
	if (raw) {
		memcpy(buf + 1, rak.x, n);
		memcpy(buf + 1 + n, rak.y, n);
	}
	tokens_set_bytes(&realm, CLAIM_RAK, buf, len);
	digest(RSI_HASH_SHA256, buf, len, NULL, 0, hash);
	tokens_set_bytes(&platform, CLAIM_CHALLENGE, hash, 32);
}

START_TEST(legacy_and_later_tokens_verify)
{
	setup();
	tokens_set(&realm, CLAIM_PROFILE, NULL, 0);
	tokens_set_text(&platform, CLAIM_PROFILE, PROFILE_PLATFORM_LEGACY);
	set_rak(true);
	ck_assert_msg(sign_and_verify() == TOKEN_VERIFIED, "%s", rep.why);
	ck_assert(!rep.realm.profile.p && rep.realm.rak.len == 97);
	setup();
	tokens_set_text(&realm, CLAIM_PROFILE, PROFILE_REALM_2024);
	tokens_set_text(&platform, CLAIM_PROFILE, PROFILE_PLATFORM_2024);
	tokens_set_bytes(&realm, CLAIM_INSTANCE_ID, (u8[33]){ 1, 2 }, 33);
	tokens_set(&realm, CLAIM_MEC_POLICY, "\x01", 1);
	ck_assert_msg(sign_and_verify() == TOKEN_VERIFIED, "%s", rep.why);
	ck_assert(rep.realm.instance_id.len == 33 && rep.realm.has_mec_policy);
	ck_assert_uint_eq(rep.realm.mec_policy, 1);
	cleanup();
}
END_TEST

/* ES256 and ES512, each key for itself; the hash of the binding may be another one. */
START_TEST(other_algorithms_verify)
{
	static const enum ec_curve curves[] = { EC_P256, EC_P521 };

	setup();
	cleanup();
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(!ec_generate(&keys.cpak, curves[i & 1]));
		ck_assert(!ec_generate(&keys.rak, curves[i >> 1]));
		ec_public_of(keys.cpak, &anchor);
		set_rak(false);
		ck_assert_msg(sign_and_verify() == TOKEN_VERIFIED, "%s", rep.why);
		ck_assert(rep.platform.curve == curves[i & 1] && rep.realm.curve == curves[i >> 1]);
		cleanup();
	}
}
END_TEST

START_TEST(the_binding_may_be_another_hash)
{
	static const enum rsi_hash algs[] = { RSI_HASH_SHA384, RSI_HASH_SHA512 };
	u8 hash[64];

	setup();
	ck_assert_int_eq(verify(), TOKEN_VERIFIED);
	for (unsigned i = 0; i < 2; i++) {
		struct token_part rak = rep.realm.rak;

		digest(algs[i], rak.p, rak.len, NULL, 0, hash);
		tokens_set_text(&realm, CLAIM_RAK_HASH_ALGO, token_hash_name(algs[i]));
		ck_assert_int_eq(sign_and_verify(), TOKEN_UNBOUND); /* still the old hash */
		tokens_set_bytes(&platform, CLAIM_CHALLENGE, hash, rsi_hash_len(algs[i]));
		ck_assert_msg(sign_and_verify() == TOKEN_VERIFIED, "%s", rep.why);
		/* The beginning of the right hash is not the hash. */
		tokens_set_bytes(&platform, CLAIM_CHALLENGE, hash, 32);
		ck_assert_int_eq(sign_and_verify(), TOKEN_UNBOUND);
	}
	cleanup();
}
END_TEST

/* Signed, but they say nothing to us. */
START_TEST(unknown_claims_are_ignored)
{
	setup();
	tokens_set(&realm, 99999, "\x81\xa1\x61x\xf5", 5);
	tokens_set(&realm, -7, "\xf6", 1);
	tokens_set(&platform, 2394, "\x01", 1);
	/* a text for a key */
	platform.buf[0]++;
	memcpy(platform.buf + platform.len, "\x63key\x00", 5);
	platform.len += 5;
	ck_assert_msg(sign_and_verify() == TOKEN_VERIFIED, "%s", rep.why);
	ck_assert(rep.realm.unknown.nr == 2 && rep.realm.unknown.key[0] == 99999);
	ck_assert(rep.realm.unknown.key[1] == -7 && rep.platform.unknown.nr == 2);
	for (s64 i = 0; i < 30; i++)
		tokens_set(&realm, -1000 - i, "\x00", 1);
	ck_assert_int_eq(sign_and_verify(), TOKEN_VERIFIED);
	ck_assert_uint_eq(rep.realm.unknown.nr, 32);
	cleanup();
}
END_TEST

/* ---- forged, replayed, another one ---- */

START_TEST(signatures_and_binding_are_checked)
{
	struct attest_keys mine;
	struct ec_public p256 = { .curve = EC_P256 };

	setup();
	tokens_keys(&mine);
	/* everything signed by somebody else */
	token_len = tokens_sign(&mine, TOKEN_COLLECTION, &platform, &realm, token);
	ck_assert_int_eq(verify(), TOKEN_PLATFORM_FORGED);
	ck_assert(rep.platform_signature == TOKEN_BAD && rep.binding == TOKEN_GOOD);
	ck_assert(rep.realm_signature == TOKEN_BAD && strstr(rep.why, "trust anchor"));
	/* a good platform, and a Realm with a key of its own */
	token_len = tokens_sign(&(struct attest_keys){ keys.cpak, mine.rak }, TOKEN_COLLECTION,
				&platform, &realm, token);
	ck_assert_int_eq(verify(), TOKEN_REALM_FORGED);
	ck_assert(rep.platform_signature == TOKEN_GOOD && rep.realm_signature == TOKEN_BAD);
	/* ... which it names: then the platform does not vouch for it */
	{
		struct ec_public rak;
		u8 key[COSE_KEY_MAX];

		ec_public_of(mine.rak, &rak);
		tokens_set_bytes(&realm, CLAIM_RAK, key, cose_key_make(&rak, key));
	}
	token_len = tokens_sign(&(struct attest_keys){ keys.cpak, mine.rak }, TOKEN_COLLECTION,
				&platform, &realm, token);
	ck_assert_int_eq(verify(), TOKEN_UNBOUND);
	ck_assert(rep.realm_signature == TOKEN_GOOD && rep.binding == TOKEN_BAD);
	/* an anchor of another kind, and one that is no point */
	setup();
	want.anchor = &p256;
	ck_assert_int_eq(verify(), TOKEN_PLATFORM_FORGED);
	anchor.x[5] ^= 1;
	want.anchor = &anchor;
	ck_assert_int_eq(verify(), TOKEN_PLATFORM_FORGED);
	keys_close(&mine);
	cleanup();
}
END_TEST

/* Consistent is not enough. */
START_TEST(without_an_anchor_nothing_is_verified)
{
	setup();
	want.anchor = NULL;
	ck_assert_int_eq(verify(), TOKEN_UNANCHORED);
	ck_assert(strstr(rep.why, "not checked against a known key"));
	ck_assert(rep.platform_signature == TOKEN_UNCHECKED && rep.binding == TOKEN_GOOD);
	want.challenge = (const u8 *)"x";
	want.challenge_len = 1;
	ck_assert_int_eq(verify(), TOKEN_CHALLENGE_DIFFERS);
	cleanup();
}
END_TEST

START_TEST(challenge_and_rim_are_compared)
{
	u8 padded[64] = { 0 }, other[64];

	setup();
	memcpy(other, challenge, 64);
	other[63] ^= 1;
	want.challenge = other;
	want.challenge_len = 64;
	ck_assert_int_eq(verify(), TOKEN_CHALLENGE_DIFFERS);
	ck_assert_int_eq(rep.challenge, TOKEN_BAD);
	/* a prefix is another one: the rest counts as zeros */
	want.challenge = challenge;
	want.challenge_len = 63;
	ck_assert_int_eq(verify(), TOKEN_CHALLENGE_DIFFERS);
	want.challenge_len = 64;
	memset(padded, 0x11, 32);
	want.rim = padded;
	want.rim_len = 64;
	ck_assert_int_eq(verify(), TOKEN_VERIFIED);
	want.rim_len = 32;
	ck_assert_int_eq(verify(), TOKEN_VERIFIED);
	want.rim_len = 31;
	ck_assert_int_eq(verify(), TOKEN_RIM_DIFFERS);
	want.rim_len = 64;
	padded[40] = 1;
	ck_assert_int_eq(verify(), TOKEN_RIM_DIFFERS);
	ck_assert(rep.rim == TOKEN_BAD && rep.challenge == TOKEN_GOOD);
	/* a short challenge is what it is with zeros behind */
	setup();
	memset(padded, 0, 64);
	padded[0] = 7;
	tokens_set_bytes(&realm, CLAIM_CHALLENGE, padded, 64);
	want.challenge = padded;
	want.challenge_len = 1;
	ck_assert_int_eq(sign_and_verify(), TOKEN_VERIFIED);
	cleanup();
}
END_TEST

/* ---- damaged ---- */

/* Whatever byte is another one: not verified. */
static void flip_all(const u8 *good, size_t len, u8 mask)
{
	for (size_t i = 0; i < len; i++) {
		memcpy(token, good, len);
		token_len = len;
		token[i] ^= mask;
		ck_assert_msg(verify() != TOKEN_VERIFIED, "byte %zu ^ %#x", i, mask);
		ck_assert(*rep.why);
	}
}

START_TEST(no_byte_may_change)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);
	u8 good[TOKENS_MAX];
	size_t len;

	setup();
	len = tokens_good(&keys, TOKEN_COLLECTION, &r, challenge, good);
	flip_all(good, len, 0x01);
	flip_all(good, len, 0x80);
	len = tokens_good(&keys, TOKEN_CMW, &r, challenge, good);
	flip_all(good, len, 0x01);
	cleanup();
}
END_TEST

START_TEST(too_short_and_too_long)
{
	static u8 large[TOKEN_MAX_LEN + 1];
	size_t len;

	setup();
	len = token_len;
	for (token_len = 0; token_len < len; token_len++) {
		u8 *copy = malloc(token_len ? token_len : 1); /* so that ASan sees the end */

		memcpy(copy, token, token_len);
		ck_assert_int_eq(token_verify(copy, token_len, &want, &rep), TOKEN_MALFORMED);
		free(copy);
	}
	token[len] = 0;
	token_len = len + 1;
	ck_assert_int_eq(verify(), TOKEN_MALFORMED);
	malformed("followed by something");
	memcpy(large, token, len);
	ck_assert_int_eq(token_verify(large, sizeof(large), &want, &rep), TOKEN_MALFORMED);
	malformed("longer than 64 KiB");
	cleanup();
}
END_TEST

/* ---- claims, one by one ---- */

static const struct wrong {
	s64 half, key;
	const char *value; /* encoded; NULL: missing */
	size_t len;
	const char *why;
} wrongs[] = {
#define P TOKEN_PLATFORM
#define R TOKEN_REALM
#define MISSING NULL, 0
#define V(s) (s), sizeof(s) - 1
#define ZEROS31 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	{ P, CLAIM_PROFILE, MISSING, "platform token's profile is missing" },
	{ P, CLAIM_PROFILE, V("\x61x"), "profile is not one that is known" },
	{ P, CLAIM_PROFILE, V("\x41x"), "profile is not a text" },
	{ P, CLAIM_CHALLENGE, MISSING, "platform token's challenge is missing" },
	{ P, CLAIM_CHALLENGE, V("\x58\x1f" ZEROS31), "challenge is not as long as a hash" },
	{ P, CLAIM_CHALLENGE, V("\x01"), "challenge is not a byte string" },
	{ P, CLAIM_IMPLEMENTATION_ID, MISSING, "implementation id is missing" },
	{ P, CLAIM_IMPLEMENTATION_ID, V("\x58\x1f" ZEROS31), "implementation id is not as long" },
	{ P, CLAIM_INSTANCE_ID, MISSING, "instance id is missing" },
	{ P, CLAIM_INSTANCE_ID, V("\x58\x20\x01" ZEROS31), "instance id is not 33 bytes" },
	{ P, CLAIM_INSTANCE_ID, V("\x58\x21\x02\0" ZEROS31), "instance id is not 33 bytes" },
	{ P, CLAIM_CONFIG, MISSING, "config is missing" },
	{ P, CLAIM_CONFIG, V("\x61x"), "config is not a byte string" },
	{ P, CLAIM_LIFECYCLE, MISSING, "lifecycle is missing" },
	{ P, CLAIM_LIFECYCLE, V("\x1a\0\x01\0\0"), "lifecycle is a number out of range" },
	{ P, CLAIM_LIFECYCLE, V("\x20"), "lifecycle is not an unsigned integer" },
	{ P, CLAIM_HASH_ALGO, MISSING, "hash algorithm is missing" },
	{ P, CLAIM_VERIFICATION, V("\x41x"), "verification service is not a text" },
	{ P, CLAIM_SW_COMPONENTS, MISSING, "list of software components is missing" },
	{ P, CLAIM_SW_COMPONENTS, V("\xa0"), "list of software components is not an array" },
	{ P, CLAIM_SW_COMPONENTS, V("\x81\x00"), "map of a software component is not a map" },
	{ P, CLAIM_SW_COMPONENTS, V("\x81\xa1\x05\x58\x20\0" ZEROS31),
	  "software component's measurement is missing" },
	{ P, CLAIM_SW_COMPONENTS, V("\x81\xa1\x02\x58\x20\0" ZEROS31),
	  "software component's signer id is missing" },
	{ P, CLAIM_SW_COMPONENTS, V("\x81\xa1\x02\x40"), "measurement is not as long as a hash" },
	{ P, CLAIM_SW_COMPONENTS, V("\x81\xa1\x04\x01"), "version is not a text" },
	{ P, CLAIM_SW_COMPONENTS, V("\x98\x21" ZEROS31 "\0\0"), "more entries than any platform" },
	{ R, CLAIM_PROFILE, V("\x61x"), "Realm token's profile is not one that is known" },
	{ R, CLAIM_PROFILE, MISSING, "public key is not an uncompressed point" },
	{ R, CLAIM_CHALLENGE, MISSING, "Realm token's challenge is missing" },
	{ R, CLAIM_CHALLENGE, V("\x58\x20\0" ZEROS31), "challenge is not as long as it has to be" },
	{ R, CLAIM_RPV, MISSING, "personalization value is missing" },
	{ R, CLAIM_RPV, V("\x40"), "personalization value is not as long as it has to be" },
	{ R, CLAIM_REALM_HASH_ALGO, MISSING, "hash algorithm is missing" },
	{ R, CLAIM_REALM_HASH_ALGO, V("\x63md5"), "hash algorithm is not one that is known" },
	{ R, CLAIM_RAK_HASH_ALGO, MISSING, "public key's hash algorithm is missing" },
	{ R, CLAIM_RAK_HASH_ALGO, V("\x63md5"), "public key's hash algorithm is not one" },
	{ R, CLAIM_RIM, MISSING, "initial measurement is missing" },
	{ R, CLAIM_RIM, V("\x41x"), "initial measurement is not as long as a hash" },
	{ R, CLAIM_REMS, MISSING, "list of extensible measurements is missing" },
	{ R, CLAIM_REMS, V("\x83\x40\x40\x40"), "measurements does not have four entries" },
	{ R, CLAIM_REMS, V("\x85\x40\x40\x40\x40\x40"), "measurements does not have four entries" },
	{ R, CLAIM_REMS, V("\x84\x40\x40\x40\x40"), "measurements is not as long as a hash" },
	{ R, CLAIM_REMS, V("\x84\x00\x40\x40\x40"), "measurements is not a byte string" },
	{ R, CLAIM_INSTANCE_ID, V("\x40"), "instance id is not 33 bytes" },
	{ R, CLAIM_MEC_POLICY, V("\x40"), "MEC policy is not an unsigned integer" },
	{ R, CLAIM_RAK, MISSING, "public key is missing" },
	{ R, CLAIM_RAK, V("\x40"), "public key ends in the middle" },
	{ R, CLAIM_RAK, V("\x41\xa0"), "public key is not a key of type EC2" },
	{ R, CLAIM_RAK, V("\x45\xa2\x01\x02\x20\x04"), "public key is a key on a curve other" },
	{ R, CLAIM_RAK, V("\x45\xa2\x01\x02\x20\x02"), "public key is a key whose coordinates" },
	{ R, CLAIM_RAK, V("\x43\xa1\x01\x40"), "public key is not an unsigned integer" },
	{ R, CLAIM_RAK, V("\x44\xa1\x18\x01\x02"), "public key is not in its shortest form" },
	/* the rules of CBOR hold in what is signed, too, and in what nobody reads */
	{ R, 99, V("\x18\x01"), "map of claims is not in its shortest form" },
	{ R, 99, V("\x9f\xff"), "map of claims has an indefinite length" },
	{ P, 99, V("\xa2\x01\x02\x01\x02"), "map of claims is a key for the second time" },
};

START_TEST(each_claim_is_checked)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		const struct wrong *w = &wrongs[i];

		setup();
		tokens_set(w->half == P ? &platform : &realm, w->key, w->value, w->len);
		sign_and_verify();
		malformed(w->why);
		/* Where it is: a byte of this token. */
		ck_assert(strstr(rep.why, " (byte "));
		ck_assert_uint_lt(strtoul(strstr(rep.why, " (byte ") + 7, NULL, 10), token_len + 1);
	}
	cleanup();
}
END_TEST

START_TEST(measurements_have_one_length)
{
	u8 rems[2 + 4 * 50], *p = rems;

	setup();
	*p++ = 0x84;
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = i == 2 ? 48 : 32;

		*p++ = 0x58;
		*p++ = (u8)n;
		memset(p, 0, n);
		p += n;
	}
	tokens_set(&realm, CLAIM_REMS, rems, (size_t)(p - rems));
	ck_assert_int_eq(sign_and_verify(), TOKEN_MALFORMED);
	malformed("not as long as the RIM");
	cleanup();
}
END_TEST

/* A point that is on no curve must not become a key. */
START_TEST(a_rak_off_its_curve_signs_nothing)
{
	struct ec_public rak;
	u8 key[COSE_KEY_MAX], hash[32];
	size_t len;

	setup();
	ec_public_of(keys.rak, &rak);
	rak.y[47] ^= 1;
	len = cose_key_make(&rak, key);
	tokens_set_bytes(&realm, CLAIM_RAK, key, len);
	digest(RSI_HASH_SHA256, key, len, NULL, 0, hash);
	tokens_set_bytes(&platform, CLAIM_CHALLENGE, hash, 32);
	ck_assert_int_eq(sign_and_verify(), TOKEN_REALM_FORGED);
	ck_assert(rep.binding == TOKEN_GOOD && rep.platform_signature == TOKEN_GOOD);
	cleanup();
}
END_TEST

/* ---- envelopes ---- */

START_TEST(the_pair_is_checked)
{
	static const struct {
		const char *enc;
		size_t len;
		const char *why;
	} bad[] = {
		{ V("\x01"), "the token has no tag" },
		{ V("\xd9\x01\x90\xa0"), "has a tag other than 399 and 907" },
		{ V("\xd9\x01\x8f\x80"), "is not a map" },
		{ V("\xd9\x01\x8f\xa1\x19\xac\xca\x40"), "is not a map of two" },
		{ V("\xd9\x01\x8f\xa3\x19\xac\xca\x40\x19\xac\xd1\x40\x00\x40"),
		  "is not a map of two" },
		{ V("\xd9\x01\x8f\xa2\x19\xac\xca\x40\x00\x40"), "has a part that is neither" },
		{ V("\xd9\x01\x8f\xa2\x61x\x40\x00\x40"), "is not an integer" },
		{ V("\xd9\x01\x8f\xa2\x19\xac\xca\x40\x19\xac\xca\x40"), "second time" },
		{ V("\xd9\x01\x8f\xa2\x19\xac\xca\x80\x19\xac\xd1\x40"),
		  "part is not a byte string" },
		{ V("\xd9\x03\x8b\xa2\x19\xac\xca\x40\x19\xac\xd1\x40"), "part is not an array" },
		{ V("\xd9\x03\x8b\xa2\x19\xac\xca\x81\x00\x19\xac\xd1\x40"),
		  "part is not a pair of type and value" },
		{ V("\xd9\x03\x8b\xa2\x19\xac\xca\x82\x00\x40\x19\xac\xd1\x40"),
		  "part is not of the type application/eat+cwt" },
		{ V("\xd9\x01\x8f\xa2\x19\xac\xca\x40\x19\xac\xd1\x40"),
		  "the platform token ends in the middle" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		token_verify(bad[i].enc, bad[i].len, &want, &rep);
		malformed(bad[i].why);
	}
}
END_TEST

/* What a COSE_Sign1 of the platform may not be; the payload comes where P is. */
START_TEST(envelopes_are_checked)
{
	static const struct {
		const char *enc;
		size_t len;
		const char *why;
	} bad[] = {
		{ V("\x84\x44\xa1\x01\x38\x22\xa0\x40\x40"), "platform token has no tag" },
		{ V("\xd1\x84\x44\xa1\x01\x38\x22\xa0\x40\x40"), "not tagged as a COSE_Sign1" },
		{ V("\xd2\x83\x44\xa1\x01\x38\x22\xa0\x40"), "not an array of four" },
		{ V("\xd2\x85\x44\xa1\x01\x38\x22\xa0\x40\x40\x40"), "not an array of four" },
		{ V("\xd2\x84\xa1\x01\x38\x22\xa0\x40\x40"), "not a byte string" },
		{ V("\xd2\x84\x40\xa0\x40\x40"), "ends in the middle" },
		{ V("\xd2\x84\x41\xa0\xa0\x40\x40"), "ends in the middle" },
		{ V("\xd2\x84\x43\xa1\x01\x25\xa0\x40\x40"), "other than ES256, ES384" },
		{ V("\xd2\x84\x44\xa1\x02\x38\x22\xa0\x40\x40"), "other than the algorithm" },
		{ V("\xd2\x84\x46\xa2\x01\x38\x22\x04\x00\xa0\x40\x40"),
		  "other than the algorithm" },
		{ V("\xd2\x84\x45\xa1\x01\x39\x00\x22\xa0\x40\x40"), "shortest form" },
		{ V("\xd2\x84\x44\xa1\x01\x38\x22\xa1\x04\x40\x40\x40"), "unprotected header" },
		{ V("\xd2\x84\x44\xa1\x01\x38\x22\xa0\xf6\x40"), "not a byte string" },
		{ V("\xd2\x84\x44\xa1\x01\x38\x22\xa0\x40\x40\x00"), "followed by something" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		token_len = tokens_pair(TOKEN_CMW, bad[i].enc, bad[i].len, "", 0, token);
		verify();
		malformed(bad[i].why);
	}
}
END_TEST

/* [reference (b)] */
START_TEST(names_of_lifecycle_states)
{
	ck_assert_str_eq(token_lifecycle_name(0x3003), "secured");
	ck_assert_str_eq(token_lifecycle_name(0x30ff), "secured");
	ck_assert_str_eq(token_lifecycle_name(0), "unknown");
	ck_assert_str_eq(token_lifecycle_name(0x6000), "decommissioned");
	ck_assert_str_eq(token_lifecycle_name(0x3100), "not defined");
	ck_assert_str_eq(token_lifecycle_name(0x7000), "not defined");
	ck_assert_str_eq(token_lifecycle_name(0xffff), "not defined");
	ck_assert(token_lifecycle_secured(0x3000) && token_lifecycle_secured(0x30ff));
	ck_assert(!token_lifecycle_secured(0x3100) && !token_lifecycle_secured(0x4000));
}
END_TEST

/* ---- the examples of others ---- */

static const struct {
	const char *file;
	enum token_form form;
	bool legacy;
	unsigned nr_components;
} examples[] = {
	{ "cca_example_token.cbor", TOKEN_CMW, false, 13 },
	{ "cca_example_token_legacy.cbor", TOKEN_CMW, true, 13 },
	{ "cca_token.cbor", TOKEN_CMW, true, 4 },
	{ "go_tfrmm_cca_token.cbor", TOKEN_COLLECTION, true, 4 },
	{ "kbc_example.cbor", TOKEN_COLLECTION, true, 13 },
};

static bool have_examples(void)
{
	u8 buf[TOKENS_MAX];

	tokens_example_anchor(&anchor);
	want = (struct token_expect){ .anchor = &anchor };
	if (tokens_example(examples[0].file, buf))
		return true;
	printf("skip: the example tokens are not here (" TOKENS_EXAMPLES ")\n");
	return false;
}

START_TEST(examples_verify)
{
	for (unsigned i = 0; have_examples() && i < ARRAY_SIZE(examples); i++) {
		token_len = tokens_example(examples[i].file, token);
		ck_assert_msg(verify() == TOKEN_VERIFIED, "%s: %s", examples[i].file, rep.why);
		ck_assert(rep.form == examples[i].form && rep.platform.lifecycle == 0x3003);
		ck_assert(!rep.realm.profile.p == examples[i].legacy);
		ck_assert_uint_eq(rep.platform.nr_components, examples[i].nr_components);
		ck_assert(!rep.realm.unknown.nr && !rep.platform.unknown.nr);
		anchor.y[0] ^= 1;
		ck_assert_int_eq(verify(), TOKEN_PLATFORM_FORGED);
	}
}
END_TEST

START_TEST(damaged_examples_do_not)
{
	u8 good[TOKENS_MAX];

	for (unsigned i = 0; have_examples() && i < ARRAY_SIZE(examples); i++)
		flip_all(good, tokens_example(examples[i].file, good), 0x01);
}
END_TEST

SUITE_MAIN("realm/token", tokens_of_the_simulator_verify, simulated_tokens_say_so,
	   the_form_is_that_of_the_rmm, legacy_and_later_tokens_verify, other_algorithms_verify,
	   the_binding_may_be_another_hash, unknown_claims_are_ignored,
	   signatures_and_binding_are_checked, without_an_anchor_nothing_is_verified,
	   challenge_and_rim_are_compared, no_byte_may_change, too_short_and_too_long,
	   each_claim_is_checked, measurements_have_one_length, a_rak_off_its_curve_signs_nothing,
	   the_pair_is_checked, envelopes_are_checked, names_of_lifecycle_states, examples_verify,
	   damaged_examples_do_not)
