/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens for tests: good ones of the simulator, and ones with a claim changed and signed again. */
#ifndef TESTS_UNIT_REALM_TOKENS_H
#define TESTS_UNIT_REALM_TOKENS_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "realm/sim/token_make.h"
#include "realm/token/cose.h"
#include "realm/token/token_claims.h"

#define TOKENS_MAX 8192u

/* Claims of a half, before they are signed. */
struct tokens_half {
	u8 buf[TOKENS_MAX];
	size_t len;
};

/* A Realm whose measurements are all different. */
static inline struct rsi_realm tokens_realm(enum rsi_hash alg)
{
	struct rsi_realm r = { .hash_algo = alg };

	memcpy(r.rpv, "personal", 8);
	memset(r.rim, 0x11, rsi_hash_len(alg));
	for (unsigned i = 0; i < RSI_NR_REMS; i++)
		memset(r.rem[i], 0x22 + (int)i, rsi_hash_len(alg));
	return r;
}

static inline void tokens_keys(struct attest_keys *k)
{
	ck_assert_int_eq(ec_generate(&k->cpak, EC_P384), 0);
	ck_assert_int_eq(ec_generate(&k->rak, EC_P384), 0);
}

/* A token as the simulator makes it; its length. */
static inline size_t tokens_good(const struct attest_keys *k, enum token_form form,
				 const struct rsi_realm *r, const u8 challenge[64], u8 *buf)
{
	u8 platform[TOKENS_MAX];
	size_t platform_len, len;

	ck_assert_int_eq(token_make_platform(k, platform, sizeof(platform), &platform_len), 0);
	ck_assert_int_eq(
		token_make(k, form, platform, platform_len, r, challenge, buf, TOKENS_MAX, &len),
		0);
	return len;
}

/* The claims of a half (TOKEN_PLATFORM, TOKEN_REALM) of a collection. */
static inline void tokens_claims(const u8 *token, size_t len, s64 half, struct tokens_half *out)
{
	struct cose_sign1 s;
	struct cbor c, inner;
	const u8 *p;
	size_t n;
	s64 key;
	u64 x;

	cbor_init(&c, token, len);
	ck_assert(cbor_tag(&c, &x) && x == TOKEN_COLLECTION && cbor_map(&c, &x));
	do {
		ck_assert(cbor_int(&c, &key) && cbor_bytes(&c, &p, &n));
	} while (key != half);
	cbor_init(&inner, p, n);
	ck_assert(cose_sign1_parse(&inner, &s));
	memcpy(out->buf, s.payload, s.payload_len);
	out->len = s.payload_len;
}

/*
 * Put the encoded value in the place of that of `key`, or behind all others; NULL: remove it.
 */
static inline void tokens_set(struct tokens_half *h, s64 key, const void *value, size_t value_len)
{
	struct tokens_half old = *h;
	struct cbor_out o, raw;
	bool found = false;
	struct cbor c;
	u64 nr, left;

	cbor_init(&c, old.buf, old.len);
	ck_assert(cbor_map(&c, &nr));
	cbor_out_init(&o, h->buf + 8, sizeof(h->buf) - 8); /* room for the head */
	left = nr;
	while (left--) {
		const u8 *start = c.at, *mid;
		bool this = false;
		s64 k;

		if (cbor_at_int(&c)) {
			ck_assert(cbor_int(&c, &k));
			this = k == key;
		} else {
			ck_assert(cbor_skip(&c));
		}
		mid = c.at;
		ck_assert(cbor_skip(&c));
		found |= this;
		if (this && !value) {
			nr--;
			continue;
		}
		memcpy(o.buf + o.len, start, (size_t)(mid - start));
		o.len += (size_t)(mid - start);
		memcpy(o.buf + o.len, this ? value : mid, this ? value_len : (size_t)(c.at - mid));
		o.len += this ? value_len : (size_t)(c.at - mid);
	}
	if (!found && value) {
		nr++;
		cbor_put_int(&o, key);
		memcpy(o.buf + o.len, value, value_len);
		o.len += value_len;
	}
	cbor_out_init(&raw, h->buf, 8);
	cbor_put_map(&raw, nr);
	memmove(h->buf + raw.len, h->buf + 8, o.len);
	h->len = raw.len + o.len;
}

static inline void tokens_set_bytes(struct tokens_half *h, s64 key, const void *p, size_t len)
{
	struct cbor_out o;
	u8 value[1024];

	cbor_out_init(&o, value, sizeof(value));
	cbor_put_bytes(&o, p, len);
	tokens_set(h, key, value, o.len);
}

static inline void tokens_set_text(struct tokens_half *h, s64 key, const char *s)
{
	struct cbor_out o;
	u8 value[256];

	cbor_out_init(&o, value, sizeof(value));
	cbor_put_text(&o, s);
	tokens_set(h, key, value, o.len);
}

/* The pair of two COSE_Sign1, as they are. */
static inline size_t tokens_pair(enum token_form form, const void *platform, size_t platform_len,
				 const void *realm, size_t realm_len, u8 *buf)
{
	struct cbor_out o;

	cbor_out_init(&o, buf, TOKENS_MAX);
	cbor_put_tag(&o, form);
	cbor_put_map(&o, 2);
	for (int i = 0; i < 2; i++) {
		cbor_put_int(&o, i ? TOKEN_REALM : TOKEN_PLATFORM);
		if (form == TOKEN_CMW) {
			cbor_put_array(&o, 2);
			cbor_put_int(&o, TOKEN_CMW_TYPE);
		}
		cbor_put_bytes(&o, i ? realm : platform, i ? realm_len : platform_len);
	}
	ck_assert(!o.full);
	return o.len;
}

/* Both halves signed, and the pair of them. */
static inline size_t tokens_sign(const struct attest_keys *k, enum token_form form,
				 const struct tokens_half *platform,
				 const struct tokens_half *realm, u8 *buf)
{
	u8 p[TOKENS_MAX], r[TOKENS_MAX];
	size_t p_len, r_len;

	ck_assert_int_eq(
		cose_sign1_make(k->cpak, platform->buf, platform->len, p, sizeof(p), &p_len), 0);
	ck_assert_int_eq(cose_sign1_make(k->rak, realm->buf, realm->len, r, sizeof(r), &r_len), 0);
	return tokens_pair(form, p, p_len, r, r_len, buf);
}

/* ---- the examples of others ---- */

#define TOKENS_EXAMPLES "../shared/vectors/"

/* Read one: its length; 0: it is not here. */
static inline size_t tokens_example(const char *file, u8 buf[TOKENS_MAX])
{
	char path[128];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), TOKENS_EXAMPLES "%s", file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	len = fread(buf, 1, TOKENS_MAX, f);
	fclose(f);
	return len;
}

/* The test CPAK of TF-M, which they are all signed with; its private half is public, too. */
static inline void tokens_example_anchor(struct ec_public *out)
{
	static const char x[] = "212867c52e2b9508b0a420a90560f394d2dfaa21bdd7514ff1a901afe7e1f78b"
				"b11d4e66f8a8a38afa76af6a31c4de8c";
	static const char y[] = "84ce2dafc9964258b53fad718774f45620d111b176e8318e1187db0235a318d3"
				"7ba597fee80e0e4c762a12bcb3ea6ed4";

	*out = (struct ec_public){ .curve = EC_P384 };
	decode_hex(out->x, 48, x, sizeof(x) - 1);
	decode_hex(out->y, 48, y, sizeof(y) - 1);
}

#endif
