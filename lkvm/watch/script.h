/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run waits for, as a state machine: bytes of consoles and the time go in, what has happened
 * comes out. It knows no file, no thread and no guest.
 *
 * Expressions are matched line by line. A line ends with LF or CR; control sequences of a terminal
 * (colours) are taken out before. $ is also the end of a prompt, which has no end: what has stood
 * for SCRIPT_REST_NS.
 *
 * Steps are waited for one after the other, each behind what the one before has matched. --until
 * counts when the last of them is done; --fail-on and the status of --status-from always. All
 * consoles are watched; a match lies within one of them.
 *
 * One thread. Times are those of loop_now_ns().
 */
#ifndef LKVM_SCRIPT_H
#define LKVM_SCRIPT_H

#include "lkvm/watch/ere.h"
#include "lkvm/watch/tail.h"
#include "lkvm/watch/watch_conf.h"

#define SCRIPT_REST_NS 200000000u

/* After the end of a panic the kernel says nothing more: for so long, and it is one. */
#define SCRIPT_PANIC_NS UINT64_C(5000000000)

/* Lines that a kernel may print between a panic and the reset that follows from it. */
#define SCRIPT_PANIC_LINES 300u

struct script;

struct script_events {
	/* Step `n` (from 0) is done; its text, `len` bytes, goes to the guest. */
	void (*step)(void *arg, unsigned n, const char *text, size_t len);
	/* --until, --fail-on; the line so far. */
	void (*until)(void *arg, const char *line);
	void (*failed)(void *arg, const char *line);
	/* The step that is waited for is too late. */
	void (*late)(void *arg, unsigned n);
	/* The kernel has panicked, and says nothing more. */
	void (*panicked)(void *arg);
	void *arg;
};

/* Both outlive it. 0 or -ENOMEM. */
int script_create(struct script **out, const struct watch_conf *conf,
		  const struct script_events *events);
/* Takes NULL. */
void script_destroy(struct script *s);

/* The guest's CPUs run: from now on a step's time counts. Also after a reset. */
void script_started(struct script *s, u64 now_ns);

/* What console `source` (below WATCH_SOURCES) has printed. */
void script_feed(struct script *s, unsigned source, const void *buf, size_t len, u64 now_ns);

/*
 * The guest says by itself, in these words (which outlive the boot), that it has panicked, at
 * `now_ns`; WATCH_NEVER: and that it goes on.
 */
void script_panicked(struct script *s, const char *words, u64 now_ns);

/* When script_tick() is wanted; WATCH_NEVER: not before the next script_feed(). */
u64 script_next(const struct script *s);
void script_tick(struct script *s, u64 now_ns);

/* The guest has ended: what was printed last is complete. */
void script_flush(struct script *s);

/* How many steps are done. */
unsigned script_steps_done(const struct script *s);
bool script_until_seen(const struct script *s);

/* The number that --status-from has found, already as an exit status; -1: none. */
int script_status(const struct script *s);

/*
 * The line of a panic since script_started(); followed by so much that it is none: what
 * script_panicked() has said, or NULL.
 */
const char *script_panic(const struct script *s);

/* The panic is none that is only printed. */
bool script_panic_said(const struct script *s);

/* The last lines of all consoles, oldest first. */
const struct tail *script_tail(const struct script *s);

#endif
