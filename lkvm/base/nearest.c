/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of some names was meant by a word with a slip of the pen in it.
 *
 * Thread: any.
 * Trust:  the user's own command line.
 *
 * The distance of two words is the number of edits from one to the other. An edit puts a character
 * in, takes one out, changes one, or swaps two neighbours (optimal string alignment). distance()
 * fills a table, row by row, of the distances between all beginnings of both, and keeps its last
 * three rows.
 */
#include "lkvm/base/nearest.h"

#include <limits.h>
#include <string.h>

#include "lkvm/base/util.h"

#define LONGEST 40 /* longer words are names of nothing */
#define MOST_EDITS 2

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = MIN(a, b);

	return MIN(ab, c);
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][LONGEST + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *free_row;

	if (a_len > LONGEST || b_len > LONGEST)
		return UINT_MAX;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		free_row = before;
		before = last;
		last = row;
		row = free_row;
		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return row[b_len];
}

void nearest_offer(struct nearest *n, const char *name)
{
	unsigned edits = distance(n->word, n->len, name, strlen(name));

	if (n->name && edits >= n->edits)
		return;
	n->name = name;
	n->edits = edits;
}

const char *nearest_name(const struct nearest *n)
{
	return n->name && n->edits <= MOST_EDITS && n->edits <= n->len / 3 ? n->name : NULL;
}
