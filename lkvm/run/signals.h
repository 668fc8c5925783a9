/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM and SIGHUP as a wish to end. Main thread, before there are others. */
#ifndef LKVM_SIGNALS_H
#define LKVM_SIGNALS_H

#include "lkvm/vm/loop.h"

struct signals;
struct stop;

/*
 * Block the three signals in this thread and in all that it starts: from now on none of them ends
 * the process, and one that comes waits for signals_create(). A signal that was ignored when lkvm
 * started stays ignored.
 */
void signals_block(void);

/*
 * signals_block(), and from now on `loop` makes each signal a stop_request(STOP_USER), also one
 * that waits already. `loop` and `stop` outlive *out. 0, or -errno without a message.
 */
int signals_create(struct signals **out, struct loop *loop, struct stop *stop);

/* Nobody listens any more; the signals stay blocked. The loop does not run. Takes NULL. */
void signals_destroy(struct signals *s);

#endif
