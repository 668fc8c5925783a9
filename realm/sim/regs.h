/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a simulated Realm's vCPU where an RMM decides what they are. All calls return 0
 * or -errno, without a message; the vCPU is not in KVM_RUN.
 */
#ifndef REALM_REGS_H
#define REALM_REGS_H

#include "lkvm/base/util.h"

/* Set the system registers to what a new REC has; main thread, before the first KVM_RUN. */
int regs_reset(int vcpu_fd);

/*
 * Set the registers of the vCPU `fd` so that it starts at `entry` with `context` in x0, in the
 * endianness of the vCPU with the descriptor `caller`, which has asked for it. The thread of
 * `caller`; `fd` is off.
 */
int regs_start(int fd, int caller, u64 entry, u64 context);

/*
 * The vCPU has left the guest at an access to memory that is inaccessible: make the next thing that
 * the guest sees a synchronous external abort, of the data or of the instruction. The vCPU's
 * thread.
 */
int regs_abort(int vcpu_fd);

/*
 * Make the HVC that the vCPU has just left the guest with an undefined instruction, as TF-RMM does:
 * the exception returns behind it, which is not where the architecture would. The vCPU's thread.
 */
int regs_undefined(int vcpu_fd);

#endif
