/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LKVM_BASE_NEAREST_H
#define LKVM_BASE_NEAREST_H

#include <stddef.h>

/*
 * The name that was meant by a word that is none: offer each name to nearest_offer(), then ask
 * nearest_name().
 */
struct nearest {
	const char *word; /* what was written: `len` characters, not ended by a zero */
	size_t len;
	const char *name; /* the best name so far; the caller's, NULL at first */
	unsigned edits;	  /* how many it takes from `word` to `name` */
};

#define NEAREST_OF(_word, _len)                                                                    \
	{                                                                                          \
		.word = (_word), .len = (_len)                                                     \
	}

/* `name` must stay as long as `n` is used. Of names that are equally near the first one is kept. */
void nearest_offer(struct nearest *n, const char *name);

/*
 * NULL when no name is so near that it can have been meant: one edit for each three characters of
 * the word, two at most.
 */
const char *nearest_name(const struct nearest *n);

#endif
