/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real-time clocks: MC146818 (an index and a data register), which EDK2 wants, and PL031, which is
 * the one that stock Linux kernels have a driver for. Each shows UTC of the host plus whatever
 * offset the guest set, so it is right again after the host has slept or was stopped.
 */
#ifndef ARM64_RTC_H
#define ARM64_RTC_H

#include "lkvm/base/gpa.h"

struct bus;
struct irq;
struct loop;
struct rtc;
struct pl031;

/* Nanoseconds since 1970, UTC. A test passes its own. */
typedef s64 (*rtc_clock_fn)(void);
s64 rtc_host_clock(void);

/* Whole seconds of such a time, rounded down. */
s64 rtc_seconds(s64 ns);

struct rtc_conf {
	gpa_t base;
	struct bus *bus;
	rtc_clock_fn clock;
	struct irq *irq;   /* NULL: no line is wired, the guest polls */
	u32 spi;	   /* level high */
	struct loop *loop; /* with `irq`: where time passes */
};

/* What `c` points to outlives the device. Before the loop and vCPUs run. 0 or -errno. */
int rtc_create(struct rtc **out, const struct rtc_conf *c);
int pl031_create(struct pl031 **out, const struct rtc_conf *c);

/* No vCPU and no loop runs. Take NULL. */
void rtc_destroy(struct rtc *r);
void pl031_destroy(struct pl031 *p);

#endif
