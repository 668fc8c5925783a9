/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Realm of the fake host kernel, until it runs: the sub-commands of the RFC to v11, populate and
 * what is implied from v12 on.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/fake/kvm_model.h"

/* ---- descriptor ---- */

static int config(const struct fake_vm *vm, const struct rme_config *c)
{
	if (vm->life != LIFE_NONE)
		return -EBUSY;
	switch (c->cfg) {
	case RME_CFG_RPV:
		memcpy(fake_seen.rpv, c->rpv, sizeof(fake_seen.rpv));
		return 0;
	case RME_CFG_HASH:
		fake_seen.hash = c->hash + 256;
		return c->hash <= RME_HASH_SHA512 ? 0 : -EINVAL;
	case RME_CFG_SVE:
		fake_seen.sve_vq = c->sve_vq;
		return fake_gen->gmem ? -EINVAL : 0;
	case RME_CFG_PMU:
		fake_seen.counters = c->nr_counters;
		return fake_gen->gmem ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* Vector lengths have to be final, and the same on all vCPUs [uapi update 18, P14 41/44]. */
static int create(struct fake_vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct fake_vcpu *v = &vm->vcpus[i];

		if (v->features != (vm->vcpus[0].features | (i ? 1u : 0)))
			return -EINVAL;
		if (!(v->features & 1u << KVM_ARM_VCPU_SVE))
			continue;
		if (!v->sve_final || v->sve_vls != vm->vcpus[0].sve_vls)
			return -EINVAL;
	}
	vm->life = LIFE_NEW;
	fake_seen.created = true;
	return 0;
}

static void measure(u64 base, u64 size)
{
	unsigned n = fake_seen.nr_measured;
	struct fake_range *last = n ? &fake_seen.measured[n - 1] : NULL;

	if (last && last->base + last->size == base) {
		last->size += size; /* the rest of what was done in part */
		return;
	}
	if (last && last->base >= base)
		fake_wrong("measured, and not ascending");
	ck_assert_uint_lt(n, ARRAY_SIZE(fake_seen.measured));
	fake_seen.measured[n] = (struct fake_range){ base, size };
	fake_seen.nr_measured++;
}

static void leave_unmeasured(u64 base, u64 size)
{
	struct fake_range *u = &fake_seen.unmeasured;

	if (u->size && u->base + u->size != base)
		fake_wrong("one range is all that is ever loaded without being measured");
	u->base = u->size ? u->base : base;
	u->size += size;
}

/* Copy into the guest's own memory; `from` is the host's. */
static int put(struct fake_vm *vm, struct fake_slot *s, u64 base, u64 size, const u8 *from,
	       bool measured)
{
	if (s->gmem >= 0 && pwrite(s->gmem, from, size, (off_t)(base - s->base)) != (ssize_t)size)
		return -EFAULT;
	fake_mark(vm, base, size, PG_RAM | PG_POPULATED, 0);
	if (measured)
		measure(base, size);
	else
		leave_unmeasured(base, size);
	return 0;
}

/* In v7's order [P7 kvm_populate_realm, populate_region]. */
static int rme_populate(struct fake_vm *vm, const struct rme_populate *p)
{
	struct fake_slot *s = fake_slot_of(vm, p->base, 1);

	if (vm->life != LIFE_NEW || !is_aligned(p->base | p->size, FAKE_PAGE) ||
	    p->flags & ~RME_POPULATE_MEASURE || p->base + p->size < p->base)
		return -EINVAL;
	if (!p->size)
		return 0;
	if (!s)
		return -EFAULT;
	if (!range_within(p->base - s->base, p->size, s->size))
		return -EINVAL;
	if (!fake_all(vm, p->base, p->size, PG_POPULATED, 0))
		return -ENXIO;
	/* The first posting knows no flags; later ones of the RFC are not told apart from it. */
	ck_assert(p->flags || fake_gen->gmem);
	return put(vm, s, p->base, p->size, s->hva + (p->base - s->base), p->flags);
}

/* All but the state is the RMM's to refuse; it does not care whether there is RAM. */
static int init_ripas(struct fake_vm *vm, const struct rme_init_ripas *a)
{
	if (vm->life != LIFE_NEW)
		return -EINVAL;
	if (!is_aligned(a->base | a->size, FAKE_PAGE))
		return -ENXIO;
	if (!fake_slot_of(vm, a->base, a->size))
		return 0;
	if (!fake_all(vm, a->base, a->size, PG_POPULATED, 0))
		return -ENXIO;
	fake_mark(vm, a->base, a->size, PG_RAM, 0);
	return 0;
}

static int set_active(struct fake_vm *vm)
{
	vm->life = LIFE_ACTIVE;
	fake_seen.active = true;
	return 0;
}

int fake_realm_enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *e)
{
	const void *arg = (void *)(uintptr_t)e->args[1];

	if (e->flags)
		return -EINVAL;
	if (!arg && e->args[0] != RME_CREATE_REALM && e->args[0] != RME_ACTIVATE)
		return -EFAULT;
	switch (e->args[0]) {
	case RME_CONFIG_REALM:
		return config(vm, arg);
	case RME_CREATE_REALM:
		return vm->life == LIFE_NONE ? create(vm) : -EEXIST;
	case RME_INIT_RIPAS:
		return init_ripas(vm, arg);
	case RME_POPULATE:
		return rme_populate(vm, arg);
	case RME_ACTIVATE:
		if (vm->life != LIFE_NEW)
			return -EINVAL;
		return set_active(vm);
	default:
		return -EINVAL;
	}
}

