/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a long step is, for a person who waits at a terminal; silent for everybody else, and
 * while the step is short. Main thread.
 *
 * The cursor stays at the start of the line, so that whatever is printed meanwhile overwrites the
 * line.
 */
#ifndef LKVM_PROGRESS_H
#define LKVM_PROGRESS_H

#include "lkvm/base/util.h"

/* One step; the caller's. A zeroed one is silent. */
struct progress {
	int fd; /* 0: silent */
	u64 total, done;
	u64 patience_ns; /* for so long nothing is shown */
	u64 begun_ns;	 /* CLOCK_MONOTONIC */
	unsigned next;	 /* per cent: what is shown next at the earliest */
	bool shown;
};

/*
 * A step of `total` bytes begins. The step is silent if `fd` is no terminal (or 0), and shows
 * nothing before `patience_ms` have passed.
 */
void progress_begin(struct progress *p, int fd, u64 total, unsigned patience_ms);

/*
 * Of the `len` bytes that come: how many to do before the next progress_add(). All if it is silent.
 */
u64 progress_piece(const struct progress *p, u64 len);

/* `len` more bytes are done: shows the figure, if it is another one than before. */
void progress_add(struct progress *p, u64 len);

/* The step is over: takes the line off the screen. The next progress_begin() may follow. */
void progress_end(struct progress *p);

#endif
