/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which guests a command is about.
 *
 * Thread: main.
 * Trust:  the user's own command line and home directory.
 */
#include "lkvm/cli/guests.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/control/control_dir.h"

int guests_word(void *conf, const char *word)
{
	struct guests *g = conf;

	if (g->name) {
		log_error("one guest, please: '%s' and '%s' are two", g->name, word);
		return -EINVAL;
	}
	g->name = word;
	return 0;
}

static int running(struct control_names *names)
{
	char why[200];
	int err, dir = control_dir_open(why, sizeof(why));

	if (dir < 0) {
		log_error("%s", why);
		return dir;
	}
	err = control_dir_guests(dir, names);
	close(dir);
	if (err)
		log_errno(err, "cannot list the guests");
	return err;
}

int guests_each(const struct guests *g, int (*one)(void *arg, const char *name), void *arg)
{
	struct control_names names;
	int status = 0;

	if (g->all && g->name) {
		log_error("one guest, '%s', or --all of them: not both", g->name);
		return EXIT_DIE;
	}
	if (!g->all) {
		if (g->name)
			return one(arg, g->name) ? EXIT_DIE : 0;
		log_error("which guest? give its name, or --all ('lkvm list' shows them)");
		return EXIT_DIE;
	}
	if (running(&names))
		return EXIT_DIE;
	for (unsigned i = 0; i < names.nr; i++) {
		if (one(arg, names.names[i]))
			status = EXIT_DIE;
	}
	control_names_free(&names);
	return status;
}
