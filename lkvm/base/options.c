/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line words into a struct, along a table of options.
 *
 * Thread: main.
 * Trust:  the user's own command line. Strings are used where they lie, nothing is copied.
 */
#include "lkvm/base/options.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/exit.h"
#include "lkvm/base/log.h"
#include "lkvm/base/nearest.h"

/* One parse; `next` is the first word not looked at yet. */
struct parse {
	const struct opt_spec *spec;
	void *conf;
	char **next, **end;
};

static bool is_flag(const struct opt *o)
{
	return !o->arg;
}

/* Every error of grammar ends here: the line that names the fault is out already. */
static int usage_error(const struct opt_spec *spec)
{
	fprintf(stderr, "\n usage: %s\n\n    -h, --help   lists the options\n", spec->usage);
	return EXIT_USAGE;
}

int options_number(const char *s, u64 max, u64 *out)
{
	return decode_number(out, max, NUMBER_DEC_0X, s, strlen(s));
}

/* ---- storing ---- */

static int store_number(const struct parse *p, const struct opt *o, void *to, const char *val)
{
	u64 v;

	assert(val);
	if (options_number(val, o->max, &v)) {
		log_error("--%s wants a number from 0 to %llu, not '%s'", o->name,
			  (unsigned long long)o->max, val);
		return usage_error(p->spec);
	}
	if (o->store == OPT_U32)
		*(u32 *)to = (u32)v;
	else
		*(u64 *)to = v;
	return 0;
}

/* `val` is NULL for a flag and for an optional value that is not there. */
static int store(const struct parse *p, const struct opt *o, const char *val, bool negated)
{
	void *to = (char *)p->conf + o->offset;

	switch (o->store) {
	case OPT_TRUE:
	case OPT_FALSE:
		*(bool *)to = (o->store == OPT_TRUE) != negated;
		return 0;
	case OPT_SET:
		if (!negated)
			*(u32 *)to = (u32)o->max;
		else if (*(u32 *)to == (u32)o->max)
			*(u32 *)to = (u32)o->unset;
		return 0;
	case OPT_STRING:
		/* Of a variable of a script that is not set; "the file '' is not there" says less. */
		if (val && !*val && !o->may_be_empty) {
			log_error("option --%s: its value is empty", o->name);
			return usage_error(p->spec);
		}
		*(const char **)to = val;
		return 0;
	case OPT_U32:
	case OPT_U64:
		return store_number(p, o, to, val);
	case OPT_CALL:
		return !negated && o->parse(p->conf, o->name, val) ? EXIT_DIE : 0;
	case OPT_REFUSE:
		if (negated)
			return 0;
		log_error("--%s: %s", o->name, o->why);
		return EXIT_DIE;
	case OPT_NOTHING:
	case OPT_HEADING:
		break;
	}
	return 0;
}

/* ---- finding ---- */

struct match {
	const struct opt *o;
	bool negated;
};

/* What a long option is called in messages: "--mem", "--no-rng". */
static const char *match_prefix(struct match m)
{
	return m.negated ? "no-" : "";
}

/*
 * Does `word` (of `len` characters) mean option `o`? The negation of "no-pvtime" is "pvtime",
 * besides "no-no-pvtime".
 */
static bool matches(const struct opt *o, const char *word, size_t len, struct match *m)
{
	bool no_word = strncmp(word, "no-", 3) == 0 && len > 3;

	*m = (struct match){ .o = o };
	if (strncmp(o->name, word, len) == 0)
		return true;
	m->negated = true;
	if (!is_flag(o))
		return false;
	if (no_word && strncmp(o->name, word + 3, len - 3) == 0)
		return true;
	return strncmp(o->name, "no-", 3) == 0 && strncmp(o->name + 3, word, len) == 0;
}

/* The whole name, not only the start of it. */
static bool is_exact(struct match m, const char *word, size_t len)
{
	size_t full = strlen(m.o->name);

	if (!m.negated)
		return full == len;
	/* "no-" in front of the name, or taken away from it. */
	return full + 3 == len || (full == len + 3 && strncmp(word, "no-", 3) != 0);
}

/* The i-th of all options, NULL behind the last one. */
static const struct opt *opt_at(const struct opt_spec *spec, unsigned i)
{
	for (; spec; spec = spec->base) {
		if (i < spec->nr_opts)
			return &spec->opts[i];
		i -= spec->nr_opts;
	}
	return NULL;
}

/* Two names of one flag. */
static bool is_same(struct match a, struct match b)
{
	return is_flag(a.o) && is_flag(b.o) && a.negated == b.negated && a.o->store == b.o->store &&
	       a.o->offset == b.o->offset && a.o->max == b.o->max && a.o->parse == b.o->parse;
}

enum owner { KVMTOOL, BRANCH, OWN, NR_OWNERS };

static enum owner owner_of(const struct opt *o)
{
	return o->own ? OWN : o->branch ? BRANCH : KVMTOOL;
}

/*
 * Find what `word` means among the options of one owner. Returns how many it could be; m[0] and
 * m[1] are the first two.
 */
static unsigned find_of(const struct opt_spec *spec, const char *word, size_t len, enum owner owner,
			struct match m[2])
{
	unsigned nr = 0;
	struct match cur;
	const struct opt *o;

