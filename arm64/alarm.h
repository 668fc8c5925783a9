/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clock's alarm: calls a device on the loop when something is due by the wall clock.
 *
 * The device says how long that will be. Whatever changes the answer (a register write on a vCPU
 * thread) is followed by alarm_look().
 */
#ifndef ARM64_ALARM_H
#define ARM64_ALARM_H

#include "lkvm/base/util.h"

struct alarm;
struct loop;

#define ALARM_NEVER UINT64_MAX

/*
 * On the loop's thread, without locks: do what is due, and answer in how many nanoseconds there is
 * more to do, or ALARM_NEVER. It may be asked earlier than that.
 */
typedef u64 (*alarm_fn)(void *arg);

/* Before `loop` runs; fn is not called yet. 0 or -errno. */
int alarm_create(struct alarm **out, struct loop *loop, alarm_fn fn, void *arg);

/* Ask the device again, soon. Any thread, also with the device's lock held. Takes NULL. */
void alarm_look(struct alarm *a);

/* The loop does not run. Takes NULL. */
void alarm_destroy(struct alarm *a);

#endif
