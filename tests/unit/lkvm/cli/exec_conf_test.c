/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of lkvm exec: where options end, directories, environment. */
#include "lkvm/cli/exec_conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "lkvm/base/exit.h"
#include "tests/unit/arm64/capture.h"

static struct exec_conf *e;
static char *const *command;

/* Words between blanks, as main() has them. */
static int parse(const char *line)
{
	static char words[400], *argv[20];
	int argc = 1;

	exec_conf_fini(e);
	memset(e, 0, sizeof(*e));
	snprintf(words, sizeof(words), "exec %s", line);
	argv[0] = strtok(words, " ");
	while ((argv[argc] = strtok(NULL, " ")))
		argc++;
	return exec_conf_parse(e, argc, argv, &command);
}

static void setup(void)
{
	e = calloc(1, sizeof(*e));
	ck_assert_ptr_nonnull(e);
	capture_start();
}

static void teardown(void)
{
	exec_conf_fini(e);
	free(e);
}

START_TEST(the_first_word_is_the_command)
{
	ck_assert_int_eq(parse("-c 3 ls -l --cwd"), 0);
	ck_assert_uint_eq(e->c.cpus, 3);
	ck_assert_int_eq(e->c.loglevel, LOG_WARNING);
	ck_assert_str_eq(command[0], "ls");
	ck_assert_str_eq(command[1], "-l");
	ck_assert_str_eq(command[2], "--cwd");
	ck_assert_ptr_null(command[3]);
	ck_assert_int_eq(parse("-- -c --"), 0);
	ck_assert_str_eq(command[0], "-c");
	ck_assert_str_eq(command[1], "--");
	ck_assert_int_eq(parse("-v"), 0);
	ck_assert_ptr_null(command);
	ck_assert_int_eq(e->c.loglevel, LOG_DEBUG);
}
END_TEST

START_TEST(directories)
{
	ck_assert_int_eq(parse("--ro=/proc/self/../self/task:/a:b --rw /usr --cwd=/x true"), 0);
	ck_assert_uint_eq(e->nr_dirs, 2);
	ck_assert(e->dirs[0].read_only && !e->dirs[1].read_only);
	ck_assert_str_eq(e->dirs[0].dst, "/a:b");
	ck_assert_str_eq(e->dirs[1].src, "/usr");
	ck_assert_str_eq(e->dirs[1].dst, "/usr");
	ck_assert_str_eq(e->cwd, "/x");
}
END_TEST

START_TEST(environment)
{
	const char *const *env;
	unsigned nr, found = 0;

	clearenv();
	setenv("PATH", "/p", 1);
	setenv("HOME", "/h", 1);
	setenv("TERM", "vt", 1);
	setenv("LC_ALL", "C", 1);
	setenv("SECRET", "s", 1);
	setenv("COPIED", "c", 1);
	ck_assert_int_eq(parse("--env=HOME=/g --env=COPIED --env=NONE --env=E= true"), 0);
	env = exec_conf_env(e, false, &nr);
	ck_assert_ptr_nonnull(env);
	for (unsigned i = 0; i < nr; i++) {
		static const char *const want[] = { "PATH=/p", "HOME=/g", "LC_ALL=C", "COPIED=c",
						    "E=" };

		for (unsigned k = 0; k < ARRAY_SIZE(want); k++)
			found += !strcmp(env[i], want[k]);
	}
	ck_assert_uint_eq(nr, 5);
	ck_assert_uint_eq(found, 5);
	ck_assert_int_eq(parse("true"), 0);
	exec_conf_env(e, true, &nr);
	ck_assert_uint_eq(nr, 4); /* with HOME of ours, and TERM */
}
END_TEST

/* The last one counts, as with env(1): there is one for who takes the first, too. */
START_TEST(a_variable_that_is_given_twice)
{
	const char *const *env;
	unsigned nr;

	clearenv();
	setenv("A", "ours", 1);
	ck_assert_int_eq(parse("--env=A=1 --env=AB=2 --env=A=3 true"), 0);
	env = exec_conf_env(e, false, &nr);
	ck_assert_uint_eq(nr, 2);
	ck_assert_str_eq(env[0], "AB=2");
	ck_assert_str_eq(env[1], "A=3");
	ck_assert_int_eq(parse("--env=A=1 --env=A true"), 0);
	env = exec_conf_env(e, false, &nr);
	ck_assert_uint_eq(nr, 1);
	ck_assert_str_eq(env[0], "A=ours");
}
END_TEST

START_TEST(bad)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{ "--rw=/nothing", "No such file" }, { "--rw=/usr:/", "the guest's root" },
		{ "--ro=/", "the guest's root" },    { "--cwd=x", "absolute path" },
		{ "--env==x", "NAME=VALUE" },	     { "--env=", "NAME=VALUE" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		char line[40];

		snprintf(line, sizeof(line), "%s true", words[i].word);
		ck_assert_int_eq(parse(line), EXIT_DIE);
		captured_one_error(words[i].text, "");
	}
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/exec_conf", setup, teardown, the_first_word_is_the_command, directories,
		   environment, a_variable_that_is_given_twice, bad)
