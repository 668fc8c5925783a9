/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a Realm on host kernels with guest_memfd: protected pages are in it and nowhere
 * else, shared pages are in the mapping that devices have. A page is on one side; mem.h's bitmap
 * says on which, and KVM is told of each change [uapi reference 3.2, 3.5].
 */
#ifndef REALM_GMEM_H
#define REALM_GMEM_H

#include "lkvm/base/calls.h"
#include "lkvm/base/gpa.h"

struct gmem;
struct kvm;
struct kvm_run;
struct mem;

/* Who keeps the attribute private/shared of a page. */
enum gmem_attrs {
	GMEM_ATTRS_VM,	/* the VM: up to v14 */
	GMEM_ATTRS_OWN, /* the guest_memfd, which is born private: v15 and later */
};

/*
 * Make a guest_memfd and a slot of the VM for each region of RAM, which is mapped with
 * MEM_PROTECTED and MEM_SHARED_ONLY. `k` and `m` outlive *out. Main thread, as the next three
 * calls. 0, or -errno after one log_error() line.
 */
int gmem_create(struct gmem **out, struct kvm *k, struct mem *m, enum gmem_attrs attrs);

/* Close the guest_memfds; the slots go with the VM. Takes NULL. */
void gmem_destroy(struct gmem *g);

/* What an exit of gmem_exit() asks of the kernel. */
extern const struct calls gmem_calls;

/*
 * Make all RAM private, before it is populated. 0, or -errno after one log_error() line.
 */
int gmem_protect(struct gmem *g);

/*
 * Populating has copied what was loaded into the guest_memfd: give the host's copy back. 0, or
 * -errno after one log_error() line.
 */
int gmem_drop_loaded(struct gmem *g);

/*
 * Handle an exit of the vCPU `index`, on its thread: the guest moves pages from one side to the
 * other, or finds them on the wrong one. 0: handled; -EINPROGRESS, -EAGAIN: as realm_ops.exit;
 * -ESHUTDOWN: this vCPU is off for good, and another one will say why; -EINVAL: not an exit of this
 * kind; or -errno after one log_error() line.
 */
int gmem_exit(struct gmem *g, unsigned index, const struct kvm_run *run);

#endif
