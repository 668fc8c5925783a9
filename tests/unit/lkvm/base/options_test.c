/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar of options, on a table that has one of each kind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "tests/unit/arm64/capture.h"

struct conf {
	bool flag, pvtime;
	u32 mode;
	const char *string;
	u32 n32;
	u64 n64;
	const char *called;
	unsigned nr_calls;
	const char *word;
};

static int call(void *conf, const char *name, const char *val)
{
	struct conf *c = conf;

	if (val && !strcmp(val, "bad")) {
		log_error("--%s: bad", name);
		return -EINVAL;
	}
	c->called = val;
	c->nr_calls++;
	return 0;
}

static int word(void *conf, const char *w)
{
	struct conf *c = conf;

	if (c->word) {
		log_error("'%s' is one word too many", w);
		return -EINVAL;
	}
	c->word = w;
	return 0;
}

static const struct opt table[] = {
	{ .store = OPT_HEADING, .help = "Things" },
	{ .name = "flag", .store = OPT_TRUE, .offset = offsetof(struct conf, flag), .help = "a" },
	{ .name = "no-pvtime",
	  .store = OPT_FALSE,
	  .offset = offsetof(struct conf, pvtime),
	  .help = "b" },
	{ .name = "mode-two",
	  .store = OPT_SET,
	  .max = 2,
	  .offset = offsetof(struct conf, mode),
	  .help = "c" },
	{ .name = "string",
	  .letter = 's',
	  .arg = "text",
	  .store = OPT_STRING,
	  .offset = offsetof(struct conf, string),
	  .help = "d" },
	{ .name = "number",
	  .letter = 'n',
	  .arg = "n",
	  .store = OPT_U32,
	  .max = 100,
	  .offset = offsetof(struct conf, n32),
	  .help = "e" },
	{ .name = "number-wide",
	  .arg = "n",
	  .store = OPT_U64,
	  .max = UINT64_MAX,
	  .offset = offsetof(struct conf, n64),
	  .help = "f" },
	{ .name = "call", .letter = 'c', .arg = "x", .store = OPT_CALL, .parse = call, .help = "g" },
	{ .name = "call-flag", .store = OPT_CALL, .parse = call, .help = "h" },
	{ .name = "maybe",
	  .arg = "x",
	  .arg_optional = true,
	  .store = OPT_CALL,
	  .parse = call,
	  .help = "i" },
	{ .name = "nothing", .store = OPT_NOTHING, .help = "so it is" },
	{ .name = "refuse", .store = OPT_REFUSE, .why = "refused flag" },
	{ .name = "refuse-arg",
	  .letter = 'F',
	  .arg = "file",
	  .store = OPT_REFUSE,
	  .why = "refused value" },
	{ .name = "stringify",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct conf, flag),
	  .help = "j" },
	{ .name = "own",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct conf, flag),
	  .help = "k" },
};

static const struct opt_spec spec = {
	.usage = "lkvm test [<options>]", .opts = table, .nr_opts = ARRAY_SIZE(table), .word = word
};

static struct conf c;

/* argv[0] and the words. */
#define PARSE(...)                                                                                 \
	parse((const char *[]){ "test", __VA_ARGS__ },                                             \
	      (int)ARRAY_SIZE(((const char *[]){ "test", __VA_ARGS__ })))

static int parse(const char *const *argv, int argc)
{
	c = (struct conf){ .pvtime = true };
	return options_parse(&spec, &c, argc, (char **)(uintptr_t)argv);
}

/* The words are refused with this status, and stderr says that. */
static void refused(int got, int want, const char *text)
{
	const char *s = captured();

	ck_assert_int_eq(got, want);
	ck_assert_msg(!strncmp(s, "  Error: ", 9) && strstr(s, text), "'%s' has no '%s'", s, text);
	/* What follows the error is the usage, for words that are no grammar. */
	ck_assert_msg(!strstr(s, "usage: lkvm test [<options>]") == (want != EXIT_USAGE), "'%s'",
		      s);
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
}

