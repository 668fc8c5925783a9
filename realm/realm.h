/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life cycle of a guest as far as confidential computing changes it. One ops table, one
 * implementation per way to run a guest. Devices never learn which one runs. The rooms that build
 * and run the machine (lkvm/run/, lkvm/kvm/vcpu.c) go by the facts of the table (`confidential`,
 * `measures`, ...); the name of a backend is for people only.
 *
 *   NEW -> realm_create -> CREATED -> realm_set_ram -> (vCPUs, interrupt controller, PMU)
 *       -> realm_define -> DEFINED -> the other steps of the plan [realm/measure/plan.h]
 *       -> realm_activate -> ACTIVE
 *
 * The steps: realm_init_ripas; realm_populate, ascending; realm_finalize of each vCPU, in order,
 * once its entry registers are set.
 *
 * Every op is present in every backend. The order is asserted by realm.c.
 */
#ifndef REALM_REALM_H
#define REALM_REALM_H

#include "lkvm/base/calls.h"
#include "lkvm/base/gpa.h"

struct draft;
struct fault_plan;
struct keeper;
struct kvm;
struct kvm_run;
struct mem;
struct realm;
struct rhi;

/*
 * Which user ABI for Realms the host kernel has, and where it differs from its siblings. Filled by
 * realm/host/probe.c. Plain data.
 */
struct realm_host {
	const char *gen;       /* generation, as the reference calls it: "A", "B1" .. "C5" */
	unsigned long vm_type; /* bits of the type word above the IPA width */
	u32 cap;	       /* rme: number of the capability with the sub-commands */
	u32 rec_feature;       /* rme: vCPU feature that is finalized to make a REC */
	bool rec_in_init;      /* rme: KVM_ARM_VCPU_INIT wants that feature too */
	bool gmem;	       /* protected memory is a guest_memfd */
	bool gmem_attrs;       /* ... which keeps the private/shared attributes itself */
	bool populate_counts;  /* rmi: v12's populate, which returns bytes */
	bool sve_told;	       /* rme A: SVE and PMU are told, not found on the vCPUs */
	bool pmu, sve;	       /* Realms can have one */
	bool lpa2;	       /* rmi: the descriptor says whether the host's CPU has LPA2 */
};

/* What the user chose about a Realm, and what the host is. Plain data. */
struct realm_conf {
	bool sha512;		   /* --measurement-algo; otherwise SHA-256 */
	bool strict;		   /* --sim-strict */
	struct keeper *sim_keeper; /* who makes tokens [realm/sim/keeper.h]; outlives it */
	const struct fault_plan *sim_faults; /* --sim-fault [realm/sim/fault.h], or NULL: none */
	bool sim_log;			     /* --sim-log ... */
	const char *sim_log_file;	     /* ... to this file; NULL: stderr */
	const char *service_host; /* --service-ip, or NULL: no host sessions [realm/rhi.h] */
	u16 service_port;
	bool has_rpv; /* --realm-pv or --realm-pv-hex */
	u8 rpv[64];   /* Realm Personalization Value */
	bool log;     /* --measurement-log: some of what is loaded is not measured */
	bool pmu, sve;
	unsigned pmu_counters; /* 0: the host's */
	unsigned sve_vl;       /* bits; 0: the host's */
	struct realm_host host;
	struct draft *draft; /* where a backend that measures writes down what it is given */
};

