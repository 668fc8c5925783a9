/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle: the calls of the machine, in the only order that every backend supports.
 *
 * Thread: main until activation; realm_exit() on vCPU threads.
 * Trust:  none of the guest's data is looked at here.
 */
#include "realm/realm.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "lkvm/vm/mem.h"
#include "realm/rhi.h"

enum life { NEW, CREATED, DEFINED, ACTIVE };

struct realm {
	const struct realm_ops *ops;
	struct realm_conf conf;
	struct kvm *kvm;
	struct mem *mem;
	enum life life;
	void *state;
	struct rhi *rhi;
	void (*wake)(void *arg);
	void *wake_arg;
	atomic_bool lost; /* and that was told; vCPU threads */
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
	rhi_destroy(r->rhi);
	free(r);
}

int realm_create(struct realm *r)
{
	assert(r->life == NEW);

	int err = 0;

	if (r->conf.service_host)
		err = rhi_create(&r->rhi, r->conf.service_host, r->conf.service_port, r->mem);
	if (!err)
		err = r->ops->create(r);

	if (!err)
		r->life = CREATED;
	return err;
}

int realm_set_ram(struct realm *r)
{
	assert(r->life == CREATED);
	return r->ops->set_ram(r);
}

int realm_define(struct realm *r, int vcpu_fd)
{
	assert(r->life == CREATED);

	int err = r->ops->define(r, vcpu_fd);

	if (!err)
		r->life = DEFINED;
	return err;
}

int realm_init_ripas(struct realm *r, gpa_t g, u64 len)
{
	assert(r->life == DEFINED);
	return r->ops->init_ripas(r, g, len);
}

int realm_populate(struct realm *r, gpa_t g, u64 len, bool measured)
{
	assert(r->life == DEFINED && len);
	assert(is_aligned(g.a | len, (u64)sysconf(_SC_PAGESIZE)));
	return r->ops->populate(r, g, len, measured);
}

int realm_finalize(struct realm *r, int vcpu_fd)
{
	assert(r->life == DEFINED);
	return r->ops->finalize(r, vcpu_fd);
}

int realm_activate(struct realm *r)
{
	assert(r->life == DEFINED);

	int err = r->ops->activate(r);

	if (!err)
		r->life = ACTIVE;
	return err;
}

int realm_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	int err = r->ops->exit(r, index, vcpu_fd, run);

	/* Here, because the backend has let go of its locks. */
	if (err == -EAGAIN)
		mem_wait(r->mem);
	return err == -EINPROGRESS ? -EAGAIN : err;
}

int realm_fault(struct realm *r, int vcpu_fd)
{
	return r->ops->fault(r, vcpu_fd);
}

const char *realm_run_error(const struct realm *r, int err)
{
	return r->ops->run_error(r, err);
}

bool realm_is_on(const struct realm *r, unsigned index)
{
	return r->ops->is_on(r, index);
}

bool realm_is_lost(struct realm *r)
{
	return !r->ops->is_aware(r) && !atomic_exchange(&r->lost, true);
}

void realm_set_wake(struct realm *r, void (*wake)(void *arg), void *arg)
{
	r->wake = wake;
	r->wake_arg = arg;
}

void realm_wake(struct realm *r)
{
	r->wake(r->wake_arg);
}

const char *realm_name(const struct realm *r)
{
	return r->ops->name;
}

bool realm_confidential(const struct realm *r)
{
	return r->ops->confidential;
}

u64 realm_device_alias(const struct realm *r)
{
	return r->ops->devices_at_alias ? mem_alias(r->mem) : 0;
}

bool realm_holes_abort(const struct realm *r)
{
	return r->ops->realm;
}

bool realm_abort_completed(const struct realm *r)
{
	return r->ops->abort_completed;
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

struct rhi *realm_rhi(const struct realm *r)
{
	return r->rhi;
}

void realm_set_state(struct realm *r, void *state)
{
	r->state = state;
}

void *realm_state(const struct realm *r)
{
	return r->state;
}

/* ---- ops of backends that have nothing to do at a step ---- */

int realm_accepts_all(const struct realm_conf *conf)
{
	return 0;
}

int realm_not_measured(const struct realm_conf *conf)
{
	return -ENOTSUP;
}

unsigned long realm_plain_vm_type(const struct realm_conf *conf, unsigned ipa_bits)
{
	return ipa_bits;
}

u32 realm_no_vcpu_features(const struct realm_conf *conf)
{
	return 0;
}

int realm_nothing(struct realm *r)
{
	return 0;
}

int realm_no_ripas(struct realm *r, gpa_t g, u64 len)
{
	return 0;
}

int realm_populates_nothing(struct realm *r, gpa_t g, u64 len, bool measured)
{
	return 0;
}

int realm_leaves_vcpu(struct realm *r, int vcpu_fd)
{
	return 0;
}

int realm_no_exit(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	return -ENOSYS;
}

bool realm_always_aware(const struct realm *r)
{
	return true;
}

bool realm_always_on(const struct realm *r, unsigned index)
{
	return true;
}

int realm_no_fault(struct realm *r, int vcpu_fd)
{
	return -ENOSYS;
}

const char *realm_no_run_error(const struct realm *r, int err)
{
	return NULL;
}
