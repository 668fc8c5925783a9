/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Challenges: fresh, bound, once, not for ever; and nobody takes the place of others. */
#include <errno.h>
#include <string.h>

#include "guest/keybroker/url.h"
#include "tests/keybroker/challenges.h"
#include "tests/unit/suite.h"

#define KEPT 4099u /* more than any of the tests issues, but the one about that */
#define LIFETIME 100u

static const struct wrap_public wrapping = { .alg = WRAP_RSA_OAEP, .n_len = 3, .n = { 1, 2, 3 } };
static struct challenges *store;

static void setup(void)
{
	ck_assert_int_eq(challenges_create(&store, KEPT, LIFETIME, NULL), 0);
}

static void teardown(void)
{
	challenges_destroy(store);
}

/* A challenge with what its client has of it. */
struct issued {
	struct challenge c;
	char ticket[TICKET_SIZE];
};

static struct issued issue(u64 now, const char *key_id)
{
	struct issued i;

	ck_assert_int_eq(challenges_issue(store, now, key_id, &wrapping, &i.c, i.ticket), 0);
	return i;
}

static bool take(u64 now, const struct issued *i, struct challenge *got)
{
	return challenges_take(store, now, i->c.id, i->ticket, strlen(i->ticket), got);
}

START_TEST(what_is_asked_for_comes_back)
{
	struct issued i = issue(0, "skywalker");
	struct challenge got;

	ck_assert_uint_ne(i.c.id, 0);
	ck_assert(take(1, &i, &got));
	ck_assert_str_eq(got.key_id, "skywalker");
	ck_assert_mem_eq(got.value, i.c.value, CHALLENGE_LEN);
	ck_assert(got.wrapping.alg == WRAP_RSA_OAEP && got.wrapping.n_len == 3 &&
		  got.wrapping.n[2] == 3);
}
END_TEST

START_TEST(each_is_new)
{
	struct issued a = issue(0, "k"), b = issue(0, "k");

	ck_assert_uint_ne(a.c.id, b.c.id);
	for (unsigned i = 0; i < CHALLENGE_RANDOM; i += 8)
		ck_assert_mem_ne(a.c.value + i, b.c.value + i, 8);
}
END_TEST

/* [RFC 7638 3.1]: the key there, and its thumbprint. */
START_TEST(each_is_bound_to_its_wrapping_key)
{
	static const char n[] =
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPe"
		"bWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY36"
		"8QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4l"
		"Fd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
	struct wrap_public key = { .alg = WRAP_RSA1_5, .e_len = 3, .e = { 1, 0, 1 } };
	u8 want[WRAP_THUMBPRINT_LEN];
	char ticket[TICKET_SIZE];
	struct challenge c;

	key.n_len = (size_t)decode_base64url(key.n, sizeof(key.n), n, sizeof(n) - 1);
	ck_assert_uint_eq(key.n_len, 256);
	ck_assert_int_eq(decode_base64url(want, sizeof(want),
					  "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", 43),
			 32);
	ck_assert_int_eq(challenges_issue(store, 0, "k", &key, &c, ticket), 0);
	ck_assert_mem_eq(c.value + CHALLENGE_RANDOM, want, sizeof(want));
}
END_TEST

START_TEST(one_is_answered_once)
{
	struct issued i = issue(0, "k"), other = issue(0, "k");
	struct challenge got;

	ck_assert(take(1, &i, &got));
	ck_assert(!take(1, &i, &got));
	ck_assert(take(1, &other, &got));
}
END_TEST

/* Whoever answers as many as he likes in between. */
START_TEST(one_is_answered_once_for_all_its_time)
{
	struct issued first = issue(0, "k");
	struct challenge got;

	ck_assert(take(1, &first, &got));
	for (unsigned i = 0; i < 3000; i++) {
		struct issued other = issue(0, "k");

		ck_assert(take(1, &other, &got));
	}
	ck_assert(!take(1, &first, &got));
}
END_TEST

START_TEST(nobody_makes_one)
{
	struct issued i = issue(0, "k"), other = issue(0, "k"), bad;
	struct challenges *another;
	struct challenge got;

	ck_assert(!challenges_take(store, 1, 0, "", 0, &got));
	ck_assert(!challenges_take(store, 1, i.c.id, "", 0, &got));
	ck_assert(!challenges_take(store, 1, i.c.id, "!", 1, &got));
	/* of another challenge, of another broker */
	ck_assert(!challenges_take(store, 1, i.c.id, other.ticket, strlen(other.ticket), &got));
	ck_assert_int_eq(challenges_create(&another, KEPT, LIFETIME, NULL), 0);
	ck_assert(!challenges_take(another, 1, i.c.id, i.ticket, strlen(i.ticket), &got));
	challenges_destroy(another);
	/* each character of it, and each length */
	for (size_t at = 0; at < strlen(i.ticket); at++) {
		bad = i;
		bad.ticket[at] = bad.ticket[at] == 'A' ? 'Q' : 'A';
		ck_assert_msg(!take(1, &bad, &got), "%zu", at);
		ck_assert(!challenges_take(store, 1, i.c.id, i.ticket, at, &got));
	}
	ck_assert(take(1, &i, &got));
}
END_TEST

