/* SPDX-License-Identifier: GPL-2.0 */
/* A host kernel's Realms and the RMM below: states, sub-commands, page states, and the guest. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/fake/kvm.h"

#define PAGE 4096u
#define POPULATE_AT_ONCE 3u /* pages, then it returns: partial progress */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* vCPUs are threads */

/* ---- pages ---- */

static struct fake_slot *slot_of(struct fake_vm *vm, u64 base, u64 size)
{
	for (unsigned i = 0; i < vm->nr_slots; i++) {
		struct fake_slot *s = &vm->slots[i];

		if (base >= s->base && range_within(base - s->base, size, s->size))
			return s;
	}
	return NULL;
}

static u8 *page_of(struct fake_vm *vm, u64 a)
{
	ck_assert_msg(a >= FAKE_RAM && (a - FAKE_RAM) / PAGE < FAKE_MAX_PAGES, "%#llx is not RAM",
		      (unsigned long long)a);
	return &vm->pages[(a - FAKE_RAM) / PAGE];
}

static bool whole_pages(u64 base, u64 size)
{
	return size && is_aligned(base | size, PAGE) && base + size > base;
}

static void mark(struct fake_vm *vm, u64 base, u64 size, u32 set, u32 clear)
{
	for (u64 a = base; a < base + size; a += PAGE)
		*page_of(vm, a) = (u8)((*page_of(vm, a) | set) & ~clear);
}

static bool all(struct fake_vm *vm, u64 base, u64 size, u8 mask, u8 want)
{
	for (u64 a = base; a < base + size; a += PAGE) {
		if ((*page_of(vm, a) & mask) != want)
			return false;
	}
	return true;
}

