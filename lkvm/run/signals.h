/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM, SIGHUP and SIGQUIT as a wish to end. Main thread, before there are others. */
#ifndef LKVM_SIGNALS_H
#define LKVM_SIGNALS_H

#include "lkvm/vm/loop.h"

struct signals;
struct stop;

/*
 * Somebody who may want a signal, instead of the end; on the loop's thread. False: not this one.
 */
typedef bool (*signals_fn)(void *arg, int signal);

/*
 * Block the four signals in this thread and in all that it starts: from now on none of them ends
 * the process, and one that comes waits for signals_create(). A signal that was ignored when lkvm
 * started stays ignored.
 */
void signals_block(void);

/*
 * signals_block(), and from now on `loop` makes each signal a stop_request(STOP_USER), also one
 * that waits already. `loop` and `stop` outlive *out. 0, or -errno without a message.
 */
int signals_create(struct signals **out, struct loop *loop, struct stop *stop);

/*
 * The same; but first fn(arg, signal) is asked, also for SIGUSR1 and SIGUSR2, of which nothing
 * comes if it does not want them.
 */
int signals_create_for(struct signals **out, struct loop *loop, struct stop *stop, signals_fn fn,
		       void *arg);

/* Nobody listens any more; the signals stay blocked. The loop does not run. Takes NULL. */
void signals_destroy(struct signals *s);

#endif
