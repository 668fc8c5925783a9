/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Challenges: fresh, once, not for ever, not without limit. */
#include <errno.h>
#include <string.h>

#include "tests/keybroker/challenges.h"
#include "tests/unit/suite.h"

#define KEPT 4u
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

static struct challenge issue(u64 now, const char *key_id)
{
	const struct challenge *c;

	ck_assert_int_eq(challenges_issue(store, now, key_id, &wrapping, &c), 0);
	return *c;
}

START_TEST(what_is_asked_for_comes_back)
{
	struct challenge c = issue(0, "skywalker"), got;

	ck_assert_uint_ne(c.id, 0);
	ck_assert(challenges_take(store, 1, c.id, &got));
	ck_assert_str_eq(got.key_id, "skywalker");
	ck_assert_mem_eq(got.value, c.value, CHALLENGE_LEN);
	ck_assert(got.wrapping.alg == WRAP_RSA_OAEP && got.wrapping.n_len == 3 &&
		  got.wrapping.n[2] == 3);
}
END_TEST

START_TEST(each_is_new)
{
	struct challenge a = issue(0, "k"), b = issue(0, "k");

	ck_assert_uint_ne(a.id, b.id);
	ck_assert_mem_ne(a.value, b.value, CHALLENGE_LEN);
	/* All of it is random: no half is that of the other, or zero. */
	for (unsigned i = 0; i < CHALLENGE_LEN; i += 8)
		ck_assert_mem_ne(a.value + i, b.value + i, 8);
}
END_TEST

START_TEST(one_is_answered_once)
{
	struct challenge c = issue(0, "k"), other = issue(0, "k"), got;

	ck_assert(challenges_take(store, 1, c.id, &got));
	ck_assert(!challenges_take(store, 1, c.id, &got));
	ck_assert(challenges_take(store, 1, other.id, &got));
}
END_TEST

START_TEST(nobody_guesses_one)
{
	struct challenge c = issue(0, "k"), got;

	/* 0 is what free slots have. */
	ck_assert(!challenges_take(store, 1, 0, &got));
	ck_assert(!challenges_take(store, 1, c.id ^ 1, &got));
	ck_assert(challenges_take(store, 1, c.id, &got));
	ck_assert(!challenges_take(store, 1, 0, &got));
}
END_TEST

START_TEST(one_is_good_for_its_time)
{
	struct challenge a = issue(1000, "k"), b = issue(1000, "k"), got;

	ck_assert(challenges_take(store, 1000 + LIFETIME - 1, a.id, &got));
	ck_assert(!challenges_take(store, 1000 + LIFETIME, b.id, &got));
	/* Late evidence uses it up, too. */
	ck_assert(!challenges_take(store, 1000, b.id, &got));
}
END_TEST

START_TEST(the_last_ones_are_kept)
{
	struct challenge c[3 * KEPT], got;

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = issue(0, "k");
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		ck_assert(challenges_take(store, 1, c[i].id, &got) == (i >= 2 * KEPT));
		if (i >= 2 * KEPT)
			ck_assert_mem_eq(got.value, c[i].value, CHALLENGE_LEN);
	}
}
END_TEST

START_TEST(long_names_are_refused)
{
	char name[CHALLENGES_KEY_ID_MAX + 1];
	const struct challenge *c;

	memset(name, 'k', sizeof(name));
	name[CHALLENGES_KEY_ID_MAX] = 0;
	ck_assert_int_eq(challenges_issue(store, 0, name, &wrapping, &c), -E2BIG);
	name[CHALLENGES_KEY_ID_MAX - 1] = 0;
	ck_assert_int_eq(challenges_issue(store, 0, name, &wrapping, &c), 0);
	ck_assert_str_eq(c->key_id, name);
}
END_TEST

START_TEST(a_fixed_one_has_ids_of_its_own)
{
	u8 fixed[CHALLENGE_LEN];
	struct challenge a, b;

	memset(fixed, 7, sizeof(fixed));
	challenges_destroy(store);
	ck_assert_int_eq(challenges_create(&store, KEPT, LIFETIME, fixed), 0);
	a = issue(0, "k");
	b = issue(0, "k");
	ck_assert_mem_eq(a.value, fixed, CHALLENGE_LEN);
	ck_assert_mem_eq(b.value, fixed, CHALLENGE_LEN);
	ck_assert_uint_ne(a.id, b.id);
}
END_TEST

SUITE_MAIN_FIXTURE("challenges", setup, teardown, what_is_asked_for_comes_back, each_is_new,
		   one_is_answered_once, nobody_guesses_one, one_is_good_for_its_time,
		   the_last_ones_are_kept, long_names_are_refused, a_fixed_one_has_ids_of_its_own)