static bool is_zero(const u8 *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

/* The guest_memfd has no page there: what was freed is given back to the host. */
static bool is_hole(const struct fake_slot *s, u64 a)
{
	off_t off = (off_t)(a - s->base), data = lseek(s->gmem, off, SEEK_DATA);

	return data < 0 || data >= off + (off_t)PAGE;
}

/* ---- descriptor ---- */

static int config(const struct rme_config *c)
{
	if (fake_seen.created)
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

/* Vector lengths and PMU are looked at now: they have to be final [uapi reference 3.3]. */
static int create(struct fake_vm *vm)
{
	if (fake_seen.created)
		return -EEXIST;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct fake_vcpu *v = &vm->vcpus[i];

		if (v->features & 1u << KVM_ARM_VCPU_SVE && !v->sve_final)
			return -EINVAL;
		if (v->features != (vm->vcpus[0].features | (i ? 1u : 0)))
			return -EINVAL;
	}
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
	ck_assert_msg(!last || last->base < base, "not ascending");
	ck_assert_uint_lt(n, ARRAY_SIZE(fake_seen.measured));
	fake_seen.measured[n] = (struct fake_range){ base, size };
	fake_seen.nr_measured++;
}

static void leave_unmeasured(u64 base, u64 size)
{
	struct fake_range *u = &fake_seen.unmeasured;

	ck_assert_msg(!u->size || u->base + u->size == base, "one range is all we ever load");
	u->base = u->size ? u->base : base;
	u->size += size;
}

/* Copy into the guest's own memory; `from` is the host's. */
static void put(struct fake_vm *vm, struct fake_slot *s, u64 base, u64 size, const u8 *from,
		bool measured)
{
	if (s->gmem >= 0)
		ck_assert_int_eq(pwrite(s->gmem, from, size, (off_t)(base - s->base)), size);
	mark(vm, base, size, PG_POPULATED, 0);
	if (measured)
		measure(base, size);
	else
		leave_unmeasured(base, size);
}

static int rme_populate(struct fake_vm *vm, const struct rme_populate *p)
{
	struct fake_slot *s = slot_of(vm, p->base, p->size);

	if (!s)
		return -EFAULT;
	if (fake_seen.active || !whole_pages(p->base, p->size) ||
	    p->flags & ~RME_POPULATE_MEASURE || p->reserved[0])
		return -EINVAL;
	if (!fake_seen.created || !all(vm, p->base, p->size, PG_RAM | PG_POPULATED, PG_RAM))
		return -ENXIO;
	/* The first posting knows no flags; later ones of the RFC are not told apart from it. */
	ck_assert(p->flags || fake_gen->gmem);
	put(vm, s, p->base, p->size, s->hva + (p->base - s->base), p->flags);
	return 0;
}

static int init_ripas(struct fake_vm *vm, const struct rme_init_ripas *a)
{
	if (!fake_seen.created || fake_seen.active || !whole_pages(a->base, a->size) ||
	    !slot_of(vm, a->base, a->size))
		return -EINVAL;
	mark(vm, a->base, a->size, PG_RAM, 0);
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
		return config(arg);
	case RME_CREATE_REALM:
		return create(vm);
	case RME_INIT_RIPAS:
		return init_ripas(vm, arg);
	case RME_POPULATE:
		return rme_populate(vm, arg);
	case RME_ACTIVATE:
		if (!fake_seen.created || fake_seen.active)
			return -EINVAL;
		fake_seen.active = true;
		return 0;
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
	if (!fake_seen.created)
		return -ENOENT;
	if (v->rec)
		return -EBUSY;
	if (!(v->features & 1u << KVM_ARM_VCPU_PSCI_0_2) || index != fake_seen.nr_recs ||
	    (fake_gen->rec_in_init && !(v->features & 1u << fake_gen->rec)))
		return -EINVAL;
	make_rec(v, index);
	return 0;
}

/* ---- v12 and later ---- */

static int check_populate(struct fake_vm *vm, const struct rmi_populate *p)
{
	if (fake_seen.active)
		return -EBUSY;
	if (!whole_pages(p->base, p->size) || p->flags & ~RMI_POPULATE_MEASURE || p->reserved ||
	    !p->source || !is_aligned(p->source, PAGE))
		return -EINVAL;
	if (!slot_of(vm, p->base, p->size))
		return -EFAULT;
	if (!fake_gen->own_attrs && !all(vm, p->base, p->size, PG_PRIVATE, PG_PRIVATE))
		return -EINVAL;
	return all(vm, p->base, p->size, PG_POPULATED, 0) ? 0 : -EEXIST;
}

int fake_realm_populate(struct fake_vm *vm, void *arg, bool v13)
{
	static unsigned calls;
	struct rmi_populate *p = arg;
	u64 n = MIN(p->size, (u64)POPULATE_AT_ONCE * PAGE);
	int err = check_populate(vm, p);

	if (!err && !fake_seen.created)
		err = create(vm);
	if (err)
		return err;
	if (!v13 && ++calls % 5 == 0)
		return -EINTR;
	put(vm, slot_of(vm, p->base, p->size), p->base, n, (u8 *)(uintptr_t)p->source,
	    p->flags);
	if (!v13)
		return (int)n;
	p->base += n;
	p->source += n;
	p->size -= n;
	return ++calls % 5 ? 0 : -EINTR; /* written back also on error */
}

static int activate(struct fake_vm *vm)
{
	if (!vm->vgic_inited)
		return -EOPNOTSUPP;
	if (!fake_seen.created && create(vm))
		return -EINVAL;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		if (!(vm->vcpus[i].features & 1u << KVM_ARM_VCPU_PSCI_0_2))
			return -EINVAL;
		make_rec(&vm->vcpus[i], i);
	}
	for (unsigned i = 0; i < vm->nr_slots; i++)
		mark(vm, vm->slots[i].base, vm->slots[i].size, PG_RAM, 0);
	fake_seen.active = true;
	return 0;
}

/* ---- attributes ---- */

