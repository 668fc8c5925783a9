/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attestation tokens from anybody, and what they are verified with. No byte makes a token of nobody
 * known a verified one, claims lie inside the token, whatever is told about it can be printed; CBOR
 * that is taken is the only way to write what it says.
 *
 * Thread: one.
 * Trust:  plays whoever sends a token.
 *
 * Input: one byte that says what the rest is:
 *   0 a token   1 claims of the platform   2 claims of the Realm   3 a COSE_Sign1 or COSE_Key
 *   4 a trust anchor   5 two bytes of length (little-endian), claims of the platform, of the Realm
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/token/token_print.h"
#include "realm/token/anchor.h"
#include "realm/token/cose.h"
#include "realm/token/token_claims.h"
#include "tests/fuzz/input.h"

/* What is printed is not what is tested, and there would be a lot of it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stdout = fopen("/dev/null", "w");
	return stdout ? 0 : -1;
}

/* ---- CBOR ---- */

/*
 * Write the next item of `in` as it is understood. False: true, false or null, for which nobody has
 * a writer.
 */
static bool copy_item(struct cbor *in, struct cbor_out *out);

static bool copy_items(struct cbor *in, struct cbor_out *out, u64 nr)
{
	bool ok = true;

	while (nr-- && ok)
		ok = copy_item(in, out);
	return ok;
}

static bool copy_item(struct cbor *in, struct cbor_out *out)
{
	struct cbor c = *in;
	const u8 *p;
	size_t n;
	u64 nr;
	s64 i;

	if (cbor_int(&c, &i)) {
		*in = c;
		cbor_put_int(out, i);
		return true;
	}
	c = *in;
	if (cbor_bytes(&c, &p, &n)) {
		*in = c;
		cbor_put_bytes(out, p, n);
		return true;
	}
	c = *in;
	if (cbor_array(&c, &nr)) {
		*in = c;
		cbor_put_array(out, nr);
		return copy_items(in, out, nr);
	}
	c = *in;
	if (cbor_map(&c, &nr)) {
		*in = c;
		cbor_put_map(out, nr);
		return copy_items(in, out, 2 * nr);
	}
	c = *in;
	if (cbor_tag(&c, &nr)) {
		*in = c;
		cbor_put_tag(out, nr);
		return copy_item(in, out);
	}
	return false;
}

static void check_cbor(const u8 *data, size_t len)
{
	u8 *copy = malloc(len + 1);
	struct cbor_out out;
	struct cbor c;

	cbor_init(&c, data, len);
	cbor_out_init(&out, copy, len + 1);
	if (cbor_valid(&c)) {
		check(c.at == data && !c.why);
		if (copy_item(&c, &out))
			check(!out.full && out.len == len && !memcmp(copy, data, len) &&
			      cbor_end(&c));
		cbor_init(&c, data, len);
		check(cbor_skip(&c) && cbor_end(&c));
	} else {
		check(c.why && c.at >= data && c.at <= data + len);
	}
	free(copy);
}

/* ---- reports ---- */

static void in_token(const struct token_part *part, const u8 *data, size_t len)
{
	check(!part->p || (part->p >= data && part->p <= data + len &&
			   part->len <= (size_t)(data + len - part->p)));
}

