/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words with a slip of the pen, and words that mean nothing. */
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/nearest.h"
#include "tests/unit/suite.h"

static const char *const names[] = { "disk", "network", "no-rng", "mem", "kernel", "disks" };

static const char *meant(const char *word)
{
	struct nearest n = NEAREST_OF(word, strlen(word));

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_offer(&n, names[i]);
	return nearest_name(&n);
}

START_TEST(each_edit_is_one)
{
	ck_assert_str_eq(meant("dsk"), "disk");	   /* one is missing */
	ck_assert_str_eq(meant("dissk"), "disk");  /* one too many */
	ck_assert_str_eq(meant("dimk"), "disk");   /* another one */
	ck_assert_str_eq(meant("dsik"), "disk");   /* two swapped */
	ck_assert_str_eq(meant("disks"), "disks"); /* none at all */
	ck_assert_str_eq(meant("kernle"), "kernel");
	ck_assert_str_eq(meant("netwrok"), "network");
}
END_TEST

START_TEST(one_edit_for_three_characters)
{
	ck_assert_str_eq(meant("ntework"), "network");	/* one of seven */
	ck_assert_str_eq(meant("nteworrk"), "network"); /* two of eight */
	ck_assert_ptr_null(meant("netrk"));		/* two of five */
	ck_assert_ptr_null(meant("me"));
	ck_assert_ptr_null(meant("m"));
	ck_assert_ptr_null(meant(""));
	ck_assert_ptr_null(meant("frobnicate"));
	ck_assert_ptr_null(meant("ntwk"));
}
END_TEST

START_TEST(the_word_ends_where_it_is_said_to)
{
	struct nearest n = NEAREST_OF("dsk=file", 3);

	nearest_offer(&n, "disk");
	ck_assert_str_eq(nearest_name(&n), "disk");
	ck_assert_uint_eq(n.edits, 1);
}
END_TEST

START_TEST(words_without_end_mean_nothing)
{
	char *word = malloc(1 << 20);

	ck_assert_ptr_nonnull(word);
	memset(word, 'd', 1 << 20);
	struct nearest n = NEAREST_OF(word, 1 << 20);

	ck_assert_ptr_null(nearest_name(&n));
	nearest_offer(&n, "disk");
	ck_assert_ptr_null(nearest_name(&n));
	free(word);
}
END_TEST

SUITE_MAIN("lkvm/base/nearest", each_edit_is_one, one_edit_for_three_characters,
	   the_word_ends_where_it_is_said_to, words_without_end_mean_nothing)
