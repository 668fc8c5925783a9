/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --sim-log: what a simulated Realm's guest calls, one line a call, to stderr or a file. The guest
 * decides how many there are, so there is a limit.
 */
#ifndef REALM_CALLLOG_H
#define REALM_CALLLOG_H

#include "lkvm/base/util.h"

#define CALLLOG_MAX_BYTES (UINT64_C(64) << 20) /* of one start of the guest */

struct calllog;

/*
 * A log whose lines are appended to the file `path`, which is made if it is not there; NULL: to
 * stderr. Main thread. 0, or -errno after one log_error() line.
 */
int calllog_open(struct calllog **out, const char *path);

/* Close the file. No vCPU runs any more. Takes NULL. */
void calllog_close(struct calllog *l);

/*
 * Write one line about the CPU `cpu`: seconds since the start, the CPU, `text`. Nothing happens
 * once CALLLOG_MAX_BYTES are written. Any thread; waits for the file, as every user of --sim-log
 * wants.
 */
void calllog_write(struct calllog *l, unsigned cpu, const char *text);

#endif