int fake_realm_attributes(struct fake_vm *vm, const struct kvm_memory_attributes *a)
{
	bool on = a->attributes == KVM_MEMORY_ATTRIBUTE_PRIVATE;

	if (!fake_gen->gmem || fake_gen->own_attrs)
		return -ENOTTY;
	if (!whole_pages(a->address, a->size) || a->flags || (a->attributes && !on))
		return -EINVAL;
	pthread_mutex_lock(&lock);
	fake_seen.attr_calls += fake_seen.active;
	mark(vm, a->address, a->size, on ? PG_PRIVATE : 0, on ? 0 : PG_PRIVATE);
	pthread_mutex_unlock(&lock);
	return 0;
}

int fake_realm_own_attributes(struct fake_vm *vm, int fd, void *arg)
{
	const struct kvm_memory_attributes2 *a = arg;
	const struct fake_slot *s = vm->slots;
	u64 base = s->base + a->offset;

	if (!fake_gen->waits_for_attrs)
		return -ENOTTY;
	ck_assert_int_eq(s->gmem, fd);
	for (u64 at = base; at < base + a->size && !a->attributes; at += PAGE)
		ck_assert_msg(is_hole(s, at), "made shared before it was freed");
	mark(vm, base, a->size, a->attributes ? 0 : PG_OWN_SHARED,
	     a->attributes ? PG_OWN_SHARED : 0);
	return 0;
}

/* ---- the guest ---- */

static int memory_fault(struct fake_vcpu *v, u64 base, u64 size, bool is_private, int ret)
{
	v->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	v->run->memory_fault.gpa = base;
	v->run->memory_fault.size = size;
	v->run->memory_fault.flags = is_private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0;
	fake_seen.exits++;
	return ret;
}

/* The part of a change that is RAM; the rest is nothing's. */
static bool clip(struct fake_vm *vm, u64 *base, u64 *size)
{
	const struct fake_slot *s = vm->slots;
	u64 a = MAX(*base, s->base), end = MIN(*base + *size, s->base + s->size);

	*base = a;
	*size = end - a;
	return a < end;
}

/*
 * The RMM makes the change. The host must have made its own: a page that goes is not in its old
 * place any more, or a secret would survive.
 */
static void commit(struct fake_vm *vm, const struct fake_op *c)
{
	const struct fake_slot *s = vm->slots;
	u64 base = c->base, size = c->size;
	bool ram = c->kind == GUEST_RAM;

	if (!clip(vm, &base, &size))
		return;
	for (u64 a = base; a < base + size && s->gmem >= 0; a += PAGE) {
		if (ram)
			ck_assert_msg(is_zero(s->hva + (a - s->base), PAGE),
				      "the host still has a shared copy of %#llx",
				      (unsigned long long)a);
		else
			ck_assert_msg(is_hole(s, a), "the host has not freed %#llx",
				      (unsigned long long)a);
	}
	if (s->gmem >= 0 && !fake_gen->own_attrs)
		ck_assert_msg(all(vm, base, size, PG_PRIVATE, ram ? PG_PRIVATE : 0),
			      "attributes are not what the guest asked for");
	mark(vm, base, size, ram ? PG_RAM : 0, ram ? 0 : PG_RAM | PG_POPULATED);
}

/* C5 looks at the attributes of the guest_memfd, and waits. */
static bool must_wait(struct fake_vm *vm, const struct fake_op *c)
{
	u64 base = c->base, size = c->size;

	return fake_gen->waits_for_attrs && clip(vm, &base, &size) &&
	       !all(vm, base, size, PG_OWN_SHARED, c->kind == GUEST_RAM ? 0 : PG_OWN_SHARED);
}

static int change_pages(struct fake_vm *vm, struct fake_vcpu *v, const struct fake_op *op)
{
	bool ram = op->kind == GUEST_RAM;

	v->change = *op;
	if (vm->slots[0].gmem < 0) {
		/* A: all in the kernel */
		mark(vm, op->base, op->size, ram ? PG_RAM : 0, ram ? 0 : PG_RAM);
		return memory_fault(v, op->base, op->size, ram, 0);
	}
	v->pending = true;
	return memory_fault(v, op->base, op->size, ram, fake_gen->late_ripas ? -EFAULT : 0);
}

