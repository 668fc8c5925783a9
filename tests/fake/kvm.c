/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host kernel: file descriptors, capabilities, VMs, slots, devices. */
#include "tests/fake/kvm.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rmi.h"
#include "tests/fake/kvm_model.h"
#include "tests/fake/punch.h"

#define RUN_SIZE 8192
#define HOST_IPA 48u
#define NEWEST 16

struct fake_seen fake_seen;
const struct fake_gen *fake_gen;
u64 fake_kvm_mmfr0;
void (*fake_kvm_trace)(unsigned long req, const void *arg);
pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

#define GEN(n, p, ...)                                                                             \
	{                                                                                          \
		.name = n, .posting = p, __VA_ARGS__                                               \
	}

static const struct fake_gen gens[HOST_NR] = {
	[HOST_PLAIN] = GEN("plain", 0),
	[HOST_PKVM] = GEN("pkvm", 0),
	[HOST_NO_RMM_V5] = GEN("no RMM, v5", 5, .no_rmm = EINVAL),
	[HOST_NO_RMM_V7] = GEN("no RMM, v7", 7, .no_rmm = EPERM),
	[HOST_NO_RMM_V12] = GEN("no RMM, v12", 12, .no_rmm = EINVAL),
	[HOST_NO_RMM_V14] = GEN("no RMM, v14", 14, .no_rmm = EINVAL),
	[HOST_NO_MODE] = GEN("not kvm-arm.mode=rmm", NEWEST, .no_rmm = EINVAL),
	[HOST_A1] = GEN("A", 1, .cap = 300, .rec = 7),
	[HOST_A] = GEN("A", 1, .cap = 300, .rec = 8),
	[HOST_B1] = GEN("B1", 5, .cap = 300, .rec = 8),
	[HOST_B2_V6] = GEN("B2", 6, .cap = 300, .rec = 8),
	[HOST_B2] = GEN("B2", 7, .cap = 300, .rec = 8),
	[HOST_B3] = GEN("B3", 8, .cap = 240, .rec = 9),
	[HOST_B4] = GEN("B4", 9, .cap = 243, .rec = 9),
	[HOST_B5] = GEN("B5", 10, .cap = 244, .rec = 9),
	[HOST_B6] = GEN("B6", 11, .cap = 246, .rec = 9),
	[HOST_C1] = GEN("C1", 12),
	[HOST_C2] = GEN("C2", 13),
	[HOST_C3] = GEN("C3", 14),
	[HOST_C4] = GEN("C4", 15),
	[HOST_C4_FIXED] = GEN("C4", 15, .in_place_off = true),
	[HOST_C5] = GEN("C4", NEWEST),
	[HOST_C5_RET0] = GEN("C4", NEWEST, .ripas_ret0 = true),
};

/* What follows from the number of the posting. */
static struct fake_gen complete(struct fake_gen g)
{
	unsigned v = g.posting;

	g.vm_bit = !v ? 0 : v >= 14 ? 1u << 30 : 0x100;
	g.rec_in_init = v >= 6 && v <= 11;
	g.gmem = v >= 2;
	g.own_attrs = v >= 15;
	g.waits_for_attrs = v >= NEWEST;
	g.late_ripas = v >= 7;
	/*
	 * From v11 on there is a list of what a Realm can have. v12's has the PMU [P12 08/46],
	 * v13's if the RMM has one, as this one does [P13 38/48], v14's has not [P14 15/44].
	 */
	g.pmu = v <= 13 && g.name != gens[HOST_PKVM].name;
	g.populate = v >= 13 ? POPULATE_V13 : v == 12 ? POPULATE_V12 : POPULATE_NONE;
	return g;
}

/* ---- what no errno would show ---- */

static const char *expected;

void fake_kvm_expect(const char *what)
{
	expected = what;
}

void fake_wrong(const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ck_assert_msg(expected && strstr(what, expected), "%s: %s", fake_gen->name, what);
	fake_seen.wrongs++;
}

/* ---- file descriptors ---- */

enum kind { KIND_DEV, KIND_VM, KIND_VCPU, KIND_GMEM, KIND_VGIC, KIND_ITS };

/* A number that was closed and handed out again has another inode. */
static struct {
	enum kind kind;
	ino_t ino;
	struct fake_vm *vm;
	unsigned index;
	u64 flags; /* of a guest_memfd */
} fds[128];

