/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs of the fake host kernel: features, registers, and how an access to a device completes. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lkvm/kvm/kvm.h"
#include "tests/fake/kvm_model.h"

#define ID_AA64DFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 5u, 0u)
#define ID_AA64MMFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 7u, 0u)
#define PMCR_EL0 KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)
#define TPIDR_EL0 KVM_REG_SYS(3u, 3u, 13u, 0u, 2u)

/* Fields of ID_AA64DFR0_EL1, each one less than the number it stands for. */
#define DFR0_BRPS(v) ((v) >> 12 & 15)
#define DFR0_WRPS(v) ((v) >> 20 & 15)
#define DFR0_CTX_CMPS(v) ((v) >> 28 & 15)
#define RMM_BRPS 5u
#define RMM_WRPS 3u
#define RMM_VLS 3u /* 128 and 256 bits */

int fake_create_vcpu(struct fake_vm *vm, unsigned long id, int fd, u32 run_size)
{
	struct fake_vcpu *v = &vm->vcpus[id];

	ck_assert_uint_eq(id, vm->nr_vcpus);
	*v = (struct fake_vcpu){
		.fd = fd,
		.sve_vls = RMM_VLS,
		.pmcr = 6 << 11, /* counters */
		.dfr0 = RMM_WRPS << 20 | RMM_BRPS << 12,
	};
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(v->run, MAP_FAILED);
	vm->nr_vcpus++;
	return 0;
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

static bool has_feature(const struct fake_vcpu *v, unsigned feature)
{
	return v->features & 1u << feature;
}

static int finalize(struct fake_vm *vm, unsigned index, u32 feature)
{
	struct fake_vcpu *v = &vm->vcpus[index];

	if (feature != KVM_ARM_VCPU_SVE)
		return fake_realm_finalize(vm, index, feature);
	if (!has_feature(v, KVM_ARM_VCPU_SVE))
		return -EINVAL;
	if (v->sve_final)
		return -EPERM;
	v->sve_final = true;
	return 0;
}

/* ---- registers ---- */

/* The register, NULL: it is none of the general ones. */
static u64 *general(struct fake_vcpu *v, u64 id)
{
	u64 n = (id - KVM_REG_X(0u)) / 2;

	if (id == KVM_REG_PC)
		return &v->pc;
	return id >= KVM_REG_X(0u) && n < ARRAY_SIZE(v->x) ? &v->x[n] : NULL;
}

/*
 * What a Realm's host may set: x0 to x30 and PC [P14 31/44], ID_AA64DFR0_EL1 [P14 39/44], SVE_VLS
 * [P14 41/44], and where there is a PMU, PMCR_EL0 [P12 37/46, P13 38/48].
 */
static bool realm_may_set(struct fake_vcpu *v, u64 id)
{
	return general(v, id) || id == ID_AA64DFR0_EL1 || id == KVM_REG_ARM64_SVE_VLS ||
	       (id == PMCR_EL0 && fake_gen->pmu);
}

static int set_dfr0(const struct fake_vm *vm, struct fake_vcpu *v, u64 val)
{
	const u64 writable = UINT64_C(15) << 20; /* of the fields that are said to be a Realm's */

	if (!DFR0_BRPS(val) || !DFR0_WRPS(val) || DFR0_CTX_CMPS(val) > DFR0_BRPS(val))
		return -EINVAL;
	if (vm->ran || (vm->realm && vm->life != LIFE_NONE))
		return val == v->dfr0 ? 0 : -EBUSY;
	/* The checks of P14 39/44 stand; the mask of what may change has watchpoints only. */
	if ((val ^ v->dfr0) & ~writable || DFR0_WRPS(val) > RMM_WRPS)
		return -EINVAL;
	v->dfr0 = val;
	return 0;
}

static int set_vls(const struct fake_vm *vm, struct fake_vcpu *v, u64 val)
{
	if (!has_feature(v, KVM_ARM_VCPU_SVE))
		return -ENOENT;
	if (v->sve_final || (vm->realm && vm->life != LIFE_NONE))
		return -EPERM;
	if (!val || val & ~RMM_VLS || val & (val + 1))
		return -EINVAL;
	v->sve_vls = val;
	return 0;
}

static int set_reg(struct fake_vm *vm, unsigned index, const struct kvm_one_reg *r)
{
	struct fake_vcpu *v = &vm->vcpus[index];
	u64 val = *(u64 *)(uintptr_t)r->addr, *reg = general(v, r->id);

	if (vm->realm && !realm_may_set(v, r->id))
		return -EINVAL;
	if (r->id == PMCR_EL0 && !has_feature(v, KVM_ARM_VCPU_PMU_V3))
		return -ENOENT;
	if (reg)
		*reg = val;
	else if (r->id == ID_AA64DFR0_EL1)
		return set_dfr0(vm, v, val);
	else if (r->id == KVM_REG_ARM64_SVE_VLS)
		return set_vls(vm, v, val);
	else if (r->id == PMCR_EL0)
		v->pmcr = val;
	return 0;
}

static int get_reg(struct fake_vcpu *v, const struct kvm_one_reg *r)
{
	u64 *val = (u64 *)(uintptr_t)r->addr, *reg = general(v, r->id);

	if ((r->id == KVM_REG_ARM64_SVE_VLS && !has_feature(v, KVM_ARM_VCPU_SVE)) ||
	    (r->id == PMCR_EL0 && !has_feature(v, KVM_ARM_VCPU_PMU_V3)))
		return -ENOENT;
	memset(val, 0, r->id == KVM_REG_ARM64_SVE_VLS ? 64 : 8);
	if (reg)
		*val = *reg;
	else if (r->id == KVM_REG_ARM64_SVE_VLS)
		*val = v->sve_vls;
	else if (r->id == PMCR_EL0)
		*val = v->pmcr;
	else if (r->id == ID_AA64DFR0_EL1)
		*val = v->dfr0;
	else if (r->id == ID_AA64MMFR0_EL1)
		*val = fake_kvm_mmfr0;
	return 0;
}

static int set_pmu_attr(struct fake_vm *vm, unsigned index, const struct kvm_device_attr *a)
{
	if (a->attr == KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS)
		vm->vcpus[index].pmcr = (u64) * (u32 *)(uintptr_t)a->addr << 11;
	return vm->realm && vm->life != LIFE_NONE ? -EBUSY : 0;
}

/* ---- accesses to devices ---- */

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
 * The RMM takes an abort in place of the value of an access that was emulated [P14 34/44];
 * otherwise an access that was completed has happened. No SError for a Realm.
 */
static int inject_abort(struct fake_vm *vm, struct fake_vcpu *v, const struct kvm_vcpu_events *ev)
{
	if (vm->realm && ev->exception.serror_pending)
		return -EINVAL;
	if (!ev->exception.ext_dabt_pending)
		return 0;
	if (vm->realm && !vm->ran)
		fake_wrong(
			"an abort for a REC that is none yet: the kernel follows a NULL pointer");
	if (v->access != (vm->realm ? ACCESS_DONE : ACCESS_ASKED))
		return -EINVAL;
	v->access = ACCESS_ABORTED;
	return 0;
}

/* One is enough: what the simulator makes of which is tested by itself. */
static int reg_list(struct kvm_reg_list *list)
{
	u64 room = list->n;

	list->n = 1;
	if (!room)
		return -E2BIG;
	list->reg[0] = TPIDR_EL0;
	return 0;
}

int fake_vcpu_ioctl(struct fake_vm *vm, unsigned index, unsigned long req, void *arg)
{
	struct fake_vcpu *v = &vm->vcpus[index];

	if (vm->dead)
		return -EIO;
	switch (req) {
	case KVM_ARM_VCPU_INIT:
		return vcpu_init(vm, index, arg);
	case KVM_ARM_VCPU_FINALIZE:
		return finalize(vm, index, *(u32 *)arg);
	case KVM_SET_ONE_REG:
		return set_reg(vm, index, arg);
	case KVM_GET_ONE_REG:
		return get_reg(v, arg);
	case KVM_GET_REG_LIST:
		return reg_list(arg);
	case KVM_SET_DEVICE_ATTR: /* PMU, which belongs to the descriptor */
		return set_pmu_attr(vm, index, arg);
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)arg)->mp_state = has_feature(v, KVM_ARM_VCPU_POWER_OFF)
								 ? KVM_MP_STATE_STOPPED
								 : KVM_MP_STATE_RUNNABLE;
		return 0;
	case KVM_HAS_DEVICE_ATTR:
		return 0;
	case KVM_SET_VCPU_EVENTS:
		return inject_abort(vm, v, arg);
	default:
		ck_abort_msg("unexpected vCPU ioctl %#lx", req);
	}
}
