/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokens of the simulator: what RMM 1.0 emits, in its order of claims.
 *
 * Thread: any.
 * Trust:  the challenge is the guest's; it is only copied.
 * Spec:   [RMM 1.0 A7.2], tag:arm.com,2023:realm#1.0.0, tag:arm.com,2023:cca_platform#1.0.0
 */
#include "realm/sim/token_make.h"

#include <errno.h>
#include <string.h>

#include "realm/measure/digest.h"
#include "realm/token/cose.h"
#include "realm/token/token_claims.h"

#define REALM_CLAIMS_MAX 1024u
#define PLATFORM_CLAIMS_MAX 1024u

/* Lifecycle "unknown": nothing is known about a chip that does not exist. */
#define LIFECYCLE_UNKNOWN 0

static const char implementation[32] = "lkvm simulator, no isolation";
static const char *const components[] = { "SIMULATED monitor", "SIMULATED RMM (lkvm)" };

static void put_hash_of(struct cbor_out *o, const void *p, size_t len)
{
	u8 hash[RSI_HASH_MAX];

	digest(RSI_HASH_SHA256, p, len, NULL, 0, hash);
	cbor_put_bytes(o, hash, rsi_hash_len(RSI_HASH_SHA256));
}

/* Its public half. The length. */
static size_t cose_key_of(const struct ec_key *key, u8 buf[COSE_KEY_MAX])
{
	struct ec_public public;

	ec_public_of(key, &public);
	return cose_key_make(&public, buf);
}

/* ---- platform ---- */

/* As UEID: 01, and the hash of the key that it is known by [PSA token 4.2.1]. */
static void put_instance_id(struct cbor_out *o, const struct ec_key *cpak)
{
	u8 key[COSE_KEY_MAX], id[1 + RSI_HASH_MAX] = { 1 };
	size_t len = cose_key_of(cpak, key);

	digest(RSI_HASH_SHA256, key, len, NULL, 0, id + 1);
	cbor_put_bytes(o, id, 1 + rsi_hash_len(RSI_HASH_SHA256));
}

/* There is no image to measure: what is measured is the name, so that it is the same everywhere. */
static void put_components(struct cbor_out *o)
{
	cbor_put_array(o, ARRAY_SIZE(components));
	for (size_t i = 0; i < ARRAY_SIZE(components); i++) {
		cbor_put_map(o, 5);
		cbor_put_int(o, SW_TYPE);
		cbor_put_text(o, components[i]);
		cbor_put_int(o, SW_SIGNER_ID);
		put_hash_of(o, implementation, sizeof(implementation));
		cbor_put_int(o, SW_VERSION);
		cbor_put_text(o, "simulated");
		cbor_put_int(o, SW_MEASUREMENT);
		put_hash_of(o, components[i], strlen(components[i]));
		cbor_put_int(o, SW_HASH_ALGO);
		cbor_put_text(o, token_hash_name(RSI_HASH_SHA256));
	}
}

int token_make_platform(const struct attest_keys *keys, u8 *buf, size_t size, size_t *len)
{
	u8 claims[PLATFORM_CLAIMS_MAX], rak[COSE_KEY_MAX];
	size_t rak_len = cose_key_of(keys->rak, rak);
	struct cbor_out o;

	cbor_out_init(&o, claims, sizeof(claims));
	cbor_put_map(&o, 8);
	cbor_put_int(&o, CLAIM_PROFILE);
	cbor_put_text(&o, PROFILE_PLATFORM_2023);
	cbor_put_int(&o, CLAIM_CHALLENGE);
	put_hash_of(&o, rak, rak_len);
	cbor_put_int(&o, CLAIM_IMPLEMENTATION_ID);
	cbor_put_bytes(&o, implementation, sizeof(implementation));
	cbor_put_int(&o, CLAIM_INSTANCE_ID);
	put_instance_id(&o, keys->cpak);
	cbor_put_int(&o, CLAIM_CONFIG);
	cbor_put_bytes(&o, "simulated", strlen("simulated"));
	cbor_put_int(&o, CLAIM_LIFECYCLE);
	cbor_put_int(&o, LIFECYCLE_UNKNOWN);
	cbor_put_int(&o, CLAIM_HASH_ALGO);
	cbor_put_text(&o, token_hash_name(RSI_HASH_SHA256));
	cbor_put_int(&o, CLAIM_SW_COMPONENTS);
	put_components(&o);
	assert(!o.full);
	return cose_sign1_make(keys->cpak, claims, o.len, buf, size, len);
}

/* ---- Realm ---- */

static int make_realm(const struct ec_key *rak_key, const struct rsi_realm *r, const u8 *challenge,
		      u8 *buf, size_t size, size_t *len)
{
	u8 claims[REALM_CLAIMS_MAX], rak[COSE_KEY_MAX];
	size_t rak_len = cose_key_of(rak_key, rak);
	u32 hash_len = rsi_hash_len(r->hash_algo);
	struct cbor_out o;

	cbor_out_init(&o, claims, sizeof(claims));
	cbor_put_map(&o, 8);
	cbor_put_int(&o, CLAIM_CHALLENGE);
	cbor_put_bytes(&o, challenge, TOKEN_CHALLENGE_LEN);
	cbor_put_int(&o, CLAIM_RPV);
	cbor_put_bytes(&o, r->rpv, sizeof(r->rpv));
	cbor_put_int(&o, CLAIM_RAK);
	cbor_put_bytes(&o, rak, rak_len);
	cbor_put_int(&o, CLAIM_REALM_HASH_ALGO);
	cbor_put_text(&o, token_hash_name(r->hash_algo));
	cbor_put_int(&o, CLAIM_RAK_HASH_ALGO);
	cbor_put_text(&o, token_hash_name(RSI_HASH_SHA256));
	cbor_put_int(&o, CLAIM_PROFILE);
	cbor_put_text(&o, PROFILE_REALM_2023);
	cbor_put_int(&o, CLAIM_RIM);
	cbor_put_bytes(&o, r->rim, hash_len);
	cbor_put_int(&o, CLAIM_REMS);
	cbor_put_array(&o, RSI_NR_REMS);
	for (unsigned i = 0; i < RSI_NR_REMS; i++)
		cbor_put_bytes(&o, r->rem[i], hash_len);
	assert(!o.full);
	return cose_sign1_make(rak_key, claims, o.len, buf, size, len);
}

static void put_half(struct cbor_out *o, enum token_form form, int key, const u8 *p, size_t len)
{
	cbor_put_int(o, key);
	if (form == TOKEN_CMW) {
		cbor_put_array(o, 2);
		cbor_put_int(o, TOKEN_CMW_TYPE);
	}
	cbor_put_bytes(o, p, len);
}

int token_make(const struct attest_keys *keys, enum token_form form, const u8 *platform,
	       size_t platform_len, const struct rsi_realm *realm,
	       const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, size_t size, size_t *len)
{
	u8 half[REALM_CLAIMS_MAX + EC_SIG_MAX + COSE_SIGN1_EXTRA];
	struct cbor_out o;
	size_t half_len;
	int err = make_realm(keys->rak, realm, challenge, half, sizeof(half), &half_len);

	if (err)
		return err;
	cbor_out_init(&o, buf, size);
	cbor_put_tag(&o, form);
	cbor_put_map(&o, 2);
	put_half(&o, form, TOKEN_PLATFORM, platform, platform_len);
	put_half(&o, form, TOKEN_REALM, half, half_len);
	*len = o.len;
	return o.full ? -ENOSPC : 0;
}