static void make_rec(struct fake_vcpu *v, unsigned index)
{
	v->rec = true;
	fake_seen.nr_recs++;
	if (index)
		return;
	fake_seen.entry_pc = v->pc;
	fake_seen.entry_x0 = v->x[0];
}

/* RECs are made in the order of their MPIDRs [uapi reference 3.3]. */
int fake_realm_finalize(struct fake_vm *vm, unsigned index, u32 feature)
{
	struct fake_vcpu *v = &vm->vcpus[index];

	if (!vm->realm || !fake_gen->rec || feature != fake_gen->rec)
		return -EINVAL;
	if (vm->life != LIFE_NEW)
		return -ENOENT;
	if (v->rec)
		return -EBUSY;
	if (!(v->features & 1u << KVM_ARM_VCPU_PSCI_0_2) ||
	    (fake_gen->rec_in_init && !(v->features & 1u << fake_gen->rec)))
		return -EINVAL;
	if (index != fake_seen.nr_recs)
		return -ENXIO;
	make_rec(v, index);
	return 0;
}

/* ---- v12 and later ---- */

#define POPULATE_AT_ONCE 3u /* pages, then a signal is pending */

static bool blind;
static int claimed = -1;
static u64 refused_gpa;
static int refused_status;

void fake_kvm_populate_blind(bool on)
{
	blind = on;
}

void fake_kvm_populate_claims(int bytes)
{
	claimed = bytes;
}

void fake_kvm_refuse_page(u64 gpa, int status)
{
	refused_gpa = gpa;
	refused_status = status;
}

/* [P12 20/46, P13 24/48, P14 26/44, GW kvm_arm_rmi_populate] before anything happens */
static bool bad_populate(const struct rmi_populate *p)
{
	u64 end = p->base + p->size;

	if (p->reserved || p->flags & ~RMI_POPULATE_MEASURE ||
	    !is_aligned(p->base | end, FAKE_PAGE))
		return true;
	if (fake_gen->populate == POPULATE_V13 && !is_aligned(p->source, FAKE_PAGE))
		return true;
	return fake_gen->waits_for_attrs && (!p->source || end < p->base); /* [uapi update 9] */
}

/* [P14 28/44] */
static int ensure_created(struct fake_vm *vm)
{
	switch (vm->life) {
	case LIFE_NONE:
		return create(vm);
	case LIFE_NEW:
		return 0;
	case LIFE_DEAD:
		return -ENXIO;
	case LIFE_ACTIVE:
		break;
	}
	return -EBUSY;
}

static bool is_private(struct fake_vm *vm, u64 a)
{
	return fake_gen->own_attrs ? !(*fake_page_of(vm, a) & PG_OWN_SHARED)
				   : *fake_page_of(vm, a) & PG_PRIVATE;
}

/*
 * A page that is there already: the generic code of v12's base says so, later the RMM refuses to
 * take it a second time [uapi update 4].
 */
static int populate_page(struct fake_vm *vm, struct fake_slot *s, u64 a, u64 source, bool measured)
{
	bool twice = *fake_page_of(vm, a) & PG_POPULATED, v12 = fake_gen->populate == POPULATE_V12;

	if (v12 && twice)
		return -EEXIST;
	if (!is_private(vm, a))
		return -EINVAL;
	if (!source)
		return v12 ? -EFAULT : -EOPNOTSUPP;
	if (twice)
		return -ENXIO;
	if (refused_status && a == refused_gpa)
		return v12 || fake_gen->waits_for_attrs ? -ENXIO : refused_status;
	return put(vm, s, a, FAKE_PAGE, (u8 *)(uintptr_t)align_down(source, FAKE_PAGE), measured);
}

