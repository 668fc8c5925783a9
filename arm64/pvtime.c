/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stolen time: the memory that KVM and the guest share.
 *
 * Thread: main, while the machine is built.
 * Trust:  nothing is read here. A guest that scribbles over its records deceives itself.
 * Spec:   [KVM devices/vcpu.rst 3], DEN0057 (records of 64 bytes)
 */
#include "arm64/pvtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arm64/memmap.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"

struct pvtime {
	void *host;
};

int pvtime_create(struct pvtime **out, struct kvm *k)
{
	struct pvtime *pv;
	int err;

	*out = NULL;
	if (!kvm_vm_cap(k, KVM_CAP_STEAL_TIME))
		return 0;
	pv = calloc(1, sizeof(*pv));
	if (!pv)
		return -ENOMEM;
	pv->host = mmap(NULL, MEMMAP_PVTIME_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pv->host != MAP_FAILED) {
		err = kvm_add_slot(k, gpa(MEMMAP_PVTIME), MEMMAP_PVTIME_SIZE, pv->host, 0, NULL);
	} else {
		err = -errno;
	}
	if (err) {
		log_error("Cannot set up stolen time: %s (--no-pvtime does without)",
			  strerror(-err));
		pvtime_destroy(pv);
		return err;
	}
	*out = pv;
	return 0;
}

void pvtime_destroy(struct pvtime *pv)
{
	if (!pv)
		return;
	if (pv->host != MAP_FAILED)
		munmap(pv->host, MEMMAP_PVTIME_SIZE);
	free(pv);
}

int pvtime_attach(const struct pvtime *pv, int vcpu_fd, unsigned index)
{
	u64 off = (u64)index * MEMMAP_PVTIME_STRIDE;
	u64 ipa = MEMMAP_PVTIME + off;
	int err;

	assert(pv && range_within(off, MEMMAP_PVTIME_STRIDE, MEMMAP_PVTIME_SIZE));
	err = kvm_attr_set(vcpu_fd, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA, &ipa);
	if (err)
		log_error("Cannot set up stolen time: %s (--no-pvtime does without)",
			  strerror(-err));
	return err;
}
