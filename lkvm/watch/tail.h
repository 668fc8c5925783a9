/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last lines of something that never ends: at most TAIL_LINES of TAIL_WIDTH bytes each. One
 * thread. All zeros is an empty one.
 */
#ifndef LKVM_TAIL_H
#define LKVM_TAIL_H

#include "lkvm/base/util.h"

#define TAIL_LINES 20u
#define TAIL_WIDTH 240u

struct tail_line {
	u16 len;
	char text[TAIL_WIDTH + 1]; /* any bytes but NUL, with a final NUL */
};

struct tail {
	unsigned first, nr;
	struct tail_line lines[TAIL_LINES];
};

/* Append a byte to a line; what is too long is cut. NUL becomes a space. */
void tail_line_add(struct tail_line *l, char byte);

/* A line more, at the price of the oldest one. Empty ones do not count. */
void tail_add(struct tail *t, const struct tail_line *l);

/* Line `i` of t->nr, 0 is the oldest. */
const char *tail_get(const struct tail *t, unsigned i);

#endif
