/* SPDX-License-Identifier: GPL-2.0 */
/* A host kernel: file descriptors, capabilities, VMs, slots, vCPUs, devices. */
#include "tests/fake/kvm.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rmi.h"

#define RUN_SIZE 8192
#define HOST_IPA 48u

#define ID_AA64DFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 5u, 0u)
#define PMCR_EL0 KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)

struct fake_seen fake_seen;
const struct fake_gen *fake_gen;
void (*fake_kvm_trace)(unsigned long req, const void *arg);

#define RME(n, c, r, init, late)                                                                   \
	{                                                                                          \
		.name = n, .vm_bit = 0x100, .cap = c, .rec = r, .rec_in_init = init, .gmem = true, \
		.late_ripas = late, .pmu = true                                                    \
	}
#define RMI(n, bit, pop, ...)                                                                      \
	{                                                                                          \
		.name = n, .vm_bit = bit, .populate = pop, .gmem = true, .late_ripas = true,       \
		__VA_ARGS__                                                                        \
	}

static const struct fake_gen gens[HOST_NR] = {
	[HOST_PLAIN] = { .name = "plain", .pmu = true },
	[HOST_PKVM] = { .name = "pkvm" },
	[HOST_NO_RMM_V5] = { .name = "no RMM, v5",
			     .vm_bit = 0x100,
			     .no_rmm = EINVAL,
			     .gmem = true },
	[HOST_NO_RMM_V7] = { .name = "no RMM, v7", .vm_bit = 0x100, .no_rmm = EPERM, .gmem = true },
	[HOST_NO_RMM_V12] = { .name = "no RMM, v12",
			      .vm_bit = 0x100,
			      .no_rmm = EINVAL,
			      .populate = POPULATE_V12 },
	[HOST_NO_RMM_V14] = { .name = "no RMM, v14",
			      .vm_bit = 1u << 30,
			      .no_rmm = EINVAL,
			      .populate = POPULATE_V13 },
	[HOST_A1] = { .name = "A", .vm_bit = 0x100, .cap = 300, .rec = 7, .pmu = true },
	[HOST_A] = { .name = "A", .vm_bit = 0x100, .cap = 300, .rec = 8, .pmu = true },
	[HOST_B1] = RME("B1", 300, 8, false, false),
	[HOST_B2_V6] = RME("B2", 300, 8, true, false),
	[HOST_B2] = RME("B2", 300, 8, true, true),
	[HOST_B3] = RME("B3", 240, 9, true, true),
	[HOST_B4] = RME("B4", 243, 9, true, true),
	[HOST_B5] = RME("B5", 244, 9, true, true),
	[HOST_B6] = RME("B6", 246, 9, true, true),
	[HOST_C1] = RMI("C1", 0x100, POPULATE_V12, .pmu = true),
	[HOST_C2] = RMI("C2", 0x100, POPULATE_V13, .pmu = true),
	[HOST_C3] = RMI("C3", 1u << 30, POPULATE_V13, .pmu = false),
	[HOST_C4] = RMI("C4", 1u << 30, POPULATE_V13, .own_attrs = true),
	[HOST_C4_FIXED] = RMI("C4", 1u << 30, POPULATE_V13, .own_attrs = true, .fixed = true),
	[HOST_C5] = RMI("C4", 1u << 30, POPULATE_V13, .own_attrs = true, .waits_for_attrs = true),
};

/* ---- file descriptors ---- */

enum kind { KIND_DEV, KIND_VM, KIND_VCPU, KIND_GMEM, KIND_VGIC, KIND_ITS };

/* A number that was closed and handed out again has another inode. */
static struct {
	enum kind kind;
	ino_t ino;
	struct fake_vm *vm;
	unsigned index;
} fds[128];

static struct fake_vm vms[16];
static const struct fake_op *script;
static unsigned fail_in; /* calls, 0: none fails */
static int fail_err;

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

void fake_kvm_init(enum fake_host host, const struct fake_op *ops)
{
	memset(&fake_seen, 0, sizeof(fake_seen));
	memset(vms, 0, sizeof(vms));
	memset(fds, 0, sizeof(fds));
	fake_gen = &gens[host];
	fail_in = 0;
	script = ops;
}

void fake_kvm_fail(unsigned nth, int err)
{
	fail_in = nth + 1;
	fail_err = err;
}

