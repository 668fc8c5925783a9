/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User ABI of the "RMI" host kernels, postings v12 and later: one ioctl, everything else is
 * implied [uapi reference 1, 4.4, 4.6].
 */
#ifndef REALM_UAPI_RMI_H
#define REALM_UAPI_RMI_H

#include "lkvm/kvm/kvm_uapi.h"

/* VM type from v14 on; v12 and v13 have KVM_VM_TYPE_ARM_REALM of uapi_rme.h. */
#define KVM_VM_TYPE_ARM_REALM_BIT (1u << 30)

#define RMI_POPULATE_MEASURE (1u << 0)
struct rmi_populate {
	u64 base;
	u64 size;
	u64 source; /* user address */
	u32 flags;
	u32 reserved;
};
/* v12: returns the number of bytes done. */
#define KVM_ARM_RMI_POPULATE_V12 _IOW(KVMIO, 0xd7, struct rmi_populate)
/* v13 and later: returns 0, and base, size and source have moved on. */
#define KVM_ARM_RMI_POPULATE _IOWR(KVMIO, 0xd7, struct rmi_populate)

/* On a guest_memfd, v15 and later. */
struct kvm_memory_attributes2 {
	u64 offset;
	u64 size;
	u64 attributes;
	u64 flags;
	u64 error_offset;
	u64 reserved[11];
};
#define KVM_SET_MEMORY_ATTRIBUTES2 _IOWR(KVMIO, 0xd2, struct kvm_memory_attributes2)

static_assert(sizeof(struct rmi_populate) == 32, "KVM ABI");
static_assert(sizeof(struct kvm_memory_attributes2) == 128, "KVM ABI");
static_assert(KVM_ARM_RMI_POPULATE_V12 == 0x4020aed7, "KVM ABI");
static_assert(KVM_ARM_RMI_POPULATE == 0xc020aed7, "KVM ABI");
static_assert(KVM_SET_MEMORY_ATTRIBUTES2 == 0xc080aed2, "KVM ABI");

#endif
