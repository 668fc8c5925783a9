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

/* Part of a program, from its link-time address 0 on. */
struct relr_span {
	u64 begin, end;
};

static inline bool relr_has(struct relr_span s, u64 at)
{
	return at - s.begin < s.end - s.begin;
}

static inline void relr_add(u64 base, u64 at, struct relr_span s, bool inside)
{
	if (relr_has(s, at) == inside)
		*(u64 *)(base + at) += base;
}

static inline void relr_bitmap(u64 bits, u64 base, u64 at, struct relr_span s, bool inside)
{
	u64 size = 8 * RELR_WORDS;
	bool first = relr_has(s, at), last = relr_has(s, at + size - 8);

	/* Most of them lie on one side, and are looked at as a whole. */
	if (first == last && s.begin - at >= size) {
		for (u64 *p = (u64 *)(base + at); bits && first == inside; bits >>= 1, p++) {
			if (bits & 1)
				*p += base;
		}
		return;
	}
	for (; bits; bits &= bits - 1)
		relr_add(base, at + 8 * (u64)__builtin_ctzll(bits), s, inside);
}

/*
 * Relocate the words inside of `s`, or those that are not, of a program that was loaded at `base`.
 * The table is the linker's, in ascending order.
 */
static inline void relr_relocate(const u64 *entry, const u64 *end, u64 base, struct relr_span s,
				 bool inside)
{
	u64 at = 0;

	for (; entry < end; entry++) {
		if (!(*entry & 1)) {
			relr_add(base, *entry, s, inside);
			at = *entry + 8;
			continue;
		}
		relr_bitmap(*entry >> 1, base, at, s, inside);
		at += 8 * RELR_WORDS;
	}
}

#endif
