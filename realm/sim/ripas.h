/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page states of a Realm whose RMM we play [RMM 1.0 A5.2]. RAM is RIPAS RAM from the start, as
 * after RTT_INIT_RIPAS over all of it; everything else in the protected half is EMPTY. A page of
 * RAM that is EMPTY is a shared page: one bitmap, mem.h's, holds both. vCPU threads.
 */
#ifndef REALM_RIPAS_H
#define REALM_RIPAS_H

#include "realm/sim/rsi.h"

struct mem;

/*
 * The end, at most `top`, of the run of equal RIPAS that begins at `base`; *ripas is that state.
 * Both addresses are multiples of RSI_GRANULE.
 */
u64 ripas_run(struct mem *m, u64 base, u64 top, enum rsi_ripas *ripas);

/*
 * Change [base, top) to the state `ripas`. Pages that are in that state already keep their content,
 * the others lose it. Outside of RAM everything is EMPTY: asking for EMPTY there succeeds, asking
 * for RAM stops there. 0: *reached is the first address that is not changed, beyond `base`; it is
 * not `top` if that is too much for one call, or if a device has a page in flight. -EAGAIN: the
 * page at `base` is in flight, see mem_wait(). Another -errno: the page at `base` cannot be
 * changed.
 */
int ripas_set(struct mem *m, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached);

#endif
