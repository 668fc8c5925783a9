/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm net: the forwards of a running guest.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_client.h"
#include "net/hostfwd.h"

struct net {
	const char *name, *action, *forward;
	bool json;
	json_t *list; /* with `json` */
};

static const struct opt opts[] = {
	GUEST_OPTION(struct net, "ask"),
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct net, json),
	  .help = "Print a JSON array of the forwards" },
};

static int word(void *conf, const char *w)
{
	struct net *n = conf;

	if (!n->name) {
		n->name = w;
	} else if (!n->action) {
		n->action = w;
		if (strcmp(w, "list") && strcmp(w, "add") && strcmp(w, "remove")) {
			log_error("lkvm net: list, add or remove, not '%s'", w);
			return -1;
		}
	} else if (!n->forward && strcmp(n->action, "list")) {
		n->forward = w;
	} else {
		log_error("lkvm net: '%s' is a word too many", w);
		return -1;
	}
	return 0;
}

const struct opt_spec options_net = {
	.usage = "lkvm net [--json] <name> [list | add <forward> | remove <forward>]",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = word,
};

/* "forward NETWORK TEXT" */
static bool take(void *arg, const struct ask_record *r)
{
	struct net *n = arg;
	u64 nic = ask_number(r, 1);

	if (!ask_is(r, 0, "forward"))
		return true;
	if (n->json)
		json_append(&n->list, json_pack("{s:I, s:o}", "network", (json_int_t)nic, "forward",
						json_text(ask_text(r, 2))));
	else
		printf("network %llu  %s\n", (unsigned long long)nic, ask_text(r, 2));
	return true;
}

/*
 * The socket of the new forward. The guest's lkvm is given it: it is confined, and has no right to
 * open ports. A descriptor, or -1 after one log_error() line.
 */
static int open_forward(const char *text)
{
	struct net_hostfwd f;
	int fd;

	if (!hostfwd_parse(&f, text)) {
		log_error("a forward is " HOSTFWD_FORM ", not '%s'", text);
		return -1;
	}
	fd = hostfwd_open(&f);
	if (fd < 0)
		log_errno(fd, "cannot listen for %s", text);
	return fd;
}

/* Waits for the guest's lkvm. True: it is done. */
static bool ask_for(struct net *n, const char *words)
{
	struct ask_more more = { .pass_fd = -1, .stop_fd = -1 };
	bool add = n->action && !strcmp(n->action, "add");
	int err;

	if (!add)
		return !ask(n->name, words, NULL, take, n);
	more.pass_fd = open_forward(n->forward);
	if (more.pass_fd < 0)
		return false;
	err = ask(n->name, words, &more, take, n);
	close(more.pass_fd);
	return !err;
}

int cmd_net(int argc, char **argv)
{
	struct net n = { 0 };
	char words[CONTROL_LINE] = "net";
	int status = options_parse(&options_net, &n, argc, argv);
	bool change;

	if (status)
		return status;
	change = n.action && strcmp(n.action, "list");
	if (!n.name || (change && !n.forward)) {
		log_error("usage: %s", options_net.usage);
		return EXIT_DIE;
	}
	if (change)
		snprintf(words, sizeof(words), "net %s %s", n.action, n.forward);
	if (n.json)
		n.list = json_array();
	if (!ask_for(&n, words)) {
		json_decref(n.list);
		return EXIT_DIE;
	}
	return n.json && json_print(n.list, 0) ? EXIT_DIE : 0;
}
