/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ordinary VM: KVM gets the RAM, the rest of the life cycle has nothing to add.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 */
#include <errno.h>

#include "lkvm/kvm.h"
#include "lkvm/mem.h"
#include "realm/realm.h"

static u64 mem_flags(const struct realm_conf *conf)
{
	(void)conf;
	return MEM_HUGE;
}

static unsigned long vm_type(unsigned ipa_bits)
{
	return ipa_bits;
}

static int set_ram(struct realm *r)
{
	struct mem *m = realm_mem(r);

	for (unsigned i = 0; i < mem_nr_regions(m); i++) {
		const struct mem_region *reg = mem_region(m, i);
		int err = kvm_add_slot(realm_kvm(r), reg->base, reg->size, reg->host, 0, NULL);

		if (err)
			return err;
	}
	return 0;
}

static int nothing(struct realm *r)
{
	(void)r;
	return 0;
}

static int populate(struct realm *r, gpa_t g, u64 len)
{
	(void)r, (void)g, (void)len;
	return 0;
}

static int finalize(struct realm *r, int vcpu_fd)
{
	(void)r, (void)vcpu_fd;
	return 0;
}

static int no_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	(void)r, (void)index, (void)vcpu_fd, (void)run;
	return -ENOSYS;
}

static int no_fault(struct realm *r, int vcpu_fd)
{
	(void)r, (void)vcpu_fd;
	return -ENOSYS;
}

static void destroy(struct realm *r)
{
	(void)r;
}

const struct realm_ops realm_none = {
	.name = "none",
	.mem_flags = mem_flags,
	.vm_type = vm_type,
	.create = nothing,
	.set_ram = set_ram,
	.populate = populate,
	.finalize = finalize,
	.activate = nothing,
	.exit = no_exit,
	.fault = no_fault,
	.destroy = destroy,
};
