/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host calls of a Realm on a real RMM: KVM treats them like calls to itself, and forwards those
 * that it was told to.
 */
#ifndef REALM_HOSTCALL_H
#define REALM_HOSTCALL_H

struct kvm_run;
struct realm;

/*
 * Have the calls for host sessions forwarded, if the guest has any. Before the first vCPU. 0, or
 * -errno after one log_error() line.
 */
int hostcall_create(struct realm *r);

/* KVM_EXIT_HYPERCALL of a guest that has sessions: as realm_ops.exit. */
int hostcall_exit(struct realm *r, int vcpu_fd, const struct kvm_run *run);

#endif
