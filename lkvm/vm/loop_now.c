/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of loops, in a file of its own so that a test can put one in its place.
 *
 * Thread: any.
 * Trust:  nothing from the guest.
 */
#include <time.h>

#include "lkvm/vm/loop.h"

u64 loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}
