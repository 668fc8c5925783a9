/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POSIX extended regular expressions, made for a stream that a hostile guest prints: an expression
 * becomes a program of bounded size, and ere_run_*() takes one byte after the other in time that
 * depends on the program alone, and in memory that does not grow. Nothing is ever looked at twice.
 *
 * Taken: literals, . ( ) | * + ? {n} {n,} {n,m} ^ $ and [...] with ranges, classes like [:digit:]
 * and [^...]; a backslash makes the next punctuation literal, and \t is a tab. Bytes, no locale:
 * a dot is one byte. Back-references and equivalence classes are refused, and so is an expression
 * that nothing at all matches, because it says nothing.
 *
 * Any thread; one `struct ere_run` belongs to one at a time, a `struct ere` is never written.
 */
#ifndef LKVM_ERE_H
#define LKVM_ERE_H

#include "lkvm/base/util.h"

#define ERE_MAX_CODE 2048u /* instructions: with {n,m} an expression may grow to that */
#define ERE_MAX_SETS 64u
#define ERE_NOWHERE UINT64_MAX

enum ere_op { ERE_BYTE, ERE_SET, ERE_SPLIT, ERE_SAVE, ERE_BOL, ERE_EOL, ERE_MATCH };

/* One instruction. ERE_SPLIT goes on at both of +x and +y, which are relative to it. */
struct ere_insn {
	u8 op;
	u8 arg; /* the byte, the number of the set, 0 or 1: begin or end of the first group */
	int16_t x, y;
};

struct ere {
	unsigned nr, nr_sets;
	bool has_group;
	struct ere_insn code[ERE_MAX_CODE];
	u8 sets[ERE_MAX_SETS][32];
};

/* 0; or -EINVAL, and *why is what is wrong with `re`; or -ENOMEM. free() it with ere_free(). */
int ere_compile(struct ere **out, const char *re, const char **why);
void ere_free(struct ere *e);

/* A place in the stream where the program may be. */
struct ere_thread {
	u16 pc;
	u64 begin, end; /* of the first group, or ERE_NOWHERE */
};

/* The program's state between two bytes. */
struct ere_run {
	const struct ere *ere;
	u64 at; /* bytes that it was given so far */
	bool bol;
	unsigned nr, nr_next;
	u32 mark; /* which of `seen` are of this step */
	u32 *seen;
	struct ere_thread *now, *next, *stack;
	u64 begin, end; /* the first group of the last match */
};

/* The `ere` outlives it. 0 or -ENOMEM; ere_run_fini() in each case. */
int ere_run_init(struct ere_run *r, const struct ere *ere);
void ere_run_fini(struct ere_run *r);

/* Forget what was matched so far; the next byte is, or is not, the first of a line. */
void ere_run_reset(struct ere_run *r, bool bol);

/* The next byte, which is not the end of a line. True: a match ends with it. */
bool ere_run_byte(struct ere_run *r, u8 byte);

/*
 * Would a match end here, if the line ended here? That is what $ is for. Changes nothing but the
 * group of the last match.
 */
bool ere_run_eol(struct ere_run *r);

#endif