struct realm_ops {
	const char *name;
	const struct calls *calls; /* system calls of a running guest's exits, beside KVM_RUN */
	/*
	 * The guest does not trust the host: it bounces its I/O through pages that it shares, and
	 * its registers are not ours to read.
	 */
	bool confidential;
	/* A Realm: the IPA space has a shared half, and calls are made by SMC. */
	bool realm;
	/* KVM wants devices and doorbells at their address in the shared half. */
	bool devices_at_alias;
	/*
	 * Only an MMIO access that has been completed can be turned into an abort: the RMM takes it
	 * with the entry that would have delivered the value. For others it is too late then.
	 */
	bool abort_completed;
	/*
	 * RECs and the state of RAM come at the first KVM_RUN, in this order, when all else is
	 * there.
	 */
	bool ripas_last;
	/*
	 * This program measures the Realm itself, in realm_conf.draft [realm/measure/draft.h]: what
	 * comes of it is known when somebody asks.
	 */
	bool measures;
	/*
	 * By which rule the Realm is measured: enum rim_rmm [realm/measure/rim.h], or -ENOTSUP: it
	 * is not, or nobody knows how.
	 */
	int (*rmm)(const struct realm_conf *conf);
	/* One sentence for the user about what this backend does not do, or NULL. */
	const char *banner;
	/* Why no device of the host can be assigned to the guest, as one clause; NULL: one can. */
	const char *no_assign;
	/* Flags for mem_add_ram() [lkvm/vm/mem.h]. */
	u64 (*mem_flags)(const struct realm_conf *conf);
	/*
	 * What the host cannot do of what the user chose: -EINVAL after one line that says so.
	 * Before the VM.
	 */
	int (*check)(const struct realm_conf *conf);
	/* Type word of KVM_CREATE_VM for an IPA space of `ipa_bits`, the alias bit included. */
	unsigned long (*vm_type)(const struct realm_conf *conf, unsigned ipa_bits);
	/* Bits to set in features[0] of KVM_ARM_VCPU_INIT. */
	u32 (*vcpu_features)(const struct realm_conf *conf);
	/*
	 * From here to activate(): main thread, once each or as the plan says; 0, or -errno after
	 * one log_error() line. A step that failed is not tried again: the machine is torn down.
	 *
	 * Make what must exist before RAM: descriptor, parameters. The VM's fd is open.
	 */
	int (*create)(struct realm *r);
	/* Give KVM the memory of all regions [mem_region()]. */
	int (*set_ram)(struct realm *r);
	/*
	 * vCPU features, vector lengths, PMU and RAM are final: make the Realm's descriptor, with
	 * the parameters of vCPU 0, whose fd this is [RMM 1.0 RMI_REALM_CREATE].
	 */
	int (*define)(struct realm *r, int vcpu_fd);
	/*
	 * Make [g, g + len), whole pages of the host in bytes, RAM of the guest, and protected
	 * [RMM 1.0 RMI_RTT_INIT_RIPAS].
	 */
	int (*init_ripas)(struct realm *r, gpa_t g, u64 len);
	/*
	 * Copy our bytes of [g, g + len), whole pages of the host, into the guest; extend the RIM
	 * with them if `measured`, else with their addresses only [RMM 1.0 RMI_DATA_CREATE].
	 */
	int (*populate)(struct realm *r, gpa_t g, u64 len, bool measured);
	/* Registers of this vCPU are final: make its REC [RMM 1.0 RMI_REC_CREATE]. */
	int (*finalize)(struct realm *r, int vcpu_fd);
	/* Start the Realm: after this only the guest changes it [RMM 1.0 RMI_REALM_ACTIVATE]. */
	int (*activate)(struct realm *r);
	/*
	 * Exits that ordinary VMs do not have. 0: handled; -EINPROGRESS: handled in part, after a
	 * bounded time; -EAGAIN: it is about memory that a device has in flight. In either case
	 * call it again with the same exit before KVM_RUN. -ESHUTDOWN: this vCPU is off for good,
	 * another one will say why. On vCPU thread `index`.
	 */
	int (*exit)(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run);
	/*
	 * Is this vCPU switched on, as far as the backend sees to that itself? One that is off is
	 * not run; realm_wake() says when to ask again. On vCPU thread `index`, before each
	 * KVM_RUN.
	 */
	bool (*is_on)(const struct realm *r, unsigned index);
	/*
	 * Has the guest found out that it is a Realm, as far as that can be seen? One that has not
	 * looks for its devices where they are not. Any thread.
	 */
	bool (*is_aware)(const struct realm *r);
	/*
	 * KVM_RUN gave EFAULT without saying why: memory behind the guest's access is inaccessible.
	 * 0: handled, call KVM_RUN again. -errno: not; the caller reports it and stops the machine.
	 * On the vCPU's thread.
	 */
	int (*fault)(struct realm *r, int vcpu_fd);
	/*
	 * What an -errno of KVM_RUN means for this guest and what to do about it, as one clause, a
	 * constant; NULL: no more than errno says. -EIO is also what is left after
	 * KVM_EXIT_INTERNAL_ERROR. Any thread.
	 */
	const char *(*run_error)(const struct realm *r, int err);
	/* Release realm_state(), also of a half-built Realm. No vCPU runs. Main. */
	void (*destroy)(struct realm *r);
};

