/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of sub-commands, and the exit status of the process.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/base/nearest.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/run/options_run.h"

const struct cmd lkvm_cmds[] = {
	{ "run", cmd_run, "Start a guest and stay until it ends", &options_run },
	{ "exec", cmd_exec, "Run a command in a fresh guest, as if it ran here", &options_exec },
	{ "sandbox", cmd_exec, "The same as exec, under kvmtool's name", &options_exec },
	{ "setup", cmd_setup, "Make a root file system for guests below ~/.lkvm", &options_setup },
	{ "measure", cmd_measure, "Predict how a Realm is measured, on any machine",
	  &options_measure },
	{ "doctor", cmd_doctor, "Tell what this host can do, and why not more", &options_doctor },
	{ "token", cmd_token, "Tell what an attestation token says, and whether to believe it",
	  &options_token },
	{ "attest-keys", cmd_attest_keys, "Print the trust anchor of simulated Realms",
	  &options_attest_keys },
	{ "list", cmd_list, "List running guests and root file systems", &options_list },
	{ "stop", cmd_stop, "End a guest", &options_stop },
	{ "pause", cmd_pause, "Hold the CPUs of a guest", &options_pause },
	{ "resume", cmd_resume, "Let a paused guest go on", &options_resume },
	{ "stat", cmd_stat, "Count what devices touch of a guest's memory, or what it uses",
	  &options_stat },
	{ "trace", cmd_trace, "Watch what devices touch of a guest's memory", &options_trace },
	{ "map", cmd_map, "Show a guest's memory: protected, shared, devices", &options_map },
	{ "disk", cmd_disk, "Let a guest see that a disk of its has grown", &options_disk },
	{ "net", cmd_net, "List, add and remove a guest's forwarded ports", &options_net },
	{ "balloon", cmd_balloon, "Take memory from a guest, or give it back", &options_balloon },
	{ "debug", cmd_debug, "Show where a guest's CPUs are; sysrq", &options_debug },
	{ "version", cmd_version, "Print the version of lkvm", NULL },
	{ "help", cmd_help, "List the commands, or tell about one: its options", NULL },
	{ NULL, NULL, NULL, NULL },
};

/* Options in the place of a command. */
static const char *command_name(const char *word)
{
	if (!strcmp(word, "--version"))
		return "version";
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return "help";
	return word;
}

static int no_command(const char *name)
{
	struct nearest n = NEAREST_OF(name, strlen(name));

	for (const struct cmd *c = lkvm_cmds; c->name; c++)
		nearest_offer(&n, c->name);
	if (nearest_name(&n))
		log_error("there is no command '%s': did you mean '%s'?", name, nearest_name(&n));
	else
		log_error("there is no command '%s'", name);
	return EXIT_NO_COMMAND;
}

static int dispatch(int argc, char **argv)
{
	const char *name;

	if (argc < 2) {
		help_print();
		return 0;
	}
	name = command_name(argv[1]);
	for (const struct cmd *c = lkvm_cmds; c->name; c++) {
		if (!strcmp(c->name, name))
			return c->run(argc - 1, argv + 1);
	}
	help_print();
	fflush(stdout);
	return no_command(name);
}

int main(int argc, char **argv)
{
	int status;

	file_occupy_standard();
	/* A file that may not grow any more (ulimit -f) is an error of who writes, and no end. */
	signal(SIGXFSZ, SIG_IGN);
	status = dispatch(argc, argv);
	/* Output that was cut short must not look like success; EIO: it was cut earlier. */
	errno = EIO;
	if (fflush(stdout) || ferror(stdout)) {
		log_errno(-errno, "cannot write to standard output");
		status = status ? status : EXIT_DIE;
	}
	return status;
}
