/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thin wrappers around /dev/kvm: every call returns >= 0, or -errno. No policy, no messages except
 * from kvm_open(). Any thread.
 */
#ifndef LKVM_KVM_H
#define LKVM_KVM_H

#include "lkvm/base/gpa.h"
#include "lkvm/kvm/kvm_uapi.h"

struct irq;

struct kvm {
	int dev_fd;
	int vm_fd;
	u32 run_size; /* bytes of a vCPU's shared page */
	u32 nr_slots; /* memory slots handed out so far */
	/* No vCPU runs any more: slots stay until kvm_close() takes them. Read by any thread. */
	_Atomic bool ending;
};

/*
 * The one system call of this floor; tests link another implementation (tests/fake/kvm.c). EINTR is
 * returned.
 */
int kvm_ioctl(int fd, unsigned long req, void *arg);
int kvm_ioctl_val(int fd, unsigned long req, unsigned long val);

/*
 * Open `path` (normally /dev/kvm) and check the API version. -errno after one log_error() that says
 * what to do (no such file, permission, not arm64, old kernel).
 */
int kvm_open(struct kvm *k, const char *path);

/* The same, with the line in `why` instead of printed. */
#define KVM_WHY_SIZE 512
int kvm_open_why(struct kvm *k, const char *path, char why[KVM_WHY_SIZE]);

/*
 * Create the VM with the type word `type` (IPA width and flavour). -errno, no message: a caller may
 * probe.
 */
int kvm_vm_create(struct kvm *k, unsigned long type);

/* Closes what is open; fine on a zeroed struct with fds -1. */
void kvm_close(struct kvm *k);

/* KVM_CHECK_EXTENSION on /dev/kvm or on the VM: its value; 0 when absent, and on any error. */
int kvm_cap(const struct kvm *k, unsigned cap);
int kvm_vm_cap(const struct kvm *k, unsigned cap);
int kvm_enable_cap(const struct kvm *k, unsigned cap, u64 arg0);

/*
 * Map `host` (page aligned, stays the caller's) at `g` as a new slot; *slot (may be NULL) gets its
 * number.
 */
int kvm_add_slot(struct kvm *k, gpa_t g, u64 size, void *host, u32 flags, u32 *slot);

/*
 * Slot number `slot`, from k->nr_slots++, becomes this (size 0: nothing is there, or when the VM is
 * `ending` what there was). Any thread: KVM has a lock.
 */
int kvm_set_slot(const struct kvm *k, u32 slot, gpa_t g, u64 size, void *host, u32 flags);

/*
 * Memory that the host cannot map, or can with KVM_GUEST_MEMFD_MMAP in `flags`: kvm_gmem_create()
 * returns the fd. The slot shows it at `g` to
 * the guest's protected half, and `host` to its shared half.
 */
int kvm_gmem_create(const struct kvm *k, u64 size, u64 flags);
int kvm_add_gmem_slot(struct kvm *k, gpa_t g, u64 size, void *host, int gmem_fd);

/*
 * Set or clear KVM_MEMORY_ATTRIBUTE_PRIVATE of the VM for [g, g + size), in bytes, whole pages
 * [KVM api, KVM_SET_MEMORY_ATTRIBUTES]. No page is converted by that: realm/host/gmem.h does it.
 */
int kvm_set_private(const struct kvm *k, gpa_t g, u64 size, bool is_private);

/* Device control API. kvm_device_create() returns the fd, the caller's to close. */
int kvm_device_create(const struct kvm *k, u32 type, u32 flags);
int kvm_attr_set(int fd, u32 group, u64 attr, const void *addr);
int kvm_attr_get(int fd, u32 group, u64 attr, void *addr);
bool kvm_attr_has(int fd, u32 group, u64 attr);

/*
 * Write and read the register `id` of a vCPU that is not in KVM_RUN [KVM api 4.68, 4.69]; *val has
 * the size that `id` says. 0 or -errno of the ioctl.
 */
int kvm_reg_set(int vcpu_fd, u64 id, const void *val);
int kvm_reg_get(int vcpu_fd, u64 id, void *val);
int kvm_reg_set64(int vcpu_fd, u64 id, u64 val);
int kvm_reg_get64(int vcpu_fd, u64 id, u64 *val);

/* x0 to x(nr - 1), nr <= 31. 0, or -errno of the first that failed. */
int kvm_gprs_get(int vcpu_fd, u64 x[], unsigned nr);
int kvm_gprs_set(int vcpu_fd, const u64 x[], unsigned nr);

/* All that the vCPU has: *list is the caller's to free(), NULL on -errno. */
int kvm_reg_list(int vcpu_fd, struct kvm_reg_list **list);

/*
 * Have this vCPU leave KVM_RUN with KVM_EXIT_DEBUG: flags KVM_GUESTDBG_* (without ENABLE), and what
 * else struct kvm_guest_debug has. `d` all zeros: no more. 0 or -errno.
 */
int kvm_guest_debug(int vcpu_fd, const struct kvm_guest_debug *d);

/*
 * Make the next thing that the vCPU sees a synchronous external abort of its last data access [KVM
 * api, KVM_SET_VCPU_EVENTS]. On the vCPU's thread, outside KVM_RUN, after an exit: before the first
 * KVM_RUN of a Realm's vCPU, Linux with v14 of the CCA patches follows a NULL pointer here.
 */
int kvm_inject_abort(int vcpu_fd);

/*
 * Make the next thing that the vCPU sees a synchronous exception of its EL1 with this syndrome,
 * from the instruction at `elr` [Arm ARM D1.3]. -EOPNOTSUPP: such a one would not go to a 64-bit
 * EL1, or the guest has an EL2, and then nothing has changed; or -errno of KVM. The vCPU is not in
 * KVM_RUN.
 */
int kvm_inject_sync(int vcpu_fd, u32 esr, u64 elr);

/* ---- kvm_event.c: irq.h on top of KVM ---- */
struct kvm_event;

/*
 * `alias` is or-ed into the addresses of MSIs and doorbells: realm_device_alias(). `k` outlives it.
 * 0 or -ENOMEM. Main thread; interrupts are then raised from any.
 */
int kvm_event_create(struct kvm_event **out, const struct kvm *k, bool has_msi, u64 alias);
void kvm_event_destroy(struct kvm_event *e);
struct irq *kvm_event_irq(struct kvm_event *e);

/* What raising interrupts and connecting devices to them asks of the kernel. */
extern const struct calls kvm_event_calls;

#endif