static struct fake_vm vms[16];
static struct fake_gen gen;
static const struct fake_op *script;
static _Atomic unsigned fail_in; /* calls, 0: none fails */
static int fail_err;
static _Atomic bool failed; /* the planted failure has happened */

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static int new_fd(enum kind kind, u64 size, struct fake_vm *vm, unsigned index)
{
	int fd = memfd_create("fake-kvm", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	ck_assert_int_lt(fd, (int)ARRAY_SIZE(fds));
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	fds[fd].kind = kind;
	fds[fd].ino = inode(fd);
	fds[fd].vm = vm;
	fds[fd].index = index;
	return fd;
}

static enum kind kind_of(int fd)
{
	ck_assert_msg(fd >= 0 && fd < (int)ARRAY_SIZE(fds), "ioctl on fd %d", fd);
	return fds[fd].ino && fds[fd].ino == inode(fd) ? fds[fd].kind : KIND_DEV;
}

bool fake_gmem_open(const struct fake_slot *s)
{
	return s->gmem >= 0 && inode(s->gmem) == s->ino;
}

/* [GM kvm_gmem_fallocate] */
static int on_punch(int fd, int mode, off_t off, off_t len)
{
	if (fd < 0 || fd >= (int)ARRAY_SIZE(fds) || kind_of(fd) != KIND_GMEM)
		return 0;
	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!is_aligned((u64)off | (u64)len, FAKE_PAGE))
		return -EINVAL;
	fake_gmem_freed(fds[fd].vm, fd, off, len);
	return 0;
}

void fake_kvm_init(enum fake_host host, const struct fake_op *ops)
{
	memset(&fake_seen, 0, sizeof(fake_seen));
	for (size_t i = 0; i < ARRAY_SIZE(vms) && vms[i].fd; i++)
		memset(&vms[i], 0, sizeof(vms[i]));
	memset(fds, 0, sizeof(fds));
	gen = complete(gens[host]);
	fake_gen = &gen;
	fake_punch = on_punch;
	fake_kvm_in_part(0, NULL);
	fake_kvm_mmfr0 = 0;
	fake_kvm_populate_blind(false);
	fake_kvm_populate_claims(-1);
	fake_kvm_refuse_page(0, 0);
	fail_in = 0;
	failed = false;
	expected = NULL;
	script = ops;
}

void fake_kvm_fail(unsigned nth, int err)
{
	fail_in = nth + 1;
	fail_err = err;
}

static bool fails_now(void)
{
	unsigned n = fail_in;

	/* vCPUs call at once. */
	while (n && !atomic_compare_exchange_weak(&fail_in, &n, n - 1))
		;
	if (n == 1)
		failed = true;
	return n == 1;
}

struct fake_vm *fake_last_vm(void)
{
	return fake_seen.nr_vms ? &vms[fake_seen.nr_vms - 1] : NULL;
}

void fake_kvm_read_private(u64 a, void *buf, u32 len)
{
	const struct fake_slot *s = fake_slot_of(fake_last_vm(), a, len);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(pread(s->gmem, buf, len, (off_t)(a - s->base)), len);
}

/* ---- /dev/kvm ---- */

/*
 * What arch/arm64 admits to for a Realm, of all that it has; of the rest that this program asks,
 * the generic code answers for guest_memfd and attributes only [P12 08/46, P14 15/44, update 3].
 */
static bool realm_lists(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_ARM_PSCI_0_2:
	case KVM_CAP_NR_VCPUS:
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MSI_DEVID:
	case KVM_CAP_ARM_VM_IPA_SIZE:
	case KVM_CAP_ARM_PTRAUTH_ADDRESS:
	case KVM_CAP_ARM_PTRAUTH_GENERIC:
	case KVM_CAP_ARM_SVE: /* if the RMM has it [P14 36/44], as this one does */
	case KVM_CAP_GUEST_MEMFD:
	case KVM_CAP_MEMORY_ATTRIBUTES:
		return true;
	case KVM_CAP_ARM_PMU_V3:
		return fake_gen->pmu;
	case KVM_CAP_ONE_REG:
		return fake_gen->posting >= NEWEST;
	default:
		return false;
	}
}

