/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RSA, and what names a key or proves a text: OpenSSL's. The only room of the key broker that
 * calls it by itself.
 *
 * Thread: any.
 * Trust:  public keys come from any client, ciphertexts from the server.
 * Spec:   [RFC 8017 7.1, 7.2], [RFC 7518 6.3.1]
 */
#include "guest/keybroker/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "lkvm/base/encode.h"

struct wrap_key {
	EVP_PKEY *pkey;
};

static const char *const names[] = { [WRAP_RSA1_5] = "RSA1_5", [WRAP_RSA_OAEP] = "RSA-OAEP" };

const char *wrap_alg_name(enum wrap_alg alg)
{
	return names[alg];
}

int wrap_alg_by_name(enum wrap_alg *out, const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], name)) {
			*out = (enum wrap_alg)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *wrap_refuses(const struct wrap_public *key)
{
	if (!key->n_len || !key->n[0] || !key->e_len || !key->e[0])
		return "modulus or exponent is empty or has leading zeros";
	if (key->n_len < WRAP_MIN_BITS / 8)
		return "the modulus has less than 1024 bits";
	if (!(key->n[key->n_len - 1] & 1) || !(key->e[key->e_len - 1] & 1) ||
	    (key->e_len == 1 && key->e[0] == 1))
		return "modulus or exponent is none of an RSA key";
	return NULL;
}

int wrap_thumbprint(const struct wrap_public *key, u8 out[WRAP_THUMBPRINT_LEN])
{
	char n[BASE64_SIZE(WRAP_MAX_LEN)], e[BASE64_SIZE(WRAP_MAX_EXPONENT)];
	char jwk[sizeof(n) + sizeof(e) + 40];
	size_t len = 0;
	int n_text;

	encode_base64url(n, sizeof(n), key->n, key->n_len);
	encode_base64url(e, sizeof(e), key->e, key->e_len);
	n_text = snprintf(jwk, sizeof(jwk), "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);
	if (EVP_Q_digest(NULL, "SHA256", NULL, jwk, (size_t)n_text, out, &len) > 0 &&
	    len == WRAP_THUMBPRINT_LEN)
		return 0;
	ERR_clear_error();
	return -EIO;
}

int wrap_mac(const u8 secret[WRAP_MAC_LEN], const void *data, size_t len, u8 out[WRAP_MAC_LEN])
{
	size_t out_len = 0;

	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, WRAP_MAC_LEN, data, len, out,
		      WRAP_MAC_LEN, &out_len) &&
	    out_len == WRAP_MAC_LEN)
		return 0;
	ERR_clear_error();
	return -EIO;
}

bool wrap_mac_equal(const u8 a[WRAP_MAC_LEN], const u8 b[WRAP_MAC_LEN])
{
	return !CRYPTO_memcmp(a, b, WRAP_MAC_LEN);
}

/* NULL when it is none, or there is no memory. */
static EVP_PKEY *public_pkey(const struct wrap_public *key)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_bin2bn(key->n, (int)key->n_len, NULL);
	BIGNUM *e = BN_bin2bn(key->e, (int)key->e_len, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (bld && n && e && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(bld);
	if (ctx && params && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return pkey;
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum wrap_alg alg)
{
	if (alg == WRAP_RSA1_5)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

int wrap_encrypt(const struct wrap_public *key, const void *data, size_t len, u8 out[WRAP_MAX_LEN])
{
	EVP_PKEY *pkey = wrap_refuses(key) ? NULL : public_pkey(key);
	EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
	size_t out_len = WRAP_MAX_LEN;
	int err = pkey ? -EIO : -EINVAL;

	if (ctx && EVP_PKEY_encrypt_init(ctx) > 0 && set_padding(ctx, key->alg))
		err = EVP_PKEY_encrypt(ctx, out, &out_len, data, len) > 0 ? (int)out_len : -EINVAL;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return err;
}

int wrap_generate(struct wrap_key **out, unsigned bits)
{
	struct wrap_key *key = calloc(1, sizeof(*key));

	*out = key;
	if (key)
		key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	if (key && key->pkey)
		return 0;
	free(key);
	*out = NULL;
	ERR_clear_error();
	return -EIO;
}

void wrap_free(struct wrap_key *key)
{
	if (key)
		EVP_PKEY_free(key->pkey);
	free(key);
}

/* A number as it has to be written: its bytes, or 0. */
static size_t number(const struct wrap_key *key, const char *name, u8 *out, size_t size)
{
	BIGNUM *n = NULL;
	size_t len = 0;

	if (EVP_PKEY_get_bn_param(key->pkey, name, &n) > 0 && (size_t)BN_num_bytes(n) <= size)
		len = (size_t)BN_bn2bin(n, out);
	BN_free(n);
	return len;
}

int wrap_public_of(const struct wrap_key *key, enum wrap_alg alg, struct wrap_public *out)
{
	out->alg = alg;
	out->n_len = number(key, OSSL_PKEY_PARAM_RSA_N, out->n, sizeof(out->n));
	out->e_len = number(key, OSSL_PKEY_PARAM_RSA_E, out->e, sizeof(out->e));
	return out->n_len && out->e_len ? 0 : -EIO;
}

int wrap_decrypt(const struct wrap_key *key, enum wrap_alg alg, const u8 *data, size_t len,
		 u8 out[WRAP_MAX_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	size_t out_len = WRAP_MAX_LEN;
	int err = -EBADMSG;

	/* The length is ours to check: OpenSSL takes shorter ones, too. */
	if (ctx && EVP_PKEY_decrypt_init(ctx) > 0 && set_padding(ctx, alg) &&
	    (size_t)EVP_PKEY_get_size(key->pkey) == len) {
		/*
		 * From 3.2 on it answers bad padding with a made-up message, so that nobody learns
		 * from a server's errors. We use a key once and tell nobody; our user wants no
		 * made-up key. Earlier versions do not know the option, nor need it.
		 */
		if (alg == WRAP_RSA1_5)
			EVP_PKEY_CTX_ctrl_str(ctx, "rsa_pkcs1_implicit_rejection", "0");
		if (EVP_PKEY_decrypt(ctx, out, &out_len, data, len) > 0)
			err = (int)out_len;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return err;
}
