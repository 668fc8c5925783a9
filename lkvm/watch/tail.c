/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last lines that a guest has printed.
 *
 * Thread: its owner's.
 * Trust:  the bytes are the guest's; how many are kept is not its to decide.
 */
#include "lkvm/watch/tail.h"

void tail_line_add(struct tail_line *l, char byte)
{
	if (l->len == TAIL_WIDTH)
		return;
	l->text[l->len++] = byte ? byte : ' ';
	l->text[l->len] = 0;
}

void tail_add(struct tail *t, const struct tail_line *l)
{
	if (!l->len)
		return;
	t->lines[(t->first + t->nr) % TAIL_LINES] = *l;
	if (t->nr < TAIL_LINES)
		t->nr++;
	else
		t->first = (t->first + 1) % TAIL_LINES;
}

const char *tail_get(const struct tail *t, unsigned i)
{
	assert(i < t->nr);
	return t->lines[(t->first + i) % TAIL_LINES].text;
}
