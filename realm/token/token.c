/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A token, from the outside in: the pair, both envelopes, the claims; then whether all of it holds
 * together and is what was expected.
 *
 * Thread: any.
 * Trust:  the bytes are anybody's. Nothing that was read is believed before the signature over it,
 *         and no signature before the key it is made with: anchor, platform, binding, RAK, Realm.
 * Spec:   [RMM 1.0 A7.2.1, A7.2.2], [RFC 9052], draft-ietf-rats-msg-wrap (CMW)
 */
#include "realm/token/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "realm/measure/digest.h"
#include "realm/token/cose.h"
#include "realm/token/token_claims.h"

struct reader {
	const u8 *base; /* of the whole token, for positions in messages */
	struct token_report *r;
	struct cose_sign1 platform, realm;
};

/* "the platform token's profile is missing (byte 12)" */
static bool malformed(const struct reader *rd, const struct cbor *c, const char *whose,
		      const char *name)
{
	rd->r->verdict = TOKEN_MALFORMED;
	snprintf(rd->r->why, sizeof(rd->r->why), "%s%s%s %s (byte %zu)", whose, *name ? "'s " : "",
		 name, c->why, (size_t)(c->at - rd->base));
	return false;
}

/* ---- reading ---- */

/* Bytes of one half: a byte string, or in a CMW a pair of its type and the byte string. */
static bool read_half(struct cbor *c, enum token_form form, const u8 **p, size_t *len)
{
	u64 nr, type;

	if (form == TOKEN_COLLECTION)
		return cbor_bytes(c, p, len);
	if (!cbor_array(c, &nr))
		return false;
	if (nr != 2)
		return cbor_fail(c, "is not a pair of type and value");
	if (!cbor_uint(c, &type))
		return false;
	if (type != TOKEN_CMW_TYPE)
		return cbor_fail(c, "is not of the type application/eat+cwt (263)");
	return cbor_bytes(c, p, len);
}

static bool read_form(struct cbor *c, enum token_form *form)
{
	u64 tag, nr;

	if (!cbor_valid(c) || !cbor_tag(c, &tag))
		return false;
	if (tag != TOKEN_COLLECTION && tag != TOKEN_CMW)
		return cbor_fail(c, "has a tag other than 399 and 907");
	*form = (enum token_form)tag;
	if (!cbor_map(c, &nr))
		return false;
	/* More would not be signed by anybody. */
	return nr == 2 || cbor_fail(c, "is not a map of two");
}

static bool read_pair(const struct reader *rd, struct cbor *c, struct cbor *platform,
		      struct cbor *realm)
{
	const char *whose = "the token";

	if (!read_form(c, &rd->r->form))
		return malformed(rd, c, whose, "");
	for (unsigned i = 0; i < 2; i++) {
		const u8 *p = NULL;
		size_t len = 0;
		s64 key;

		if (!cbor_int(c, &key))
			return malformed(rd, c, whose, "");
		if (key != TOKEN_PLATFORM && key != TOKEN_REALM) {
			cbor_fail(c, "has a part that is neither the platform's nor the Realm's");
			return malformed(rd, c, whose, "");
		}
		if (!read_half(c, rd->r->form, &p, &len))
			return malformed(rd, c, whose, "part");
		cbor_init(key == TOKEN_PLATFORM ? platform : realm, p, len);
	}
	return true;
}

static bool read_envelope(const struct reader *rd, struct cbor *c, const char *whose,
			  struct cose_sign1 *out)
{
	struct cbor inner = *c;

	if (!cose_sign1_parse(&inner, out))
		return malformed(rd, &inner, whose, "");
	cbor_init(c, out->payload, out->payload_len);
	return true;
}

static bool read_token(struct reader *rd, const void *token, size_t len)
{
	static const char platform_token[] = "the platform token",
			  realm_token[] = "the Realm token";
	struct cbor c, platform, realm;
	const char *name;

	rd->base = token;
	cbor_init(&c, token, len);
	if (len > TOKEN_MAX_LEN) {
		cbor_fail(&c, "is longer than 64 KiB");
		return malformed(rd, &c, "the token", "");
	}
	if (!read_pair(rd, &c, &platform, &realm) ||
	    !read_envelope(rd, &platform, platform_token, &rd->platform) ||
	    !read_envelope(rd, &realm, realm_token, &rd->realm))
		return false;
	rd->r->platform.curve = rd->platform.curve;
	rd->r->realm.curve = rd->realm.curve;
	if (!token_read_platform(&platform, &rd->r->platform, &name))
		return malformed(rd, &platform, platform_token, name);
	return token_read_realm(&realm, &rd->r->realm, &name) ||
	       malformed(rd, &realm, realm_token, name);
}

