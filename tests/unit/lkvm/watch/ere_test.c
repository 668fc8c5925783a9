/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions over a stream: what they match, as the C library's do; what is refused; and
 * that no byte costs more than a look at each instruction.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/vm/loop.h"
#include "lkvm/watch/ere.h"
#include "tests/unit/suite.h"

/* -1: refused; else: is there a match in the line? */
static int matches(const char *re, const char *line)
{
	const char *why = NULL;
	struct ere_run r;
	struct ere *e;
	bool m = false;

	if (ere_compile(&e, re, &why)) {
		ck_assert_ptr_nonnull(why);
		return -1;
	}
	ck_assert_int_eq(ere_run_init(&r, e), 0);
	for (; *line; line++)
		m = ere_run_byte(&r, (u8)*line) || m;
	m = ere_run_eol(&r) || m;
	ere_run_fini(&r);
	ere_free(e);
	return m;
}

static int of_libc(const char *re, const char *line)
{
	regex_t x;
	int m;

	if (regcomp(&x, re, REG_EXTENDED | REG_NOSUB))
		return -1;
	m = !regexec(&x, line, 0, NULL, 0);
	regfree(&x);
	return m;
}

START_TEST(what_matches)
{
	static const struct {
		const char *re, *yes, *no;
	} cases[] = {
		{ "login:", "debian login: ", "login" },
		{ "Kernel panic|Unable to mount root", "VFS: Unable to mount root fs", "Kernel" },
		{ "^ok$", "ok", "ok 1" },
		{ "^ok", "ok 1", "not ok 1" },
		{ "a{3}", "baaa", "aab" },
		{ "^a{2,3}$", "aaa", "aaaa" },
		{ "^a{0,2}b$", "aab", "aaab" },
		{ "^(ab){2,}$", "ababab", "ab" },
		{ "[[:digit:]]+ MiB", "12 MiB", "MiB" },
		{ "[^0-9a-f ]", "0a fg", "0af 9" },
		{ "[]x-]y", "]y", "y" },
		{ "[a-]y", "-y", "by" },
		{ "\\[  OK  \\]", "[  OK  ]", "[ OK ]" },
		{ "a\\.b\\tc", "a.b\tc", "axb\tc" },
		{ "((a|b)c|d)+e", "bcdace", "abe" },
		{ "x*y", "y", "x" },
		{ "(a*)*b", "aab", "aa" },
		{ "\xc3\xa4", "M\xc3\xa4rz", "M\xc3\xb6rz" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(matches(cases[i].re, cases[i].yes) == 1, "%s", cases[i].re);
		ck_assert_msg(matches(cases[i].re, cases[i].no) == 0, "%s", cases[i].re);
	}
}
END_TEST

START_TEST(what_is_refused)
{
	static const char *const bad[] = {
		"",	  "a*",	     "(",     ")",    "a)",   "(a",	 "[a",		"[",
		"a\\",	  "(a)\\1",  "\\d",   "*a",   "a|*",  "a{2,1}",	 "a{",		"a{256}",
		"a{1",	  "[[.a.]]", "[b-a]", "^",    "$",    "a|",	 "(a|b)?",	"[[:foo:]]",
		"[\xc3]", "a{,2}",   "{1}",   "a||b", "(())", "[[=a=]]", "x{200}{200}",
	};
	char deep[200], dots[200];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(matches(bad[i], "") == -1, "%s", bad[i]);
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	ck_assert_int_eq(matches(deep, ""), -1);
	memset(dots, '.', sizeof(dots) - 1);
	dots[sizeof(dots) - 1] = 0;
	ck_assert_int_eq(matches(dots, ""), -1);
}
END_TEST

/* All that both take means the same to both. */
START_TEST(as_the_c_library)
{
	static const char alphabet[] = "ab|()*+?{}2,^$[]-.";
	unsigned nr = 0;
	u32 seed = 1;

	for (unsigned i = 0; i < 100000; i++) {
		char re[12], line[8];
		unsigned len, nr_line;
		int own, libc;

#define NEXT(n) ((seed = seed * 1664525 + 1013904223) >> 8) % (n)
		len = 1 + NEXT(9);
		nr_line = NEXT(7);
		for (unsigned k = 0; k < len; k++)
			re[k] = alphabet[NEXT(sizeof(alphabet) - 1)];
		for (unsigned k = 0; k < nr_line; k++)
			line[k] = "abc"[NEXT(3)];
		re[len] = line[nr_line] = 0;
		own = matches(re, line);
		libc = own < 0 ? -1 : of_libc(re, line);
		if (own < 0 || libc < 0)
			continue;
		nr++;
		ck_assert_msg(own == libc, "'%s' in '%s': %d, and the library %d", re, line, own,
			      libc);
	}
	ck_assert_uint_gt(nr, 5000);
}
END_TEST

/* The group of the leftmost match, as long as it can be. */
START_TEST(group)
{
	struct ere_run r;
	struct ere *e;
	const char *why;
	u64 ends[3] = { 0 };
	unsigned nr = 0;

	ck_assert_int_eq(ere_compile(&e, "STATUS=([0-9]+)", &why), 0);
	ck_assert(e->has_group);
	ck_assert_int_eq(ere_run_init(&r, e), 0);
	for (const char *p = "EXIT: STATUS=137 x"; *p; p++) {
		if (ere_run_byte(&r, (u8)*p)) {
			ck_assert_uint_eq(r.begin, 13);
			ends[nr++] = r.end;
		}
	}
	ck_assert(nr == 3 && ends[0] == 14 && ends[1] == 15 && ends[2] == 16);
	ere_run_fini(&r);
	ere_free(e);
}
END_TEST

/* Between two lines nothing is kept. */
START_TEST(lines)
{
	struct ere_run r;
	struct ere *e;
	const char *why;

	ck_assert_int_eq(ere_compile(&e, "^ab$", &why), 0);
	ck_assert_int_eq(ere_run_init(&r, e), 0);
	ck_assert(!ere_run_byte(&r, 'a') && !ere_run_eol(&r));
	ere_run_reset(&r, true);
	ck_assert(!ere_run_byte(&r, 'b') && !ere_run_eol(&r));
	ere_run_reset(&r, true);
	ck_assert(!ere_run_byte(&r, 'a') && !ere_run_byte(&r, 'b') && ere_run_eol(&r));
	ere_run_reset(&r, false);
	ck_assert(!ere_run_byte(&r, 'a') && !ere_run_byte(&r, 'b') && !ere_run_eol(&r));
	ere_run_fini(&r);
	ere_free(e);
}
END_TEST

/* Where a backtracking matcher, or one with a cache of states, would never come to an end. */
START_TEST(hostile_output)
{
	static const char *const res[] = { "(a*)*b", "(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)x",
					   "a.{100}b", "(x+x+)+y" };

	for (unsigned i = 0; i < ARRAY_SIZE(res); i++) {
		struct ere_run r;
		struct ere *e;
		const char *why;
		u32 seed = 7;

		ck_assert_int_eq(ere_compile(&e, res[i], &why), 0);
		ck_assert_int_eq(ere_run_init(&r, e), 0);
		for (unsigned k = 0; k < 30000; k++) {
			seed = seed * 1664525 + 1013904223;
			ere_run_byte(&r, i == 3 ? (u8)("ac"[seed >> 31]) : i == 4 ? 'x' : 'a');
			ck_assert_uint_le(r.nr, e->nr);
		}
		ere_run_fini(&r);
		ere_free(e);
	}
}
END_TEST

SUITE_MAIN("lkvm/watch/ere", what_matches, what_is_refused, as_the_c_library, group, lines,
	   hostile_output)
