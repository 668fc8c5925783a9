/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of relative relocations: each word of it, once, in the part that is asked for. */
#include <string.h>

#include "lkvm/base/relr.h"
#include "tests/unit/suite.h"

#define NR 1000u /* words of a program */

/* As a linker does it; returns the number of entries. */
static unsigned encode(const bool *is_address, u64 *table)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NR;) {
		if (!is_address[i]) {
			i++;
			continue;
		}
		table[n++] = 8 * i++;
		for (;;) {
			u64 bits = 0;

			for (unsigned k = 0; k < RELR_WORDS && i + k < NR; k++)
				bits |= is_address[i + k] ? BIT(k) : 0;
			if (!bits)
				break;
			table[n++] = bits << 1 | 1;
			i += RELR_WORDS;
		}
	}
	return n;
}

static void check(const u64 *table, unsigned n, const bool *is_address, struct relr_span s)
{
	static u64 words[NR];
	u64 base = (u64)(uintptr_t)words;

	for (unsigned i = 0; i < NR; i++)
		words[i] = i;
	relr_relocate(table, table + n, base, s, false);
	for (unsigned i = 0; i < NR; i++) {
		bool now = is_address[i] && !(8 * i >= s.begin && 8 * i < s.end);

		ck_assert_uint_eq(words[i], i + (now ? base : 0));
	}
	relr_relocate(table, table + n, base, s, true);
	for (unsigned i = 0; i < NR; i++)
		ck_assert_uint_eq(words[i], i + (is_address[i] ? base : 0));
}

START_TEST(each_word_once)
{
	static bool is_address[NR];
	static u64 table[NR];
	unsigned seed = 1;

	for (unsigned round = 0; round < 200; round++) {
		/* From one in two hundred to all of them. */
		for (unsigned i = 0; i < NR; i++)
			is_address[i] = (unsigned)rand_r(&seed) % 200 <= round;

		unsigned n = encode(is_address, table);

		for (unsigned i = 0; i < 20; i++) {
			u64 a = (unsigned)rand_r(&seed) % (NR + 1),
			    b = (unsigned)rand_r(&seed) % (NR + 1);

			check(table, n, is_address,
			      (struct relr_span){ 8 * MIN(a, b), 8 * MAX(a, b) });
		}
	}
}
END_TEST

START_TEST(nothing_is_late)
{
	bool is_address[NR] = { [0] = true, [1] = true, [64] = true, [65] = true, [999] = true };
	u64 table[NR];

	check(table, encode(is_address, table), is_address, (struct relr_span){ 0, 0 });
	check(table, encode(is_address, table), is_address, (struct relr_span){ 8 * NR, 8 * NR });
}
END_TEST

START_TEST(an_empty_table)
{
	u64 none = 0;

	relr_relocate(&none, &none, 0, (struct relr_span){ 0, 8 }, true);
	ck_assert_uint_eq(none, 0);
}
END_TEST

SUITE_MAIN("lkvm/relr", each_word_once, nothing_is_late, an_empty_table)
