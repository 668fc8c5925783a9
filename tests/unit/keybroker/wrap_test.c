/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys encrypted for a client: what is decrypted, and what is not. */
#include "guest/keybroker/wrap.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"

#define KEY "May the force be with you."
#define BITS 2048u

static struct wrap_key *key;
static struct wrap_public public;
static u8 wrapped[WRAP_MAX_LEN], out[WRAP_MAX_LEN];

static void make_key(void)
{
	ck_assert(!wrap_generate(&key, BITS));
}

static void free_key(void)
{
	wrap_free(key);
}

static int wrap(enum wrap_alg alg)
{
	int n;

	ck_assert(!wrap_public_of(key, alg, &public));
	n = wrap_encrypt(&public, KEY, strlen(KEY), wrapped);
	ck_assert_int_eq(n, BITS / 8);
	return n;
}

START_TEST(names)
{
	enum wrap_alg alg;

	for (int i = WRAP_RSA1_5; i <= WRAP_RSA_OAEP; i++) {
		ck_assert(!wrap_alg_by_name(&alg, wrap_alg_name((enum wrap_alg)i)));
		ck_assert_int_eq(alg, i);
	}
	ck_assert_int_eq(wrap_alg_by_name(&alg, "RSA"), -EINVAL);
}
END_TEST

START_TEST(both_ways)
{
	for (int i = WRAP_RSA1_5; i <= WRAP_RSA_OAEP; i++) {
		int n = wrap((enum wrap_alg)i);

		ck_assert_int_eq(wrap_decrypt(key, (enum wrap_alg)i, wrapped, (size_t)n, out),
				 strlen(KEY));
		ck_assert_mem_eq(out, KEY, strlen(KEY));
	}
}
END_TEST

/* RFC 8017 7.1.2 1b, 7.2.2 1: the length of the ciphertext is that of the modulus. */
START_TEST(no_other_length)
{
	for (int i = WRAP_RSA1_5; i <= WRAP_RSA_OAEP; i++) {
		size_t lens[] = { 0, 3, (size_t)wrap((enum wrap_alg)i) - 1, BITS / 8 + 1 };

		for (unsigned j = 0; j < ARRAY_SIZE(lens); j++)
			ck_assert_int_eq(wrap_decrypt(key, (enum wrap_alg)i, wrapped, lens[j], out),
					 -EBADMSG);
	}
}
END_TEST

/* RFC 8017 7.1.2 3g, 7.2.2 3: with any OpenSSL. One to any power is one. */
START_TEST(no_padding)
{
	u8 one[BITS / 8] = { 0 };

	one[sizeof(one) - 1] = 1;
	for (int i = WRAP_RSA1_5; i <= WRAP_RSA_OAEP; i++)
		ck_assert_int_eq(wrap_decrypt(key, (enum wrap_alg)i, one, sizeof(one), out),
				 -EBADMSG);
}
END_TEST

START_TEST(for_no_other_key)
{
	struct wrap_key *other;
	int n = wrap(WRAP_RSA_OAEP);

	ck_assert(!wrap_generate(&other, BITS));
	ck_assert_int_eq(wrap_decrypt(other, WRAP_RSA_OAEP, wrapped, (size_t)n, out), -EBADMSG);
	wrap_free(other);
}
END_TEST

START_TEST(no_room)
{
	static u8 data[WRAP_MAX_LEN];

	wrap(WRAP_RSA1_5);
	ck_assert_int_eq(wrap_encrypt(&public, data, BITS / 8 - 11 + 1, wrapped), -EINVAL);
	ck_assert_int_eq(wrap_encrypt(&public, data, BITS / 8 - 11, wrapped), BITS / 8);
	wrap(WRAP_RSA_OAEP);
	ck_assert_int_eq(wrap_encrypt(&public, data, BITS / 8 - 66 + 1, wrapped), -EINVAL);
	ck_assert_int_eq(wrap_encrypt(&public, data, BITS / 8 - 66, wrapped), BITS / 8);
}
END_TEST

/* A server is sent keys by anybody. */
START_TEST(no_key)
{
	struct wrap_public bad;

	wrap(WRAP_RSA1_5);
	ck_assert_ptr_null(wrap_refuses(&public));
	bad = public;
	bad.n_len = WRAP_MIN_BITS / 8 - 1;
	bad.n[bad.n_len - 1] |= 1;
	ck_assert_ptr_nonnull(wrap_refuses(&bad));
	ck_assert_int_eq(wrap_encrypt(&bad, KEY, strlen(KEY), wrapped), -EINVAL);
	bad = public;
	bad.n[public.n_len - 1] &= 0xfe;
	ck_assert_ptr_nonnull(wrap_refuses(&bad));
	bad = public;
	bad.e[public.e_len - 1] &= 0xfe;
	ck_assert_ptr_nonnull(wrap_refuses(&bad));
	bad = public;
	bad.e_len = 0;
	ck_assert_ptr_nonnull(wrap_refuses(&bad));
}
END_TEST

SUITE_MAIN_FIXTURE("keybroker/wrap", make_key, free_key, names, both_ways, no_other_length,
		   no_padding, for_no_other_key, no_room, no_key)
