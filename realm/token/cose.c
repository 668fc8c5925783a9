/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * COSE: the envelope of both halves of a token, and the key in the Realm's.
 *
 * Thread: any.
 * Trust:  the bytes are anybody's.
 * Spec:   [RFC 9052 3.1, 4.2, 4.4, 7], [RFC 9053 2.1, 7.1.1]
 */
#include "realm/token/cose.h"

#include <errno.h>
#include <string.h>

#define TAG_SIGN1 18u
#define HEADER_ALG 1

#define KEY_KTY 1
#define KEY_CRV (-1)
#define KEY_X (-2)
#define KEY_Y (-3)
#define KTY_EC2 2u

/* [RFC 9053 table 1]; the curve is the one with that much strength. */
static const struct {
	s64 alg;
	enum ec_curve curve;
} algs[] = { { -7, EC_P256 }, { -35, EC_P384 }, { -36, EC_P521 } };

/* ---- COSE_Sign1 ---- */

static bool parse_alg(struct cbor *c, enum ec_curve *curve)
{
	s64 label, alg;
	u64 nr;

	if (!cbor_map(c, &nr) || !cbor_int(c, &label) || !cbor_int(c, &alg))
		return false;
	if (nr != 1 || label != HEADER_ALG)
		return cbor_fail(c, "has a protected header other than the algorithm");
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		if (algs[i].alg == alg) {
			*curve = algs[i].curve;
			return true;
		}
	}
	return cbor_fail(c, "is signed with an algorithm other than ES256, ES384 and ES512");
}

/* The protected header is CBOR in a byte string. */
static bool parse_protected(struct cbor *c, struct cose_sign1 *out)
{
	struct cbor inner;

	if (!cbor_bytes(c, &out->protected, &out->protected_len))
		return false;
	cbor_init(&inner, out->protected, out->protected_len);
	if (cbor_valid(&inner) && parse_alg(&inner, &out->curve))
		return true;
	c->at = inner.at;
	return cbor_fail(c, inner.why);
}

bool cose_sign1_parse(struct cbor *c, struct cose_sign1 *out)
{
	u64 tag, nr;

	if (!cbor_valid(c) || !cbor_tag(c, &tag))
		return false;
	if (tag != TAG_SIGN1)
		return cbor_fail(c, "is not tagged as a COSE_Sign1 (18)");
	if (!cbor_array(c, &nr))
		return false;
	if (nr != 4)
		return cbor_fail(c, "is not an array of four, as a COSE_Sign1 is");
	if (!parse_protected(c, out) || !cbor_map(c, &nr))
		return false;
	/* It is not signed, so nothing may stand there. */
	if (nr)
		return cbor_fail(c, "has an unprotected header");
	return cbor_bytes(c, &out->payload, &out->payload_len) &&
	       cbor_bytes(c, &out->sig, &out->sig_len) && cbor_end(c);
}

/*
 * [RFC 9052 4.4] Sig_structure = ["Signature1", protected, external_aad, payload], up to where the
 * payload begins. There is no external data.
 */
static size_t to_be_signed(u8 *buf, size_t size, const u8 *protected, size_t protected_len,
			   size_t payload_len)
{
	struct cbor_out o;

	cbor_out_init(&o, buf, size);
	cbor_put_array(&o, 4);
	cbor_put_text(&o, "Signature1");
	cbor_put_bytes(&o, protected, protected_len);
	cbor_put_bytes(&o, NULL, 0);
	cbor_put_bytes_head(&o, payload_len);
	assert(!o.full);
	return o.len;
}

/* A protected header that was parsed is that short. */
#define PROTECTED_MAX 16u

int cose_sign1_verify(const struct cose_sign1 *s, const struct ec_public *key)
{
	u8 head[PROTECTED_MAX + 32];
	struct iovec msg[2];

	assert(s->protected_len <= PROTECTED_MAX);
	if (key->curve != s->curve)
		return -EBADMSG;
	msg[0].iov_base = head;
	msg[0].iov_len =
		to_be_signed(head, sizeof(head), s->protected, s->protected_len, s->payload_len);
	msg[1].iov_base = (void *)s->payload;
	msg[1].iov_len = s->payload_len;
	return ec_verify(key, msg, ARRAY_SIZE(msg), s->sig, s->sig_len);
}

