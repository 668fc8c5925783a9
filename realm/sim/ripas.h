/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page states of a Realm whose RMM we play. RAM is RIPAS RAM from the start, as a host
 * leaves it that calls RTT_INIT_RIPAS over all of it; everything else in the protected half is
 * EMPTY. A page of RAM that is EMPTY is a shared page: one bitmap, mem.h's, holds both.
 */
#ifndef REALM_RIPAS_H
#define REALM_RIPAS_H

#include "realm/sim/rsi.h"

struct mem;

/* End of the run of equal RIPAS from `base` (granule aligned), at most `top`. */
u64 ripas_run(struct mem *m, u64 base, u64 top, enum rsi_ripas *ripas);

/*
 * Change [base, top). Pages that are in the state already keep their content, the others lose it.
 * EMPTY is what there is outside of RAM: asking for it there succeeds, asking for RAM stops there.
 * *reached: first address not changed, beyond `base`; not `top` if there is too much for one call,
 * or a page that a device has in flight. Or -errno: the page there cannot be changed; -EAGAIN if
 * such a page is at `base`: not yet, see mem_wait().
 */
int ripas_set(struct mem *m, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached);

#endif
