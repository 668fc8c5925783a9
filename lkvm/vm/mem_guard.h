/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults in memory that a hypervisor keeps from us. For mem.c only; see mem_guard(). There is one
 * guard in a process.
 */
#ifndef LKVM_MEM_GUARD_H
#define LKVM_MEM_GUARD_H

#include "lkvm/vm/mem_map.h"

/*
 * Take over SIGSEGV: from now on a fault in these regions, which stay where they are until
 * guard_stop(), hides the page. Other faults go to the handler that was there before. 0 or -errno
 * of sigaction(2). Main thread; there is no guard yet.
 */
int guard_start(const struct region *regions, unsigned nr);

/* Give SIGSEGV back. Nothing happens if these are not the guarded regions. Main thread. */
void guard_stop(const struct region *regions);

/*
 * Touch each page of [p, p + len), which is in a guarded region, up to the first fault. True: the
 * host has all of them. False: there was a fault, which guard_touched() does not count. Any thread.
 */
bool guard_ask(const void *p, u64 len);

/*
 * Has the calling thread made a fault since its last call? If so, show the hidden pages again. Any
 * thread.
 */
bool guard_touched(void);

#endif
