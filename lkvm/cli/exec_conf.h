/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of lkvm exec, as plain data. Main thread. */
#ifndef LKVM_EXEC_CONF_H
#define LKVM_EXEC_CONF_H

#include "lkvm/run/config.h"

#define EXEC_MAX_DIRS 6u
#define EXEC_MAX_ENV 256u

struct exec_dir {
	bool read_only;
	char src[PATH_MAX]; /* the host's */
	char dst[PATH_MAX]; /* where the guest has it: absolute */
};

struct exec_conf {
	struct config c; /* first: the options of `lkvm run` are stored into it */
	const char *modules, *cwd;
	unsigned nr_dirs, nr_env;
	struct exec_dir here; /* for the caller */
	struct exec_dir dirs[EXEC_MAX_DIRS];
	const char *env[EXEC_MAX_ENV]; /* NAME=VALUE, or NAME: as it is here */
	const char *command;	       /* its first word, in argv; NULL: none */
	char **made_env;	       /* exec_conf_env() */
	unsigned nr_made;
};

/*
 * Parse into `e`, zeroed. *command: the command and its arguments in argv, which ends with NULL;
 * NULL: there is none. 0, or an exit status as of options_parse(). exec_conf_fini() in any case.
 */
int exec_conf_parse(struct exec_conf *e, int argc, char **argv, char *const **command);
void exec_conf_fini(struct exec_conf *e);

/*
 * The command's environment: some of ours, which say who and where we are, and --env, whose names
 * come last and win. TERM only with a terminal. `e` has it, until exec_conf_fini(). NULL: no
 * memory.
 */
const char *const *exec_conf_env(struct exec_conf *e, bool tty, unsigned *nr);

#endif
