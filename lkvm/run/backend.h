/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config's --realm and --protected as a backend of realm/. Main thread.
 */
#ifndef LKVM_BACKEND_H
#define LKVM_BACKEND_H

#include "lkvm/run/config.h"
#include "realm/realm.h"

struct kvm;
struct launch;

/*
 * What is there over all boots of a guest: the process that makes a simulated Realm's tokens.
 * Before there are other threads. 0 or -errno after one log_error() line; backend_release() in
 * either case.
 */
int backend_prepare(struct config *c);
void backend_release(struct config *c);

/*
 * The backend as far as the board has to know it before KVM is asked, and *conf as far as the user
 * has determined it. Every kind of Realm has the same board, so any kind stands in for one that the
 * host decides about. *conf points into `c`.
 */
const struct realm_ops *backend_presume(struct realm_conf *conf, const struct config *c);

/*
 * The backend that this host has: *ops and *conf, which backend_presume() has set, become those of
 * the host. Makes and closes scratch VMs (realm/host/probe.h). 0, or -errno after one log_error()
 * line that says why there is no such backend, or which option the backend cannot honour.
 */
int backend_choose(const struct realm_ops **ops, struct realm_conf *conf, const struct kvm *k,
		   const struct config *c);

/*
 * Create the VM k->vm_fd, with an IPA space of `bits` (a Realm's alias bit included). 0, or -errno
 * after one log_error() line: -E2BIG, the host has no such space.
 */
int backend_create_vm(struct kvm *k, const struct realm_ops *ops, const struct realm_conf *conf,
		      unsigned bits);

/*
 * What the options say of the new VM itself: the offset of its counters, a guest_memfd for its
 * memory, which launch_ram() then takes. 0, or -errno after one log_error() line.
 */
int backend_prepare_vm(struct kvm *k, const struct config *c, struct launch *l);

#endif
