/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM on a fake host, made with nothing but ioctls: what the model itself answers is tested
 * without the backends that it is there to test. RAM is RIG_PAGES pages at FAKE_RAM.
 */
#ifndef TESTS_UNIT_FAKE_RIG_H
#define TESTS_UNIT_FAKE_RIG_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/fake/kvm.h"
#include "tests/unit/suite.h"

#define PAGE 4096u
#define RAM FAKE_RAM
#define RIG_PAGES 16u
#define RIG_SIZE (RIG_PAGES * PAGE)
#define RIG_IPA 33u

struct rig {
	struct kvm k;
	u8 *hva, *source; /* the shared side; pages to load */
	int gmem, vcpu[2], gic;
	struct kvm_run *run[2];
};

static struct rig rig;
static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };

/* As v14 needs it: writable at once, and no huge pages [uapi update 26, 27]. */
static inline u8 *shared_memory(u64 size)
{
	int fd = memfd_create("rig", MFD_CLOEXEC);
	u8 *p;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	madvise(p, size, MADV_NOHUGEPAGE);
	close(fd);
	return p;
}

static inline int vm_ioctl(unsigned long req, void *arg)
{
	return kvm_ioctl(rig.k.vm_fd, req, arg);
}

static inline int set_private(u64 base, u64 size, bool on)
{
	struct kvm_memory_attributes a = { .address = base, .size = size };

	a.attributes = on ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
	return vm_ioctl(KVM_SET_MEMORY_ATTRIBUTES, &a);
}

static inline int make_vcpus(u32 features)
{
	for (unsigned i = 0; i < 2; i++) {
		struct kvm_vcpu_init init = { .target = 5 };
		int err;

		init.features[0] = features | (i ? 1u << KVM_ARM_VCPU_POWER_OFF : 0);
		if (fake_gen->rec_in_init)
			init.features[0] |= 1u << fake_gen->rec;
		rig.vcpu[i] = kvm_ioctl_val(rig.k.vm_fd, KVM_CREATE_VCPU, i);
		ck_assert_int_ge(rig.vcpu[i], 0);
		rig.run[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, rig.vcpu[i], 0);
		err = kvm_ioctl(rig.vcpu[i], KVM_ARM_VCPU_INIT, &init);
		if (err)
			return err;
	}
	return 0;
}

static inline void make_gic(bool init)
{
	rig.gic = kvm_device_create(&rig.k, KVM_DEV_TYPE_ARM_VGIC_V3, 0);
	ck_assert_int_ge(rig.gic, 0);
	if (init)
		ck_assert_int_eq(kvm_attr_set(rig.gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
					      KVM_DEV_ARM_VGIC_CTRL_INIT, NULL),
				 0);
}

/* A Realm's VM with RAM behind `hva`, or memory as it should be, and private. */
static inline void rig_ram(enum fake_host host, const struct fake_op *ops, u8 *hva)
{
	struct kvm_create_guest_memfd g = { .size = RIG_SIZE };

	fake_kvm_init(host, ops);
	rig.k = (struct kvm){ .dev_fd = -1, .vm_fd = -1 };
	ck_assert_int_eq(kvm_open(&rig.k, "/dev/null"), 0);
	ck_assert_int_eq(kvm_vm_create(&rig.k, fake_gen->vm_bit | RIG_IPA), 0);
	rig.hva = hva ? hva : shared_memory(RIG_SIZE);
	rig.source = shared_memory(RIG_SIZE);
	for (unsigned i = 0; i < RIG_SIZE; i++)
		rig.source[i] = (u8)(i / PAGE + 1);
	rig.gmem = vm_ioctl(KVM_CREATE_GUEST_MEMFD, &g);
	ck_assert_int_ge(rig.gmem, 0);
	ck_assert_int_eq(kvm_add_gmem_slot(&rig.k, gpa(RAM), RIG_SIZE, rig.hva, rig.gmem), 0);
	if (!fake_gen->own_attrs)
		ck_assert_int_eq(set_private(RAM, RIG_SIZE, true), 0);
}

/* ... with two vCPUs and a GIC: nothing is missing but what is loaded. */
static inline void rig_up(enum fake_host host, const struct fake_op *ops)
{
	rig_ram(host, ops, NULL);
	ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2), 0);
	make_gic(true);
}

static inline void rig_down(void)
{
	for (unsigned i = 0; i < 2; i++) {
		if (rig.run[i])
			munmap(rig.run[i], PAGE);
		if (rig.vcpu[i])
			close(rig.vcpu[i]);
	}
	if (rig.gic)
		close(rig.gic);
	close(rig.gmem);
	munmap(rig.hva, RIG_SIZE);
	munmap(rig.source, RIG_SIZE);
	kvm_close(&rig.k);
	memset(&rig, 0, sizeof(rig));
}

static inline int run(unsigned i)
{
	return kvm_ioctl_val(rig.vcpu[i], KVM_RUN, 0);
}

/* KVM_RUN returns `ret`, and the exit is one of MEMORY_FAULT for this range. */
static inline void exits_with(int ret, u64 base, u64 size, bool is_private)
{
	ck_assert_int_eq(run(0), ret);
	ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_MEMORY_FAULT);
	ck_assert_uint_eq(rig.run[0]->memory_fault.gpa, base);
	ck_assert_uint_eq(rig.run[0]->memory_fault.size, size);
	ck_assert_uint_eq(rig.run[0]->memory_fault.flags,
			  is_private ? KVM_MEMORY_EXIT_FLAG_PRIVATE : 0);
}

#endif
