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

/* "RSA1_5", "RSA-OAEP" */
const char *wrap_alg_name(enum wrap_alg alg);

/* By name; -EINVAL. */
int wrap_alg_by_name(enum wrap_alg *out, const char *name);

/* A public key. Plain data; big-endian, without leading zeros. */
struct wrap_public {
	enum wrap_alg alg;
	size_t n_len, e_len;
	u8 n[WRAP_MAX_LEN], e[WRAP_MAX_EXPONENT];
};

/* Is it one to encrypt with? NULL, or why not. */
const char *wrap_refuses(const struct wrap_public *key);

/* Encrypt: the length, that of the modulus; -EINVAL (no key, or `len` is too much for it), -EIO. */
int wrap_encrypt(const struct wrap_public *key, const void *data, size_t len, u8 out[WRAP_MAX_LEN]);

/* A private key. */
struct wrap_key;

/* A new one. 0 or -EIO. */
int wrap_generate(struct wrap_key **out, unsigned bits);
void wrap_free(struct wrap_key *key);
int wrap_public_of(const struct wrap_key *key, enum wrap_alg alg, struct wrap_public *out);

/* Decrypt into `out`, which has WRAP_MAX_LEN bytes: the length, or -EBADMSG. */
int wrap_decrypt(const struct wrap_key *key, enum wrap_alg alg, const u8 *data, size_t len,
		 u8 out[WRAP_MAX_LEN]);

#endif
