/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a Realm on host kernels with guest_memfd: protected pages are in it and nowhere
 * else, shared pages are in the mapping that devices have. A page is on one side; which one is
 * mem.h's bitmap, and KVM is told whenever it changes [uapi reference 3.2, 3.5].
 */
#ifndef REALM_GMEM_H
#define REALM_GMEM_H

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
 * A guest_memfd and a slot for each region of RAM, which is mapped with MEM_PROTECTED and
 * MEM_SHARED_ONLY. Errors: -errno with one log_error.
 */
int gmem_create(struct gmem **out, struct kvm *k, struct mem *m, enum gmem_attrs attrs);
void gmem_destroy(struct gmem *g);

/* All RAM is private from now on. Before it is populated. */
int gmem_protect(struct gmem *g);

/* What was loaded has been copied into the guest_memfd: forget the host's copy. */
int gmem_drop_loaded(struct gmem *g);

/*
 * An exit of vCPU `index`: the guest moves pages from one side to the other (or finds them on the
 * wrong one). 0: handled; -EINPROGRESS and -EAGAIN as realm_ops.exit; -ESHUTDOWN: this vCPU is off
 * for good, another one will say why. vCPU thread.
 */
int gmem_exit(struct gmem *g, unsigned index, const struct kvm_run *run);

#endif