/*
 * Pages done, or -errno of the first [uapi update 5, 6, GM kvm_gmem_populate]. A signal is pending
 * now and then, and ends the call before a page, or after some. v13 and v14 hand on what the RMM
 * says about a page; of the first one it is taken for a number of pages, and nothing was loaded
 * [uapi update 8].
 */
static int populate_pages(struct fake_vm *vm, const struct rmi_populate *p)
{
	static unsigned calls;
	struct fake_slot *s = fake_slot_of(vm, p->base, 1);
	u64 n = p->size / FAKE_PAGE, i;
	u64 until_signal = ++calls % 5 ? POPULATE_AT_ONCE : 0;
	int err = 0;

	if (!s || s->gmem < 0)
		return -EINVAL;
	if (!fake_gmem_open(s))
		return -EFAULT;
	n = MIN(n, (s->base + s->size - p->base) / FAKE_PAGE);
	if (blind) {
		measure(p->base, n * FAKE_PAGE);
		return (int)n;
	}
	for (i = 0; i < n && !err; i++) {
		err = i == until_signal ? -EINTR
					: populate_page(vm, s, p->base + i * FAKE_PAGE,
							p->source ? p->source + i * FAKE_PAGE : 0,
							p->flags & RMI_POPULATE_MEASURE);
		if (err)
			break;
	}
	return err && !i ? err : (int)i;
}

static int populate(struct fake_vm *vm, struct rmi_populate *p)
{
	int err = bad_populate(p) ? -EINVAL : ensure_created(vm);

	if (err)
		return err;
	if (fake_gen->waits_for_attrs && !range_within(p->base, p->size, BIT(vm->ipa - 1)))
		return -EINVAL; /* the descriptor is there all the same [uapi update 9] */
	if (!p->size)
		return fake_gen->waits_for_attrs ? 0 : -EINVAL; /* [uapi update 7] */
	return populate_pages(vm, p);
}

/* v12 returns bytes; later ones write the rest back, also when they fail. */
int fake_realm_populate(struct fake_vm *vm, void *arg)
{
	struct rmi_populate *p = arg;
	int n = claimed < 0 ? populate(vm, p) : claimed / (int)FAKE_PAGE;
	u64 done = (u64)MAX(n, 0) * FAKE_PAGE;

	if (n < 0 || fake_gen->populate == POPULATE_V12)
		return n < 0 ? n : (int)done;
	p->base += done;
	p->source += done;
	p->size -= done;
	return 0;
}

static int make_recs(struct fake_vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (!(vm->vcpus[i].features & 1u << KVM_ARM_VCPU_PSCI_0_2))
			return -EINVAL;
		make_rec(&vm->vcpus[i], i);
	}
	return 0;
}

/*
 * Before the CCA code is asked, the generic one wants to map a GIC that is there, and a VM whose
 * GIC cannot be mapped is dead [kvm_vgic_map_resources]; the newest tree asks first.
 */
int fake_gic_missing(struct fake_vm *vm)
{
	if (!vm->vgic)
		return -EOPNOTSUPP;
	if (vm->vgic_inited)
		return 0;
	if (fake_gen->waits_for_attrs)
		return -ENODEV;
	vm->dead = true;
	return -EBUSY;
}

/*
 * [uapi update 10, P14 18/44, 19/44, 27/44, GW kvm_activate_realm] A Realm whose RECs cannot be
 * made stays dead: KVM_RUN finds it not active; in the newest tree the VM is dead as a whole.
 */
int fake_realm_activate(struct fake_vm *vm)
{
	int err;

	if (vm->life == LIFE_ACTIVE || vm->life == LIFE_DEAD)
		return vm->life == LIFE_DEAD ? -EINVAL : 0;
	err = fake_gic_missing(vm);
	if (!err)
		err = ensure_created(vm);
	if (err)
		return err;
	vm->life = LIFE_DEAD;
	err = make_recs(vm);
	if (err) {
		vm->dead = fake_gen->waits_for_attrs;
		return err;
	}
	for (unsigned i = 0; i < vm->nr_slots; i++)
		fake_mark(vm, vm->slots[i].base, vm->slots[i].size, PG_RAM, 0);
	return set_active(vm);
}