/*
 * A Realm in state NEW; no call of KVM yet. `conf` is copied, `ops`, `k` and `m` outlive the Realm.
 * 0, or -ENOMEM after one line. Main.
 */
int realm_new(struct realm **out, const struct realm_ops *ops, const struct realm_conf *conf,
	      struct kvm *k, struct mem *m);
/* Takes NULL, and a Realm in any state. No vCPU runs. Main. */
void realm_free(struct realm *r);

/*
 * The steps of a launch: the ops of these names, with the order asserted. Main thread; 0, or -errno
 * after one line.
 */
int realm_create(struct realm *r);
int realm_set_ram(struct realm *r);
int realm_define(struct realm *r, int vcpu_fd);
int realm_init_ripas(struct realm *r, gpa_t g, u64 len);

/* Whole pages of the host, ascending; no page twice. */
int realm_populate(struct realm *r, gpa_t g, u64 len, bool measured);
int realm_finalize(struct realm *r, int vcpu_fd);
int realm_activate(struct realm *r);

/*
 * realm_ops.exit, but for one error: -EAGAIN: handled in part, or not yet, after a bounded time:
 * call it again with the same exit before KVM_RUN, unless the machine is to stop.
 */
int realm_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run);
/* The ops of these names; see there for threads and errors. */
int realm_fault(struct realm *r, int vcpu_fd);
const char *realm_run_error(const struct realm *r, int err);
bool realm_is_on(const struct realm *r, unsigned index);

/* True once, if the guest does not know that it is a Realm: the caller has noticed, and tells. */
bool realm_is_lost(struct realm *r);

/* Facts of the ops table; constant, any thread. */
const char *realm_name(const struct realm *r);
bool realm_confidential(const struct realm *r);

/*
 * The bit that KVM wants to see in addresses of devices, and shows in those of MMIO exits: that of
 * the shared alias, or 0 where KVM deals with it itself.
 */
u64 realm_device_alias(const struct realm *r);

/*
 * What touches an address where nothing is gets a synchronous external abort, as the RMM would give
 * it; otherwise it reads zeros and writes nowhere, as with kvmtool.
 */
bool realm_holes_abort(const struct realm *r);

/* See realm_ops.abort_completed. */
bool realm_abort_completed(const struct realm *r);

/* Whom realm_wake() calls, on a vCPU thread. Before the first KVM_RUN. */
void realm_set_wake(struct realm *r, void (*wake)(void *arg), void *arg);

extern const struct realm_ops realm_none; /* ordinary VM */
extern const struct realm_ops realm_rme;  /* Realm of the RFC and v2..v11 kernels */
extern const struct realm_ops realm_rmi;  /* Realm of v12 and later kernels */
extern const struct realm_ops realm_pkvm; /* protected VM of pKVM */
extern const struct realm_ops realm_sim;  /* simulated Realm */

/* ---- for backends ---- */
struct kvm *realm_kvm(struct realm *r);
struct mem *realm_mem(struct realm *r);
const struct realm_conf *realm_conf(const struct realm *r);

/* Ops of a backend that has nothing to do at that step. */
int realm_accepts_all(const struct realm_conf *conf);
int realm_not_measured(const struct realm_conf *conf);
unsigned long realm_plain_vm_type(const struct realm_conf *conf, unsigned ipa_bits);
u32 realm_no_vcpu_features(const struct realm_conf *conf);
int realm_nothing(struct realm *r);
int realm_no_ripas(struct realm *r, gpa_t g, u64 len);
int realm_populates_nothing(struct realm *r, gpa_t g, u64 len, bool measured);
int realm_leaves_vcpu(struct realm *r, int vcpu_fd); /* define and finalize */
int realm_no_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run);
bool realm_always_aware(const struct realm *r);
bool realm_always_on(const struct realm *r, unsigned index);
int realm_no_fault(struct realm *r, int vcpu_fd);
const char *realm_no_run_error(const struct realm *r, int err);

/* Another vCPU was switched on: its thread is to look. Any thread. */
void realm_wake(struct realm *r);

/* Host sessions of the guest; NULL: it has none. */
struct rhi *realm_rhi(const struct realm *r);

/* The backend's own object: set by create, released by destroy (NULL if create never got there). */
void realm_set_state(struct realm *r, void *state);
void *realm_state(const struct realm *r);

#endif
