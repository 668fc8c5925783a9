/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running the program of a regular expression over a stream.
 *
 * Thread: any, one at a time for each run.
 * Trust:  the bytes are the guest's. Each costs at most one visit of each instruction, whatever
 *         they are: all ways through the program are walked side by side, and two that meet are
 *         one.
 *
 * Where two ways meet the first one stays: the one that began earlier in the stream, and of two
 * that began together the one that repeats more. That is what the group of a match is taken from.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/watch/ere.h"

int ere_run_init(struct ere_run *r, const struct ere *ere)
{
	*r = (struct ere_run){ .ere = ere, .bol = true };
	r->seen = calloc(ere->nr, sizeof(*r->seen));
	r->now = calloc(ere->nr, sizeof(*r->now));
	r->next = calloc(ere->nr, sizeof(*r->next));
	/* A way is pushed once for each arrow into an instruction, and there are two at most. */
	r->stack = calloc(2u * ere->nr + 1, sizeof(*r->stack));
	return r->seen && r->now && r->next && r->stack ? 0 : -ENOMEM;
}

void ere_run_fini(struct ere_run *r)
{
	if (!r->ere)
		return;
	free(r->seen);
	free(r->now);
	free(r->next);
	free(r->stack);
	*r = (struct ere_run){ .ere = NULL };
}

void ere_run_reset(struct ere_run *r, bool bol)
{
	r->nr = r->nr_next = 0;
	r->bol = bol;
}

static void begin_step(struct ere_run *r)
{
	r->nr_next = 0;
	if (++r->mark)
		return;
	for (unsigned i = 0; i < r->ere->nr; i++)
		r->seen[i] = 0;
	r->mark = 1;
}

/* All that can be reached from `t` without a byte goes on the list. True: the end is among it. */
static bool follow(struct ere_run *r, struct ere_thread t, bool bol, bool eol)
{
	bool matched = false;
	unsigned depth = 0;

	r->stack[depth++] = t;
	while (depth) {
		const struct ere_insn *i;

		t = r->stack[--depth];
		if (r->seen[t.pc] == r->mark)
			continue;
		r->seen[t.pc] = r->mark;
		i = &r->ere->code[t.pc];
		switch ((enum ere_op)i->op) {
		case ERE_BYTE:
		case ERE_SET:
			r->next[r->nr_next++] = t;
			break;
		case ERE_SPLIT:
			t.pc = (u16)(t.pc + i->y);
			r->stack[depth++] = t;
			t.pc = (u16)(t.pc - i->y + i->x);
			r->stack[depth++] = t;
			break;
		case ERE_SAVE:
			*(i->arg ? &t.end : &t.begin) = r->at;
			t.pc++;
			r->stack[depth++] = t;
			break;
		case ERE_BOL:
		case ERE_EOL:
			if (i->op == ERE_EOL && !eol)
				r->next[r->nr_next++] = t;
			if (i->op == ERE_BOL ? bol : eol) {
				t.pc++;
				r->stack[depth++] = t;
			}
			break;
		case ERE_MATCH:
			if (!matched) {
				r->begin = t.begin;
				r->end = t.end;
			}
			matched = true;
			break;
		}
	}
	return matched;
}

static bool takes(const struct ere *e, const struct ere_insn *i, u8 byte)
{
	if (i->op == ERE_BYTE)
		return i->arg == byte;
	return i->op == ERE_SET && e->sets[i->arg][byte / 8] & 1u << byte % 8;
}

static const struct ere_thread start = { .pc = 0, .begin = ERE_NOWHERE, .end = ERE_NOWHERE };

bool ere_run_byte(struct ere_run *r, u8 byte)
{
	struct ere_thread *list;
	bool matched = false;

	/* A match may begin at each byte; the list of ways that wait for one is complete then. */
	begin_step(r);
	for (unsigned i = 0; i < r->nr; i++)
		follow(r, r->now[i], false, false);
	follow(r, start, r->bol, false);
	list = r->now;
	r->now = r->next;
	r->nr = r->nr_next;
	r->next = list;

	r->bol = false;
	r->at++;
	begin_step(r);
	for (unsigned i = 0; i < r->nr; i++) {
		struct ere_thread t = r->now[i];
		u64 begin = r->begin, end = r->end;

		if (!takes(r->ere, &r->ere->code[t.pc], byte))
			continue;
		t.pc++;
		if (!follow(r, t, false, false))
			continue;
		if (matched) {
			r->begin = begin;
			r->end = end;
		}
		matched = true;
	}
	list = r->now;
	r->now = r->next;
	r->nr = r->nr_next;
	r->next = list;
	return matched;
}

bool ere_run_eol(struct ere_run *r)
{
	bool matched = false;

	begin_step(r);
	for (unsigned i = 0; i < r->nr && !matched; i++)
		matched = follow(r, r->now[i], false, true);
	return matched || follow(r, start, r->bol, true);
}