START_TEST(nothing_is_fine)
{
	ck_assert_int_eq(options_parse(&spec, &c, 0, (char *[]){ NULL }), 0);
	ck_assert_int_eq(parse((const char *[]){ "test" }, 1), 0);
	ck_assert(!c.flag && c.pvtime && !c.word);
}
END_TEST

START_TEST(flags_and_their_undoing)
{
	ck_assert_int_eq(PARSE("--flag"), 0);
	ck_assert(c.flag);
	ck_assert_int_eq(PARSE("--flag", "--no-flag"), 0);
	ck_assert(!c.flag);
	ck_assert_int_eq(PARSE("--no-flag", "--flag"), 0);
	ck_assert(c.flag);
	ck_assert_int_eq(PARSE("--no-pvtime"), 0);
	ck_assert(!c.pvtime);
	ck_assert_int_eq(PARSE("--no-pvtime", "--pvtime"), 0);
	ck_assert(c.pvtime);
	ck_assert_int_eq(PARSE("--no-pvtime", "--no-no-pvtime"), 0);
	ck_assert(c.pvtime);
	ck_assert_int_eq(PARSE("--mode-two"), 0);
	ck_assert_uint_eq(c.mode, 2);
	ck_assert_int_eq(PARSE("--no-mode-two", "--nothing", "--no-nothing"), 0);
	ck_assert_uint_eq(c.mode, 0);
	ck_assert_int_eq(PARSE("--call-flag"), 0);
	ck_assert(c.nr_calls == 1 && !c.called);
	ck_assert_int_eq(PARSE("--no-call-flag"), 0);
	ck_assert_uint_eq(c.nr_calls, 0);
}
END_TEST

START_TEST(values_in_each_form)
{
	ck_assert_int_eq(PARSE("--string", "a b"), 0);
	ck_assert_str_eq(c.string, "a b");
	ck_assert_int_eq(PARSE("--string=x=y"), 0);
	ck_assert_str_eq(c.string, "x=y");
	ck_assert_int_eq(PARSE("-sabc"), 0);
	ck_assert_str_eq(c.string, "abc");
	ck_assert_int_eq(PARSE("-s", "abc"), 0);
	ck_assert_str_eq(c.string, "abc");
	ck_assert_int_eq(PARSE("-s=abc"), 0);
	ck_assert_str_eq(c.string, "=abc");
	/*
	 * The next word is the value, whatever it looks like: kernel parameters may begin with a
	 * dash.
	 */
	ck_assert_int_eq(PARSE("--string", "--flag"), 0);
	ck_assert_str_eq(c.string, "--flag");
	ck_assert(!c.flag);
	ck_assert_int_eq(PARSE("--string", "a", "--string", "b"), 0);
	ck_assert_str_eq(c.string, "b");
	ck_assert_int_eq(PARSE("-c1", "-c2", "--call", "3"), 0);
	ck_assert(c.nr_calls == 3 && !strcmp(c.called, "3"));
}
END_TEST

START_TEST(optional_values_need_the_equals_sign)
{
	ck_assert_int_eq(PARSE("--maybe", "w"), 0);
	ck_assert(c.nr_calls == 1 && !c.called);
	ck_assert_str_eq(c.word, "w");
	ck_assert_int_eq(PARSE("--maybe=w"), 0);
	ck_assert_str_eq(c.called, "w");
	ck_assert_ptr_null(c.word);
}
END_TEST

START_TEST(numbers)
{
	ck_assert_int_eq(PARSE("-n7", "--number-wide=0xffffffffffffffff"), 0);
	ck_assert(c.n32 == 7 && c.n64 == UINT64_MAX);
	ck_assert_int_eq(PARSE("--number", "100", "--number-wide", "18446744073709551615"), 0);
	ck_assert(c.n32 == 100 && c.n64 == UINT64_MAX);
	/* A leading zero is no octal here. */
	ck_assert_int_eq(PARSE("--number", "010"), 0);
	ck_assert_uint_eq(c.n32, 10);
}
END_TEST

