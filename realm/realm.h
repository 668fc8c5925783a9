/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life cycle of a guest as far as confidential computing changes it. One ops table, one
 * implementation per way to run a guest; devices never learn which one runs, and no other room asks.
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

struct realm_ops {
	const char *name;
	/* The guest's general registers are visible to the host. */
	bool readable_registers;
	/* Type word of KVM_CREATE_VM for an IPA space of `ipa_bits` (of the board; a Realm adds its own). */
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
	/* Exits that ordinary VMs do not have. 0: handled. Called on vCPU threads. */
	int (*exit)(struct realm *r, int vcpu_fd, struct kvm_run *run);
	void (*destroy)(struct realm *r);
};

/* `k` and `m` outlive the realm. */
int realm_new(struct realm **out, const struct realm_ops *ops, struct kvm *k, struct mem *m);
void realm_free(struct realm *r);

int realm_create(struct realm *r);
int realm_set_ram(struct realm *r);
int realm_populate(struct realm *r, gpa_t g, u64 len);
int realm_finalize(struct realm *r, int vcpu_fd);
int realm_activate(struct realm *r);
int realm_exit(struct realm *r, int vcpu_fd, struct kvm_run *run);
const char *realm_name(const struct realm *r);
bool realm_may_read_registers(const struct realm *r);

/* Bit of the IPA that selects the shared alias, 0 in an ordinary VM. */
u64 realm_alias(const struct realm *r);

/* Ordinary VM. */
extern const struct realm_ops realm_none;

/* ---- for backends ---- */
struct kvm *realm_kvm(struct realm *r);
struct mem *realm_mem(struct realm *r);

#endif
