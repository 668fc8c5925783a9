/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM and SIGHUP as a wish to end. Main thread, before there are others. */
#ifndef LKVM_SIGNALS_H
#define LKVM_SIGNALS_H

#include "lkvm/vm/loop.h"

struct signals;
struct stop;

/*
 * From here on none of the three ends the process, in this thread and all that it starts: whatever
 * comes waits for signals_create(). A signal that was ignored when lkvm started stays ignored.
 */
void signals_block(void);

/*
 * signals_block(), and each signal becomes a stop_request() on `loop`, also one that waits already.
 * 0 or -errno.
 */
int signals_create(struct signals **out, struct loop *loop, struct stop *stop);

/* They stay blocked. NULL is fine. */
void signals_destroy(struct signals *s);

#endif
