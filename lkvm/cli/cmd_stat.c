/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm stat: what the devices of a guest have touched of its memory (--memory: stat_memory.c). Text
 * for people, JSON for programs.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/cli/stat_memory.h"
#include "lkvm/control/control_client.h"

struct stat_conf {
	struct guests guests;
	bool bounce, memory, json;
};

static const struct opt opts[] = {
	GUESTS_OPTIONS("look at"),
	{ .name = "bounce",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct stat_conf, bounce),
	  .help = "What each device has touched of the memory that the guest shares: buffers from "
		  "the guest (out) and for it (in), their bytes, how many different pages, and "
		  "accesses that were refused" },
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct stat_conf, json),
	  .help = "Print a JSON object, one line for each guest" },
	{ .name = "memory",
	  .letter = 'm',
	  .store = OPT_TRUE,
	  .offset = offsetof(struct stat_conf, memory),
	  .help = "The guest's balloon, and what its driver says of the guest's memory; where "
		  "there is no driver, the balloon alone" },
};

const struct opt_spec options_stat = {
	.usage = "lkvm stat --bounce|-m [--json] <name> | -a",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = guests_word,
};

/* ---- the answer ---- */

/* Of service.h's record "sums", behind the number of the device. */
enum sum { NR_OUT, OUT_LEN, NR_IN, IN_LEN, NR_TABLES, TABLE_LEN, WRITTEN, PAGES, REFUSED, NR_SUMS };

struct device {
	char name[32], bus[32];
	u64 sums[NR_SUMS];
};

struct answer {
	char seconds[32];
	unsigned nr;
	struct device devices[GUESTS_MAX_DEVICES];
};

static bool take(void *arg, const struct ask_record *r)
{
	struct answer *a = arg;
	u64 n = ask_number(r, 1);

	if (ask_is(r, 0, "time")) {
		snprintf(a->seconds, sizeof(a->seconds), "%s", ask_text(r, 1));
	} else if (ask_is(r, 0, "device") && n < GUESTS_MAX_DEVICES) {
		snprintf(a->devices[n].name, sizeof(a->devices[n].name), "%s", ask_text(r, 2));
		snprintf(a->devices[n].bus, sizeof(a->devices[n].bus), "%s", ask_text(r, 3));
		a->nr = MAX(a->nr, (unsigned)n + 1);
	} else if (ask_is(r, 0, "sums") && n < GUESTS_MAX_DEVICES) {
		for (unsigned i = 0; i < NR_SUMS; i++)
			a->devices[n].sums[i] = ask_number(r, 2 + i);
	}
	return true;
}

/* ---- output ---- */

static void print_text(const struct answer *a, const char *name)
{
	printf("Guest %s after %s s, what its devices touched:\n\n", name, a->seconds);
	printf("%-18s %-14s %9s %12s %9s %12s %12s %7s %8s\n", "DEVICE", "BUS", "OUT", "OUT-BYTES",
	       "IN", "IN-ROOM", "IN-BYTES", "PAGES", "REFUSED");
	for (unsigned i = 0; i < a->nr; i++) {
		const struct device *d = &a->devices[i];

		printf("%-18s %-14s", d->name, d->bus);
		printf(" %9llu %12llu", (unsigned long long)d->sums[NR_OUT],
		       (unsigned long long)d->sums[OUT_LEN]);
		printf(" %9llu %12llu %12llu", (unsigned long long)d->sums[NR_IN],
		       (unsigned long long)d->sums[IN_LEN], (unsigned long long)d->sums[WRITTEN]);
		printf(" %7llu %8llu\n", (unsigned long long)d->sums[PAGES],
		       (unsigned long long)d->sums[REFUSED]);
	}
}

static json_t *json_of(const struct device *d)
{
	static const struct {
		const char *key;
		enum sum sum;
	} keys[] = {
		{ "out_transfers", NR_OUT },  { "out_bytes", OUT_LEN }, { "in_transfers", NR_IN },
		{ "in_room", IN_LEN },	      { "in_bytes", WRITTEN },	{ "tables", NR_TABLES },
		{ "table_bytes", TABLE_LEN }, { "pages", PAGES },	{ "refused", REFUSED },
	};
	json_t *o = json_pack("{s:o, s:o}", "name", json_text(d->name), "bus", json_text(d->bus));

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		json_add(&o, keys[k].key, json_integer((json_int_t)d->sums[keys[k].sum]));
	return o;
}

static int print_json(const struct answer *a, const char *name)
{
	json_t *seconds = json_loads(a->seconds, JSON_DECODE_ANY, NULL), *devices = json_array();

	for (unsigned i = 0; i < a->nr; i++)
		json_append(&devices, json_of(&a->devices[i]));
	return json_print(json_pack("{s:o, s:o, s:o}", "guest", json_text(name), "seconds",
				    seconds ? seconds : json_null(), "devices", devices),
			  0);
}

static int stat_one(void *arg, const char *name)
{
	const struct stat_conf *c = arg;
	struct answer *a;
	int err;

	if (c->memory)
		return stat_memory(name, c->json);
	a = calloc(1, sizeof(*a));
	err = a ? ask(name, "bounce", NULL, take, a) : -ENOMEM;

	if (!err && c->json)
		err = print_json(a, name);
	else if (!err)
		print_text(a, name);
	free(a);
	return err;
}

int cmd_stat(int argc, char **argv)
{
	struct stat_conf c = { 0 };
	int status = options_parse(&options_stat, &c, argc, argv);

	if (status)
		return status;
	if (c.bounce == c.memory) {
		log_error("lkvm stat wants one of --bounce (what devices touched of the guest's "
			  "memory) and --memory (what the guest says of it)");
		return EXIT_DIE;
	}
	return guests_each(&c.guests, stat_one, &c);
}