static bool fails_now(void)
{
	return fail_in && --fail_in == 0;
}

void fake_kvm_read_private(u64 a, void *buf, u32 len)
{
	const struct fake_slot *s = &vms[fake_seen.nr_vms - 1].slots[0];

	ck_assert_int_eq(pread(s->gmem, buf, len, (off_t)(a - s->base)), len);
}

/* ---- /dev/kvm ---- */

static int check_extension(const struct fake_vm *vm, unsigned long cap)
{
	bool realm = vm && vm->realm;

	switch (cap) {
	case KVM_CAP_ARM_VM_IPA_SIZE:
		return HOST_IPA;
	case KVM_CAP_NR_VCPUS:
		return 2;
	case KVM_CAP_MAX_VCPUS:
		return FAKE_MAX_VCPUS;
	case KVM_CAP_ARM_PSCI_0_2:
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_MSI_DEVID:
	case KVM_CAP_ARM_SVE:
		return 1;
	case KVM_CAP_ARM_PMU_V3:
		return !realm || fake_gen->pmu;
	case KVM_CAP_GUEST_MEMFD:
		return fake_gen->gmem;
	case KVM_CAP_MEMORY_ATTRIBUTES:
		return fake_gen->gmem && !fake_gen->own_attrs ? 8 : 0;
	case KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES:
		return fake_gen->own_attrs && !fake_gen->fixed ? 8 : 0;
	/* Numbers of CCA that other capabilities have too: nobody may ask. */
	case 240 ... 249:
	case 300:
		ck_abort_msg("KVM_CHECK_EXTENSION(%lu) proves nothing", cap);
	default:
		return 0;
	}
}

static int create_vm(unsigned long type)
{
	u32 bits = (u32)type & ~KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
	unsigned ipa = (u32)type & KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
	bool realm = bits && bits == fake_gen->vm_bit;
	bool pkvm = bits == KVM_VM_TYPE_ARM_PROTECTED && fake_gen == &gens[HOST_PKVM];
	struct fake_vm *vm = &vms[fake_seen.nr_vms];

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
	ck_assert_msg(!vm->realm || addr < BIT(vm->ipa - 1), "%#llx is in the shared half",
		      (unsigned long long)addr);
}

static int add_slot(struct fake_vm *vm, struct fake_slot s)
{
	low_half(vm, s.base + s.size - 1);
	ck_assert_uint_lt(vm->nr_slots, ARRAY_SIZE(vm->slots));
	if (vm->realm && fake_gen->gmem && s.gmem < 0)
		return -EINVAL;
	vm->slots[vm->nr_slots++] = s;
	return 0;
}

static int set_region(struct fake_vm *vm, const struct kvm_userspace_memory_region *r)
{
	return add_slot(vm, (struct fake_slot){ r->guest_phys_addr, r->memory_size,
						(u8 *)(uintptr_t)r->userspace_addr, -1 });
}

static int set_region2(struct fake_vm *vm, const struct kvm_userspace_memory_region2 *r)
{
	if (!fake_gen->gmem)
		return -EINVAL;
	ck_assert(r->flags == KVM_MEM_GUEST_MEMFD && !r->guest_memfd_offset && r->userspace_addr);
	ck_assert_int_eq(kind_of((int)r->guest_memfd), KIND_GMEM);
	return add_slot(vm, (struct fake_slot){ r->guest_phys_addr, r->memory_size,
						(u8 *)(uintptr_t)r->userspace_addr,
						(int)r->guest_memfd });
}

/* ---- vCPUs ---- */

