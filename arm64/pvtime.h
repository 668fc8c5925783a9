/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stolen time [DEN0057]: one page block at MEMMAP_PVTIME that KVM writes and the guest reads, 64
 * bytes per vCPU. It is memory, but not RAM: the device tree does not list it and devices cannot
 * reach it.
 */
#ifndef ARM64_PVTIME_H
#define ARM64_PVTIME_H

#include "lkvm/base/util.h"

struct kvm;
struct pvtime;

/*
 * Map the block into the VM as a memory slot of its own. Main thread, before vCPUs run, as the
 * other calls. 0: *out is NULL if this host or this VM (a Realm) has no stolen time, and a guest
 * does without it. Or -errno after one log_error() line.
 */
int pvtime_create(struct pvtime **out, struct kvm *k);

/* The VM is gone or no vCPU runs. Takes NULL. */
void pvtime_destroy(struct pvtime *pv);

/*
 * Give vCPU `index`, which has been initialised, its record. 0, or -errno after one log_error()
 * line.
 */
int pvtime_attach(const struct pvtime *pv, int vcpu_fd, unsigned index);

#endif
