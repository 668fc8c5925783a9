/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sub-commands: each takes its own argv (argv[0] is the command's name) and returns the exit status
 * of the process (0..255; base/exit.h). main.c holds the table; only main.c exits. Main thread.
 */
#ifndef LKVM_CMD_H
#define LKVM_CMD_H

#include "lkvm/base/exit.h"
#include "lkvm/base/util.h"

struct opt_spec;

struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;		/* one line for `lkvm help` */
	const struct opt_spec *options; /* for `lkvm help COMMAND`; NULL: the command has none */
};

/* The table, which a NULL name ends; main.c defines it, for help and shell completion, too. */
extern const struct cmd lkvm_cmds[];

/*
 * The commands, one a file, cmd_NAME.c (list, stop, pause, resume: cmd_guests.c; help, version:
 * cmd_help.c). Each prints its results on stdout and what is wrong on stderr, and returns the exit
 * status.
 */
int cmd_run(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_setup(int argc, char **argv);
int cmd_measure(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_attest_keys(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_disk(int argc, char **argv);
int cmd_net(int argc, char **argv);
int cmd_debug(int argc, char **argv);
int cmd_balloon(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

/*
 * Run a guest of this config, which options have filled, from its start to its end: what lkvm run
 * and lkvm exec have in common. Returns the exit status. In cmd_run.c.
 */
struct config;
int run_guest(struct config *c);

/* The options of each; defined beside it. */
extern const struct opt_spec options_doctor;
extern const struct opt_spec options_list, options_stop, options_pause, options_resume;
extern const struct opt_spec options_stat, options_trace, options_map, options_disk;
extern const struct opt_spec options_net, options_balloon, options_debug;
extern const struct opt_spec options_exec; /* in exec_conf.c */
extern const struct opt_spec options_setup;

/* Of measure; defined in cmd_measure.c. */
extern const struct opt_spec options_measure;

/* In cmd_token.c and cmd_attest_keys.c. */
extern const struct opt_spec options_token, options_attest_keys;

/* Print the general help on stdout. */
void help_print(void);

/* The exit statuses, on stdout; as a part of the manual if `man`. In help_exit.c. */
void help_exit(bool man);

#endif
