/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a simulated Realm's vCPU where an RMM decides what they are. All calls return 0
 * or -errno, without a message; the vCPU is not in KVM_RUN.
 */
#ifndef REALM_REGS_H
#define REALM_REGS_H

#include "lkvm/base/util.h"

/* System registers as a new REC has them; main thread, before the first KVM_RUN. */
int regs_reset(int vcpu_fd);

/*
 * The vCPU `fd` is to start at `entry` with `context` in x0, because the vCPU `caller` has asked
 * for it. Any thread.
 */
int regs_start(int fd, int caller, u64 entry, u64 context);

/*
 * The vCPU has left the guest at an access to memory that is inaccessible: the next thing it sees
 * is a synchronous external abort, of the data or of the instruction.
 */
int regs_abort(int vcpu_fd);

/* The HVC or SMC that the vCPU has just left the guest with is an undefined instruction. */
int regs_undefined(int vcpu_fd);

#endif
