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
 * Map the block into the VM as a memory slot of its own. *out is NULL, and the result 0, when this
 * host or this VM (a Realm) has no stolen time: a guest does without. 0 or -errno with one
 * log_error.
 */
int pvtime_create(struct pvtime **out, struct kvm *k);

/* The VM is gone or no vCPU runs. Takes NULL. */
void pvtime_destroy(struct pvtime *pv);

/* Give vCPU `index` its record; only on a vCPU that has been initialised. 0 or -errno. */
int pvtime_attach(const struct pvtime *pv, int vcpu_fd, unsigned index);

#endif
