/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which guests a command is about: a name, as a word or with -n, or all with -a. Main thread. */
#ifndef LKVM_GUESTS_H
#define LKVM_GUESTS_H

#include "lkvm/base/options.h"

/* First in the command's own object, so that its options can be in the command's table. */
struct guests {
	const char *name;
	bool all;
};

/*
 * The head of a table of options whose command is about one guest, the member `name` of `type`;
 * `what` is done to it.
 */
#define GUEST_OPTION(type, what)                                                                   \
	{ .store = OPT_HEADING, .help = "Options" },                                               \
	{                                                                                          \
		.name = "name", .letter = 'n', .arg = "name", .store = OPT_STRING,                 \
		.offset = offsetof(type, name),                                                    \
		.help = "The guest to " what "; a word that is no option says the same"            \
	}

/* The same where it can be all of them. */
#define GUESTS_OPTIONS(what)                                                                       \
	GUEST_OPTION(struct guests, what),                                                         \
	{                                                                                          \
		.name = "all", .letter = 'a', .store = OPT_TRUE,                                   \
		.offset = offsetof(struct guests, all), .help = "All guests of this user"          \
	}

/* opt_spec.word of a table that takes the name as a word. */
int guests_word(void *conf, const char *word);

/*
 * Call one() for each guest that is meant, all of them also after a failure. Exit status: 0, or
 * EXIT_DIE when one() failed (it has said why), or when nobody was named.
 */
int guests_each(const struct guests *g, int (*one)(void *arg, const char *name), void *arg);

#endif
