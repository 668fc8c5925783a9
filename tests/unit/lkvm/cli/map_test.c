/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes in words, sums of a kind. */
#include <check.h>

#include "lkvm/cli/map.h"
#include "tests/unit/suite.h"

START_TEST(sizes_in_words)
{
	static const struct {
		u64 len;
		const char *text;
	} t[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ KiB, "1 KiB" },
		{ 64 * KiB, "64 KiB" },
		{ MiB + MiB / 2, "1.5 MiB" },
		{ 4 * GiB, "4 GiB" },
		{ 2048 * (1024 * GiB), "2048 TiB" },
		{ UINT64_MAX, "16777216.0 TiB" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		char buf[MAP_SIZE_LEN];

		ck_assert_str_eq(map_size(buf, t[i].len), t[i].text);
	}
}
END_TEST

/* What was not listed counts as bytes, but nobody knows how many ranges that was. */
START_TEST(sums_have_what_is_not_listed)
{
	struct map_range r[] = { { .base = 0, .len = 10, .kind = MAP_SHARED },
				 { .base = 10, .len = 20, .kind = MAP_PROTECTED },
				 { .base = 30, .len = 30, .kind = MAP_SHARED } };
	struct map m = { .nr = 3, .ranges = r, .more = { [MAP_SHARED] = 100 } };
	u64 nr = 7;

	ck_assert_uint_eq(map_total(&m, MAP_SHARED, &nr), 140);
	ck_assert_uint_eq(nr, 2);
	ck_assert_uint_eq(map_total(&m, MAP_DEVICE, &nr), 0);
	ck_assert_uint_eq(nr, 0);
}
END_TEST

SUITE_MAIN("lkvm/cli/map", sizes_in_words, sums_have_what_is_not_listed)
