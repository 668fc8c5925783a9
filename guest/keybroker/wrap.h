/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wrapping: a secret encrypted with an RSA key that its receiver made for it [RFC 7518 4.2, 4.3].
 * Any thread.
 */
#ifndef GUEST_KEYBROKER_WRAP_H
#define GUEST_KEYBROKER_WRAP_H

#include "lkvm/base/util.h"

#define WRAP_MIN_BITS 1024u
#define WRAP_MAX_BITS 4096u
#define WRAP_MAX_LEN (WRAP_MAX_BITS / 8)
#define WRAP_MAX_EXPONENT 8u

/* RSA-OAEP is with SHA-256 for hash and mask, unlike that of RFC 7518: so are the Rust programs. */
enum wrap_alg { WRAP_RSA1_5, WRAP_RSA_OAEP };

/* The name as JWKs have it: "RSA1_5", "RSA-OAEP"; a constant. */
const char *wrap_alg_name(enum wrap_alg alg);

/* The algorithm of that name. 0; -EINVAL: there is none. */
int wrap_alg_by_name(enum wrap_alg *out, const char *name);

/* A public key. Plain data; big-endian, without leading zeros. */
struct wrap_public {
	enum wrap_alg alg;
	size_t n_len, e_len;
	u8 n[WRAP_MAX_LEN], e[WRAP_MAX_EXPONENT];
};

/* NULL: the key is one to encrypt with; otherwise a constant clause, why it is not. */
const char *wrap_refuses(const struct wrap_public *key);

/*
 * The key's name: SHA-256 of it as a JSON Web Key [RFC 7638]. The algorithm is not a part of it. 0
 * or -EIO.
 */
#define WRAP_THUMBPRINT_LEN 32u
int wrap_thumbprint(const struct wrap_public *key, u8 out[WRAP_THUMBPRINT_LEN]);

/* HMAC-SHA-256 [RFC 2104] with a secret of the same length. 0 or -EIO. */
#define WRAP_MAC_LEN 32u
int wrap_mac(const u8 secret[WRAP_MAC_LEN], const void *data, size_t len, u8 out[WRAP_MAC_LEN]);

/* In a time that says nothing about the bytes. */
bool wrap_mac_equal(const u8 a[WRAP_MAC_LEN], const u8 b[WRAP_MAC_LEN]);

/*
 * Encrypt data[0..len) to `out`. Returns the length, which is that of the modulus; -EINVAL: it is
 * no such key, or `len` is too much for it; -EIO.
 */
int wrap_encrypt(const struct wrap_public *key, const void *data, size_t len, u8 out[WRAP_MAX_LEN]);

/* A private key. */
struct wrap_key;

/* Make a new key with a modulus of so many bits, to be released by wrap_free(). 0 or -EIO. */
int wrap_generate(struct wrap_key **out, unsigned bits);

/* Takes NULL. */
void wrap_free(struct wrap_key *key);

/* The public key that belongs to it, to be used with `alg`. 0 or -EIO. */
int wrap_public_of(const struct wrap_key *key, enum wrap_alg alg, struct wrap_public *out);

/*
 * Decrypt data[0..len) to `out`. Returns the length; -EBADMSG: it is not encrypted with this key.
 */
int wrap_decrypt(const struct wrap_key *key, enum wrap_alg alg, const u8 *data, size_t len,
		 u8 out[WRAP_MAX_LEN]);

#endif