/*
 * A capability of CCA has had another number in each posting, and in released headers each of these
 * numbers is something else's: 240 ARM_EL2, 243 ARM_CACHEABLE_PFNMAP_SUPPORTED, 244
 * GUEST_MEMFD_FLAGS, 245 ARM_SEA_TO_USER, 246 to 248 S390's, 250 PPC_COMPAT_CAPS, 251
 * ARM_PMU_V3_STRICT [uapi update 24]. An answer proves nothing, so nobody may ask.
 */
static bool proves_nothing(unsigned long cap)
{
	return (cap >= 240 && cap <= 251) || cap == 300;
}

static int check_extension(const struct fake_vm *vm, unsigned long cap)
{
	bool realm = vm && vm->realm;

	if (proves_nothing(cap))
		fake_wrong("KVM_CHECK_EXTENSION(%lu) proves nothing", cap);
	if (realm && fake_gen->posting >= 11 && !realm_lists(cap))
		return 0;
	switch (cap) {
	case KVM_CAP_ARM_VM_IPA_SIZE:
		return HOST_IPA;
	case KVM_CAP_NR_VCPUS:
		return 2;
	case KVM_CAP_MAX_VCPUS:
		return FAKE_MAX_VCPUS;
	case KVM_CAP_ARM_PSCI_0_2:
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_ARM_SVE:
	case KVM_CAP_ARM_PTRAUTH_ADDRESS:
	case KVM_CAP_ARM_PTRAUTH_GENERIC:
	case KVM_CAP_ARM_NISV_TO_USER:
	case KVM_CAP_ARM_INJECT_EXT_DABT:
	case KVM_CAP_ONE_REG:
		return 1;
	case KVM_CAP_STEAL_TIME:
		return !realm;
	case KVM_CAP_MSI_DEVID: /* of a VM with an ITS */
		return vm && vm->its;
	case KVM_CAP_ARM_PMU_V3:
		return !realm || fake_gen->pmu;
	case KVM_CAP_GUEST_MEMFD:
		/* Of ordinary VMs, too, since 6.18, which is the base of v12. */
		return fake_gen->gmem && (!vm || realm || fake_gen->posting >= 12);
	case KVM_CAP_MEMORY_ATTRIBUTES:
		return fake_gen->gmem && !fake_gen->own_attrs && (!vm || realm) ? 8 : 0;
	default:
		return 0;
	}
}

static int create_vm(unsigned long type)
{
	u32 bits = (u32)type & ~KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
	unsigned ipa = (u32)type & KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
	bool realm = bits && bits == fake_gen->vm_bit;
	bool pkvm = bits == KVM_VM_TYPE_ARM_PROTECTED && fake_gen->name == gens[HOST_PKVM].name;
	struct fake_vm *vm = &vms[fake_seen.nr_vms];

	/* Both bits of v14's types, too [P14 16/44]. */
	if (bits && !realm && !pkvm)
		return -EINVAL;
	if (realm && fake_gen->no_rmm)
		return -fake_gen->no_rmm;
	ipa = ipa ? ipa : 40;
	if (ipa < 32 || ipa > (realm ? FAKE_RMM_IPA : HOST_IPA))
		return -EINVAL;
	ck_assert_uint_lt(fake_seen.nr_vms, ARRAY_SIZE(vms));
	fake_seen.nr_vms++;
	fake_seen.vm_type = type;
	*vm = (struct fake_vm){ .realm = realm, .protected_vm = pkvm, .ipa = ipa, .next = script };
	vm->fd = new_fd(KIND_VM, 0, vm, 0);
	return vm->fd;
}

/* ---- slots ---- */

/* KVM takes addresses of a Realm in the protected half only [uapi reference 3.1]. */
static void low_half(const struct fake_vm *vm, u64 addr)
{
	if (vm->realm && addr >= BIT(vm->ipa - 1))
		fake_wrong("%#llx is in the shared half", (unsigned long long)addr);
}

static int add_slot(struct fake_vm *vm, struct fake_slot s)
{
	low_half(vm, s.base + s.size - 1);
	ck_assert_uint_lt(vm->nr_slots, ARRAY_SIZE(vm->slots));
	if (!fake_whole_pages(s.base, s.size) || !is_aligned((uintptr_t)s.hva, FAKE_PAGE))
		return -EINVAL;
	for (unsigned i = 0; i < vm->nr_slots; i++) {
		const struct fake_slot *o = &vm->slots[i];

		/* of the same guest_memfd, which is always shown from its start */
		if (s.gmem >= 0 && s.gmem == o->gmem)
			return -EINVAL;
		if (s.base < o->base + o->size && o->base < s.base + s.size)
			return -EEXIST;
	}
	/* KVM takes it, but it is no RAM in a Realm's protected half. */
	if (vm->realm && fake_gen->gmem && s.gmem < 0 && !failed)
		fake_wrong("a Realm's RAM without a guest_memfd");
	vm->slots[vm->nr_slots++] = s;
	return 0;
}

