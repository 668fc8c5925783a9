/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ECDSA on the curves of the NIST, as attestation tokens use it: signatures are r || s [RFC 9053
 * 2.1]. Any thread.
 *
 * The functions are those of OpenSSL's libcrypto, which is loaded by the first call that needs it:
 * a guest that asks for no token does not pay for it.
 */
#ifndef REALM_EC_H
#define REALM_EC_H

#include <sys/uio.h>

#include "lkvm/base/util.h"

#define EC_COORD_MAX 66u
#define EC_SIG_MAX (2 * EC_COORD_MAX)
#define EC_PEM_MAX 1024u

/* The numbers are those of COSE [RFC 9053 table 18]. */
enum ec_curve { EC_P256 = 1, EC_P384 = 2, EC_P521 = 3 };

/* A public key. Plain data; the coordinates are big-endian, ec_coord_len() bytes each. */
struct ec_public {
	enum ec_curve curve;
	u8 x[EC_COORD_MAX], y[EC_COORD_MAX];
};

/* A private key, with its public one. */
struct ec_key;

/* Bytes of a coordinate: 32, 48 or 66. */
size_t ec_coord_len(enum ec_curve curve);

/* "P-256" and so on [RFC 7518 6.2.1.1]. */
const char *ec_curve_name(enum ec_curve curve);

/* Is it a point of its curve? 0; -EINVAL: it is none; -ELIBACC: no libcrypto. */
int ec_check(const struct ec_public *key);

/*
 * Does the signature belong to the message msg[0..nr), whose parts follow one another? The hash is
 * SHA-256, 384 or 512 for P-256, 384 or 521. 0: it does; -EBADMSG: it does not, or it has not
 * 2 * ec_coord_len() bytes; -EINVAL: the key is no point of its curve; -ELIBACC: no libcrypto.
 */
int ec_verify(const struct ec_public *key, const struct iovec *msg, unsigned nr, const u8 *sig,
	      size_t sig_len);

/*
 * Sign the message msg[0..nr): 2 * ec_coord_len() bytes of `sig`. 0; -ELIBACC: no libcrypto; -EIO.
 */
int ec_sign(const struct ec_key *key, const struct iovec *msg, unsigned nr, u8 sig[EC_SIG_MAX]);

/* Make a new key, to be released by ec_free(). 0; -ELIBACC: no libcrypto; -EIO, -ENOMEM. */
int ec_generate(struct ec_key **out, enum ec_curve curve);

/* Release a key. Takes NULL. */
void ec_free(struct ec_key *key);

/* The public key that belongs to it. */
void ec_public_of(const struct ec_key *key, struct ec_public *out);

/*
 * Keys as PEM: PKCS #8 for private ones, SubjectPublicKeyInfo for public ones [RFC 7468 10, 13].
 * Reading takes pem[0..len), and returns 0, or -EINVAL for what is not the PEM of a key on one of
 * the curves; a private key is to be released by ec_free(). Writing returns the length of the text
 * in `pem`, which has `size` bytes, EC_PEM_MAX are enough. All four: -ELIBACC: no libcrypto; -EIO:
 * it fails for no fault of the input.
 */
int ec_read_private(struct ec_key **out, const char *pem, size_t len);
int ec_write_private(const struct ec_key *key, char *pem, size_t size);
int ec_read_public(struct ec_public *out, const char *pem, size_t len);
int ec_write_public(const struct ec_public *key, char *pem, size_t size);

#endif
