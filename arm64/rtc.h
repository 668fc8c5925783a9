/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock: an index and a data register. UTC of the host plus whatever offset the
 * guest set. Clock only: no alarm, no periodic interrupt (no line is wired).
 */
#ifndef ARM64_RTC_H
#define ARM64_RTC_H

#include "lkvm/base/gpa.h"

struct bus;
struct rtc;

/* Nanoseconds since 1970, UTC. A test passes its own. */
typedef s64 (*rtc_clock_fn)(void);
s64 rtc_host_clock(void);

int rtc_create(struct rtc **out, gpa_t base, struct bus *bus, rtc_clock_fn clock);

/* No vCPU runs. Takes NULL. */
void rtc_destroy(struct rtc *r);

#endif
