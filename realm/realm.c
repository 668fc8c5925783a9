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

enum life { NEW, CREATED, POPULATED, ACTIVE };

struct realm {
	const struct realm_ops *ops;
	struct realm_conf conf;
	struct kvm *kvm;
	struct mem *mem;
	enum life life;
	void *state;
};

int realm_new(struct realm **out, const struct realm_ops *ops, const struct realm_conf *conf,
	      struct kvm *k, struct mem *m)
{
	struct realm *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct realm){ .ops = ops, .conf = *conf, .kvm = k, .mem = m, .life = NEW };
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
	assert(r->life == NEW);

	int err = r->ops->create(r);

	if (!err)
		r->life = CREATED;
	return err;
}

int realm_set_ram(struct realm *r)
{
	assert(r->life == CREATED);
	return r->ops->set_ram(r);
}

int realm_populate(struct realm *r, gpa_t g, u64 len)
{
	assert(r->life == CREATED || r->life == POPULATED);
	r->life = POPULATED;
	return len ? r->ops->populate(r, g, len) : 0;
}

int realm_finalize(struct realm *r, int vcpu_fd)
{
	assert(r->life == POPULATED);
	return r->ops->finalize(r, vcpu_fd);
}

int realm_activate(struct realm *r)
{
	assert(r->life == POPULATED);

	int err = r->ops->activate(r);

	if (!err)
		r->life = ACTIVE;
	return err;
}

int realm_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	return r->ops->exit(r, index, vcpu_fd, run);
}

int realm_fault(struct realm *r, int vcpu_fd)
{
	return r->ops->fault(r, vcpu_fd);
}

const char *realm_name(const struct realm *r)
{
	return r->ops->name;
}

bool realm_confidential(const struct realm *r)
{
	return r->ops->confidential;
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

const struct realm_conf *realm_conf(const struct realm *r)
{
	return &r->conf;
}

void realm_set_state(struct realm *r, void *state)
{
	r->state = state;
}

void *realm_state(const struct realm *r)
{
	return r->state;
}
