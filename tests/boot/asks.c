/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asks POSTING: the questions of tests/fake/asks.h to the kernel that this runs on, answers on
 * stdout. POSTING (7 or 14) says how Realms are made there.
 */
#include "tests/fake/asks.h"

#include <stdio.h>
#include <stdlib.h>

extern const u8 asks_guest[], asks_guest_end[];

static void fresh(const struct fake_op *ops)
{
}

static void said(const char *line)
{
	puts(line);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct asks_host h = { .dev = "/dev/kvm",
			       .guest = asks_guest,
			       .guest_size = (u32)(asks_guest_end - asks_guest),
			       .fresh = fresh,
			       .said = said };

	if (argc != 2) {
		fprintf(stderr, "usage: %s 7|14\n", argv[0]);
		return 2;
	}
	h.posting = (unsigned)atoi(argv[1]);
	asks_run(&h);
	return 0;
}
