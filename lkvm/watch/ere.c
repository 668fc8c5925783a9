/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a POSIX extended regular expression to a program for match.c.
 *
 * Thread: any.
 * Trust:  the expression is the user's; its size and depth are bounded all the same.
 * Spec:   [POSIX.1-2024 XBD 9.4]
 *
 * One pass, recursive descent. The jumps of an instruction are relative, so a piece of the program
 * can be moved and copied as it is: e* puts one instruction in front of e, and e{3} is e three
 * times.
 */
#include "lkvm/watch/ere.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"

#define MAX_DEPTH 40u /* of parentheses */
#define MAX_REPEAT 255u
#define NO_MAX UINT64_MAX

struct parse {
	const char *at;
	const char *why; /* NULL: nothing is wrong so far */
	unsigned depth, nr_groups;
	struct ere *e;
};

static void parse_alternatives(struct parse *p);

static void fail(struct parse *p, const char *why)
{
	if (!p->why)
		p->why = why;
}

/* ---- code ---- */

static void emit(struct parse *p, struct ere_insn insn)
{
	if (p->e->nr == ERE_MAX_CODE)
		fail(p, "it is too large");
	else
		p->e->code[p->e->nr++] = insn;
}

/* Put `insn` in front of all that begins at `from`. */
static void insert(struct parse *p, unsigned from, struct ere_insn insn)
{
	emit(p, insn);
	if (p->why)
		return;
	memmove(p->e->code + from + 1, p->e->code + from,
		(p->e->nr - 1 - from) * sizeof(p->e->code[0]));
	p->e->code[from] = insn;
}

static void append_copy(struct parse *p, unsigned from, unsigned len)
{
	for (unsigned i = 0; i < len && !p->why; i++)
		emit(p, p->e->code[from + i]);
}

static struct ere_insn split(int x, int y)
{
	return (struct ere_insn){ .op = ERE_SPLIT, .x = (int16_t)x, .y = (int16_t)y };
}

/* Both ways are the same one. */
static struct ere_insn jump(int x)
{
	return split(x, x);
}

/* ---- brackets ---- */

static void set_range(u8 *set, u8 from, u8 to)
{
	for (unsigned b = from; b <= to; b++)
		set[b / 8] |= (u8)(1u << b % 8);
}

/* "[:digit:]", p->at behind its "[:". */
static void set_class(struct parse *p, u8 *set)
{
	static const struct {
		const char *name, *ranges;
	} classes[] = {
		{ "alpha:]", "azAZ" },	 { "digit:]", "09" },	  { "alnum:]", "azAZ09" },
		{ "upper:]", "AZ" },	 { "lower:]", "az" },	  { "xdigit:]", "09afAF" },
		{ "space:]", "\t\r  " }, { "blank:]", "\t\t  " }, { "punct:]", "!/:@[`{~" },
		{ "print:]", " ~" },	 { "graph:]", "!~" },	  { "cntrl:]", "\001\037\177\177" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strncmp(p->at, classes[i].name, strlen(classes[i].name)))
			continue;
		p->at += strlen(classes[i].name);
		for (const char *r = classes[i].ranges; *r; r += 2)
			set_range(set, (u8)r[0], (u8)r[1]);
		return;
	}
	fail(p, "there is no such class of characters as in its [: :]");
}

/* A character of a bracket expression, or the end of a range. */
static u8 set_char(struct parse *p)
{
	if (p->at[0] == '[' && (p->at[1] == '.' || p->at[1] == '='))
		fail(p, "collating symbols and equivalence classes are not known");
	else if (!*p->at)
		fail(p, "a [ is not closed");
	else if ((u8)*p->at > 0x7f)
		fail(p, "brackets take single bytes: write (a|b) for other characters");
	else
		return (u8)*p->at++;
	return 0;
}

static void parse_bracket(struct parse *p)
{
	bool first = true, negated = *p->at == '^';
	u8 *set;

	if (p->e->nr_sets == ERE_MAX_SETS) {
		fail(p, "it has too many brackets and dots");
		return;
	}
	set = p->e->sets[p->e->nr_sets];
	p->at += negated;
	for (; !p->why && (*p->at != ']' || first); first = false) {
		u8 from, to;

		if (p->at[0] == '[' && p->at[1] == ':') {
			p->at += 2;
			set_class(p, set);
			continue;
		}
		from = to = set_char(p);
		if (p->at[0] == '-' && p->at[1] && p->at[1] != ']') {
			p->at++;
			to = set_char(p);
		}
		if (from > to)
			fail(p, "a range of its [ ] ends before it begins");
		else
			set_range(set, from, to);
	}
	for (unsigned i = 0; negated && i < 32; i++)
		set[i] = (u8)~set[i];
	p->at += !p->why;
	emit(p, (struct ere_insn){ .op = ERE_SET, .arg = (u8)p->e->nr_sets++ });
}

/* ---- the grammar ---- */

static void parse_group(struct parse *p)
{
	bool captures = ++p->nr_groups == 1;

	if (++p->depth > MAX_DEPTH) {
		fail(p, "its parentheses are too deep");
		return;
	}
	if (captures) {
		p->e->has_group = true;
		emit(p, (struct ere_insn){ .op = ERE_SAVE, .arg = 0 });
	}
	parse_alternatives(p);
	if (*p->at != ')')
		fail(p, "a ( is not closed");
	p->at += !p->why;
	if (captures)
		emit(p, (struct ere_insn){ .op = ERE_SAVE, .arg = 1 });
	p->depth--;
}

