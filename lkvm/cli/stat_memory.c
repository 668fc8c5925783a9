/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm stat --memory: the balloon of a guest, and what its driver says of the guest's memory.
 *
 * Thread: main.
 * Trust:  answers of the user's other lkvms; the numbers are the guest's.
 */
#include "lkvm/cli/stat_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/control/control_client.h"

/* Of service_balloon.h's record "stat": the name there, and what it is for people. */
static const struct {
	const char *name, *text;
	bool bytes;
} stats[] = {
	{ "total", "memory", true },
	{ "free", "free", true },
	{ "available", "available to programs", true },
	{ "caches", "caches of files", true },
	{ "swap_in", "swapped in", true },
	{ "swap_out", "swapped out", true },
	{ "major_faults", "major page faults", false },
	{ "minor_faults", "minor page faults", false },
	{ "huge_page_allocations", "huge pages allocated", false },
	{ "huge_page_failures", "huge pages not allocated", false },
};

struct answer {
	u64 wanted, actual, reported;
	bool known[ARRAY_SIZE(stats)];
	u64 value[ARRAY_SIZE(stats)];
	char silent[128];
};

static bool take(void *arg, const struct ask_record *r)
{
	struct answer *a = arg;

	if (ask_is(r, 0, "balloon")) {
		a->wanted = ask_number(r, 1);
		a->actual = ask_number(r, 2);
		a->reported = ask_number(r, 3);
	} else if (ask_is(r, 0, "silent")) {
		snprintf(a->silent, sizeof(a->silent), "%s", ask_text(r, 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(stats) && ask_is(r, 0, "stat"); i++) {
		if (ask_is(r, 1, stats[i].name)) {
			a->value[i] = ask_number(r, 2);
			/* The guest may say anything; JSON has no more, nor has a guest. */
			a->known[i] = a->value[i] <= INT64_MAX;
		}
	}
	return true;
}

static void print_mib(const char *what, u64 bytes)
{
	printf("  %-26s %10.1f MiB\n", what, (double)bytes / (double)MiB);
}

static void print_text(const struct answer *a, const char *name)
{
	printf("Guest %s:\n", name);
	print_mib("balloon, wanted", a->wanted);
	print_mib("balloon", a->actual);
	print_mib("reported as free, in all", a->reported);
	for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
		if (a->known[i] && stats[i].bytes)
			print_mib(stats[i].text, a->value[i]);
		else if (a->known[i])
			printf("  %-26s %10llu\n", stats[i].text, (unsigned long long)a->value[i]);
	}
	if (*a->silent)
		log_warn("guest %s: %s", name, a->silent);
}

static int print_json(const struct answer *a, const char *name)
{
	json_t *o = json_pack("{s:o, s:I, s:I, s:I}", "guest", json_text(name), "wanted",
			      (json_int_t)a->wanted, "actual", (json_int_t)a->actual, "reported",
			      (json_int_t)a->reported);

	for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
		if (a->known[i])
			json_add(&o, stats[i].name, json_integer((json_int_t)a->value[i]));
	}
	if (*a->silent)
		json_add(&o, "silent", json_text(a->silent));
	return json_print(o, 0);
}

int stat_memory(const char *name, bool json)
{
	struct answer a = { 0 };
	int err = ask(name, "memory", NULL, take, &a);

	if (err)
		return err;
	if (json)
		return print_json(&a, name);
	print_text(&a, name);
	return 0;
}
