/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's own BRKs: KVM stops at each of them while a debugger has breakpoints.
 */
#ifndef LKVM_GDB_OWN_H
#define LKVM_GDB_OWN_H

#include "lkvm/gdb/points.h"

/*
 * The vCPU has left the guest for a debugger with the syndrome `esr`. True: at a BRK that is none
 * of the points, and it goes to the guest's EL1, as it would have gone without a debugger. False:
 * it is the debugger's, or cannot be given to the guest. One thread, while no vCPU runs.
 */
bool own_brk(int vcpu_fd, struct mem *mem, const struct points *p, u32 esr);

#endif
