/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digests against the examples of FIPS 180-4: "abc", and in two parts. */
#include <stdio.h>
#include <string.h>

#include "realm/measure/digest.h"
#include "tests/unit/suite.h"

static void check_abc(enum rsi_hash alg, const char *expected)
{
	u8 out[RSI_HASH_MAX];
	char hex[2 * RSI_HASH_MAX + 1];

	for (unsigned cut = 0; cut <= 3; cut++) {
		memset(out, 0xee, sizeof(out));
		digest(alg, "abc", cut, &"abc"[cut], 3 - cut, out);
		for (unsigned i = 0; i < RSI_HASH_MAX; i++)
			snprintf(hex + 2 * i, 3, "%02x", out[i]);
		ck_assert(!strncmp(hex, expected, 2 * rsi_hash_len(alg)));
		ck_assert_uint_eq(strlen(expected), 2 * rsi_hash_len(alg));
		/* Nothing behind the hash is touched. */
		ck_assert(rsi_hash_len(alg) == 64 || out[rsi_hash_len(alg)] == 0xee);
	}
}

START_TEST(sha256)
{
	check_abc(RSI_HASH_SHA256,
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(sha384)
{
	check_abc(RSI_HASH_SHA384,
		  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		  "8086072ba1e7cc2358baeca134c825a7");
}
END_TEST

START_TEST(sha512)
{
	check_abc(RSI_HASH_SHA512,
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}
END_TEST

SUITE_MAIN("realm/digest", sha256, sha384, sha512)
