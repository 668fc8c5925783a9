/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command that asks a guest, and what it prints: the answer is the test's. In place of
 * lkvm/control/control_client.c, so in a suite's own file only.
 */
#ifndef TESTS_UNIT_LKVM_CLI_ASKED_H
#define TESTS_UNIT_LKVM_CLI_ASKED_H

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/cli/cmd.h"
#include "lkvm/control/control_client.h"
#include "tests/unit/arm64/capture.h"

/* Records of the answer, each with a final newline; and what it was asked. */
static const char *answer;
static char asked[128];
static int refusal; /* or 0: it is answered */
static char printed[65536];

int ask(const char *name, const char *words, const struct ask_more *more, ask_fn fn, void *arg)
{
	char *copy = strdup(answer), *rest = copy, *line, *field;
	bool go_on = true;

	snprintf(asked, sizeof(asked), "%s: %s", name, words);
	while (!refusal && go_on && (line = strsep(&rest, "\n")) && rest) {
		struct ask_record r = { 0 };

		while (r.nr < ASK_FIELDS && (field = strsep(&line, "\t")))
			r.fields[r.nr++] = field;
		go_on = fn(arg, &r);
	}
	free(copy);
	return refusal;
}

const char *ask_text(const struct ask_record *r, unsigned i)
{
	return i < r->nr ? r->fields[i] : "";
}

bool ask_is(const struct ask_record *r, unsigned i, const char *word)
{
	return !strcmp(ask_text(r, i), word);
}

u64 ask_number(const struct ask_record *r, unsigned i)
{
	return strtoull(ask_text(r, i), NULL, 0);
}

/* Run a command; what it printed. */
static const char *output_of(int (*cmd)(int argc, char **argv), int argc, const char *const *argv)
{
	int fd = memfd_create("stdout", MFD_CLOEXEC);

	capture_start();
	dup2(fd, STDOUT_FILENO);
	ck_assert_int_eq(cmd(argc, (char **)(uintptr_t)argv), 0);
	fflush(stdout);
	printed[MAX(pread(fd, printed, sizeof(printed) - 1, 0), 0)] = 0;
	close(fd);
	ck_assert_str_eq(captured(), "");
	return printed;
}

#define OUTPUT_OF(cmd, ...)                                                                        \
	output_of(cmd, (int)ARRAY_SIZE(((const char *[]){ #cmd, __VA_ARGS__ })),                   \
		  (const char *[]){ #cmd, __VA_ARGS__ })

static json_t *document(const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_msg(json_is_object(o), "%s", text);
	return o;
}

#endif
