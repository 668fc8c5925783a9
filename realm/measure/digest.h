/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256, 384 and 512 as the RMM uses them, from OpenSSL's libcrypto. Any thread. */
#ifndef REALM_DIGEST_H
#define REALM_DIGEST_H

#include "realm/hash.h"

/*
 * See that digest() can be called: the first call of the process loads libcrypto. 0, or -ELIBACC
 * after one log_error() line; the same again each time, without another line.
 */
int digest_load(void);

/*
 * Write the hash of a[0..a_len) and b[0..b_len), one after the other, to `out`: rsi_hash_len(alg)
 * bytes. `b` may be NULL if b_len is 0. digest_load() has succeeded, in whatever thread.
 */
void digest(enum rsi_hash alg, const void *a, size_t a_len, const void *b, size_t b_len, u8 *out);

#endif