static int set_region(struct fake_vm *vm, const struct kvm_userspace_memory_region *r)
{
	return add_slot(vm, (struct fake_slot){ r->guest_phys_addr, r->memory_size,
						(u8 *)(uintptr_t)r->userspace_addr, -1, 0 });
}

/* [GM kvm_gmem_prepare_memory_region] */
static int set_region2(struct fake_vm *vm, const struct kvm_userspace_memory_region2 *r)
{
	int fd = (int)r->guest_memfd;
	struct fake_slot s = { r->guest_phys_addr, r->memory_size,
			       (u8 *)(uintptr_t)r->userspace_addr, fd, 0 };
	int err;

	if (!fake_gen->gmem || !vm->realm || r->flags & ~KVM_MEM_GUEST_MEMFD)
		return -EINVAL;
	if (!r->flags) {
		s.gmem = -1;
		return add_slot(vm, s);
	}
	if (kind_of(fd) != KIND_GMEM || fds[fd].vm != vm || r->guest_memfd_offset ||
	    lseek(fd, 0, SEEK_END) < (off_t)r->memory_size)
		return -EINVAL;
	if (!s.hva)
		fake_wrong("a Realm without memory for what it shares");
	s.ino = fds[fd].ino;
	err = add_slot(vm, s);
	/* Private from the start, unless it was made shared [uapi update 16]. */
	if (!err && fake_gen->own_attrs && fds[fd].flags & KVM_GMEM_INIT_SHARED)
		fake_mark(vm, s.base, s.size, PG_OWN_SHARED, 0);
	return err;
}

/* ---- devices ---- */

static int create_device(struct fake_vm *vm, struct kvm_create_device *d)
{
	bool its = d->type == KVM_DEV_TYPE_ARM_VGIC_ITS;
	int fd;

	if (d->type == KVM_DEV_TYPE_ARM_VGIC_V2)
		return -ENODEV;
	if (d->flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	fd = new_fd(its ? KIND_ITS : KIND_VGIC, 0, vm, 0);
	if (fd < 0)
		return fd;
	d->fd = (u32)fd;
	vm->vgic |= !its;
	vm->its |= its;
	return 0;
}

static int device_attr(struct fake_vm *vm, bool its, const struct kvm_device_attr *a)
{
	if (vm->dead)
		return -EIO;
	if (a->group == KVM_DEV_ARM_VGIC_GRP_ADDR)
		low_half(vm, *(u64 *)(uintptr_t)a->addr);
	else if (a->group == KVM_DEV_ARM_VGIC_GRP_CTRL && !its)
		vm->vgic_inited = true;
	return 0;
}

/* ---- the VM ---- */

static int enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *e)
{
	if (vm->realm && fake_gen->cap && e->cap == fake_gen->cap)
		return fake_realm_enable_cap(vm, e);
	/* A failure that was planted may lead a probe astray. */
	if (fake_gen->populate && proves_nothing(e->cap) && !failed)
		fake_wrong("KVM_ENABLE_CAP(%u) is something else's here", e->cap);
	/* From v14 on a Realm's list holds here, too [P14 15/44]. */
	if (vm->realm && fake_gen->posting >= 14)
		return -EINVAL;
	/* ARM_SEA_TO_USER of released kernels: takes no argument, and succeeds. */
	if (e->cap == 245)
		return 0;
	return e->cap == KVM_CAP_ARM_NISV_TO_USER ? 0 : -EINVAL;
}

/* The VM comes before its argument: what a probe relies on [P12 20/46, P14 26/44]. */
static int populate(struct fake_vm *vm, void *arg, bool v13)
{
	if (fake_gen->populate != (v13 ? POPULATE_V13 : POPULATE_V12))
		return -EINVAL;
	if (!vm->realm)
		return v13 ? -ENXIO : -EPERM;
	return arg ? fake_realm_populate(vm, arg) : -EFAULT;
}

