/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command, and our ends of its streams. */
#ifndef GUEST_INIT_COMMAND_H
#define GUEST_INIT_COMMAND_H

#include "guest/init/plan.h"

struct command {
	int pid; /* and its process group */
	/* Ours, O_NONBLOCK. With a terminal `in` and `out` are its master. err -1: goes to out. */
	int in, out, err;
	int pty; /* its master, or -1 */
};

/* Start it, with a terminal of this size. False: *f says why; nothing runs. */
bool command_start(struct command *c, const struct plan *p, unsigned size, struct failure *f);

/* The terminal has another size: columns, and rows << 16. */
void command_resize(const struct command *c, unsigned size);

#endif
