/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sub-commands: each takes its own argv (argv[0] is the command's name) and returns the exit status
 * of the process (0..255). main.c holds the table; only main.c exits.
 */
#ifndef LKVM_CMD_H
#define LKVM_CMD_H

#include "lkvm/config.h"

struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help; /* one line for `lkvm help` */
	bool common;	  /* listed under "most commonly used" */
};

/* The table, ended by a NULL name; defined in main.c, used by help and shell completion. */
extern const struct cmd lkvm_cmds[];

#define EXIT_DIE 128   /* a failure that kvmtool calls die() */
#define EXIT_USAGE 129 /* bad option, or -h */

int cmd_run(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* The "run" options from argv into *c. 0, or the exit status to end with (129 after usage, ...). */
int options_parse_run(int argc, char **argv, struct config *c);

#endif
