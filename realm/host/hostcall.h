/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host calls of a Realm on a real RMM [RMM 1.0 B5.3.4]: KVM treats them like calls to itself, and
 * forwards those that it has been told to forward.
 */
#ifndef REALM_HOSTCALL_H
#define REALM_HOSTCALL_H

#include <stdbool.h>

struct kvm_run;
struct realm;

/*
 * Have KVM forward the calls for host sessions, if the guest has sessions. Main thread, before the
 * first vCPU. 0, or -errno after one log_error() line.
 */
int hostcall_create(struct realm *r);

/* Is the exit a host call, of a guest that has sessions? */
bool hostcall_is(const struct realm *r, const struct kvm_run *run);

/* Answer such a call; as realm_ops.exit, on the thread of the vCPU. */
int hostcall_exit(struct realm *r, int vcpu_fd, const struct kvm_run *run);

#endif
