/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm debug: where the CPUs of a running guest are, and sysrq.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms, in which numbers are the
 *         guest's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/cli/symbols.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_client.h"

struct debug {
	struct guests guests;
	bool dump, json;
	const char *nmi, *sysrq, *symbols;
	struct symbols *names;
	json_t *cpus; /* with --json */
};

static const struct opt opts[] = {
	GUESTS_OPTIONS("look into"),
	{ .name = "dump",
	  .letter = 'd',
	  .store = OPT_TRUE,
	  .offset = offsetof(struct debug, dump),
	  .help = "Print registers, code and callers of each CPU, which stand for a moment" },
	{ .name = "nmi",
	  .letter = 'm',
	  .arg = "vcpu",
	  .store = OPT_STRING,
	  .offset = offsetof(struct debug, nmi),
	  .help = "On arm64 there is no such interrupt: nothing happens, as with kvmtool" },
	{ .name = "sysrq",
	  .letter = 's',
	  .arg = "char",
	  .store = OPT_STRING,
	  .offset = offsetof(struct debug, sysrq),
	  .help = "Send Linux this sysrq through its first serial port" },
	{ .name = "symbols",
	  .own = true,
	  .arg = "file",
	  .store = OPT_STRING,
	  .offset = offsetof(struct debug, symbols),
	  .help = "The kernel's System.map or vmlinux: addresses get names, wherever KASLR has put "
		  "the kernel" },
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct debug, json),
	  .help = "Print a JSON object, one line for each guest" },
};

const struct opt_spec options_debug = {
	.usage = "lkvm debug -d|-s <char> [--symbols <file>] [--json] <name> | -a",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = guests_word,
};

/* ---- text ---- */

static void print_address(const struct debug *d, u64 addr)
{
	char name[128] = "";

	if (d->names)
		symbols_name(d->names, addr, name, sizeof(name));
	printf("%016llx%s%s", (unsigned long long)addr, *name ? " " : "", name);
}

static void print_record(struct debug *d, const struct ask_record *r)
{
	if (ask_is(r, 0, "vcpu")) {
		printf("\nvCPU %llu: pc ", (unsigned long long)ask_number(r, 1));
		print_address(d, ask_number(r, 2));
		printf("\n  sp %016llx  pstate %08llx", (unsigned long long)ask_number(r, 3),
		       (unsigned long long)ask_number(r, 4));
	} else if (ask_is(r, 0, "x")) {
		u64 n = ask_number(r, 2);

		printf("%s x%-2llu %016llx", n % 4 ? " " : "\n ", (unsigned long long)n,
		       (unsigned long long)ask_number(r, 3));
	} else if (ask_is(r, 0, "code")) {
		printf("\n  code");
		for (unsigned i = 2; i < r->nr; i++)
			printf(" %s", ask_text(r, i));
	} else if (ask_is(r, 0, "frame")) {
		printf("\n  called from ");
		print_address(d, ask_number(r, 2));
	}
}

/* ---- JSON ---- */

static json_t *address(const struct debug *d, u64 addr)
{
	char hex[24], name[128];
	json_t *o;

	snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)addr);
	o = json_pack("{s:o}", "address", json_text(hex));
	if (d->names && *symbols_name(d->names, addr, name, sizeof(name)))
		json_add(&o, "symbol", json_text(name));
	return o;
}

/* The member of the CPU that came last. */
static void append(struct debug *d, const char *member, json_t *value)
{
	json_t *cpu = json_array_get(d->cpus, json_array_size(d->cpus) - 1);
	json_t *list = json_object_get(cpu, member);

	if (!list || json_array_append_new(list, value))
		json_decref(list ? NULL : value);
}

static void take_json(struct debug *d, const struct ask_record *r)
{
	if (ask_is(r, 0, "vcpu"))
		json_append(&d->cpus,
			    json_pack("{s:I, s:o, s:o, s:o, s:[], s:[], s:[]}", "vcpu",
				      (json_int_t)ask_number(r, 1), "pc",
				      address(d, ask_number(r, 2)), "sp", json_text(ask_text(r, 3)),
				      "pstate", json_text(ask_text(r, 4)), "x", "code", "callers"));
	else if (ask_is(r, 0, "x"))
		append(d, "x", json_text(ask_text(r, 3)));
	else if (ask_is(r, 0, "frame"))
		append(d, "callers", address(d, ask_number(r, 2)));
	for (unsigned i = 2; i < r->nr && ask_is(r, 0, "code"); i++)
		append(d, "code", json_text(ask_text(r, i)));
}

/* ---- the answer ---- */

static bool take(void *arg, const struct ask_record *r)
{
	struct debug *d = arg;

	if (d->names && ask_is(r, 0, "vcpu"))
		symbols_shift(d->names, ask_number(r, 5));
	if (d->json)
		take_json(d, r);
	else
		print_record(d, r);
	return true;
}

static int dump_one(struct debug *d, const char *name)
{
	int err;

	if (d->json)
		d->cpus = json_array();
	else
		printf("Guest %s:", name);
	err = ask(name, "debug dump", NULL, take, d);
	if (!d->json) {
		printf("\n");
		return err;
	}
	if (!err)
		return json_print(
			json_pack("{s:o, s:o}", "guest", json_text(name), "cpus", d->cpus), 0);
	json_decref(d->cpus);
	return err;
}

static bool take_nothing(void *arg, const struct ask_record *r)
{
	return true;
}

static int debug_one(void *arg, const char *name)
{
	struct debug *d = arg;
	char words[CONTROL_LINE];
	/* --nmi has no effect, and a dump a heading: both are for a guest that is there. */
	int err = ask(name, "status", NULL, take_nothing, NULL);

	if (!err && d->dump)
		err = dump_one(d, name);
	if (err || !d->sysrq)
		return err;
	snprintf(words, sizeof(words), "debug sysrq %s", d->sysrq);
	return ask(name, words, NULL, take, d);
}

int cmd_debug(int argc, char **argv)
{
	struct debug d = { 0 };
	int status = options_parse(&options_debug, &d, argc, argv);

	if (status)
		return status;
	if (!d.dump && !d.sysrq && !d.nmi) {
		log_error("usage: %s", options_debug.usage);
		return EXIT_DIE;
	}
	/* No more than one, and none that would be no word, or a word's end, of a request. */
	if (d.sysrq && (strlen(d.sysrq) != 1 || *d.sysrq <= ' ' || *d.sysrq > '~')) {
		log_error("--sysrq is one character, 'h' tells which there are; it is not '%s'",
			  d.sysrq);
		return EXIT_DIE;
	}
	if (d.symbols && symbols_open(&d.names, d.symbols))
		return EXIT_DIE;
	if (d.nmi)
		log_warn("--nmi: arm64 has no such interrupt");
	status = guests_each(&d.guests, debug_one, &d);
	symbols_close(d.names);
	return status;
}