static void access_page(struct fake_vm *vm, const struct fake_op *op)
{
	const struct fake_slot *s = vm->slots;
	u64 off = op->base - s->base;
	bool to_private = op->kind == GUEST_WRITE_PRIVATE || op->kind == GUEST_ZERO_PRIVATE ||
			  op->kind == GUEST_IS_PRIVATE;
	u8 buf[PAGE], want[PAGE];

	ck_assert_int_eq(!!(*page_of(vm, op->base) & PG_RAM), to_private);
	memset(want,
	       op->kind == GUEST_ZERO_PRIVATE || op->kind == GUEST_ZERO_SHARED ? 0
	       : to_private						       ? 0xa5
									       : 0x5a,
	       PAGE);
	if (op->kind == GUEST_WRITE_PRIVATE) {
		ck_assert_int_eq(pwrite(s->gmem, want, PAGE, (off_t)off), PAGE);
	} else if (op->kind == GUEST_WRITE_SHARED) {
		memcpy(s->hva + off, want, PAGE);
	} else if (to_private) {
		ck_assert_int_eq(pread(s->gmem, buf, PAGE, (off_t)off), PAGE);
		ck_assert_mem_eq(buf, want, PAGE);
	} else {
		ck_assert_mem_eq(s->hva + off, want, PAGE);
	}
}

/* Siblings of the one that called SYSTEM_OFF: up to v8, and later [uapi reference 3.5]. */
static int sibling_exit(struct fake_vcpu *v)
{
	bool v8 = fake_gen->cap == 300 || fake_gen->cap == 240;

	v->run->exit_reason = v8 ? KVM_EXIT_UNKNOWN : KVM_EXIT_SHUTDOWN;
	return 0;
}

static int step(struct fake_vm *vm, struct fake_vcpu *v)
{
	if (v->pending) {
		if (must_wait(vm, &v->change))
			return memory_fault(v, v->change.base, v->change.size,
					    v->change.kind == GUEST_RAM, -EFAULT);
		v->pending = false;
		commit(vm, &v->change);
	}
	if (vm->over)
		return sibling_exit(v);
	fake_enter(v);
	for (;;) {
		const struct fake_op *op = vm->next;

		if (op->kind == GUEST_END) {
			vm->over = true;
			v->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
			v->run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
			return 0;
		}
		vm->next++;
		if (op->kind == GUEST_LOAD)
			return fake_load(v, op->base);
		if (op->kind == GUEST_CALL)
			op->call();
		else if (op->kind == GUEST_RAM || op->kind == GUEST_EMPTY)
			return change_pages(vm, v, op);
		else
			access_page(vm, op);
	}
}

static int start(struct fake_vm *vm, const struct fake_vcpu *v)
{
	if (!v->inited)
		return -ENOEXEC;
	if (!vm->realm || vm->ran)
		return 0;
	if (fake_gen->populate) {
		int err = activate(vm);

		if (err)
			return err;
	}
	if (!fake_seen.active || !v->rec)
		return -EPERM;
	if (!vm->vgic_inited)
		return -EOPNOTSUPP;
	/* paging_init() touches all of RAM: it has to be RIPAS RAM by now. */
	for (unsigned i = 0; i < vm->nr_slots; i++)
		ck_assert_msg(all(vm, vm->slots[i].base, vm->slots[i].size, PG_RAM, PG_RAM),
			      "RAM that is not RIPAS RAM at the start");
	return 0;
}

int fake_run(struct fake_vm *vm, unsigned index)
{
	struct fake_vcpu *v = &vm->vcpus[index];
	int ret;

	pthread_mutex_lock(&lock);
	ret = start(vm, v);
	vm->ran |= !ret;
	fake_complete(v);
	if (!ret && v->run->immediate_exit)
		ret = -EINTR;
	else if (!ret && index && !vm->over)
		ret = -EAGAIN; /* waits for PSCI CPU_ON, which the script does not call */
	else if (!ret)
		ret = step(vm, v);
	pthread_mutex_unlock(&lock);
	if (ret == -EAGAIN)
		usleep(1000);
	return ret;
}