START_TEST(bad_numbers)
{
	static const char *const bad[] = {
		"",   "-1", "+1",   " 1",   "1 ",  "101", "1k",
		"0x", "x",  "0x-1", "0x 1", "1.0", "a",	  "18446744073709551616"
	};

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		refused(PARSE("-n5", "--number", bad[i]), EXIT_USAGE,
			"--number wants a number from 0 to 100");
		ck_assert_uint_eq(c.n32, 5);
	}
	refused(PARSE("--number-wide=18446744073709551616"), EXIT_USAGE, "--number-wide wants");
	ck_assert_uint_eq(c.n64, 0);
}
END_TEST

START_TEST(abbreviations)
{
	ck_assert_int_eq(PARSE("--fl"), 0);
	ck_assert(c.flag);
	ck_assert_int_eq(PARSE("--mo"), 0);
	ck_assert_uint_eq(c.mode, 2);
	ck_assert_int_eq(PARSE("--flag", "--no-f"), 0);
	ck_assert(!c.flag);
	ck_assert_int_eq(PARSE("--no-pvtime", "--pv"), 0);
	ck_assert(c.pvtime);
	ck_assert_int_eq(PARSE("--no-p"), 0);
	ck_assert(!c.pvtime);
	/* A whole name is no abbreviation of a longer one. */
	ck_assert_int_eq(PARSE("--number=1"), 0);
	ck_assert_uint_eq(c.n32, 1);
	ck_assert_int_eq(PARSE("--number-=1"), 0);
	ck_assert_uint_eq(c.n64, 1);
	/* Options of our own step back. */
	ck_assert_int_eq(PARSE("--str=x"), 0);
	ck_assert_str_eq(c.string, "x");
	ck_assert_int_eq(PARSE("--stringi"), 0);
	ck_assert(c.flag);
	ck_assert_int_eq(PARSE("--ow"), 0);
	ck_assert(c.flag);
}
END_TEST

START_TEST(words_that_are_no_grammar)
{
	capture_start();
	refused(PARSE("--nix"), EXIT_USAGE, "unknown option '--nix'");
	refused(PARSE("--nix=5"), EXIT_USAGE, "unknown option '--nix'");
	refused(PARSE("--flagg"), EXIT_USAGE, "unknown option '--flagg': did you mean --flag?");
	refused(PARSE("--flga=1"), EXIT_USAGE, "unknown option '--flga': did you mean --flag?");
	refused(PARSE("--no-nix"), EXIT_USAGE, "unknown option '--no-nix'");
	refused(PARSE("--no-number"), EXIT_USAGE, "unknown option '--no-number'");
	refused(PARSE("-x"), EXIT_USAGE, "unknown option '-x'");
	refused(PARSE("-xn"), EXIT_USAGE, "unknown option '-x'");
	refused(PARSE("-\u00e9"), EXIT_USAGE, "unknown option '-\u00e9'");
	/* Pasted from a text. */
	refused(PARSE("\u2013n", "5"), EXIT_USAGE, "'\u2013n' begins with a dash");
	refused(PARSE("\u2014number=5"), EXIT_USAGE, "begins with a dash");
	refused(PARSE("\u2212n"), EXIT_USAGE, "begins with a dash");
}
END_TEST

START_TEST(ambiguous_and_missing)
{
	capture_start();
	refused(PARSE("--num=1"), EXIT_USAGE,
		"ambiguous option '--num': could be --number or --number-wide");
	refused(PARSE("--m"), EXIT_USAGE, "ambiguous option '--m': could be --mode-two or --maybe");
	refused(PARSE("--no"), EXIT_USAGE, "ambiguous option '--no'");
	refused(PARSE("--string"), EXIT_USAGE, "option --string requires a value");
	refused(PARSE("--flag", "-s"), EXIT_USAGE, "option -s requires a value");
	refused(PARSE("--string", ""), EXIT_USAGE, "option --string: its value is empty");
	refused(PARSE("--string="), EXIT_USAGE, "option --string: its value is empty");
	refused(PARSE("--flag=1"), EXIT_USAGE, "option --flag takes no value");
	refused(PARSE("--no-flag="), EXIT_USAGE, "option --no-flag takes no value");
	refused(PARSE("a", "b"), EXIT_USAGE, "'b' is one word too many");
}
END_TEST

