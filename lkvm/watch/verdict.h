/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a run went: an exit status and a line, from all that is known at its end. Computes only.
 */
#ifndef LKVM_VERDICT_H
#define LKVM_VERDICT_H

#include <stdio.h>

#include "lkvm/base/exit.h"
#include "lkvm/vm/stop.h"
#include "lkvm/watch/watch_conf.h"

/* What the watcher has ended a run for; the first one counts. */
enum watch_why {
	WHY_NOTHING,
	WHY_UNTIL,   /* --until */
	WHY_FAIL_ON, /* --fail-on */
	WHY_LATE,    /* a step's --within */
	WHY_TIMEOUT,
	WHY_PANIC, /* and then silence */
};

struct verdict_facts {
	const struct watch_conf *conf;
	bool started;	      /* there was a machine */
	enum stop_reason end; /* of the last one */
	int signal;	      /* of STOP_SIGNAL */
	s64 reset;	      /* of STOP_RESET */
	enum watch_why why;
	const char *line;  /* that has matched; plain text */
	const char *panic; /* the line of the last panic that counts, or NULL */
	unsigned steps_done, resets;
	bool until_seen, too_many_resets;
	const char *torn; /* what keeps the guest from ending as it should; NULL: it has ended */
	bool command;	  /* the guest is there for a command */
	int status;	  /* of that or of --status-from, or -1 */
};

struct verdict {
	int status;
	bool well;
	bool commands; /* the status is the command's own: its failure is nobody else's */
	char line[600];
};

/* The kind of reset, as in struct stop: "" if it is the plain one. */
#define VERDICT_RESET_SIZE 40u
void verdict_reset(char buf[VERDICT_RESET_SIZE], s64 reset);

void verdict_of(struct verdict *v, const struct verdict_facts *f);

#endif
