/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command line from anywhere: it is taken, or refused with exactly one error line, and what is
 * taken is within its limits.
 *
 * Thread: one.
 * Trust:  the input is argv[1..], words separated by NUL bytes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/cli/cmd.h"
#include "lkvm/run/options_run.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/said.h"

#define MAX_WORDS 64

/* The usage is not what is tested, and there would be a lot of it. libFuzzer writes elsewhere. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stderr = fopen("/dev/null", "w");
	return stderr ? 0 : -1;
}

static void check_config(const struct config *c)
{
	char line[CONFIG_CMDLINE_SIZE];
	int err;

	assert(c->cpus && c->cpus <= CONFIG_MAX_CPUS && c->ram_size && c->kvm_dev && c->params);
	assert(c->nr_disks <= CONFIG_MAX_DISKS && c->nr_nics && c->nr_nics <= CONFIG_MAX_NICS);
	for (unsigned i = 0; i < c->nr_disks; i++)
		assert(*c->disks[i].path && c->disks[i].nr_queues);
	assert(c->kernel || c->firmware || c->dump_dtb);
	assert(*c->name && strlen(c->name) < CONTROL_NAME_MAX);
	err = config_cmdline(c, 0, line, sizeof(line));
	assert(strlen(line) < sizeof(line));
	assert(err || strstr(line, c->params));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct config c;
	char *words = malloc(len + 1), *argv[MAX_WORDS + 1] = { (char[]){ "run" } };
	int argc = 1, status;

	memcpy(words, data, len);
	words[len] = 0;
	for (size_t at = 0; at < len && argc < MAX_WORDS; at += strlen(words + at) + 1) {
		/* --add-dir=/ would read all of this machine's names. */
		if (strncmp(words + at, "--add", 5))
			argv[argc++] = words + at;
	}

	errors = 0;
	config_init(&c);
	status = options_parse(&options_run, &c, argc, argv);
	/* -h is no error, and yet the end. */
	assert(status == 0 || status == EXIT_DIE || status == EXIT_USAGE);
	assert(errors <= 1 && (status != EXIT_DIE || errors == 1) && (status || !errors));
	if (!status) {
		status = config_complete(&c);
		assert(!status == !errors && errors <= 1);
		if (!status)
			check_config(&c);
	}
	config_fini(&c);
	free(words);
	return 0;
}