static size_t make_protected(u8 *buf, size_t size, enum ec_curve curve)
{
	struct cbor_out o;

	cbor_out_init(&o, buf, size);
	cbor_put_map(&o, 1);
	cbor_put_int(&o, HEADER_ALG);
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		if (algs[i].curve == curve)
			cbor_put_int(&o, algs[i].alg);
	}
	return o.len;
}

int cose_sign1_make(const struct ec_key *key, const u8 *payload, size_t payload_len, u8 *buf,
		    size_t size, size_t *len)
{
	u8 protected[PROTECTED_MAX], head[PROTECTED_MAX + 32], sig[EC_SIG_MAX];
	struct ec_public public;
	struct iovec msg[2];
	struct cbor_out o;
	size_t n;
	int err;

	ec_public_of(key, &public);
	n = make_protected(protected, sizeof(protected), public.curve);
	msg[0].iov_base = head;
	msg[0].iov_len = to_be_signed(head, sizeof(head), protected, n, payload_len);
	msg[1].iov_base = (void *)payload;
	msg[1].iov_len = payload_len;
	err = ec_sign(key, msg, ARRAY_SIZE(msg), sig);
	if (err)
		return err;
	cbor_out_init(&o, buf, size);
	cbor_put_tag(&o, TAG_SIGN1);
	cbor_put_array(&o, 4);
	cbor_put_bytes(&o, protected, n);
	cbor_put_map(&o, 0);
	cbor_put_bytes(&o, payload, payload_len);
	cbor_put_bytes(&o, sig, 2 * ec_coord_len(public.curve));
	*len = o.len;
	return o.full ? -ENOSPC : 0;
}

/* ---- COSE_Key ---- */

struct key_parts {
	u64 kty, crv;
	const u8 *x, *y;
	size_t x_len, y_len;
};

static bool parse_key_entry(struct cbor *c, struct key_parts *k)
{
	s64 label;

	if (!cbor_at_int(c)) {
		/* The label, a text; then its value. */
		if (!cbor_skip(c))
			return false;
		return cbor_skip(c);
	}
	if (!cbor_int(c, &label))
		return false;
	switch (label) {
	case KEY_KTY:
		return cbor_uint(c, &k->kty);
	case KEY_CRV:
		return cbor_uint(c, &k->crv);
	case KEY_X:
		return cbor_bytes(c, &k->x, &k->x_len);
	case KEY_Y:
		return cbor_bytes(c, &k->y, &k->y_len);
	default:
		return cbor_skip(c); /* key id, algorithm: not needed */
	}
}

bool cose_key_parse(struct cbor *c, struct ec_public *out)
{
	struct key_parts k = { 0 };
	u64 nr;

	if (!cbor_valid(c) || !cbor_map(c, &nr))
		return false;
	while (nr--) {
		if (!parse_key_entry(c, &k))
			return false;
	}
	if (k.kty != KTY_EC2)
		return cbor_fail(c, "is not a key of type EC2");
	if (k.crv < EC_P256 || k.crv > EC_P521)
		return cbor_fail(c, "is a key on a curve other than P-256, P-384 and P-521");
	*out = (struct ec_public){ .curve = (enum ec_curve)k.crv };
	if (k.x_len != ec_coord_len(out->curve) || k.y_len != k.x_len)
		return cbor_fail(c, "is a key whose coordinates are not as long as its curve's");
	memcpy(out->x, k.x, k.x_len);
	memcpy(out->y, k.y, k.y_len);
	return true;
}

size_t cose_key_make(const struct ec_public *key, u8 buf[COSE_KEY_MAX])
{
	size_t len = ec_coord_len(key->curve);
	struct cbor_out o;

	cbor_out_init(&o, buf, COSE_KEY_MAX);
	cbor_put_map(&o, 4);
	cbor_put_int(&o, KEY_KTY);
	cbor_put_int(&o, KTY_EC2);
	cbor_put_int(&o, KEY_CRV);
	cbor_put_int(&o, key->curve);
	cbor_put_int(&o, KEY_X);
	cbor_put_bytes(&o, key->x, len);
	cbor_put_int(&o, KEY_Y);
	cbor_put_bytes(&o, key->y, len);
	assert(!o.full);
	return o.len;
}
