/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model answers what the kernels answered that it stands for: tests/fake/asks.h, asked on an
 * emulated machine with an RMM. answers-*.txt say of which kernel they are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/fake/asks.h"
#include "tests/unit/suite.h"

static FILE *answers;
static enum fake_host model;
static unsigned lines, differences;

static void fresh(const struct fake_op *ops)
{
	fake_kvm_init(model, ops);
	fake_kvm_expect(""); /* questions are not what a VMM should do */
}

/* The next answer of the real kernel. */
static bool read_line(char *line, int len)
{
	while (fgets(line, len, answers)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line != '#')
			return true;
	}
	*line = '\0';
	return false;
}

static void said(const char *line)
{
	char real[160];

	lines++;
	read_line(real, sizeof(real));
	if (!strcmp(line, real))
		return;
	differences++;
	fprintf(stderr, "the model: %s\n   really: %s\n", line, real);
}

static void compare(enum fake_host h, unsigned posting, const char *file)
{
	struct asks_host how = {
		.dev = "/dev/null", .posting = posting, .fresh = fresh, .said = said
	};
	char more[160];

	answers = fopen(file, "r");
	ck_assert_msg(answers, "%s: %s", file, strerror(errno));
	model = h;
	asks_run(&how);
	ck_assert_msg(!read_line(more, sizeof(more)), "%s: %s is not asked", file, more);
	fclose(answers);
	ck_assert_uint_gt(lines, 100);
	ck_assert_uint_eq(differences, 0);
}

START_TEST(answers_of_v14)
{
	compare(HOST_C3, 14, "tests/unit/fake/answers-v14.txt");
}
END_TEST

START_TEST(answers_of_v7)
{
	compare(HOST_B2, 7, "tests/unit/fake/answers-v7.txt");
}
END_TEST

SUITE_MAIN("fake/kvm_answers", answers_of_v14, answers_of_v7)
