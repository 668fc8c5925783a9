/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of the fake host kernel: a script, run by KVM_RUN. A Realm's touches pages on both sides
 * and asks for them to change sides; what the host must have done by then is looked at here.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "tests/fake/kvm_model.h"

static struct {
	u64 size; /* of the next RIPAS change, 0: all of it at once */
	void (*between)(void);
} part;

void fake_kvm_in_part(u64 size, void (*between)(void))
{
	part.size = size;
	part.between = between;
}

static bool is_zero(const u8 *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

/* The page that the kernel, and so KVM, finds at an address of the host. False: it finds none. */
static bool host_page(const u8 *hva, u8 page[FAKE_PAGE])
{
	struct iovec to = { page, FAKE_PAGE }, from = { (void *)(uintptr_t)hva, FAKE_PAGE };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == FAKE_PAGE;
}

/* ---- RIPAS ---- */

static int memory_fault(struct fake_vcpu *v, u64 base, u64 size, bool is_private, int ret)
{
	v->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	v->run->memory_fault.gpa = base;
	v->run->memory_fault.size = size;
	v->run->memory_fault.flags = is_private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0;
	fake_seen.exits++;
	return ret;
}

/* Up to v6 a change has been made when KVM_RUN tells about it; then KVM_RUN fails [P14 23/44]. */
static int ripas_ret(void)
{
	return fake_gen->late_ripas && !fake_gen->ripas_ret0 ? -EFAULT : 0;
}

/*
 * The newest tree looks at each page of what is left before the RMM is called [uapi update 12]. One
 * that no guest_memfd is behind counts as shared, so that a change to RAM of a range with a hole
 * exits for ever [uapi update 13, GM kvm_gmem_is_private_gfn].
 */
static bool must_wait(struct fake_vm *vm, const struct fake_op *c)
{
	for (u64 a = c->base; fake_gen->waits_for_attrs && a < c->base + c->size; a += FAKE_PAGE) {
		const struct fake_slot *s = fake_slot_of(vm, a, FAKE_PAGE);
		bool is_private = s && fake_gmem_open(s) && !(*fake_page_of(vm, a) & PG_OWN_SHARED);

		if (is_private != (c->kind == GUEST_RAM))
			return true;
	}
	return false;
}

/* The host has no copy of what the guest takes back, and has given away what the guest gives. */
static void check_side(struct fake_vm *vm, const struct fake_slot *s, u64 a, bool ram)
{
	u8 page[FAKE_PAGE];

	if (ram && host_page(s->hva + (a - s->base), page) && !is_zero(page, FAKE_PAGE))
		fake_wrong("the host still has a shared copy of %#llx", (unsigned long long)a);
	if (!ram && !fake_is_hole(s, a))
		fake_wrong("the host has not freed %#llx", (unsigned long long)a);
	if (!fake_gen->own_attrs && (*fake_page_of(vm, a) & PG_PRIVATE) != (ram ? PG_PRIVATE : 0))
		fake_wrong("the attribute of %#llx is not what the guest asked for",
			   (unsigned long long)a);
}

/* The RMM makes the change, of the pages that exist. */
static void commit(struct fake_vm *vm, u64 base, u64 size, bool ram)
{
	for (u64 a = base; a < base + size; a += FAKE_PAGE) {
		const struct fake_slot *s = fake_slot_of(vm, a, FAKE_PAGE);

		if (!s)
			continue;
		if (s->gmem >= 0)
			check_side(vm, s, a, ram);
		fake_mark(vm, a, FAKE_PAGE, ram ? PG_RAM : 0, ram ? 0 : PG_RAM | PG_POPULATED);
	}
}

/* What KVM_RUN does before it enters the guest. 0: it may; otherwise, it returns *ret. */
static bool complete_change(struct fake_vm *vm, struct fake_vcpu *v, int *ret)
{
	struct fake_op *c = &v->change;

	while (v->pending) {
		u64 n = part.size ? MIN(part.size, c->size) : c->size;
		void (*between)(void) = part.between;

		if (must_wait(vm, c)) {
			*ret = memory_fault(v, c->base, c->size, c->kind == GUEST_RAM, ripas_ret());
			return false;
		}
		commit(vm, c->base, n, c->kind == GUEST_RAM);
		c->base += n;
		c->size -= n;
		v->pending = c->size;
		fake_kvm_in_part(0, NULL);
		if (between) {
			pthread_mutex_unlock(&fake_lock);
			between();
			pthread_mutex_lock(&fake_lock);
		}
	}
	return true;
}

static int change_pages(struct fake_vm *vm, struct fake_vcpu *v, const struct fake_op *op)
{
	bool ram = op->kind == GUEST_RAM;

	v->change = *op;
	if (vm->slots[0].gmem < 0) /* A: all in the kernel */
		commit(vm, op->base, op->size, ram);
	v->pending = vm->slots[0].gmem >= 0;
	return memory_fault(v, op->base, op->size, ram, ripas_ret());
}

/* ---- accesses ---- */

static bool is_write(enum fake_op_kind kind)
{
	return kind == GUEST_WRITE_PRIVATE || kind == GUEST_WRITE_SHARED ||
	       kind == GUEST_WRITE_ALIAS;
}

static bool to_private(enum fake_op_kind kind)
{
	return kind == GUEST_WRITE_PRIVATE || kind == GUEST_ZERO_PRIVATE ||
	       kind == GUEST_IS_PRIVATE || kind == GUEST_NO_MEMORY;
}

/* Fill it, or see that it is what was filled in. */
static void touch(const struct fake_slot *s, const struct fake_op *op)
{
	bool zero = op->kind == GUEST_ZERO_PRIVATE || op->kind == GUEST_ZERO_SHARED;
	bool priv = to_private(op->kind);
	u64 off = op->base - s->base;
	u8 buf[FAKE_PAGE], want[FAKE_PAGE];

	memset(want, zero ? 0 : priv ? 0xa5 : 0x5a, FAKE_PAGE);
	if (is_write(op->kind) && priv) {
		ck_assert_int_eq(pwrite(s->gmem, want, FAKE_PAGE, (off_t)off), FAKE_PAGE);
	} else if (is_write(op->kind)) {
		memcpy(s->hva + off, want, FAKE_PAGE);
	} else if (priv) {
		ck_assert_int_eq(pread(s->gmem, buf, FAKE_PAGE, (off_t)off), FAKE_PAGE);
		ck_assert_mem_eq(buf, want, FAKE_PAGE);
	} else {
		ck_assert_mem_eq(s->hva + off, want, FAKE_PAGE);
	}
}

/*
 * Before v12 both halves look at the attribute: the alias of a page that is private exits, like a
 * wish to share the page. From v12 on it is mapped in silence [uapi update 25, P14 29/44].
 */
static bool alias_exits(struct fake_vm *vm, const struct fake_op *op)
{
	return op->kind == GUEST_WRITE_ALIAS && !fake_gen->populate &&
	       *fake_page_of(vm, op->base) & PG_PRIVATE;
}

/* What is not mapped for the VMM, KVM cannot map for the guest either. */
static int map_shared(const u8 *hva, bool for_write)
{
	u8 page[FAKE_PAGE];

	return host_page(hva, page) ? fake_map_shared(hva, for_write) : -EFAULT;
}

static int access_page(struct fake_vm *vm, const struct fake_op *op)
{
	const struct fake_slot *s = fake_slot_of(vm, op->base, FAKE_PAGE);
	int err = 0;

	ck_assert_ptr_nonnull(s);
	if (op->kind != GUEST_WRITE_ALIAS)
		ck_assert_int_eq(!!(*fake_page_of(vm, op->base) & PG_RAM), to_private(op->kind));
	if (!to_private(op->kind))
		err = map_shared(s->hva + (op->base - s->base), is_write(op->kind));
	if (!err)
		touch(s, op);
	return err;
}

/* ---- how KVM_RUN ends ---- */

/* Siblings of the one that called SYSTEM_OFF: up to v8, and later [uapi reference 3.5]. */
static int sibling_exit(struct fake_vcpu *v)
{
	v->run->exit_reason = fake_gen->posting <= 8 ? KVM_EXIT_UNKNOWN : KVM_EXIT_SHUTDOWN;
	return 0;
}

static int dead_vm(struct fake_vm *vm, struct fake_vcpu *v)
{
	vm->dead = true;
	v->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	return 0;
}

/* [uapi update 11, 21; P14 22/44, 35/44; GW kvm_rec_exit, kvm_rec_handle_request] */
static int rmm_answers(struct fake_vm *vm, struct fake_vcpu *v, enum fake_op_kind kind)
{
	bool newest = fake_gen->waits_for_attrs;

	switch (kind) {
	case RMM_REC_OFF:
		if (fake_gen->posting >= 14)
			return -EAGAIN;
		return -ENXIO;
	case RMM_OFF:
		return sibling_exit(v);
	case RMM_BAD_STATUS:
		return newest ? dead_vm(vm, v) : -ENXIO;
	case RMM_BAD_EXIT:
		if (newest)
			return dead_vm(vm, v);
		v->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
		return 0;
	default: /* a host call that nobody handles: KVM_BUG */
		vm->dead = true;
		return -ENXIO;
	}
}

/* ---- KVM_RUN ---- */

static bool from_rmm(enum fake_op_kind kind)
{
	return kind >= RMM_REC_OFF || (kind == GUEST_HOST_CALL && fake_gen->waits_for_attrs);
}

/* The guest goes on until KVM_RUN has something to return. */
static int run_script(struct fake_vm *vm, struct fake_vcpu *v)
{
	for (;;) {
		const struct fake_op *op = vm->next;
		int err;

		if (op->kind == GUEST_END) {
			vm->over = true;
			v->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
			v->run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
			return 0;
		}
		/* The access is made again when the VMM has changed the page. */
		if (alias_exits(vm, op))
			return memory_fault(v, op->base, FAKE_PAGE, false, ripas_ret());
		vm->next++;
		if (from_rmm(op->kind))
			return rmm_answers(vm, v, op->kind);
		if (op->kind == GUEST_LOAD)
			return fake_load(v, op->base);
		if (op->kind == GUEST_RAM || op->kind == GUEST_EMPTY)
			return change_pages(vm, v, op);
		if (op->kind == GUEST_HOST_CALL)
			continue;
		if (op->kind == GUEST_CALL) {
			op->call();
			continue;
		}
		/* No conversion: KVM says "shared" of it, and the errno says what it is. */
		if (op->kind == GUEST_NO_MEMORY)
			return memory_fault(v, op->base, FAKE_PAGE, false, -ENOMEM);
		err = access_page(vm, op);
		if (err)
			return err;
	}
}

static int step(struct fake_vm *vm, struct fake_vcpu *v)
{
	int ret = 0;

	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	if (!complete_change(vm, v, &ret))
		return ret;
	fake_enter(v);
	return run_script(vm, v);
}

static int first_run(struct fake_vm *vm, const struct fake_vcpu *v)
{
	int err = 0;

	if (!v->inited)
		return -ENOEXEC;
	if (v->features & 1u << KVM_ARM_VCPU_SVE && !v->sve_final)
		return -EPERM;
	if (!vm->realm)
		return 0;
	if (fake_gen->populate)
		err = fake_realm_activate(vm);
	else if (vm->life != LIFE_ACTIVE || !v->rec)
		err = -EPERM;
	else
		err = fake_gic_missing(vm);
	/* paging_init() touches all of RAM: it has to be RIPAS RAM by now. */
	for (unsigned i = 0; i < vm->nr_slots && !err; i++) {
		const struct fake_slot *s = &vm->slots[i];

		if (!vm->ran && !fake_all(vm, s->base, s->size, PG_RAM, PG_RAM))
			fake_wrong("RAM that is not RIPAS RAM at the start");
	}
	return err;
}

/*
 * Off until PSCI CPU_ON, which the script does not call: until a signal. SYSTEM_OFF stops all
 * vCPUs, also the one that called it.
 */
static int wait_off(struct fake_vm *vm, const struct fake_vcpu *v)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int err = 0;

	while (!vm->dead && !err) {
		if (__atomic_load_n(&v->run->immediate_exit, __ATOMIC_ACQUIRE))
			return -EINTR;
		pthread_mutex_unlock(&fake_lock);
		err = nanosleep(&ms, NULL) ? -EINTR : 0;
		pthread_mutex_lock(&fake_lock);
	}
	return err;
}

int fake_run(struct fake_vm *vm, unsigned index)
{
	struct fake_vcpu *v = &vm->vcpus[index];
	int ret;

	pthread_mutex_lock(&fake_lock);
	ret = vm->dead ? -EIO : first_run(vm, v);
	vm->ran |= !ret;
	if (!ret)
		fake_complete(v);
	if (!ret && v->run->immediate_exit)
		ret = -EINTR;
	if (!ret && (index || vm->over))
		ret = wait_off(vm, v);
	if (!ret)
		ret = step(vm, v);
	pthread_mutex_unlock(&fake_lock);
	return ret;
}