START_TEST(one_is_good_for_its_time)
{
	struct issued a = issue(1000, "k"), b = issue(1000, "k");
	struct challenge got;

	ck_assert(take(1000 + LIFETIME - 1, &a, &got));
	ck_assert(!take(1000 + LIFETIME, &b, &got));
	/* Late evidence uses it up, too. */
	ck_assert(!take(1000, &b, &got));
}
END_TEST

START_TEST(one_outlives_many_others)
{
	struct issued first = issue(0, "k");
	struct challenge got;

	for (unsigned i = 0; i < 3000; i++) {
		struct issued other = issue(0, "k");

		ck_assert(i % 3 || take(1, &other, &got));
	}
	ck_assert(take(1, &first, &got));
	ck_assert_mem_eq(got.value, first.c.value, CHALLENGE_LEN);
}
END_TEST

/* The last that has a bit, and the first that has none any more. */
START_TEST(one_goes_when_there_are_too_many)
{
	struct issued first = issue(0, "k"), second = issue(0, "k");
	struct challenge got;

	for (unsigned i = 0; i < KEPT - 1; i++)
		issue(0, "k");
	ck_assert(!take(1, &first, &got));
	ck_assert(take(1, &second, &got));
	ck_assert(!take(1, &second, &got));
}
END_TEST

/* The longest that there can be fits, and into the room that a client has for a path. */
START_TEST(the_longest_ticket)
{
	struct wrap_public key = { .n_len = WRAP_MAX_LEN, .e_len = WRAP_MAX_EXPONENT };
	char name[CHALLENGES_KEY_ID_MAX], ticket[TICKET_SIZE];
	struct challenge c, got;

	memset(name, 'k', sizeof(name));
	name[CHALLENGES_KEY_ID_MAX - 1] = 0;
	memset(key.n, 0xff, sizeof(key.n));
	ck_assert_int_eq(challenges_issue(store, 0, name, &key, &c, ticket), 0);
	ck_assert_uint_lt(strlen("/keys/v1/evidence/4294967295?") + strlen(ticket), URL_MAX);
	ck_assert(challenges_take(store, 1, c.id, ticket, strlen(ticket), &got));
	ck_assert_str_eq(got.key_id, name);
	ck_assert_mem_eq(&got.wrapping, &key, sizeof(key));
}
END_TEST

START_TEST(long_names_are_refused)
{
	char name[CHALLENGES_KEY_ID_MAX + 1];
	char ticket[TICKET_SIZE];
	struct challenge c;

	memset(name, 'k', sizeof(name));
	name[CHALLENGES_KEY_ID_MAX] = 0;
	ck_assert_int_eq(challenges_issue(store, 0, name, &wrapping, &c, ticket), -E2BIG);
	name[CHALLENGES_KEY_ID_MAX - 1] = 0;
	ck_assert_int_eq(challenges_issue(store, 0, name, &wrapping, &c, ticket), 0);
	ck_assert_str_eq(c.key_id, name);
}
END_TEST

START_TEST(a_fixed_one_has_ids_of_its_own)
{
	u8 fixed[CHALLENGE_LEN];
	struct issued a, b;
	struct challenge got;

	memset(fixed, 7, sizeof(fixed));
	challenges_destroy(store);
	ck_assert_int_eq(challenges_create(&store, KEPT, LIFETIME, fixed), 0);
	a = issue(0, "k");
	b = issue(0, "k");
	ck_assert_mem_eq(a.c.value, fixed, CHALLENGE_LEN);
	ck_assert_mem_eq(b.c.value, fixed, CHALLENGE_LEN);
	ck_assert_uint_ne(a.c.id, b.c.id);
	ck_assert(take(1, &a, &got));
	ck_assert_mem_eq(got.value, fixed, CHALLENGE_LEN);
}
END_TEST

SUITE_MAIN_FIXTURE("challenges", setup, teardown, what_is_asked_for_comes_back, each_is_new,
		   each_is_bound_to_its_wrapping_key, one_is_answered_once,
		   one_is_answered_once_for_all_its_time, nobody_makes_one,
		   one_is_good_for_its_time, one_outlives_many_others,
		   one_goes_when_there_are_too_many, the_longest_ticket, long_names_are_refused,
		   a_fixed_one_has_ids_of_its_own)