START_TEST(values_that_make_no_sense)
{
	capture_start();
	refused(PARSE("--call", "bad"), EXIT_DIE, "--call: bad");
	refused(PARSE("-cbad", "--flag"), EXIT_DIE, "--call: bad");
	ck_assert(!c.flag); /* the first error ends it */
}
END_TEST

START_TEST(refused_options_are_parsed_in_full)
{
	capture_start();
	refused(PARSE("--refuse"), EXIT_DIE, "--refuse: refused flag\n");
	refused(PARSE("--refuse-arg", "x"), EXIT_DIE, "--refuse-arg: refused value\n");
	refused(PARSE("-Fx"), EXIT_DIE, "--refuse-arg: refused value\n");
	refused(PARSE("--refuse-arg"), EXIT_USAGE, "option --refuse-arg requires a value");
	/* What is not wanted is not refused. */
	ck_assert_int_eq(PARSE("--no-refuse"), 0);
}
END_TEST

START_TEST(words_and_the_end_of_options)
{
	ck_assert_int_eq(PARSE("image", "--flag"), 0);
	ck_assert_str_eq(c.word, "image");
	ck_assert(c.flag);
	ck_assert_int_eq(PARSE("--", "--flag"), 0);
	ck_assert_str_eq(c.word, "--flag");
	ck_assert(!c.flag);
	ck_assert_int_eq(PARSE("-"), 0);
	ck_assert_str_eq(c.word, "-");
	ck_assert_int_eq(PARSE(""), 0);
	ck_assert_str_eq(c.word, "");
}
END_TEST

START_TEST(help_goes_to_stderr)
{
	static const char *const ways[] = { "-h", "--help" };

	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		capture_start();
		ck_assert_int_eq(PARSE("--flag", ways[i]), EXIT_USAGE);
		ck_assert_ptr_nonnull(strstr(captured(), "usage: lkvm test [<options>]\n"));
		ck_assert_ptr_nonnull(strstr(captured(), "\nThings:\n"));
		ck_assert_ptr_nonnull(strstr(captured(), "    -s, --string <text>  "));
		ck_assert_ptr_nonnull(strstr(captured(), "        --maybe[=x]  "));
		ck_assert_ptr_nonnull(strstr(captured(), "        --flag  "));
		ck_assert_ptr_null(strstr(captured(), "refuse"));
	}
}
END_TEST

/* A text written by `print` for our table. */
static char *text(void (*print)(const struct opt_spec *, FILE *))
{
	char *buf;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	print(&spec, f);
	fclose(f);
	return buf;
}

static void completion(const struct opt_spec *s, FILE *f)
{
	options_completion(s, "test", true, f);
}

START_TEST(manual_and_completion_list_the_same_table)
{
	char *man = text(options_man), *comp = text(completion);

	ck_assert_ptr_nonnull(strstr(man, ".SS Things\n"));
	ck_assert_ptr_nonnull(
		strstr(man, ".TP\n\\fB\\-s\\fR, \\fB\\-\\-string\\fR \\fItext\\fR\nd.\n"));
	ck_assert_ptr_nonnull(strstr(man, "\\fB\\-\\-maybe\\fR[=\\fIx\\fR]\n"));
	/* Refused ones last, with the reason. */
	ck_assert_ptr_nonnull(strstr(strstr(man, ".SS Refused options"), "refused value.\n"));
	ck_assert_ptr_null(strstr(strstr(man, ".SS Refused options"), "so it is"));
	ck_assert_str_eq(
		comp,
		"test --flag\ntest --no-pvtime\ntest --mode-two\ntest --string -\ntest --number -\n"
		"test --number-wide -\ntest --call -\ntest --call-flag\ntest --maybe\ntest --nothing\n"
		"test --stringify\ntest --own\ntest --help\n");
	free(man);
	free(comp);
}
END_TEST

SUITE_MAIN("lkvm/options", nothing_is_fine, flags_and_their_undoing, values_in_each_form,
	   optional_values_need_the_equals_sign, numbers, bad_numbers, abbreviations,
	   words_that_are_no_grammar, ambiguous_and_missing, values_that_make_no_sense,
	   refused_options_are_parsed_in_full, words_and_the_end_of_options, help_goes_to_stderr,
	   manual_and_completion_list_the_same_table)
