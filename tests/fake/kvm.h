/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host kernel at the ioctl level, in place of lkvm/kvm/kvm_ioctl.c: one of the postings of the
 * CCA host patches, or a kernel without them. What a kernel answers with an errno is answered with
 * it; what no errno would show (a protected page that the host still has or writes, an address in
 * the shared half, a page freed while it is shared) fails the test at once.
 *
 * The rules are those of the patches' text. Comments name their source: [uapi reference N],
 * [uapi update N] for the numbered facts of its update, [P12 20/46] for a patch of posting v12 ([P7
 * function]: of a whole tree of v7), GM for guest_memfd.c with conversion in place, GW for the
 * newest tree that is known. A kernel that does something else is right, and the model wrong.
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
	HOST_NO_MODE, /* the newest line, booted without kvm-arm.mode=rmm [uapi update 1] */
	HOST_A1,      /* RFC v1: REC is feature 7 */
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
	HOST_C5_RET0, /* KVM_RUN returns 0 with a RIPAS exit, as a related tree does [update 12] */
	HOST_NR
};
#define HOST_LAST_WITHOUT HOST_NO_MODE /* CCA kernels that make no Realm: HOST_NO_RMM_V5 to here */
#define HOST_FIRST_REALM HOST_A1

#define FAKE_RAM UINT64_C(0x80000000)
#define FAKE_MAX_PAGES 0x41000u /* 1 GiB and 16 MiB */
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
	GUEST_WRITE_ALIAS, /* write to a page's address in the shared half, whatever the page is */
	GUEST_LOAD,	   /* 4 bytes at `base`, which is no RAM: an MMIO exit */
	GUEST_HOST_CALL,   /* RSI_HOST_CALL that KVM answers itself */
	GUEST_NO_MEMORY,   /* write to a protected page, and the host has none left for it */
	GUEST_CALL,	   /* the test's function */
	/* Not the guest's doing: what the RMM answers to an attempt to enter it. */
	RMM_REC_OFF,	/* PSCI CPU_ON is under way */
	RMM_OFF,	/* another vCPU has called SYSTEM_OFF */
	RMM_BAD_STATUS, /* one that KVM does not expect */
	RMM_BAD_EXIT,	/* an exit reason that KVM does not know */
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
	unsigned wrongs;     /* of what fake_kvm_expect() announced */
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

/* Is called for each page of a guest_memfd that is about to be freed; NULL: nobody is. */
extern void (*fake_kvm_freed)(u64 gpa);

/*
 * From now on, a wrong whose words contain `what` is counted [fake_seen.wrongs] instead of failing
 * the test; NULL: none is.
 */
void fake_kvm_expect(const char *what);

/* Somebody's reference to the page of the guest_memfd at `gpa`, and the end of it. */
void fake_kvm_pin(u64 gpa, bool pinned);

/*
 * Of the next RIPAS change the RMM does `size` bytes; then `between` runs, as another thread of the
 * VMM would, and KVM looks at the attributes of what is left.
 */
void fake_kvm_in_part(u64 size, void (*between)(void));

/* ID_AA64MMFR0_EL1 of this host's CPUs; fake_kvm_init() makes it 0. */
extern u64 fake_kvm_mmfr0;

/*
 * From now on v12's and later kernels' populate takes all that it is given, and does not look at
 * it: for ranges that would take a second.
 */
void fake_kvm_populate_blind(bool on);

/*
 * From now on v12's and later kernels' populate does nothing, and says that it has done this many
 * bytes. -1: it does what it says.
 */
void fake_kvm_populate_claims(int bytes);

/*
 * The RMM refuses to load the page at `gpa`, with this status word: low byte the status, next byte
 * the index. 0: no page is refused.
 */
void fake_kvm_refuse_page(u64 gpa, int status);

/* The page of the guest's own memory at `a`. */
void fake_kvm_read_private(u64 a, void *buf, u32 len);

enum fake_populate { POPULATE_NONE, POPULATE_V12, POPULATE_V13 };

/* What tests may know of the host: the rules follow from the number of the posting. */
struct fake_gen {
	const char *name;
	unsigned posting; /* 0: none, 1: the RFC, 16: the newest tree, which nobody has posted */
	u32 cap;	  /* of the sub-commands */
	u32 rec;	  /* feature */
	int no_rmm;	  /* errno of KVM_CREATE_VM, 0: there is one */
	bool in_place_off, ripas_ret0;
	/* from the posting's number: */
	u32 vm_bit; /* type of a Realm, 0: unknown */
	bool rec_in_init, gmem, own_attrs, waits_for_attrs, pmu;
	bool late_ripas; /* v7: EFAULT, and the change is made by the next KVM_RUN */
	enum fake_populate populate;
};
extern const struct fake_gen *fake_gen;

#endif
