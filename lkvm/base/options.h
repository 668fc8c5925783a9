/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options as a table: what is parsed, what --help says, what the manual lists and what the shell
 * completes all come from the same `struct opt` entries.
 *
 * The grammar is that of git and kvmtool: --name VALUE, --name=VALUE, -nVALUE, -n VALUE; long names
 * may be abbreviated as long as one option is meant; --no-NAME undoes a flag; -- ends the options.
 *
 * Main thread. Tables are constants. Values stay where they lie in argv, which has to outlive the
 * object that is filled.
 */
#ifndef LKVM_OPTIONS_H
#define LKVM_OPTIONS_H

#include <stdio.h>

#include "lkvm/base/util.h"

/* Where the value goes, `offset` bytes into the object that is filled. */
enum opt_store {
	OPT_HEADING, /* no option: `help` is the title of those that follow */
	OPT_TRUE,    /* flag; bool = true, --no-NAME: false */
	OPT_FALSE,   /* flag; bool = false, --no-NAME: true */
	OPT_SET,     /* flag; int or enum = max, --no-NAME: unset, if it is that now */
	OPT_STRING,  /* const char * into argv; "" is an error unless it may be */
	OPT_U32,     /* number of at most `max` (decimal, or hexadecimal with 0x) */
	OPT_U64,
	OPT_CALL,    /* parse(): -EINVAL after one log_error() line that names the option */
	OPT_NOTHING, /* accepted; what it asks for is so anyway, as `help` says */
	OPT_REFUSE,  /* parsed in full, then refused with `why`; --no-NAME is fine */
};

struct opt {
	const char *name; /* without the dashes */
	char letter;	  /* short form, or 0 */
	/*
	 * Whose the name is. An abbreviation means an option of the first of these that has one of
	 * that beginning: kvmtool itself (neither of the two), its branches for Realms, lkvm.
	 */
	bool branch, own;
	bool arg_optional; /* --name or --name=ARG */
	bool may_be_empty; /* OPT_STRING: "" is a value */
	enum opt_store store;
	const char *arg; /* what help calls the value; NULL: a flag */
	size_t offset;
	u64 max, unset;
	int (*parse)(void *conf, const char *name,
		     const char *val); /* val NULL: flag or no value */
	const char *help;	       /* one sentence or more, no final full stop */
	const char *why;	       /* OPT_REFUSE: completes "--name: " */
};

struct opt_spec {
	const char *usage; /* "lkvm run [<options>] [<kernel image>]"; NULL: only a base of others */
	/*
	 * These options too, behind the own ones; of the same object. One that has no usage is
	 * listed wherever the own ones are. NULL: no others.
	 */
	const struct opt_spec *base;
	const struct opt *opts;
	unsigned nr_opts;
	/* Takes a word that is no option. 0, or -EINVAL after one log_error() line. Never NULL. */
	int (*word)(void *conf, const char *word);
	bool command; /* the first word is a command: what follows are its own words */
};

/*
 * Parse argv[1..argc) into the object `conf`, up to the first error. 0, or an exit status:
 * EXIT_USAGE after one log_error() line and the usage, for words that do not follow the grammar;
 * EXIT_USAGE after all of options_usage(), which -h and --help ask for; EXIT_DIE after one
 * log_error() line, for values that make no sense and for options that are refused.
 */
int options_parse(const struct opt_spec *spec, void *conf, int argc, char **argv);

/*
 * Print the usage and the own options (not those of `base`), wrapped for a terminal. Refused
 * options are not listed.
 */
void options_usage(const struct opt_spec *spec, FILE *f);

/*
 * Print the own options for the manual page, in man(7) markup: headings as .SS, refused options at
 * the end.
 */
void options_man(const struct opt_spec *spec, FILE *f);

/*
 * Print `text` and end the line. It starts in column `indent`, where the lines start that it is
 * broken into (at blanks) for a terminal.
 */
void options_wrap(FILE *f, int indent, const char *text);

/* Print a piece of text in man(7) markup. */
void options_man_text(FILE *f, const char *s);

/*
 * Print the own options that are not refused, for completion by a shell, one a line: the command,
 * the option and, if it takes a value, what that is: "on|off|strict", "@file", "@guest" (of --name,
 * where it is that of a running guest: `names_guests`), or "-" for anything else.
 */
void options_completion(const struct opt_spec *spec, const char *cmd, bool names_guests, FILE *f);

/*
 * The value of an option that is a number: all of the string, decimal or hexadecimal with 0x. 0,
 * -EINVAL, or -ERANGE (above `max`), without a message. After an error *out is what it was.
 */
int options_number(const char *s, u64 max, u64 *out);

#endif
