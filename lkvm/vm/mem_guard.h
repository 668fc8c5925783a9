/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to mem.c: faults in memory that a hypervisor keeps from us. See mem_guard(). */
#ifndef LKVM_MEM_GUARD_H
#define LKVM_MEM_GUARD_H

#include "lkvm/vm/mem_map.h"

/* The regions stay where they are until guard_stop(), which others may call, too. -errno. */
int guard_start(const struct region *regions, unsigned nr);
void guard_stop(const struct region *regions);

/* Touch each page of [p, p + len): do all of them answer? */
bool guard_ask(const void *p, u64 len);

/* Was there a fault since the last call? What is hidden since then is seen again. Any thread. */
bool guard_touched(void);

#endif
