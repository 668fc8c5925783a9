/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm map: the guest physical map of a running guest. Text, JSON, or a picture (map_svg.c).
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/cli/map.h"
#include "lkvm/control/control_client.h"

#define MAX_RANGES 20000u

struct map_conf {
	struct guests guests;
	bool json;
	const char *svg;
};

static const struct opt opts[] = {
	GUEST_OPTION(struct guests, "look at"),
	{ .name = "json",
	  .store = OPT_TRUE,
	  .offset = offsetof(struct map_conf, json),
	  .help = "Print a JSON object" },
	{ .name = "svg",
	  .arg = "file",
	  .store = OPT_STRING,
	  .offset = offsetof(struct map_conf, svg),
	  .help = "Draw the map into this file instead" },
};

const struct opt_spec options_map = {
	.usage = "lkvm map [--svg <file> | --json] <name>",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = guests_word,
};

static const char *const kind_names[] = { [MAP_DEVICE] = "device",
					  [MAP_WINDOW] = "window",
					  [MAP_MEMORY] = "memory",
					  [MAP_SHARED] = "shared",
					  [MAP_PROTECTED] = "protected" };

/* ---- the answer ---- */

struct answer {
	struct map map;
	unsigned room;
	int err;
};

static enum map_kind kind_of(const char *word)
{
	for (int k = 0; k < MAP_NR_KINDS; k++) {
		if (!strcmp(word, kind_names[k]))
			return (enum map_kind)k;
	}
	return MAP_DEVICE;
}

static void take_range(struct answer *a, const struct ask_record *r)
{
	struct map_range *x;

	if (a->map.nr == a->room) {
		unsigned room = MIN(MAX(2 * a->room, 64u), MAX_RANGES);
		void *more = room > a->room ? realloc(a->map.ranges, room * sizeof(*x)) : NULL;

		if (!more) {
			a->err = -ENOMEM;
			return;
		}
		a->map.ranges = more;
		a->room = room;
	}
	x = &a->map.ranges[a->map.nr++];
	*x = (struct map_range){ .base = ask_number(r, 1),
				 .len = ask_number(r, 2),
				 .kind = kind_of(ask_text(r, 3)) };
	snprintf(x->name, sizeof(x->name), "%s", ask_text(r, 4));
}

static bool take(void *arg, const struct ask_record *r)
{
	struct answer *a = arg;
	struct map *m = &a->map;

	if (ask_is(r, 0, "guest")) {
		snprintf(m->guest, sizeof(m->guest), "%s", ask_text(r, 1));
		snprintf(m->backend, sizeof(m->backend), "%s", ask_text(r, 2));
		m->ram_size = ask_number(r, 3);
	} else if (ask_is(r, 0, "loaded") && m->nr_loaded < ARRAY_SIZE(m->loaded)) {
		struct map_range *x = &m->loaded[m->nr_loaded++];

		x->base = ask_number(r, 1);
		x->len = ask_number(r, 2);
		snprintf(x->name, sizeof(x->name), "%s", ask_text(r, 3));
	} else if (ask_is(r, 0, "range")) {
		take_range(a, r);
	} else if (ask_is(r, 0, "more")) {
		m->nr_more = ask_number(r, 1);
		m->more[MAP_SHARED] = ask_number(r, 2);
		m->more[MAP_PROTECTED] = ask_number(r, 3);
	}
	return !a->err;
}

/* ---- text ---- */

static void print_range(const struct map_range *r, bool inside, const char *kind)
{
	char size[MAP_SIZE_LEN];
	u64 last = r->base + (r->len - 1);

	printf("  0x%08llx - 0x%08llx %10s  %-9s  %s%s\n", (unsigned long long)r->base,
	       (unsigned long long)last, map_size(size, r->len), kind, inside ? "  " : "", r->name);
}

