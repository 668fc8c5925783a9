/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm help, lkvm version: what there is, for people, for the manual and for the shell.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/run/options_run.h"
#include "net/netopt.h"

#ifndef LKVM_VERSION
#error "the Makefile says which version this is"
#endif

void help_print(void)
{
	printf("\n usage: lkvm COMMAND [ARGS]\n\n"
	       /* kvm-unit-tests look for this line. */
	       " The most commonly used lkvm commands are:\n");
	for (const struct cmd *c = lkvm_cmds; c->name; c++)
		printf("   %-12s%s\n", c->name, c->help);
	printf("\n See 'lkvm help COMMAND' for more information on a specific command, 'lkvm help network'\n"
	       " about --network, 'lkvm help exit' about exit statuses. A guest to begin with, and what\n"
	       " this host can do:\n\n"
	       "   lkvm run -k Image -i initrd.img -m 512 -c 2\n"
	       "   lkvm doctor\n\n");
}

/*
 * What shells complete, as a table; docs/lkvm.bash, .zsh and .fish have it in them
 * (tests/lint/man). A command by itself comes first.
 */
static void print_completion(void)
{
	for (const struct cmd *c = lkvm_cmds; c->name; c++) {
		/* Only these two give a name; others are asked about one. */
		bool names = c->run != cmd_run && c->run != cmd_exec;

		printf("%s\n", c->name);
		if (c->options)
			options_completion(c->options, c->name, names, stdout);
	}
}

/* ---- keys of --network ---- */

static void print_key(void *arg, const char *key, const char *help)
{
	printf("    %-14s%s\n", key, help);
}

static void print_key_man(void *arg, const char *key, const char *help)
{
	printf(".TP\n\\fB");
	options_man_text(stdout, key);
	printf("\\fR\n");
	options_man_text(stdout, help);
	printf(".\n");
}

static void print_network(void)
{
	printf("\n usage: lkvm run --network key=value[,key=value...]\n\n");
	netopt_help(print_key, NULL);
	printf("\n");
}

/* ---- commands ---- */

/* Parts of the manual page: see tests/lint/man. */
static int print_man(const char *part)
{
	if (!strcmp(part, "options")) {
		options_man(&options_run, stdout);
	} else if (!strcmp(part, "network")) {
		netopt_help(print_key_man, NULL);
	} else if (!strcmp(part, "measure")) {
		options_man(&options_measure, stdout);
	} else if (!strcmp(part, "exec")) {
		options_man(&options_exec, stdout);
	} else if (!strcmp(part, "exit")) {
		help_exit(true);
	} else {
		log_error(
			"the manual has the parts options, network, measure, exec and exit, not '%s'",
			part);
		return EXIT_USAGE;
	}
	return 0;
}

static const struct cmd *find_cmd(const char *name)
{
	for (const struct cmd *c = lkvm_cmds; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

static int help_about(const char *name)
{
	const struct cmd *c = find_cmd(name);

	if (!c) {
		help_print();
		log_error("there is no command '%s'", name);
		return EXIT_NO_COMMAND;
	}
	printf("\n lkvm %s: %s\n", c->name, c->help);
	if (c->options)
		options_usage(c->options, stdout);
	else
		printf("\n usage: lkvm %s%s\n\n", c->name, c->run == cmd_help ? " [COMMAND]" : "");
	return 0;
}

int cmd_help(int argc, char **argv)
{
	if (argc < 2)
		help_print();
	else if (!strcmp(argv[1], "--man"))
		return print_man(argc > 2 ? argv[2] : "options");
	else if (!strcmp(argv[1], "network"))
		print_network();
	else if (!strcmp(argv[1], "exit"))
		help_exit(false);
	else if (!strcmp(argv[1], "--completion"))
		print_completion();
	else
		return help_about(argv[1]);
	return 0;
}

int cmd_version(int argc, char **argv)
{
	printf("kvm tool %s\n", LKVM_VERSION);
	return 0;
}
