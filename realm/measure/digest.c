/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests. The low-level calls of OpenSSL: they need no provider to be loaded, so a Realm's start
 * does not pay for one.
 *
 * Theory: the functions are found once for the process, as the library is the process's. Whoever
 * makes what is hashed later (a simulated RMM, a plan, a log) loads them, so that no digest() can
 * fail.
 *
 * Thread: any.
 * Trust:  lengths are checked by the callers.
 * Spec:   [FIPS 180-4]
 */
#include "realm/measure/digest.h"

#include <assert.h>
#include <pthread.h>

#include "realm/libcrypto.h"

static struct libcrypto lib;
static int lib_err;

static void load(void)
{
	lib_err = libcrypto_load(&lib);
}

int digest_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return lib_err;
}

void digest(enum rsi_hash alg, const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	int err = digest_load();

	assert(!err);
	if (alg == RSI_HASH_SHA512) {
		SHA512_CTX c;

		lib.SHA512_Init(&c);
		lib.SHA512_Update(&c, a, a_len);
		lib.SHA512_Update(&c, b, b_len);
		lib.SHA512_Final(out, &c);
	} else if (alg == RSI_HASH_SHA384) {
		SHA512_CTX c;

		lib.SHA384_Init(&c);
		lib.SHA384_Update(&c, a, a_len);
		lib.SHA384_Update(&c, b, b_len);
		lib.SHA384_Final(out, &c);
	} else {
		SHA256_CTX c;

		lib.SHA256_Init(&c);
		lib.SHA256_Update(&c, a, a_len);
		lib.SHA256_Update(&c, b, b_len);
		lib.SHA256_Final(out, &c);
	}
}
