/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which guests a command is about: a name, as a word or with -n, or all with -a. Main thread. */
#ifndef LKVM_GUESTS_H
#define LKVM_GUESTS_H

#include "lkvm/base/options.h"

/* More than the options of `lkvm run` make: 44, all of them on virtio-mmio. */
#define GUESTS_MAX_DEVICES 64u

/*
 * The answer to that. The first member of the command's own object, so that options about guests
 * can be in the command's table.
 */
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

/*
 * For opt_spec.word of a table whose command takes the name as a word: `conf` is a struct guests.
 * 0, or -EINVAL after one log_error() line (a second name).
 */
int guests_word(void *conf, const char *word);

/*
 * Call one(arg, NAME) for each guest that is meant; a failure does not keep the others from their
 * turn. one() returns 0, or -errno after one log_error() line. Returns an exit status: 0, or
 * EXIT_DIE: one() has failed for a guest, or nobody was named, or one and all were, after one
 * log_error() line.
 */
int guests_each(const struct guests *g, int (*one)(void *arg, const char *name), void *arg);

#endif
