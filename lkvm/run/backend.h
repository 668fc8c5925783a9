/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config's --realm and --protected as a backend of realm/. Main thread.
 */
#ifndef LKVM_BACKEND_H
#define LKVM_BACKEND_H

#include "lkvm/run/config.h"
#include "realm/realm.h"

struct kvm;

/*
 * What the board has to know before KVM is asked, and *conf as far as the user has it: every kind
 * of Realm has the same board, so any of them stands in for one whose kind the host decides.
 */
const struct realm_ops *backend_presume(struct realm_conf *conf, const struct config *c);

/*
 * The backend that this host has; *ops and *conf come from backend_presume(). -errno after one line
 * that says why there is none, or which option it cannot honour.
 */
int backend_choose(const struct realm_ops **ops, struct realm_conf *conf, const struct kvm *k,
		   const struct config *c);

/* The VM, with an IPA space of `bits` (a Realm's alias bit included). -errno after one line. */
int backend_create_vm(struct kvm *k, const struct realm_ops *ops, const struct realm_conf *conf,
		      unsigned bits);

#endif
