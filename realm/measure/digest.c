/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests. The low-level calls of OpenSSL: they need no provider to be loaded, so a Realm's start
 * does not pay for one.
 *
 * Thread: any.
 * Trust:  lengths are checked by the callers.
 * Spec:   [FIPS 180-4]
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "realm/measure/digest.h"

#include <openssl/sha.h>

void digest(enum rsi_hash alg, const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	if (alg == RSI_HASH_SHA512) {
		SHA512_CTX c;

		SHA512_Init(&c);
		SHA512_Update(&c, a, a_len);
		SHA512_Update(&c, b, b_len);
		SHA512_Final(out, &c);
	} else if (alg == RSI_HASH_SHA384) {
		SHA512_CTX c;

		SHA384_Init(&c);
		SHA384_Update(&c, a, a_len);
		SHA384_Update(&c, b, b_len);
		SHA384_Final(out, &c);
	} else {
		SHA256_CTX c;

		SHA256_Init(&c);
		SHA256_Update(&c, a, a_len);
		SHA256_Update(&c, b, b_len);
		SHA256_Final(out, &c);
	}
}
