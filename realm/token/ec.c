/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ECDSA: OpenSSL's, with signatures and keys in the form that COSE and JOSE have them in.
 *
 * Thread: any.
 * Trust:  public keys, signatures and PEM come from anybody; OpenSSL checks that a point is on its
 *         curve when it makes a key of it.
 * Spec:   [FIPS 186-5], [RFC 9053 2.1], [RFC 5480 2.2 uncompressed points]
 */
#include "realm/token/ec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "realm/libcrypto.h"

#define EC_DER_MAX (EC_SIG_MAX + 16)

struct ec_key {
	EVP_PKEY *pkey;
	__typeof__(&EVP_PKEY_free) pkey_free;
	struct ec_public public;
};

static const struct curve {
	const char *name;
	size_t len;
	const char *group; /* as OpenSSL reports it */
	const char *digest;
} curves[] = {
	[EC_P256] = { "P-256", 32, "prime256v1", "SHA256" },
	[EC_P384] = { "P-384", 48, "secp384r1", "SHA384" },
	[EC_P521] = { "P-521", 66, "secp521r1", "SHA512" },
};

size_t ec_coord_len(enum ec_curve curve)
{
	return curves[curve].len;
}

const char *ec_curve_name(enum ec_curve curve)
{
	return curves[curve].name;
}

/* ---- keys as OpenSSL has them ---- */

/* NULL for a point that is not on the curve, too. */
static EVP_PKEY *public_pkey(const struct libcrypto *c, const struct ec_public *key)
{
	const struct curve *curve = &curves[key->curve];
	u8 point[1 + 2 * EC_COORD_MAX] = { 4 };
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx = c->EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	memcpy(point + 1, key->x, curve->len);
	memcpy(point + 1 + curve->len, key->y, curve->len);
	params[0] = c->OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
							(char *)curve->group, 0);
	params[1] = c->OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
							 1 + 2 * curve->len);
	params[2] = c->OSSL_PARAM_construct_end();
	if (ctx && c->EVP_PKEY_fromdata_init(ctx) > 0)
		c->EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	c->EVP_PKEY_CTX_free(ctx);
	c->ERR_clear_error();
	return pkey;
}

static bool coordinate(const struct libcrypto *c, const EVP_PKEY *pkey, const char *name, u8 *out,
		       size_t len)
{
	BIGNUM *n = NULL;
	bool ok = c->EVP_PKEY_get_bn_param(pkey, name, &n) > 0 &&
		  c->BN_bn2binpad(n, out, (int)len) == (int)len;

	c->BN_free(n);
	return ok;
}

/* -EINVAL: no key on one of the curves. */
static int public_of(const struct libcrypto *c, const EVP_PKEY *pkey, struct ec_public *out)
{
	char group[32];
	size_t len;

	memset(out, 0, sizeof(*out));
	if (c->EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
					      sizeof(group), &len) <= 0)
		group[0] = 0;
	for (unsigned i = EC_P256; i < ARRAY_SIZE(curves); i++) {
		if (strcmp(group, curves[i].group))
			continue;
		out->curve = (enum ec_curve)i;
		if (coordinate(c, pkey, OSSL_PKEY_PARAM_EC_PUB_X, out->x, curves[i].len) &&
		    coordinate(c, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, out->y, curves[i].len))
			return 0;
	}
	c->ERR_clear_error();
	return -EINVAL;
}

/* Takes pkey over, also when it fails. */
static int key_new(const struct libcrypto *c, struct ec_key **out, EVP_PKEY *pkey)
{
	struct ec_key *key = calloc(1, sizeof(*key));
	int err = key ? public_of(c, pkey, &key->public) : -ENOMEM;

	if (err) {
		free(key);
		c->EVP_PKEY_free(pkey);
		return err;
	}
	key->pkey = pkey;
	key->pkey_free = c->EVP_PKEY_free;
	*out = key;
	return 0;
}

int ec_generate(struct ec_key **out, enum ec_curve curve)
{
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	pkey = c.EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[curve].name);
	c.ERR_clear_error();
	return pkey ? key_new(&c, out, pkey) : -EIO;
}

void ec_free(struct ec_key *key)
{
	if (!key)
		return;
	key->pkey_free(key->pkey);
	free(key);
}

void ec_public_of(const struct ec_key *key, struct ec_public *out)
{
	*out = key->public;
}

/* ---- signatures ---- */

/* r || s as a Dss-Sig-Value [RFC 3279 2.2.3]; 0: failed */
static size_t sig_to_der(const struct libcrypto *c, const u8 *sig, size_t half, u8 der[EC_DER_MAX])
{
	ECDSA_SIG *s = c->ECDSA_SIG_new();
	BIGNUM *r = c->BN_bin2bn(sig, (int)half, NULL);
	BIGNUM *v = c->BN_bin2bn(sig + half, (int)half, NULL);
	int len = 0;

	if (s && r && v && c->ECDSA_SIG_set0(s, r, v) > 0) {
		u8 *p = der;

		r = v = NULL; /* now the signature's */
		if (c->i2d_ECDSA_SIG(s, NULL) <= (int)EC_DER_MAX)
			len = c->i2d_ECDSA_SIG(s, &p);
	}
	c->BN_free(r);
	c->BN_free(v);
	c->ECDSA_SIG_free(s);
	return len > 0 ? (size_t)len : 0;
}

static bool sig_from_der(const struct libcrypto *c, const u8 *der, size_t len, u8 *sig, size_t half)
{
	ECDSA_SIG *s = c->d2i_ECDSA_SIG(NULL, &der, (long)len);
	const BIGNUM *r, *v;
	bool ok;

	if (!s)
		return false;
	c->ECDSA_SIG_get0(s, &r, &v);
	ok = c->BN_bn2binpad(r, sig, (int)half) == (int)half &&
	     c->BN_bn2binpad(v, sig + half, (int)half) == (int)half;
	c->ECDSA_SIG_free(s);
	return ok;
}