/* ---- judging ---- */

/* The first verdict counts; each check is made all the same. */
static void judge(struct token_report *r, enum token_check *check, bool good,
		  enum token_verdict verdict, const char *why)
{
	*check = good ? TOKEN_GOOD : TOKEN_BAD;
	if (good || r->verdict != TOKEN_VERIFIED)
		return;
	r->verdict = verdict;
	snprintf(r->why, sizeof(r->why), "%s", why);
}

static void judge_signature(struct token_report *r, enum token_check *check, int err,
			    enum token_verdict verdict, const char *why)
{
	if (!err || err == -EBADMSG || err == -EINVAL) {
		judge(r, check, !err, verdict, why);
		return;
	}
	r->verdict = TOKEN_UNABLE;
	snprintf(r->why, sizeof(r->why), "signatures cannot be checked: %s", strerror(-err));
}

/* [RMM 1.0 A7.2.3.2.2] the platform's challenge is the hash of the Realm's public key. */
static int check_binding(const struct token_report *r)
{
	const struct token_realm *realm = &r->realm;
	const struct token_part *nonce = &r->platform.challenge;
	u8 hash[RSI_HASH_MAX];
	enum rsi_hash alg;
	int err;

	if (!token_hash_algo(&realm->rak_hash_algo, &alg) || nonce->len != rsi_hash_len(alg))
		return -EBADMSG;
	err = digest_load();
	if (err)
		return err;
	digest(alg, realm->rak.p, realm->rak.len, NULL, 0, hash);
	return memcmp(nonce->p, hash, nonce->len) ? -EBADMSG : 0;
}

/* As if both had zeros behind. */
static bool same_padded(const struct token_part *a, const u8 *b, size_t b_len)
{
	size_t len = MIN(a->len, b_len);

	if (memcmp(a->p, b, len))
		return false;
	for (size_t i = len; i < a->len; i++) {
		if (a->p[i])
			return false;
	}
	for (size_t i = len; i < b_len; i++) {
		if (b[i])
			return false;
	}
	return true;
}

static void judge_all(struct reader *rd, const struct token_expect *want)
{
	struct token_report *r = rd->r;

	if (want->anchor)
		judge_signature(
			r, &r->platform_signature, cose_sign1_verify(&rd->platform, want->anchor),
			TOKEN_PLATFORM_FORGED,
			"the platform token is not signed with the key of the trust anchor");
	judge_signature(
		r, &r->binding, check_binding(r), TOKEN_UNBOUND,
		"the platform token's challenge is not the hash of the Realm token's public key");
	judge_signature(r, &r->realm_signature, cose_sign1_verify(&rd->realm, &r->realm.rak_key),
			TOKEN_REALM_FORGED,
			"the Realm token is not signed with the public key in it");
	if (want->challenge)
		judge(r, &r->challenge,
		      same_padded(&r->realm.challenge, want->challenge, want->challenge_len),
		      TOKEN_CHALLENGE_DIFFERS,
		      "the challenge in the Realm token is not the one that was expected");
	if (want->rim)
		judge(r, &r->rim, same_padded(&r->realm.rim, want->rim, want->rim_len),
		      TOKEN_RIM_DIFFERS,
		      "the initial measurement (RIM) is not the one that was expected");
	if (!want->anchor && r->verdict == TOKEN_VERIFIED) {
		r->verdict = TOKEN_UNANCHORED;
		snprintf(
			r->why, sizeof(r->why),
			"the platform signature was not checked against a known key: anybody could "
			"have made this token");
	}
}

enum token_verdict token_verify(const void *token, size_t len, const struct token_expect *want,
				struct token_report *report)
{
	struct reader rd = { .r = report };

	memset(report, 0, sizeof(*report));
	if (read_token(&rd, token, len))
		judge_all(&rd, want);
	return report->verdict;
}

/* [RMM 1.0 A7.2.3.2.7]; the low byte is the implementation's. */
#define LIFECYCLE_SECURED 0x3000u

bool token_lifecycle_secured(u32 lifecycle)
{
	return (lifecycle & ~0xffu) == LIFECYCLE_SECURED;
}

const char *token_lifecycle_name(u32 lifecycle)
{
	static const char *const names[] = {
		"unknown",	  "assembly and test",	    "platform RoT provisioning",
		"secured",	  "non-CCA platform debug", "recoverable CCA platform debug",
		"decommissioned",
	};

	if (lifecycle >> 12 >= ARRAY_SIZE(names) || (lifecycle & 0xf00))
		return "not defined";
	return names[lifecycle >> 12];
}
