/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm disk: what is done to the disks of a running guest.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <stdio.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/control/control_client.h"

#define MAX_NUMBER 999u

struct disk {
	const char *name, *action, *number; /* of the guest; "resize"; NULL: all of its disks */
	bool failed, json;
	json_t *list; /* with `json` */
};

static const struct opt opts[] = {
	GUEST_OPTION(struct disk, "look at"),
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct disk, json),
	  .help = "Print a JSON array of the disks" },
};

static int word(void *conf, const char *w)
{
	struct disk *d = conf;
	u64 n;

	if (!d->name) {
		d->name = w;
		return 0;
	}
	if (!d->action) {
		d->action = w;
		if (!strcmp(w, "resize"))
			return 0;
		log_error("lkvm disk: '%s' is nothing that is done to disks, resize is", w);
		return -1;
	}
	if (d->number || decode_number(&n, MAX_NUMBER, NUMBER_DEC, w, strlen(w))) {
		log_error("lkvm disk: one number of a disk (the first --disk is 0), not '%s'", w);
		return -1;
	}
	d->number = w;
	return 0;
}

const struct opt_spec options_disk = {
	.usage = "lkvm disk [--json] <name> resize [number]",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = word,
};

/* "disk NUMBER OLD NEW", or "problem NUMBER WHY". */
static bool take(void *arg, const struct ask_record *r)
{
	struct disk *d = arg;
	unsigned long long n = ask_number(r, 1), old = ask_number(r, 2), new = ask_number(r, 3);

	if (ask_is(r, 0, "problem")) {
		log_error("disk %llu of %s: %s", n, d->name, ask_text(r, 2));
		d->failed = true;
	} else if (ask_is(r, 0, "disk") && d->json) {
		json_append(&d->list, json_pack("{s:I, s:I, s:I}", "disk", (json_int_t)n, "bytes",
						(json_int_t) new, "was", (json_int_t)old));
	} else if (ask_is(r, 0, "disk")) {
		printf("disk %llu: %llu bytes", n, new);
		if (old != new)
			printf(", was %llu", old);
		printf("\n");
	}
	return true;
}

int cmd_disk(int argc, char **argv)
{
	struct disk d = { 0 };
	char words[64];
	int status = options_parse(&options_disk, &d, argc, argv);

	if (status)
		return status;
	if (!d.name || !d.action) {
		log_error("usage: %s", options_disk.usage);
		return EXIT_DIE;
	}
	snprintf(words, sizeof(words), "disk resize%s%s", d.number ? " " : "",
		 d.number ? d.number : "");
	if (d.json)
		d.list = json_array();
	if (ask(d.name, words, NULL, take, &d)) {
		json_decref(d.list);
		return EXIT_DIE;
	}
	if (d.json && json_print(d.list, 0))
		return EXIT_DIE;
	return d.failed ? EXIT_DIE : 0;
}
