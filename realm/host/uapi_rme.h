/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User ABI of the "RME" host kernels: the RFC and the postings v2 to v11, all of them sub-commands
 * of KVM_ENABLE_CAP on one capability, whose number differs [uapi reference 1, 1.2]. One set of
 * structs serves them all: where the RFC's are shorter, they are the front of these.
 */
#ifndef REALM_UAPI_RME_H
#define REALM_UAPI_RME_H

#include "lkvm/kvm/kvm_uapi.h"

/* Bits 11:8 of the VM type. */
#define KVM_VM_TYPE_ARM_REALM 0x100u

/* args[0] of KVM_ENABLE_CAP; args[1] points to the sub-command's struct. */
#define RME_CONFIG_REALM 0u
#define RME_CREATE_REALM 1u
#define RME_INIT_RIPAS 2u
#define RME_POPULATE 3u
#define RME_ACTIVATE 4u

#define RME_CFG_RPV 0u
#define RME_CFG_HASH 1u
#define RME_CFG_SVE 2u /* RFC only; later kernels look at the vCPUs */
#define RME_CFG_PMU 4u /* RFC only */

#define RME_HASH_SHA256 0u
#define RME_HASH_SHA512 1u

struct rme_config {
	u32 cfg;
	union {
		u8 rpv[64];
		u32 hash;
		u32 sve_vq; /* vectors of 128 bits, minus 1 */
		u32 nr_counters;
		u8 reserved[256];
	};
};

struct rme_init_ripas {
	u64 base;
	u64 size;
	u64 reserved[2];
};

#define RME_POPULATE_MEASURE (1u << 0)
struct rme_populate {
	u64 base;
	u64 size;
	u32 flags;
	u32 reserved[3];
};

/* KVM_ARM_VCPU_FINALIZE, and from v6 on a bit of KVM_ARM_VCPU_INIT as well. */
#define RME_VCPU_REC_RFC 7u
#define RME_VCPU_REC 8u	   /* capability 300 */
#define RME_VCPU_REC_V8 9u /* v8 and later */

static_assert(sizeof(struct rme_config) == 260, "KVM ABI");
static_assert(sizeof(struct rme_init_ripas) == 32, "KVM ABI");
static_assert(sizeof(struct rme_populate) == 32, "KVM ABI");
static_assert(offsetof(struct rme_populate, flags) == 16, "KVM ABI");

#endif
