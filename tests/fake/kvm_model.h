/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the fake host kernel: VMs, vCPUs and pages as the model has them. Tests use
 * kvm.h. vCPUs are threads: what they touch is under fake_lock.
 */
#ifndef TESTS_FAKE_KVM_MODEL_H
#define TESTS_FAKE_KVM_MODEL_H

#include <pthread.h>
#include <sys/types.h>

#include "tests/fake/kvm.h"

#define FAKE_PAGE 4096u
#define FAKE_MAX_SLOTS 4u

/* Flags of KVM_CREATE_GUEST_MEMFD. */
#define KVM_GMEM_MMAP 1u
#define KVM_GMEM_INIT_SHARED 2u

struct fake_slot {
	u64 base, size;
	u8 *hva;
	int gmem; /* fd, -1: none */
	ino_t ino;
};

#define PG_RAM 1u /* RIPAS */
#define PG_POPULATED 2u
#define PG_PRIVATE 4u	 /* the VM's attribute */
#define PG_OWN_SHARED 8u /* the guest_memfd's attribute */
#define PG_PINNED 16u

enum fake_access { ACCESS_NONE, ACCESS_ASKED, ACCESS_DONE, ACCESS_ABORTED };

struct fake_vcpu {
	int fd;
	struct kvm_run *run;
	u32 features;
	bool inited, sve_final, rec;
	u64 x[31], pc, sve_vls, pmcr, dfr0;
	bool pending; /* a RIPAS change that KVM_RUN has told about; `change` is what is left */
	struct fake_op change;
	enum fake_access access;
};

/* [P14 14/44] NONE: no descriptor. DEAD: one that could not be activated. */
enum fake_life { LIFE_NONE, LIFE_NEW, LIFE_ACTIVE, LIFE_DEAD };

struct fake_vm {
	int fd;
	bool realm, protected_vm, vgic, vgic_inited, its, ran;
	bool dead; /* each ioctl gives EIO */
	enum fake_life life;
	unsigned ipa;
	unsigned nr_slots, nr_vcpus;
	struct fake_slot slots[FAKE_MAX_SLOTS];
	struct fake_vcpu vcpus[FAKE_MAX_VCPUS];
	u8 pages[FAKE_MAX_PAGES]; /* from FAKE_RAM */
	const struct fake_op *next;
	bool over;
};

extern pthread_mutex_t fake_lock;

/* What no errno would show fails the test, unless fake_kvm_expect() has announced it. */
__attribute__((format(printf, 1, 2))) void fake_wrong(const char *fmt, ...);

/* ---- kvm.c ---- */

/* The VM that was created last, NULL before. */
struct fake_vm *fake_last_vm(void);

/* The guest_memfd behind a slot is still open [GM kvm_gmem_get_file]. */
bool fake_gmem_open(const struct fake_slot *s);

/* ---- kvm_vcpu.c ---- */

int fake_create_vcpu(struct fake_vm *vm, unsigned long id, int fd, u32 run_size);
int fake_vcpu_ioctl(struct fake_vm *vm, unsigned index, unsigned long req, void *arg);

/* An access outside of RAM: the exit, what the next KVM_RUN makes of it, what the guest gets. */
int fake_load(struct fake_vcpu *v, u64 addr);
void fake_complete(struct fake_vcpu *v);
void fake_enter(struct fake_vcpu *v);

/* ---- kvm_pages.c ---- */

/* The slot that has [base, base + size), NULL: none has. */
struct fake_slot *fake_slot_of(struct fake_vm *vm, u64 base, u64 size);
u8 *fake_page_of(struct fake_vm *vm, u64 a);
bool fake_whole_pages(u64 base, u64 size);
void fake_mark(struct fake_vm *vm, u64 base, u64 size, u32 set, u32 clear);
bool fake_all(struct fake_vm *vm, u64 base, u64 size, u8 mask, u8 want);

/* The guest_memfd has no page there: what was freed is given back to the host. */
bool fake_is_hole(const struct fake_slot *s, u64 a);

int fake_vm_attributes(struct fake_vm *vm, const struct kvm_memory_attributes *a);
int fake_own_attributes(struct fake_vm *vm, int fd, void *arg);
void fake_gmem_freed(struct fake_vm *vm, int fd, off_t off, off_t len);

/*
 * The guest's first access to the shared page at `hva`, which KVM maps: 0, or what KVM_RUN returns
 * because it cannot.
 */
int fake_map_shared(const u8 *hva, bool is_write);

/* ---- kvm_realm.c ---- */

int fake_realm_enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *e);
int fake_realm_populate(struct fake_vm *vm, void *arg);
int fake_realm_finalize(struct fake_vm *vm, unsigned index, u32 feature);

/* What the first KVM_RUN says without a GIC in the kernel, or with one that is not initialised. */
int fake_gic_missing(struct fake_vm *vm);

/* The first KVM_RUN of any vCPU. */
int fake_realm_activate(struct fake_vm *vm);

/* ---- kvm_guest.c ---- */

int fake_run(struct fake_vm *vm, unsigned index);

#endif
