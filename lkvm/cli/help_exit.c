/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit statuses, for `lkvm help exit` and for the manual.
 *
 * Thread: main.
 * Trust:  nobody.
 */
#include <stdio.h>

#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"

/* Ascending; some are of one command only. The numbers are those of lkvm/base/exit.h. */
static const struct {
	int status;
	const char *command; /* NULL: of each */
	const char *what;
} statuses[] = {
	{ 0, NULL, "what was asked for was done" },
	{ 0, "run",
	  "the guest switched itself off, reset itself (without --reboot), or was ended "
	  "by Ctrl-a x or lkvm stop, and all that was waited for was seen; or --until was."
	  " With --status-from any status may be the guest's, 255 stands for what is "
	  "larger" },
	{ 1, "run",
	  "the guest was started and could not be run any further; the reason was printed" },
	{ 1, "doctor", "the host cannot start a Realm, or what was asked about" },
	{ 1, "token", "not all of the token could be verified" },
	{ 3, "run",
	  "the guest was to end and did not, so lkvm has ended without it; 120, 124 or 125 if "
	  "they were why" },
	{ 22, NULL, "there is no such command" },
	{ 120, "run",
	  "--until, --status-from or a step was not seen before the guest ended, or a "
	  "step not within its time" },
	{ 121, "run", "the guest has reset itself more often than --max-resets" },
	{ 124, "run", "the time of --timeout was over" },
	{ 125, "run", "the guest has panicked, or --fail-on was seen" },
	{ 125, "exec",
	  "the command was not started, or its guest ended before it, or (where its own status "
	  "is 0) its input could not be read or its output not be written here; below that, and above 127, the status is the command's own, 128 + n if signal n ended it" },
	{ 126, "exec", "the command is there, and cannot be run" },
	{ 127, "exec", "there is no such command" },
	{ 128, NULL,
	  "what was asked for cannot be done: a value that makes no sense, a file that is"
	  " missing, no KVM, an option that is refused. One line says what to do" },
	{ 129, NULL, "the options could not be parsed, or -h asked for the usage" },
	{ 129, "run", "SIGHUP has ended the guest" },
	{ 130, "run", "SIGINT has ended the guest" },
	{ 131, "run", "SIGQUIT has ended the guest" },
	{ 141, "run",
	  "nobody reads the guest's output any more (lkvm run ... | head), so the guest "
	  "was ended" },
	{ 143, "run", "SIGTERM has ended the guest" },
	{ 159, "run",
	  "lkvm made a system call that none of the guest's devices needs (manual: THE SANDBOX)" },
};

static void print_text(void)
{
	printf("\n exit statuses of lkvm\n\n");
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		const char *command = statuses[i].command;
		char text[400];

		snprintf(text, sizeof(text), "%s%s%s", command ? command : "", command ? ": " : "",
			 statuses[i].what);
		printf("  %3d  ", statuses[i].status);
		options_wrap(stdout, 7, text);
	}
	printf("\n");
}

static void print_man(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (!i || statuses[i].status != statuses[i - 1].status)
			printf(".TP\n.B %d\n", statuses[i].status);
		if (statuses[i].command)
			printf("\\fB%s\\fR: ", statuses[i].command);
		options_man_text(stdout, statuses[i].what);
		printf(".\n");
	}
}

void help_exit(bool man)
{
	if (man)
		print_man();
	else
		print_text();
}
