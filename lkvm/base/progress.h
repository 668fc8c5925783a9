/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a long step is, for a person who waits at a terminal; silent for everybody else, and
 * while the step is short. Main thread.
 *
 * The cursor stays at the start of the line, so whatever is printed meanwhile overwrites it.
 */
#ifndef LKVM_PROGRESS_H
#define LKVM_PROGRESS_H

#include "lkvm/base/util.h"

/* A zeroed one watches nothing, as if nobody did. */
struct progress {
	int fd; /* 0: silent */
	u64 total, done;
	u64 patience_ns; /* show nothing before */
	u64 begun_ns;
	unsigned next; /* per cent: nothing new before */
	bool shown;
};

/*
 * `total` bytes are to be done. Silent if `fd` is no terminal. A step that is over in `patience_ms`
 * shows nothing.
 */
void progress_begin(struct progress *p, int fd, u64 total, unsigned patience_ms);

/* Of `len` bytes: how many to do until the next progress_add(); all if nobody watches. */
u64 progress_piece(const struct progress *p, u64 len);

void progress_add(struct progress *p, u64 len);

/* Take it off the screen. */
void progress_end(struct progress *p);

#endif
