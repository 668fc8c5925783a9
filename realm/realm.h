/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life cycle of a guest as far as confidential computing changes it. One ops table, one
 * implementation per way to run a guest; devices never learn which one runs, and no other room
 * asks.
 *
 *   NEW -> realm_create -> CREATED -> realm_populate* -> realm_finalize (each vCPU)
 *       -> realm_activate -> ACTIVE
 *
 * Every op is present in every backend. The order is asserted by realm.c.
 */
#ifndef REALM_REALM_H
#define REALM_REALM_H

#include "lkvm/gpa.h"

struct kvm;
struct kvm_run;
struct mem;
struct realm;

/* What the user chose about a Realm. Plain data. */
struct realm_conf {
	bool sha512; /* --measurement-algo; otherwise SHA-256 */
	bool strict; /* --sim-strict */
	u8 rpv[64];  /* --realm-pv: Realm Personalization Value */
};

struct realm_ops {
	const char *name;
	/*
	 * The guest does not trust the host: it calls the RSI by SMC, bounces its I/O through pages
	 * that it shares, and its registers are not ours to read.
	 */
	bool confidential;
	/* One sentence for the user about what this backend does not do, or NULL. */
	const char *banner;
	/* Flags for mem_add_ram() [lkvm/mem.h]. */
	u64 (*mem_flags)(const struct realm_conf *conf);
	/* Type word of KVM_CREATE_VM for an IPA space of `ipa_bits`, the alias bit included. */
	unsigned long (*vm_type)(unsigned ipa_bits);
	/* Whatever must exist before RAM: descriptor, parameters. VM fd open. */
	int (*create)(struct realm *r);
	/* Give KVM the memory of all regions. */
	int (*set_ram)(struct realm *r);
	/* [g, g + len) holds what the guest must find there at its start (and is measured). */
	int (*populate)(struct realm *r, gpa_t g, u64 len);
	/* Registers of this vCPU are final. */
	int (*finalize)(struct realm *r, int vcpu_fd);
	/* The next thing that happens is the guest's first instruction. */
	int (*activate)(struct realm *r);
	/* Exits that ordinary VMs do not have. 0: handled. On vCPU thread `index`. */
	int (*exit)(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run);
	/*
	 * KVM_RUN gave EFAULT without saying why: memory behind the guest's access is inaccessible.
	 * 0: handled.
	 */
	int (*fault)(struct realm *r, int vcpu_fd);
	void (*destroy)(struct realm *r);
};

/* `conf` is copied, `k` and `m` outlive the realm. */
int realm_new(struct realm **out, const struct realm_ops *ops, const struct realm_conf *conf,
	      struct kvm *k, struct mem *m);
void realm_free(struct realm *r);

int realm_create(struct realm *r);
int realm_set_ram(struct realm *r);
int realm_populate(struct realm *r, gpa_t g, u64 len);
int realm_finalize(struct realm *r, int vcpu_fd);
int realm_activate(struct realm *r);
int realm_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run);
int realm_fault(struct realm *r, int vcpu_fd);
const char *realm_name(const struct realm *r);
bool realm_confidential(const struct realm *r);

/* Bit of the IPA that selects the shared alias, 0 in an ordinary VM. */
u64 realm_alias(const struct realm *r);

extern const struct realm_ops realm_none; /* ordinary VM */
extern const struct realm_ops realm_sim;  /* simulated Realm */

/* ---- for backends ---- */
struct kvm *realm_kvm(struct realm *r);
struct mem *realm_mem(struct realm *r);
const struct realm_conf *realm_conf(const struct realm *r);

/* The backend's own object: set by create, released by destroy (NULL if create never got there). */
void realm_set_state(struct realm *r, void *state);
void *realm_state(const struct realm *r);

#endif
