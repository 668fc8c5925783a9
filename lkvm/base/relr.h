/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compact table of relative relocations (RELR): which words of a program hold an address, to
 * which the place where the program was loaded is added. An even entry is such a word, an odd one a
 * bitmap of the 63 words behind those of the entry before. [gABI, DT_RELR]
 *
 * Also for code that runs before the program is relocated: nothing is called, no address is taken.
 */
#ifndef LKVM_RELR_H
#define LKVM_RELR_H

#include "lkvm/base/util.h"

#define RELR_WORDS 63u /* of a bitmap */
#define RELR_SIZE (8 * RELR_WORDS)

/* Part of a program, from its link-time address 0 on. */
struct relr_span {
	u64 begin, end;
};

static inline bool relr_has(struct relr_span s, u64 at)
{
	return at - s.begin < s.end - s.begin;
}

/* Where a bitmap has to begin to have all its words in there, from s.begin on. */
static inline u64 relr_whole(struct relr_span s)
{
	return s.end - s.begin < RELR_SIZE ? 0 : s.end - s.begin - RELR_SIZE + 1;
}

static inline void relr_add(u64 base, u64 at, struct relr_span s, bool inside)
{
	if (relr_has(s, at) == inside)
		*(u64 *)(base + at) += base;
}

/* As the compiler knows them, for machines with vectors and without. */
typedef u64 relr_pair __attribute__((vector_size(16), aligned(8), may_alias));
#define RELR_PAIRS 4u /* at once */

/*
 * All on one side. Half of the words of a table are addresses: to add nothing to the others is less
 * than to look for each. Only where an address follows: behind a program's last there may be no
 * memory.
 */
static inline void relr_words(u64 bits, u64 base, u64 *p)
{
	for (; bits >> 2 * RELR_PAIRS; bits >>= 2 * RELR_PAIRS, p += 2 * RELR_PAIRS) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < RELR_PAIRS; i++) {
			const relr_pair bit = { BIT(2 * i), BIT(2 * i + 1) };

			((relr_pair *)p)[i] += base & (relr_pair)((bits & bit) != 0);
		}
	}
	for (; bits; bits &= bits - 1)
		p[__builtin_ctzll(bits)] += base;
}

static inline void relr_bitmap(u64 bits, u64 base, u64 at, struct relr_span s, bool inside)
{
	/* Most of them lie on one side, and are looked at as a whole. */
	if (at - s.begin < relr_whole(s)) {
		if (inside)
			relr_words(bits, base, (u64 *)(base + at));
	} else if (!ranges_overlap(at, RELR_SIZE, s.begin, s.end - s.begin)) {
		if (!inside)
			relr_words(bits, base, (u64 *)(base + at));
	} else {
		for (; bits; bits &= bits - 1)
			relr_add(base, at + 8 * (u64)__builtin_ctzll(bits), s, inside);
	}
}

/*
 * Relocate the words inside of `s`, or those that are not, of a program that was loaded at `base`.
 * The table is the linker's, in ascending order.
 */
static inline void relr_relocate(const u64 *entry, const u64 *end, u64 base, struct relr_span s,
				 bool inside)
{
	u64 at = 0, passed = inside ? 0 : relr_whole(s); /* over without a look */

	while (entry < end) {
		if (!(*entry & 1)) {
			relr_add(base, *entry, s, inside);
			at = *entry++ + 8;
		} else if (at - s.begin < passed) {
			u64 left = (passed - (at - s.begin) + RELR_SIZE - 1) / RELR_SIZE;

			left = MIN(left, (u64)(end - entry));
			for (; left && *entry & 1; left--, entry++)
				at += RELR_SIZE;
		} else {
			relr_bitmap(*entry++ >> 1, base, at, s, inside);
			at += RELR_SIZE;
		}
	}
}

#endif
