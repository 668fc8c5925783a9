/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody who watches a run from its start to its end, over all boots of --reboot: reads what the
 * guest prints, keeps a log of it, types, looks at the clock, and says at last how the run went.
 *
 * Main thread, but for watch_tap(). A thread of its own (lkvm-watch) does the work, so nothing of
 * it waits for a guest, a device or the start of a machine.
 */
#ifndef LKVM_WATCH_H
#define LKVM_WATCH_H

#include "lkvm/vm/loop.h"
#include "lkvm/vm/stop.h"
#include "lkvm/watch/verdict.h"
#include "lkvm/watch/watch_conf.h"

struct tap;
struct watch;

/* What the watcher is told about the run. Outlives it. */
struct watch_run {
	const char *name;
	unsigned console; /* the source that steps type on */
	unsigned sources; /* bits: the consoles there are; one that prints needs memory */
	bool reboots;	  /* --reboot */
	/*
	 * The exit status of the command that the guest is there for, -1 while there is none; `arg`
	 * as given. Any thread. NULL: the guest is there for itself.
	 */
	int (*command)(const void *arg);
	const void *arg;
};

/*
 * Opens the files, starts the thread, and the time of --timeout runs. `stop` ends the run; it
 * outlives the watcher. 0, or -errno after one log_error() line.
 */
int watch_create(struct watch **out, const struct watch_conf *conf, const struct watch_run *run,
		 struct stop *stop);

/* Where console `source`, one of the run's, lets the watcher listen. Good until watch_destroy(). */
struct tap *watch_tap(struct watch *w, unsigned source);

/* What there is to say of a machine whose CPUs are about to run. */
struct watch_start {
	u64 built_ns;	  /* that building it took */
	const char *hint; /* what to try when the guest prints nothing; NULL: nothing is said */
	bool realm;
	const char *rim; /* of a Realm, in hexadecimal; NULL: not known */
};

void watch_started(struct watch *w, const struct watch_start *about);

/* What a guest can say by itself, beside what it prints. */
enum watch_said {
	WATCH_PANICKED = 1,	/* it has panicked, and is about to halt or reset */
	WATCH_CRASH_KERNEL = 2, /* it has panicked, and goes on in its crash kernel */
};

/* Any thread; waits for nobody. */
void watch_said(struct watch *w, enum watch_said what);

/* It has ended for this reason; its consoles are gone. True: it may be started again. */
bool watch_ended(struct watch *w, enum stop_reason end);

/*
 * The run is over, the thread is stopped. Prints the last line, and returns the exit status.
 * `started` is false when there was no machine, for a reason that was printed.
 */
int watch_finish(struct watch *w, bool started);

/*
 * The machine was to end, and does not: `who` says because of what. The reports are written as far
 * as that takes no longer than a few seconds. Returns the exit status: that of --timeout, --fail-on
 * and the like if one of them was why it was to end, and then `line` (of `len` bytes) says so.
 * Another thread than main, before watch_finish(); the process ends after it.
 */
int watch_torn(void *watch, const char *who, char *line, size_t len);

/* Make this call on the watcher's thread, and wait for it. Takes NULL: nothing is called. */
void watch_call(struct watch *w, loop_call_fn fn, void *arg);

/* Takes NULL. */
void watch_destroy(struct watch *w);

#endif
