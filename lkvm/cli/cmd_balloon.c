/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm balloon: take memory from a running guest, or give it back.
 *
 * Thread: main.
 * Trust:  the user's own command line; answers of the user's other lkvms.
 */
#include <stdio.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/cli/guests.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_client.h"

struct balloon {
	struct guests guest;
	u32 inflate, deflate; /* MiB */
	bool json;
	u64 wanted, actual; /* bytes: the answer */
};

static const struct opt opts[] = {
	GUEST_OPTION(struct guests, "take memory from"),
	{ .name = "inflate",
	  .letter = 'i',
	  .arg = "mib",
	  .store = OPT_U32,
	  .max = UINT32_MAX,
	  .offset = offsetof(struct balloon, inflate),
	  .help = "Take so much more of its memory" },
	{ .name = "deflate",
	  .letter = 'd',
	  .arg = "mib",
	  .store = OPT_U32,
	  .max = UINT32_MAX,
	  .offset = offsetof(struct balloon, deflate),
	  .help = "Give so much of it back" },
	{ .name = "json",
	  .own = true,
	  .store = OPT_TRUE,
	  .offset = offsetof(struct balloon, json),
	  .help = "Print a JSON object" },
};

const struct opt_spec options_balloon = {
	.usage = "lkvm balloon [--json] -i|-d <mib> <name>",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = guests_word,
};

static bool take(void *arg, const struct ask_record *r)
{
	struct balloon *b = arg;

	if (ask_is(r, 0, "balloon")) {
		b->wanted = ask_number(r, 1);
		b->actual = ask_number(r, 2);
	}
	return true;
}

int cmd_balloon(int argc, char **argv)
{
	struct balloon b = { 0 };
	char words[64];
	int status = options_parse(&options_balloon, &b, argc, argv);

	if (status)
		return status;
	if (!b.guest.name || !b.inflate == !b.deflate) {
		log_error("usage: %s", options_balloon.usage);
		return EXIT_DIE;
	}
	snprintf(words, sizeof(words), "balloon %s %u", b.inflate ? "inflate" : "deflate",
		 b.inflate ? b.inflate : b.deflate);
	if (ask(b.guest.name, words, NULL, take, &b))
		return EXIT_DIE;
	if (b.json)
		return json_print(json_pack("{s:o, s:I, s:I}", "guest", json_text(b.guest.name),
					    "wanted", (json_int_t)b.wanted, "actual",
					    (json_int_t)b.actual),
				  0)
			       ? EXIT_DIE
			       : 0;
	printf("Guest %s: a balloon of %llu MiB is wanted, it has %llu MiB now\n", b.guest.name,
	       (unsigned long long)(b.wanted / MiB), (unsigned long long)(b.actual / MiB));
	return 0;
}