static void print_totals(const struct map *m)
{
	char size[MAP_SIZE_LEN];
	u64 nr, sum;

	printf("\n");
	for (int k = MAP_PROTECTED; k >= MAP_DEVICE; k--) {
		sum = map_total(m, (enum map_kind)k, &nr);
		if (!sum)
			continue;
		printf("  %-9s %10s in %llu range%s\n", kind_names[k], map_size(size, sum),
		       (unsigned long long)nr, nr == 1 ? "" : "s");
	}
	if (m->nr_more)
		printf("  (%llu more ranges of RAM are not listed; the sums have them)\n",
		       (unsigned long long)m->nr_more);
}

static void print_text(const struct map *m)
{
	u64 window_end = 0;
	char size[MAP_SIZE_LEN];

	printf("Guest %s (%s), %s of RAM\n\n", m->guest, m->backend, map_size(size, m->ram_size));
	for (unsigned i = 0; i < m->nr; i++) {
		const struct map_range *r = &m->ranges[i];

		print_range(r, r->base < window_end, kind_names[r->kind]);
		if (r->kind == MAP_WINDOW)
			window_end = r->base + r->len;
	}
	if (m->nr_loaded)
		printf("\n");
	for (unsigned i = 0; i < m->nr_loaded; i++)
		print_range(&m->loaded[i], false, "loaded");
	print_totals(m);
}

static json_t *json_of(const struct map_range *r, bool kind)
{
	json_t *o = json_object();

	json_add(&o, "base", json_integer((json_int_t)r->base));
	json_add(&o, "size", json_integer((json_int_t)r->len));
	if (kind)
		json_add(&o, "kind", json_string(kind_names[r->kind]));
	json_add(&o, "name", json_text(r->name));
	return o;
}

static int print_json(const struct map *m)
{
	json_t *o = json_object(), *loaded = json_array(), *ranges = json_array();
	u64 nr;

	for (unsigned i = 0; i < m->nr_loaded; i++)
		json_append(&loaded, json_of(&m->loaded[i], false));
	for (unsigned i = 0; i < m->nr; i++)
		json_append(&ranges, json_of(&m->ranges[i], true));
	json_add(&o, "guest", json_text(m->guest));
	json_add(&o, "backend", json_text(m->backend));
	json_add(&o, "ram", json_integer((json_int_t)m->ram_size));
	for (int k = MAP_MEMORY; k < MAP_NR_KINDS; k++)
		json_add(&o, kind_names[k],
			 json_integer((json_int_t)map_total(m, (enum map_kind)k, &nr)));
	json_add(&o, "not_listed", json_integer((json_int_t)m->nr_more));
	json_add(&o, "loaded", loaded);
	json_add(&o, "ranges", ranges);
	return json_print(o, 2);
}

/* ---- command ---- */

static int draw(const struct map *m, const char *path)
{
	FILE *f = fopen(path, "we");
	int err = f ? 0 : -errno;

	if (f) {
		map_svg(m, f);
		err = ferror(f) ? -EIO : 0;
		if (fclose(f) && !err)
			err = -errno;
	}
	if (err)
		log_errno(err, "--svg: cannot write %s", path);
	return err;
}

static int map_one(void *arg, const char *name)
{
	const struct map_conf *c = arg;
	struct answer a = { 0 };
	int err = ask(name, "map", NULL, take, &a);

	if (!err && a.err) {
		err = a.err;
		log_error("%s: its map has too many ranges", name);
	}
	if (!err && c->svg)
		err = draw(&a.map, c->svg);
	else if (!err && c->json)
		err = print_json(&a.map);
	else if (!err)
		print_text(&a.map);
	free(a.map.ranges);
	return err;
}

int cmd_map(int argc, char **argv)
{
	struct map_conf c = { 0 };
	int status = options_parse(&options_map, &c, argc, argv);

	if (!status && c.json && c.svg) {
		log_error("--json prints the map and --svg draws it: give one of them");
		status = EXIT_DIE;
	}
	return status ? status : guests_each(&c.guests, map_one, &c);
}
