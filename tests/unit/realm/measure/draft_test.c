/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A measurement that waited is the same as one that was made at once; and who built what else. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "realm/measure/digest.h"
#include "realm/measure/draft.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (5 * MiB) /* of what is loaded: two pieces, and a part of one */

static const u64 gprs[8] = { 0x8fe00000, 1, 2, 3, 4, 5, 6, 7 };
static u8 *bytes;

static struct rim_params params(enum rsi_hash hash)
{
	return (struct rim_params){ .hash = hash, .ipa_bits = 48, .nr_bps = 2, .nr_wps = 2 };
}

static void setup(void)
{
	ck_assert_int_eq(digest_load(), 0);
	bytes = malloc(SIZE);
	for (u64 i = 0; i < SIZE; i++)
		bytes[i] = (u8)(i * 7 + i / 4096);
}

/* One range, a hole, another one; one that is not measured; vCPUs. */
static void build(struct draft *d, enum draft_side side, u64 pieces, u64 entry)
{
	u64 half = 2 * MiB + RSI_GRANULE, end = RAM + SIZE + 16 * MiB;
	struct rim_params p = params(RSI_HASH_SHA256);

	draft_begin(d, side, RIM_RMM_1_0, &p);
	draft_init_ripas(d, side, RAM, RAM + 64 * MiB);
	for (u64 at = 0; side == DRAFT_BUILT && at < SIZE; at += RSI_GRANULE)
		memcpy(draft_granule(d), bytes + at, RSI_GRANULE);
	for (u64 at = 0; at < half; at += pieces)
		draft_data(d, side, RAM + at, MIN(pieces, half - at), true);
	draft_data(d, side, RAM + half + 8 * MiB, SIZE - half, true);
	draft_data(d, side, end, 2 * RSI_GRANULE, false);
	draft_rec(d, side, true, entry, gprs);
	draft_rec(d, side, false, entry, gprs);
}

static void at_once(u8 value[RSI_HASH_MAX])
{
	u64 half = 2 * MiB + RSI_GRANULE, end = RAM + SIZE + 16 * MiB;
	struct rim_params p = params(RSI_HASH_SHA256);
	struct rim r;

	rim_create(&r, RIM_RMM_1_0, &p);
	rim_init_ripas(&r, RAM, RAM + 64 * MiB);
	for (u64 at = 0; at < SIZE; at += RSI_GRANULE)
		rim_data(&r, RAM + at + (at < half ? 0 : 8 * MiB), bytes + at);
	rim_data(&r, end, NULL);
	rim_data(&r, end + RSI_GRANULE, NULL);
	rim_rec(&r, true, RAM, gprs);
	memcpy(value, r.value, RSI_HASH_MAX);
}

static struct draft *draft(u64 planned_entry)
{
	struct draft *d = draft_create();

	ck_assert_ptr_nonnull(d);
	build(d, DRAFT_PLANNED, SIZE, planned_entry);
	build(d, DRAFT_BUILT, 64 * KiB, RAM);
	return d;
}

START_TEST(the_same_as_at_once)
{
	u8 want[RSI_HASH_MAX], got[RSI_HASH_MAX];

	setup();
	at_once(want);
	for (unsigned worked = 0; worked < 40; worked += 13) {
		struct draft *d = draft(RAM);

		ck_assert(draft_is_as_planned(d));
		for (unsigned i = 0; i < worked; i++)
			draft_work(d);
		draft_value(d, DRAFT_BUILT, got);
		ck_assert_mem_eq(got, want, sizeof(want));
		ck_assert(!draft_work(d));
		draft_value(d, DRAFT_BUILT, got);
		ck_assert_mem_eq(got, want, sizeof(want));
		draft_destroy(d);
	}
	free(bytes);
}
END_TEST

START_TEST(what_was_planned_otherwise)
{
	u8 planned[RSI_HASH_MAX], built[RSI_HASH_MAX], want[RSI_HASH_MAX];
	struct rim_params p = params(RSI_HASH_SHA512);
	struct draft *d;

	setup();
	at_once(want);
	d = draft(RAM + 4);
	ck_assert(!draft_is_as_planned(d));
	draft_value(d, DRAFT_PLANNED, planned);
	draft_value(d, DRAFT_BUILT, built);
	ck_assert_mem_ne(planned, built, sizeof(built));
	ck_assert_mem_eq(built, want, sizeof(want));
	draft_destroy(d);
	/* Another descriptor, a range more, more than fits. */
	d = draft(RAM);
	draft_begin(d, DRAFT_PLANNED, RIM_RMM_1_0, &p);
	ck_assert(!draft_is_as_planned(d));
	draft_destroy(d);
	d = draft(RAM);
	draft_data(d, DRAFT_BUILT, RAM + 60 * MiB, RSI_GRANULE, false);
	ck_assert(!draft_is_as_planned(d));
	draft_destroy(d);
	d = draft(RAM);
	for (unsigned i = 0; i < 50; i++)
		for (int side = 0; side < 2; side++)
			draft_rec(d, side, true, RAM + i, gprs);
	ck_assert(!draft_is_as_planned(d));
	draft_destroy(d);
	free(bytes);
}
END_TEST

/* What is planned and was not built is zeros. */
START_TEST(more_is_planned_than_was_built)
{
	u8 value[RSI_HASH_MAX];
	struct draft *d;

	setup();
	d = draft(RAM);
	draft_data(d, DRAFT_PLANNED, RAM + 60 * MiB, RSI_GRANULE, true);
	ck_assert(!draft_is_as_planned(d));
	draft_value(d, DRAFT_PLANNED, value);
	draft_destroy(d);
	free(bytes);
}
END_TEST

static void *works(void *arg)
{
	while (draft_work(arg))
		;
	return NULL;
}

START_TEST(two_at_it)
{
	u8 want[RSI_HASH_MAX], got[RSI_HASH_MAX];
	pthread_t thread;
	struct draft *d;

	setup();
	at_once(want);
	d = draft(RAM);
	ck_assert_int_eq(pthread_create(&thread, NULL, works, d), 0);
	draft_value(d, DRAFT_BUILT, got);
	ck_assert_mem_eq(got, want, sizeof(want));
	pthread_join(thread, NULL);
	draft_destroy(d);
	free(bytes);
}
END_TEST

SUITE_MAIN("realm/measure/draft", the_same_as_at_once, what_was_planned_otherwise,
	   more_is_planned_than_was_built, two_at_it)
