/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host kernel at the ioctl level, in place of kvm_ioctl.c: one of the generations of the CCA
 * host patches, or a kernel without them. What a kernel answers with an errno is answered with it;
 * what no errno would show (a protected page that the host still has or writes, an address in the
 * shared half, a page freed while it is shared) fails the test at once.
 *
 * File descriptors are real (memfds), so that close(), mmap() and fallocate() are the kernel's.
 * The guest is a script: what it does between one KVM_RUN and the next.
 */
#ifndef TESTS_FAKE_KVM_H
#define TESTS_FAKE_KVM_H

#include "lkvm/kvm/kvm_uapi.h"

/* Ways to be a host [uapi reference 1]. */
enum fake_host {
	HOST_PLAIN,	/* released kernel, no CCA */
	HOST_PKVM,	/* kvm-arm.mode=protected */
	HOST_NO_RMM_V5, /* CCA kernels on a machine without RMM */
	HOST_NO_RMM_V7,
	HOST_NO_RMM_V12,
	HOST_NO_RMM_V14,
	HOST_A1, /* RFC v1: REC is feature 7 */
	HOST_A,
	HOST_B1,
	HOST_B2_V6, /* changes page states before it says so, as v5 does */
	HOST_B2,
	HOST_B3,
	HOST_B4,
	HOST_B5,
	HOST_B6,
	HOST_C1,
	HOST_C2,
	HOST_C3,
	HOST_C4,
	HOST_C4_FIXED, /* v15 with kvm.gmem_in_place_conversion=0 */
	HOST_C5,
	HOST_NR
};
#define HOST_FIRST_REALM HOST_A1

#define FAKE_RAM UINT64_C(0x80000000)
#define FAKE_MAX_PAGES 32768u
#define FAKE_MAX_VCPUS 4u
#define FAKE_RMM_IPA 40u /* of the RMM, less than the kernel's 48 */

enum fake_op_kind {
	GUEST_END,   /* PSCI SYSTEM_OFF */
	GUEST_RAM,   /* RIPAS RAM for [base, base + size) */
	GUEST_EMPTY, /* RIPAS EMPTY */
	GUEST_WRITE_PRIVATE,
	GUEST_WRITE_SHARED,
	GUEST_ZERO_PRIVATE, /* the page must be zero there */
	GUEST_ZERO_SHARED,
	GUEST_IS_PRIVATE, /* what GUEST_WRITE_PRIVATE wrote must still be there */
	GUEST_IS_SHARED,
	GUEST_LOAD, /* 4 bytes at `base`, which is no RAM: an MMIO exit */
	GUEST_CALL, /* the test's function */
};

struct fake_op {
	enum fake_op_kind kind;
	u64 base, size;
	void (*call)(void);
};

struct fake_range {
	u64 base, size;
};

/* What tests look at. Of the VM that was created last. */
struct fake_seen {
	unsigned long vm_type;
	unsigned nr_vms;
	bool created, active; /* the Realm */
	u8 rpv[64];
	u32 hash, sve_vq, counters;
	struct fake_range measured[8];
	unsigned nr_measured;
	struct fake_range unmeasured; /* loaded */
	u64 entry_pc, entry_x0;	      /* of REC 0 */
	u32 features[FAKE_MAX_VCPUS]; /* of KVM_ARM_VCPU_INIT */
	unsigned nr_recs;
	unsigned attr_calls; /* KVM_SET_MEMORY_ATTRIBUTES since activation */
	unsigned exits;	     /* MEMORY_FAULT */
	unsigned aborts;     /* of GUEST_LOAD, the others get... */
	u32 loaded;	     /* this, the last one's value */
};
extern struct fake_seen fake_seen;

/* Start afresh as this host; the guest does `ops`, which ends with GUEST_END. */
void fake_kvm_init(enum fake_host host, const struct fake_op *ops);

/* The `nth` ioctl from now (0: the next) fails with -err, once. */
void fake_kvm_fail(unsigned nth, int err);

/* Is called with each ioctl that has a pointer, before it is looked at; NULL: nobody is. */
extern void (*fake_kvm_trace)(unsigned long req, const void *arg);

/* The page of the guest's own memory at `a`. */
void fake_kvm_read_private(u64 a, void *buf, u32 len);

/* ---- between kvm.c and kvm_realm.c ---- */

enum fake_populate { POPULATE_NONE, POPULATE_V12, POPULATE_V13 };

struct fake_gen {
	const char *name;
	u32 vm_bit; /* type of a Realm, 0: unknown */
	int no_rmm; /* errno of KVM_CREATE_VM, 0: there is one */
	u32 cap;    /* of the sub-commands */
	u32 rec;    /* feature */
	bool rec_in_init, gmem, own_attrs, waits_for_attrs, fixed;
	bool late_ripas; /* v7: EFAULT, and the change is made by the next KVM_RUN */
	bool pmu;
	enum fake_populate populate;
};

struct fake_slot {
	u64 base, size;
	u8 *hva;
	int gmem;
};

#define PG_RAM 1u /* RIPAS */
#define PG_POPULATED 2u
#define PG_PRIVATE 4u	 /* the VM's attribute */
#define PG_OWN_SHARED 8u /* the guest_memfd's attribute */

enum fake_access { ACCESS_NONE, ACCESS_ASKED, ACCESS_DONE, ACCESS_ABORTED };

struct fake_vcpu {
	int fd;
	struct kvm_run *run;
	u32 features;
	bool inited, sve_final, rec;
	u64 x[8], pc, sve_vls, pmcr;
	bool pending; /* a RIPAS change that KVM_RUN has told about */
	struct fake_op change;
	enum fake_access access;
};

struct fake_vm {
	int fd;
	bool realm, protected_vm, vgic, vgic_inited, ran;
	unsigned ipa;
	unsigned nr_slots, nr_vcpus;
	struct fake_slot slots[4];
	struct fake_vcpu vcpus[FAKE_MAX_VCPUS];
	u8 pages[FAKE_MAX_PAGES]; /* from FAKE_RAM */
	const struct fake_op *next;
	bool over;
};

extern const struct fake_gen *fake_gen;

int fake_realm_enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *e);
int fake_realm_attributes(struct fake_vm *vm, const struct kvm_memory_attributes *a);
int fake_realm_own_attributes(struct fake_vm *vm, int fd, void *arg);
int fake_realm_populate(struct fake_vm *vm, void *arg, bool v13);
int fake_realm_finalize(struct fake_vm *vm, unsigned index, u32 feature);
int fake_run(struct fake_vm *vm, unsigned index);

/* An access outside of RAM: the exit, what the next KVM_RUN makes of it, what the guest gets. */
int fake_load(struct fake_vcpu *v, u64 addr);
void fake_complete(struct fake_vcpu *v);
void fake_enter(struct fake_vcpu *v);

#endif