static int create_vcpu(struct fake_vm *vm, unsigned long id)
{
	struct fake_vcpu *v = &vm->vcpus[id];

	if (id >= FAKE_MAX_VCPUS)
		return -EINVAL;
	ck_assert_uint_eq(id, vm->nr_vcpus);
	*v = (struct fake_vcpu){
		.fd = new_fd(KIND_VCPU, RUN_SIZE, vm, (unsigned)id),
		.sve_vls = 3,	 /* 128 and 256 bits */
		.pmcr = 6 << 11, /* counters */
	};
	if (v->fd < 0)
		return v->fd;
	v->run = mmap(NULL, RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	ck_assert_ptr_ne(v->run, MAP_FAILED);
	vm->nr_vcpus++;
	return v->fd;
}

/* Up to v5 a kernel knows 7 features, and the REC is none of those that are given here. */
static int vcpu_init(struct fake_vm *vm, unsigned index, const struct kvm_vcpu_init *init)
{
	u32 known = 0x7f | (vm->realm && fake_gen->rec_in_init ? 1u << fake_gen->rec : 0);

	ck_assert_uint_eq(init->target, 5);
	if (init->features[0] & ~known)
		return -ENOENT;
	ck_assert_int_eq(!!(init->features[0] & 1u << KVM_ARM_VCPU_POWER_OFF), index != 0);
	vm->vcpus[index].features = fake_seen.features[index] = init->features[0];
	vm->vcpus[index].inited = true;
	return 0;
}

static int set_reg(struct fake_vm *vm, unsigned index, const struct kvm_one_reg *r)
{
	struct fake_vcpu *v = &vm->vcpus[index];
	u64 n = (r->id - KVM_REG_X(0u)) / 2, val = *(u64 *)(uintptr_t)r->addr;

	if (r->id == PMCR_EL0)
		v->pmcr = val;
	if (r->id == KVM_REG_ARM64_SVE_VLS)
		v->sve_vls = val;
	if (r->id == KVM_REG_ARM64_SVE_VLS)
		return vm->ran || fake_seen.created ? -EBUSY : 0;
	if (r->id == KVM_REG_PC)
		v->pc = val;
	else if (r->id >= KVM_REG_X(0u) && n < 8)
		v->x[n] = val;
	else if (vm->realm && n > 30) /* PSTATE, SP, system registers [uapi reference 3.3] */
		return -EINVAL;
	return 0;
}

static bool has_feature(const struct fake_vcpu *v, unsigned feature)
{
	return v->features & 1u << feature;
}

static int get_reg(const struct fake_vcpu *v, const struct kvm_one_reg *r)
{
	u64 n = (r->id - KVM_REG_X(0u)) / 2, *val = (u64 *)(uintptr_t)r->addr;

	if ((r->id == KVM_REG_ARM64_SVE_VLS && !has_feature(v, KVM_ARM_VCPU_SVE)) ||
	    (r->id == PMCR_EL0 && !has_feature(v, KVM_ARM_VCPU_PMU_V3)))
		return -ENOENT;
	memset(val, 0, r->id == KVM_REG_ARM64_SVE_VLS ? 64 : 8);
	if (r->id == KVM_REG_ARM64_SVE_VLS)
		*val = v->sve_vls;
	else if (r->id == PMCR_EL0)
		*val = v->pmcr;
	else if (r->id == ID_AA64DFR0_EL1)
		*val = 3 << 20 | 5 << 12; /* 4 watchpoints, 6 breakpoints */
	else if (r->id == KVM_REG_PC)
		*val = v->pc;
	else if (r->id >= KVM_REG_X(0u) && n < 8)
		*val = v->x[n];
	return 0;
}

static int set_pmu_attr(struct fake_vm *vm, unsigned index, const struct kvm_device_attr *a)
{
	if (a->attr == KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS)
		vm->vcpus[index].pmcr = (u64)*(u32 *)(uintptr_t)a->addr << 11;
	return vm->realm && fake_seen.created ? -EBUSY : 0;
}

int fake_load(struct fake_vcpu *v, u64 addr)
{
	v->run->exit_reason = KVM_EXIT_MMIO;
	v->run->mmio.phys_addr = addr;
	v->run->mmio.len = 4;
	v->run->mmio.is_write = 0;
	v->access = ACCESS_ASKED;
	return 0;
}

/* The first thing that KVM_RUN does, also when it does not enter the guest. */
void fake_complete(struct fake_vcpu *v)
{
	if (v->access == ACCESS_ASKED)
		v->access = ACCESS_DONE;
}

/* The guest finds what has become of its last access. */
void fake_enter(struct fake_vcpu *v)
{
	fake_seen.aborts += v->access == ACCESS_ABORTED;
	if (v->access == ACCESS_DONE)
		memcpy(&fake_seen.loaded, v->run->mmio.data, 4);
	v->access = ACCESS_NONE;
}

/*
 * The RMM takes an abort in place of the value of an access that was emulated [uapi reference 3.5];
 * otherwise an access that was completed has happened.
 */
static int fake_abort(struct fake_vm *vm, struct fake_vcpu *v, const struct kvm_vcpu_events *ev)
{
	ck_assert(ev->exception.ext_dabt_pending && !ev->exception.serror_pending);
	if (v->access != (vm->realm ? ACCESS_DONE : ACCESS_ASKED))
		return -EINVAL;
	v->access = ACCESS_ABORTED;
	return 0;
}

static int vcpu_ioctl(struct fake_vm *vm, unsigned index, unsigned long req, void *arg)
{
	struct fake_vcpu *v = &vm->vcpus[index];

	switch (req) {
	case KVM_ARM_VCPU_INIT:
		return vcpu_init(vm, index, arg);
	case KVM_ARM_VCPU_FINALIZE:
		if (*(u32 *)arg != KVM_ARM_VCPU_SVE)
			return fake_realm_finalize(vm, index, *(u32 *)arg);
		v->sve_final = true;
		return fake_seen.created ? -EBUSY : 0;
	case KVM_SET_ONE_REG:
		return set_reg(vm, index, arg);
	case KVM_GET_ONE_REG:
		return get_reg(v, arg);
	case KVM_SET_DEVICE_ATTR: /* PMU, which belongs to the descriptor */
		return set_pmu_attr(vm, index, arg);
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)arg)->mp_state = has_feature(v, KVM_ARM_VCPU_POWER_OFF) ?
								 KVM_MP_STATE_STOPPED :
								 KVM_MP_STATE_RUNNABLE;
		return 0;
	case KVM_HAS_DEVICE_ATTR:
		return 0;
	case KVM_SET_VCPU_EVENTS:
		return fake_abort(vm, v, arg);
	default:
		ck_abort_msg("unexpected vCPU ioctl %#lx", req);
	}
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
	return 0;
}