/* [GM kvm_gmem_create]; flags came with Linux 6.18, which is the base of v12. */
static int create_gmem(struct fake_vm *vm, const struct kvm_create_guest_memfd *c)
{
	u64 known = fake_gen->posting >= 12 ? KVM_GMEM_MMAP | KVM_GMEM_INIT_SHARED : 0;
	int fd;

	if (!fake_gen->gmem || c->flags & ~known || !fake_whole_pages(0, c->size))
		return -EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(c->reserved); i++) {
		if (c->reserved[i])
			return -EINVAL;
	}
	fd = new_fd(KIND_GMEM, c->size, vm, 0);
	if (fd >= 0)
		fds[fd].flags = c->flags;
	return fd;
}

static int vm_ioctl(struct fake_vm *vm, unsigned long req, void *arg)
{
	if (vm->dead)
		return -EIO;
	switch (req) {
	case KVM_SET_USER_MEMORY_REGION:
		return set_region(vm, arg);
	case KVM_SET_USER_MEMORY_REGION2:
		return set_region2(vm, arg);
	case KVM_CREATE_GUEST_MEMFD:
		return create_gmem(vm, arg);
	case KVM_SET_MEMORY_ATTRIBUTES:
		return fake_vm_attributes(vm, arg);
	case KVM_ENABLE_CAP:
		return enable_cap(vm, arg);
	case KVM_ARM_RMI_POPULATE_V12:
		return populate(vm, arg, false);
	case KVM_ARM_RMI_POPULATE:
		return populate(vm, arg, true);
	case KVM_ARM_PREFERRED_TARGET:
		((struct kvm_vcpu_init *)arg)->target = 5;
		return 0;
	case KVM_CREATE_DEVICE:
		return create_device(vm, arg);
	case KVM_HAS_DEVICE_ATTR: /* SMCCC filter, which a Realm's host calls meet, too */
	case KVM_SET_DEVICE_ATTR:
	case KVM_SET_GSI_ROUTING:
		return 0;
	case KVM_IOEVENTFD:
		low_half(vm, ((struct kvm_ioeventfd *)arg)->addr);
		return 0;
	case KVM_IRQ_LINE:
		return vm->vgic_inited ? 0 : -EBUSY;
	case KVM_IRQFD:
		return vm->vgic_inited ? 0 : -EAGAIN;
	default:
		return -EINVAL;
	}
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	enum kind kind = kind_of(fd);

	if (fake_kvm_trace)
		fake_kvm_trace(req, arg);
	if (fails_now())
		return -fail_err;
	switch (kind) {
	case KIND_VM:
		return vm_ioctl(fds[fd].vm, req, arg);
	case KIND_VCPU:
		return fake_vcpu_ioctl(fds[fd].vm, fds[fd].index, req, arg);
	case KIND_GMEM:
		return req == KVM_SET_MEMORY_ATTRIBUTES2 ? fake_own_attributes(fds[fd].vm, fd, arg)
							 : -ENOTTY;
	case KIND_VGIC:
	case KIND_ITS:
		return device_attr(fds[fd].vm, kind == KIND_ITS, arg);
	case KIND_DEV:
		break;
	}
	ck_abort_msg("unexpected ioctl %#lx on /dev/kvm", req);
}

static int create_vcpu(struct fake_vm *vm, unsigned long id)
{
	int fd, err;

	if (vm->dead)
		return -EIO;
	if (vm->vgic_inited)
		return -EBUSY;
	if (id >= FAKE_MAX_VCPUS)
		return -EINVAL;
	fd = new_fd(KIND_VCPU, RUN_SIZE, vm, (unsigned)id);
	err = fd < 0 ? fd : fake_create_vcpu(vm, id, fd, RUN_SIZE);
	return err ? err : fd;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	enum kind kind = kind_of(fd);
	struct fake_vm *vm = kind == KIND_DEV ? NULL : fds[fd].vm;

	if (fails_now())
		return -fail_err;
	switch (req) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_SIZE;
	case KVM_CHECK_EXTENSION:
		return check_extension(vm, val);
	case KVM_CREATE_VM:
		return create_vm(val);
	case KVM_CREATE_VCPU:
		return create_vcpu(vm, val);
	case KVM_RUN:
		return fake_run(vm, fds[fd].index);
	default:
		ck_abort_msg("unexpected ioctl %#lx", req);
	}
}