static bool verify_der(const struct libcrypto *c, EVP_PKEY *pkey, const char *digest,
		       const struct iovec *msg, unsigned nr, const u8 *der, size_t der_len)
{
	EVP_MD_CTX *ctx = c->EVP_MD_CTX_new();
	bool ok = ctx && c->EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, pkey, NULL) > 0;

	for (unsigned i = 0; ok && i < nr; i++)
		ok = c->EVP_DigestVerifyUpdate(ctx, msg[i].iov_base, msg[i].iov_len) > 0;
	/* 1: good, 0: not good, negative: not even a signature. */
	ok = ok && c->EVP_DigestVerifyFinal(ctx, der, der_len) == 1;
	c->EVP_MD_CTX_free(ctx);
	return ok;
}

int ec_check(const struct ec_public *key)
{
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	pkey = public_pkey(&c, key);
	c.EVP_PKEY_free(pkey);
	return pkey ? 0 : -EINVAL;
}

int ec_verify(const struct ec_public *key, const struct iovec *msg, unsigned nr, const u8 *sig,
	      size_t sig_len)
{
	size_t half = curves[key->curve].len, der_len;
	u8 der[EC_DER_MAX];
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err;

	if (sig_len != 2 * half)
		return -EBADMSG;
	err = libcrypto_load(&c);
	if (err)
		return err;
	pkey = public_pkey(&c, key);
	if (!pkey)
		return -EINVAL;
	der_len = sig_to_der(&c, sig, half, der);
	if (!der_len)
		err = -EIO;
	else if (!verify_der(&c, pkey, curves[key->curve].digest, msg, nr, der, der_len))
		err = -EBADMSG;
	c.EVP_PKEY_free(pkey);
	c.ERR_clear_error();
	return err;
}

int ec_sign(const struct ec_key *key, const struct iovec *msg, unsigned nr, u8 sig[EC_SIG_MAX])
{
	const struct curve *curve = &curves[key->public.curve];
	u8 der[EC_DER_MAX];
	size_t len = sizeof(der);
	struct libcrypto c;
	EVP_MD_CTX *ctx;
	bool ok;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	ctx = c.EVP_MD_CTX_new();
	ok = ctx &&
	     c.EVP_DigestSignInit_ex(ctx, NULL, curve->digest, NULL, NULL, key->pkey, NULL) > 0;
	for (unsigned i = 0; ok && i < nr; i++)
		ok = c.EVP_DigestSignUpdate(ctx, msg[i].iov_base, msg[i].iov_len) > 0;
	ok = ok && c.EVP_DigestSignFinal(ctx, der, &len) > 0 &&
	     sig_from_der(&c, der, len, sig, curve->len);
	c.EVP_MD_CTX_free(ctx);
	c.ERR_clear_error();
	return ok ? 0 : -EIO;
}

/* ---- PEM ---- */

/* In place of OpenSSL's own, which would ask on the terminal: an encrypted key is none for us. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

typedef EVP_PKEY *pem_read_fn(BIO *bio, EVP_PKEY **x, pem_password_cb *cb, void *arg,
			      OSSL_LIB_CTX *libctx, const char *propq);

static EVP_PKEY *read_pem(const struct libcrypto *c, pem_read_fn *read, const char *pem, size_t len)
{
	BIO *bio = len <= INT32_MAX ? c->BIO_new_mem_buf(pem, (int)len) : NULL;
	EVP_PKEY *pkey = bio ? read(bio, NULL, no_passphrase, NULL, NULL, NULL) : NULL;

	c->BIO_free(bio);
	c->ERR_clear_error();
	return pkey;
}

int ec_read_private(struct ec_key **out, const char *pem, size_t len)
{
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	pkey = read_pem(&c, c.PEM_read_bio_PrivateKey_ex, pem, len);
	return pkey ? key_new(&c, out, pkey) : -EINVAL;
}

int ec_read_public(struct ec_public *out, const char *pem, size_t len)
{
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	pkey = read_pem(&c, c.PEM_read_bio_PUBKEY_ex, pem, len);
	if (!pkey)
		return -EINVAL;
	err = public_of(&c, pkey, out);
	c.EVP_PKEY_free(pkey);
	return err;
}

/* Secure memory: what has been a private key is wiped when it is freed. */
static int write_pem(const struct libcrypto *c, EVP_PKEY *pkey, bool private, char *pem,
		     size_t size)
{
	BIO *bio = c->BIO_new(c->BIO_s_secmem());
	int len = -1;

	if (bio && (private ? c->PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
			    : c->PEM_write_bio_PUBKEY_ex(bio, pkey, NULL, NULL)) > 0)
		len = c->BIO_read(bio, pem, (int)size);
	c->BIO_free(bio);
	c->ERR_clear_error();
	return len > 0 && (size_t)len < size ? len : -EIO;
}

int ec_write_private(const struct ec_key *key, char *pem, size_t size)
{
	struct libcrypto c;
	int err = libcrypto_load(&c);

	return err ? err : write_pem(&c, key->pkey, true, pem, size);
}

int ec_write_public(const struct ec_public *key, char *pem, size_t size)
{
	struct libcrypto c;
	EVP_PKEY *pkey;
	int err = libcrypto_load(&c);

	if (err)
		return err;
	pkey = public_pkey(&c, key);
	if (!pkey)
		return -EINVAL;
	err = write_pem(&c, pkey, false, pem, size);
	c.EVP_PKEY_free(pkey);
	return err;
}
