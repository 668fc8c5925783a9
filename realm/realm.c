/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Life cycle: the calls of the machine, in the only order that every backend supports.
 *
 * Thread: main until activation; realm_exit() on vCPU threads.
 * Trust:  none of the guest's data is looked at here.
 */
#include "realm/realm.h"

#include <errno.h>
#include <stdlib.h>

#include "lkvm/mem.h"

enum state { NEW, CREATED, POPULATED, ACTIVE };

struct realm {
	const struct realm_ops *ops;
	struct kvm *kvm;
	struct mem *mem;
	enum state state;
};

int realm_new(struct realm **out, const struct realm_ops *ops, struct kvm *k, struct mem *m)
{
	struct realm *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct realm){ .ops = ops, .kvm = k, .mem = m, .state = NEW };
	*out = r;
	return 0;
}

void realm_free(struct realm *r)
{
	if (!r)
		return;
	r->ops->destroy(r);
	free(r);
}

int realm_create(struct realm *r)
{
	assert(r->state == NEW);

	int err = r->ops->create(r);

	if (!err)
		r->state = CREATED;
	return err;
}

int realm_set_ram(struct realm *r)
{
	assert(r->state == CREATED);
	return r->ops->set_ram(r);
}

int realm_populate(struct realm *r, gpa_t g, u64 len)
{
	assert(r->state == CREATED || r->state == POPULATED);
	r->state = POPULATED;
	return len ? r->ops->populate(r, g, len) : 0;
}

int realm_finalize(struct realm *r, int vcpu_fd)
{
	assert(r->state == POPULATED);
	return r->ops->finalize(r, vcpu_fd);
}

int realm_activate(struct realm *r)
{
	assert(r->state == POPULATED);

	int err = r->ops->activate(r);

	if (!err)
		r->state = ACTIVE;
	return err;
}

int realm_exit(struct realm *r, int vcpu_fd, struct kvm_run *run)
{
	return r->ops->exit(r, vcpu_fd, run);
}

const char *realm_name(const struct realm *r)
{
	return r->ops->name;
}

bool realm_may_read_registers(const struct realm *r)
{
	return r->ops->readable_registers;
}

u64 realm_alias(const struct realm *r)
{
	return mem_alias(r->mem);
}

struct kvm *realm_kvm(struct realm *r)
{
	return r->kvm;
}

struct mem *realm_mem(struct realm *r)
{
	return r->mem;
}
