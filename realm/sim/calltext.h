/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of a Realm's guest in the words of the specifications, as --sim-log prints them and as
 * --sim-fault names them. Pure.
 */
#ifndef REALM_CALLTEXT_H
#define REALM_CALLTEXT_H

#include <stddef.h>

#include "realm/sim/rsi.h"

#define CALLTEXT_SIZE                                                                              \
	512u /* holds every text of calltext_rsi() and calltext_psci(), with its NUL */
#define CALLTEXT_NR_RSI (RSI_HOST_CALL - RSI_FID_BASE + 1) /* RSI functions that have a name */

/*
 * Write "RSI_NAME(argument=value, ...) = STATUS, result=value, ..." to `buf`, from the registers
 * before the call and after it. Returns `buf`.
 */
const char *calltext_rsi(char buf[CALLTEXT_SIZE], const u64 in[RSI_NR_REGS],
			 const u64 out[RSI_NR_REGS]);

/* The same of a PSCI function, from x0..x3 before the call and x0 after it. */
const char *calltext_psci(char buf[CALLTEXT_SIZE], const u64 in[4], u64 result);

/*
 * The number (from RSI_FID_BASE) of the RSI function whose name without RSI_ is in [s, s + len), in
 * any case, '-' for '_'. -EINVAL: there is none.
 */
int calltext_function(const char *s, size_t len);

#endif