static int device_attr(struct fake_vm *vm, bool its, const struct kvm_device_attr *a)
{
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
	/* ARM_SEA_TO_USER of released kernels: takes no argument, and succeeds. */
	return e->cap == 245 || (!vm->realm && e->cap == KVM_CAP_ARM_NISV_TO_USER) ? 0 : -EINVAL;
}

static int populate(struct fake_vm *vm, void *arg, bool v13)
{
	enum fake_populate want = v13 ? POPULATE_V13 : POPULATE_V12;

	if (fake_gen->populate != want)
		return -EINVAL;
	if (!vm->realm)
		return v13 ? -ENXIO : -EPERM;
	return arg ? fake_realm_populate(vm, arg, v13) : -EFAULT;
}

static int create_gmem(struct fake_vm *vm, const struct kvm_create_guest_memfd *c)
{
	ck_assert(!c->flags && !c->reserved[0]);
	return fake_gen->gmem ? new_fd(KIND_GMEM, c->size, vm, 0) : -EINVAL;
}

static int vm_ioctl(struct fake_vm *vm, unsigned long req, void *arg)
{
	switch (req) {
	case KVM_SET_USER_MEMORY_REGION:
		return set_region(vm, arg);
	case KVM_SET_USER_MEMORY_REGION2:
		return set_region2(vm, arg);
	case KVM_CREATE_GUEST_MEMFD:
		return create_gmem(vm, arg);
	case KVM_SET_MEMORY_ATTRIBUTES:
		return fake_realm_attributes(vm, arg);
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
	case KVM_HAS_DEVICE_ATTR: /* SMCCC filter */
	case KVM_SET_DEVICE_ATTR:
		return vm->realm ? -ENXIO : 0;
	case KVM_IOEVENTFD:
		low_half(vm, ((struct kvm_ioeventfd *)arg)->addr);
		return 0;
	case KVM_IRQ_LINE:
	case KVM_SET_GSI_ROUTING:
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
		return vcpu_ioctl(fds[fd].vm, fds[fd].index, req, arg);
	case KIND_GMEM:
		return req == KVM_SET_MEMORY_ATTRIBUTES2
			       ? fake_realm_own_attributes(fds[fd].vm, fd, arg)
			       : -EINVAL;
	case KIND_VGIC:
	case KIND_ITS:
		return device_attr(fds[fd].vm, kind == KIND_ITS, arg);
	case KIND_DEV:
		break;
	}
	ck_abort_msg("unexpected ioctl %#lx on /dev/kvm", req);
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