/* Behind a backslash. */
static void parse_escape(struct parse *p)
{
	char c = *p->at;

	if (c >= '1' && c <= '9')
		fail(p, "back-references (\\1) are not known");
	else if (!c)
		fail(p, "it ends with a backslash");
	else if (c != 't' && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '0'))
		fail(p,
		     "it has a backslash before a letter: [0-9], [[:space:]] and [[:alnum:]_] are "
		     "the POSIX way to write \\d, \\s and \\w");
	emit(p, (struct ere_insn){ .op = ERE_BYTE, .arg = c == 't' ? '\t' : (u8)c });
	p->at += !p->why;
}

static void parse_atom(struct parse *p)
{
	char c = *p->at++;

	switch (c) {
	case '(':
		parse_group(p);
		return;
	case '[':
		parse_bracket(p);
		return;
	case '\\':
		parse_escape(p);
		return;
	case '^':
		emit(p, (struct ere_insn){ .op = ERE_BOL });
		return;
	case '$':
		emit(p, (struct ere_insn){ .op = ERE_EOL });
		return;
	case '.':
		if (p->e->nr_sets == ERE_MAX_SETS) {
			fail(p, "it has too many brackets and dots");
			return;
		}
		memset(p->e->sets[p->e->nr_sets], 0xff, 32);
		emit(p, (struct ere_insn){ .op = ERE_SET, .arg = (u8)p->e->nr_sets++ });
		return;
	case '*':
	case '+':
	case '?':
	case '{':
		fail(p, "there is nothing that a *, +, ? or { could repeat");
		return;
	default:
		emit(p, (struct ere_insn){ .op = ERE_BYTE, .arg = (u8)c });
	}
}

static u64 parse_count(struct parse *p)
{
	u64 n = 0;
	int len = decode_number_prefix(&n, MAX_REPEAT, NUMBER_DEC, p->at, strlen(p->at));

	if (len <= 0)
		fail(p, "its { } wants one or two numbers of at most 255");
	else
		p->at += len;
	return n;
}

/* Of what begins at `from`: at least `min` times, at most `max`. */
static void repeat(struct parse *p, unsigned from, u64 min, u64 max)
{
	unsigned len = p->e->nr - from, last;

	for (u64 i = 1; i < min && !p->why; i++)
		append_copy(p, from, len);
	last = p->e->nr - len;
	if (max == NO_MAX && min) {
		emit(p, split(-(int)len, 1));
	} else if (max == NO_MAX) {
		insert(p, from, split(1, (int)len + 2));
		emit(p, jump(-(int)len - 1));
	} else if (!max) {
		p->e->nr = from;
	} else if (!min) {
		/* e{0,3} is (e(e(e)?)?)?: each may be the end of it. */
		insert(p, from, split(1, (int)(len + 1) * (int)max));
		for (u64 i = 1; i < max && !p->why; i++) {
			emit(p, split(1, (int)(len + 1) * (int)(max - i)));
			append_copy(p, from + 1, len);
		}
	} else {
		for (u64 i = min; i < max && !p->why; i++) {
			emit(p, split(1, (int)(len + 1) * (int)(max - i)));
			append_copy(p, last, len);
		}
	}
}

static void parse_repeats(struct parse *p, unsigned from)
{
	while (!p->why) {
		u64 min = 0, max = NO_MAX;

		if (*p->at == '+') {
			min = 1;
		} else if (*p->at == '?') {
			max = 1;
		} else if (*p->at == '{') {
			p->at++;
			min = max = parse_count(p);
			if (!p->why && *p->at == ',')
				max = *++p->at == '}' ? NO_MAX : parse_count(p);
			if (!p->why && (*p->at != '}' || max < min))
				fail(p, "its { } wants one number, or a smaller and a larger one");
		} else if (*p->at != '*') {
			return;
		}
		if (p->why)
			return;
		repeat(p, from, min, max);
		p->at++;
	}
}

static void parse_alternatives(struct parse *p)
{
	unsigned begin = p->e->nr, past;

	while (!p->why && *p->at && *p->at != '|' && *p->at != ')') {
		unsigned atom = p->e->nr;

		parse_atom(p);
		parse_repeats(p, atom);
	}
	if (p->why || *p->at != '|')
		return;
	p->at++;
	/* a|b: a way to each, and behind a one past b, which is not there yet. */
	insert(p, begin, split(1, (int)(p->e->nr - begin) + 2));
	past = p->e->nr;
	emit(p, jump(1));
	parse_alternatives(p);
	if (!p->why)
		p->e->code[past] = jump((int)(p->e->nr - past));
}

/* Is there a way to the end without a byte? Then it would match before anything is printed. */
static bool matches_nothing(const struct ere *e)
{
	struct ere_run r;
	bool yes = !ere_run_init(&r, e) && ere_run_eol(&r);

	ere_run_fini(&r);
	return yes;
}

int ere_compile(struct ere **out, const char *re, const char **why)
{
	struct parse p = { .at = re, .e = calloc(1, sizeof(struct ere)) };

	if (!p.e)
		return -ENOMEM;
	parse_alternatives(&p);
	if (!p.why && *p.at)
		fail(&p, "a ) has no (");
	emit(&p, (struct ere_insn){ .op = ERE_MATCH });
	if (!p.why && matches_nothing(p.e))
		fail(&p, "it matches what is empty, so everything");
	if (p.why) {
		*why = p.why;
		ere_free(p.e);
		return -EINVAL;
	}
	*out = p.e;
	return 0;
}

void ere_free(struct ere *e)
{
	free(e);
}
