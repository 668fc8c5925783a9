/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * COSE_Sign1 and COSE_Key [RFC 9052 4.2, 7], as CCA tokens have them: ES256, ES384 and ES512 with
 * the curve of that size, one protected header, nothing unprotected. Any thread.
 */
#ifndef REALM_COSE_H
#define REALM_COSE_H

#include "realm/token/cbor.h"
#include "realm/token/ec.h"

#define COSE_KEY_MAX 160u    /* of a P-521 key */
#define COSE_SIGN1_EXTRA 32u /* what a COSE_Sign1 is longer than payload and signature, at most */

/* Parts of the bytes that were parsed. */
struct cose_sign1 {
	enum ec_curve curve; /* of the signature */
	const u8 *protected, *payload, *sig;
	size_t protected_len, payload_len, sig_len;
};

/*
 * Read a tagged COSE_Sign1, which is all that is left of `c`; *out points into the bytes of `c`.
 * False: c->why says what is wrong. The signature is not looked at.
 */
bool cose_sign1_parse(struct cbor *c, struct cose_sign1 *out);

/* Is it signed with that key? As ec_verify(); -EBADMSG also for a key of another curve. */
int cose_sign1_verify(const struct cose_sign1 *s, const struct ec_public *key);

/*
 * Sign the payload. *len bytes of `buf`, which has `size`, are the tagged COSE_Sign1 then. 0,
 * -ENOSPC, or as ec_sign().
 */
int cose_sign1_make(const struct ec_key *key, const u8 *payload, size_t payload_len, u8 *buf,
		    size_t size, size_t *len);

/*
 * Read a COSE_Key of type EC2 with both coordinates, which is all that is left of `c`. False:
 * c->why says what is wrong. Whether the point is on its curve is for ec_verify() to find out.
 */
bool cose_key_parse(struct cbor *c, struct ec_public *out);

/* Write {1: 2, -1: curve, -2: x, -3: y} to `buf`. Returns its length. */
size_t cose_key_make(const struct ec_public *key, u8 buf[COSE_KEY_MAX]);

#endif
