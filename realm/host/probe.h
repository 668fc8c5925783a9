/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the backends this host can run, found out by what KVM does, never by the number of a
 * capability: the numbers of the CCA postings clash with unrelated ones of released kernels
 * [uapi reference 2]. Probes work on scratch VMs, which are gone afterwards. Main thread; `k` has
 * /dev/kvm open, and its VM, if there is one, is not touched.
 */
#ifndef REALM_PROBE_H
#define REALM_PROBE_H

#include "realm/measure/profile.h"
#include "realm/realm.h"

struct kvm;

/* The result of a probe; plain data. */
struct probe {
	const struct realm_ops *ops; /* NULL: the host cannot */
	struct realm_host host;
	const char *why; /* one sentence that completes "no Realm: ", when it cannot */
};

/*
 * Can the host run Realms with an RMM (realm_rme or realm_rmi), protected VMs, simulated Realms?
 * Each fills *p, without a message.
 */
void probe_cca(struct probe *p, const struct kvm *k);
void probe_pkvm(struct probe *p, const struct kvm *k);
void probe_sim(struct probe *p, const struct kvm *k);

/*
 * Bits of the widest IPA space that a Realm can have on this host; 0: none. `p` is probe_cca()'s.
 */
unsigned probe_ipa_bits(const struct probe *p, const struct kvm *k);

/*
 * What of this host a Realm of that kind is measured with, as a vCPU of a scratch VM has it; `p`
 * has ops. 0, or -errno without a message.
 */
int probe_profile(struct profile *out, const struct probe *p, const struct kvm *k);

/* What can be asked for; --realm=sim needs no probe, the simulator says itself what it misses. */
enum probe_want { PROBE_CCA, PROBE_RME, PROBE_RMI, PROBE_PKVM };

/*
 * The backend that was asked for. 0, or -ENODEV after one log_error() line with the reason and with
 * what else there is: nothing ever falls back to the simulator.
 */
int probe_select(struct probe *p, const struct kvm *k, enum probe_want want);

#endif