static void check_platform(const struct token_platform *p, const u8 *data, size_t len)
{
	const struct token_part *const parts[] = {
		&p->profile, &p->challenge, &p->implementation_id, &p->instance_id,
		&p->config,  &p->hash_algo, &p->verification
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		in_token(parts[i], data, len);
	check(p->implementation_id.len == 32 && p->instance_id.len == 33);
	check(p->nr_components <= TOKEN_MAX_COMPONENTS);
	for (unsigned i = 0; i < p->nr_components; i++) {
		in_token(&p->components[i].type, data, len);
		in_token(&p->components[i].measurement, data, len);
		in_token(&p->components[i].version, data, len);
		in_token(&p->components[i].signer_id, data, len);
		in_token(&p->components[i].hash_algo, data, len);
	}
	token_lifecycle_name(p->lifecycle);
	token_lifecycle_secured(p->lifecycle);
}

static void check_realm(const struct token_realm *r, const u8 *data, size_t len)
{
	const struct token_part *const parts[] = { &r->profile,	      &r->challenge,  &r->rpv,
						   &r->hash_algo,     &r->rim,	      &r->rak,
						   &r->rak_hash_algo, &r->instance_id };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		in_token(parts[i], data, len);
	check(r->challenge.len == 64 && r->rpv.len == 64 && r->rak.p);
	check(r->rim.len == 32 || r->rim.len == 48 || r->rim.len == 64);
	for (unsigned i = 0; i < TOKEN_NR_REMS; i++) {
		in_token(&r->rem[i], data, len);
		check(r->rem[i].len == r->rim.len);
	}
}

static void check_token(const u8 *data, size_t len)
{
	static const u8 challenge[TOKEN_CHALLENGE_LEN] = { 1 };
	const struct token_expect want = { .challenge = challenge, .challenge_len = 1 };
	struct token_report r;

	check(token_verify(data, len, &want, &r) == r.verdict);
	check(r.verdict != TOKEN_VERIFIED && *r.why && strlen(r.why) < TOKEN_WHY_LEN);
	check(!token_print_json(&r));
	token_print_text(&r);
	if (r.verdict == TOKEN_MALFORMED)
		return;
	check(r.platform_signature == TOKEN_UNCHECKED && r.binding != TOKEN_UNCHECKED);
	check_platform(&r.platform, data, len);
	check_realm(&r.realm, data, len);
}

/* ---- halves ---- */

static void check_claims(const u8 *data, size_t len, bool realm)
{
	struct token_platform p = { 0 };
	struct token_realm r = { 0 };
	const char *name = NULL;
	struct cbor c;
	bool ok;

	cbor_init(&c, data, len);
	ok = realm ? token_read_realm(&c, &r, &name) : token_read_platform(&c, &p, &name);
	check(ok == !c.why && (ok || name));
	if (ok && realm)
		check_realm(&r, data, len);
	else if (ok)
		check_platform(&p, data, len);
}

static void check_cose(const u8 *data, size_t len)
{
	u8 buf[COSE_KEY_MAX];
	struct cose_sign1 s;
	struct ec_public k;
	struct cbor c;

	cbor_init(&c, data, len);
	if (cose_sign1_parse(&c, &s))
		check(s.payload >= data && s.payload + s.payload_len <= data + len &&
		      s.sig >= data && s.sig + s.sig_len <= data + len);
	cbor_init(&c, data, len);
	if (cose_key_parse(&c, &k))
		check(cose_key_make(&k, buf) <= sizeof(buf));
}

static void check_anchor(const u8 *data, size_t len)
{
	char why[200] = "", jwk[ANCHOR_JWK_MAX];
	struct ec_public key, again;
	int n;

	if (anchor_parse(&key, (const char *)data, len, why, sizeof(why))) {
		check(*why);
		return;
	}
	n = anchor_print_jwk(&key, jwk, sizeof(jwk));
	check(n > 0 && n < (int)sizeof(jwk));
	check(!anchor_parse(&again, jwk, (size_t)n, why, sizeof(why)));
	check(again.curve == key.curve && !memcmp(again.x, key.x, ec_coord_len(key.curve)) &&
	      !memcmp(again.y, key.y, ec_coord_len(key.curve)));
}

/* Lengths that fit and signatures that do not, around claims from the input. */
static void put_half(struct cbor_out *o, s64 key, const u8 *claims, size_t len)
{
	static const u8 header[] = { 0xa1, 0x01, 0x38, 0x22 }, sig[96] = { 1 };
	u8 *half = malloc(len + 256);
	struct cbor_out h;

	cbor_out_init(&h, half, len + 256);
	cbor_put_tag(&h, 18);
	cbor_put_array(&h, 4);
	cbor_put_bytes(&h, header, sizeof(header));
	cbor_put_map(&h, 0);
	cbor_put_bytes(&h, claims, len);
	cbor_put_bytes(&h, sig, sizeof(sig));
	cbor_put_int(o, key);
	cbor_put_bytes(o, half, h.len);
	free(half);
}

static void check_both(const u8 *data, size_t len)
{
	size_t n = len < 2 ? 0 : MIN((size_t)(data[0] | data[1] << 8), len - 2);
	u8 *token = malloc(len + 1024), *exact;
	struct cbor_out o;

	if (len >= 2) {
		cbor_out_init(&o, token, len + 1024);
		cbor_put_tag(&o, TOKEN_COLLECTION);
		cbor_put_map(&o, 2);
		put_half(&o, TOKEN_PLATFORM, data + 2, n);
		put_half(&o, TOKEN_REALM, data + 2 + n, len - 2 - n);
		check(!o.full);
		/* A buffer that ends where the token does, for the sanitizer. */
		exact = malloc(o.len);
		memcpy(exact, token, o.len);
		check_token(exact, o.len);
		free(exact);
	}
	free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	u8 *copy;

	if (!len)
		return 0;
	copy = malloc(len);
	memcpy(copy, data + 1, len - 1);
	check_cbor(copy, len - 1);
	switch (data[0] % 6) {
	case 0:
		check_token(copy, len - 1);
		break;
	case 1:
	case 2:
		check_claims(copy, len - 1, data[0] % 6 == 2);
		break;
	case 3:
		check_cose(copy, len - 1);
		break;
	case 4:
		check_anchor(copy, len - 1);
		break;
	default:
		check_both(copy, len - 1);
	}
	free(copy);
	return 0;
}