	for (unsigned i = 0; (o = opt_at(spec, i)); i++) {
		if (o->store == OPT_HEADING || owner_of(o) != owner || !matches(o, word, len, &cur))
			continue;
		if (is_exact(cur, word, len)) {
			m[0] = cur;
			return 1;
		}
		if (nr == 1 && cur.o->store != OPT_REFUSE && is_same(m[0], cur))
			continue;
		if (nr < 2)
			m[nr] = cur;
		nr++;
	}
	return nr;
}

/* The same among all: the whole name of any option, else the first owner with that beginning. */
static unsigned find_long(const struct opt_spec *spec, const char *word, size_t len,
			  struct match m[2])
{
	unsigned nr = 0, nr_of;
	struct match of[2];

	for (enum owner owner = KVMTOOL; owner < NR_OWNERS; owner++) {
		nr_of = find_of(spec, word, len, owner, of);
		if (!nr_of || (nr && !(nr_of == 1 && is_exact(of[0], word, len))))
			continue;
		nr = nr_of;
		memcpy(m, of, sizeof(of));
		if (is_exact(m[0], word, len))
			break;
	}
	return nr;
}

static const struct opt *find_letter(const struct opt_spec *spec, char letter)
{
	const struct opt *o;

	for (unsigned i = 0; (o = opt_at(spec, i)); i++) {
		if (o->letter == letter)
			return o;
	}
	return NULL;
}

/* ---- words ---- */

static int unknown_long(const struct opt_spec *spec, const char *word, size_t len)
{
	struct nearest n = NEAREST_OF(word, len);
	const struct opt *o;

	for (unsigned i = 0; (o = opt_at(spec, i)); i++) {
		if (o->store != OPT_HEADING && o->store != OPT_REFUSE)
			nearest_offer(&n, o->name);
	}
	if (nearest_name(&n))
		log_error("unknown option '--%.*s': did you mean --%s?", (int)len, word,
			  nearest_name(&n));
	else
		log_error("unknown option '--%.*s'", (int)len, word);
	return usage_error(spec);
}

static int parse_long(struct parse *p, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *val = word[len] ? word + len + 1 : NULL;
	struct match m[2];
	unsigned nr;

	if (len == 4 && !strncmp(word, "help", len)) {
		options_usage(p->spec, stderr);
		return EXIT_USAGE;
	}
	nr = find_long(p->spec, word, len, m);
	if (!nr)
		return unknown_long(p->spec, word, len);
	if (nr > 1) {
		log_error("ambiguous option '--%.*s': could be --%s%s or --%s%s", (int)len, word,
			  match_prefix(m[0]), m[0].o->name, match_prefix(m[1]), m[1].o->name);
		return usage_error(p->spec);
	}
	if (is_flag(m[0].o) && val) {
		log_error("option --%s%s takes no value", match_prefix(m[0]), m[0].o->name);
		return usage_error(p->spec);
	}
	if (!is_flag(m[0].o) && !val && !m[0].o->arg_optional) {
		if (p->next == p->end) {
			log_error("option --%s requires a value", m[0].o->name);
			return usage_error(p->spec);
		}
		val = *p->next++;
	}
	return store(p, m[0].o, val, m[0].negated);
}

/* -m512, -m 512: the value is the rest of the word or the next word. -ir: two flags. */
static int parse_short(struct parse *p, const char *word)
{
	const struct opt *o;
	const char *val;

	for (;; word++) {
		o = find_letter(p->spec, *word);
		val = word + 1;
		if (*word == 'h') {
			options_usage(p->spec, stderr);
			return EXIT_USAGE;
		}
		if (!o) {
			/* A letter that is no ASCII is several bytes, so all of the word. */
			log_error("unknown option '-%.*s'", *word & 0x80 ? (int)strlen(word) : 1,
				  word);
			return usage_error(p->spec);
		}
		if (!is_flag(o))
			break;
		int status = store(p, o, NULL, false);

		if (status || !*val)
			return status;
	}
	if (!*val) {
		if (p->next == p->end) {
			log_error("option -%c requires a value", *word);
			return usage_error(p->spec);
		}
		val = *p->next++;
	}
	return store(p, o, val, false);
}

/* An option as word processors and web pages set it, pasted: with a dash, not with '-'. */
static bool has_typeset_dash(const char *word)
{
	static const char *const dashes[] = { "\u2013", "\u2014", "\u2212" };

	for (unsigned i = 0; i < ARRAY_SIZE(dashes); i++) {
		if (!strncmp(word, dashes[i], strlen(dashes[i])))
			return true;
	}
	return false;
}

int options_parse(const struct opt_spec *spec, void *conf, int argc, char **argv)
{
	struct parse p = {
		.spec = spec, .conf = conf, .next = argv + (argc > 0), .end = argv + argc
	};
	bool only_words = false;
	int status = 0;

	while (p.next != p.end && !status) {
		const char *word = *p.next++;

		if (!only_words && has_typeset_dash(word)) {
			log_error("'%s' begins with a dash that only looks like '-': type it anew",
				  word);
			status = usage_error(spec);
		} else if (only_words || word[0] != '-' || !word[1]) {
			only_words = only_words || spec->command;
			if (spec->word(conf, word))
				status = usage_error(spec);
		} else if (word[1] != '-') {
			status = parse_short(&p, word + 1);
		} else if (word[2]) {
			status = parse_long(&p, word + 2);
		} else {
			only_words = true;
		}
	}
	return status;
}
