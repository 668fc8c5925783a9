/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of the sub-commands of the RFC to v11 wants every step in its place. */
#include "tests/unit/fake/rig.h"

static int sub(u32 cmd, const void *arg)
{
	struct kvm_enable_cap e = { .cap = fake_gen->cap, .args = { cmd, (uintptr_t)arg } };

	return vm_ioctl(KVM_ENABLE_CAP, &e);
}

static int rec(unsigned i)
{
	u32 feature = fake_gen->rec;

	return kvm_ioctl(rig.vcpu[i], KVM_ARM_VCPU_FINALIZE, &feature);
}

START_TEST(every_step_in_its_place)
{
	struct rme_init_ripas all = { .base = RAM, .size = RIG_SIZE };
	struct rme_populate p = { .base = RAM, .size = PAGE, .flags = RME_POPULATE_MEASURE };
	struct rme_config hash = { .cfg = RME_CFG_HASH };

	rig_up(HOST_B2, nothing);
	ck_assert_int_eq(run(0), -EPERM);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), -EINVAL);
	ck_assert_int_eq(rec(0), -ENOENT);
	ck_assert_int_eq(sub(RME_ACTIVATE, NULL), -EINVAL);
	ck_assert_int_eq(sub(RME_POPULATE, &p), -EINVAL);
	ck_assert_int_eq(sub(RME_CREATE_REALM, NULL), 0);
	ck_assert_int_eq(sub(RME_CREATE_REALM, NULL), -EEXIST);
	ck_assert_int_eq(sub(RME_CONFIG_REALM, &hash), -EBUSY);
	ck_assert_int_eq(sub(RME_CONFIG_REALM, NULL), -EFAULT);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), 0);
	ck_assert_int_eq(sub(RME_POPULATE, &p), 0);
	ck_assert_int_eq(sub(RME_POPULATE, &p), -ENXIO);
	p.base = RAM + RIG_SIZE;
	ck_assert_int_eq(sub(RME_POPULATE, &p), -EFAULT);
	p.base -= PAGE;
	p.size *= 2;
	ck_assert_int_eq(sub(RME_POPULATE, &p), -EINVAL);
	p.size = 0;
	ck_assert_int_eq(sub(RME_POPULATE, &p), 0);
	ck_assert_int_eq(rec(1), -ENXIO);
	ck_assert_int_eq(rec(0), 0);
	ck_assert_int_eq(rec(0), -EBUSY);
	ck_assert_int_eq(sub(RME_ACTIVATE, NULL), 0);
	ck_assert_int_eq(sub(RME_POPULATE, &p), -EINVAL);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), -EINVAL);
	ck_assert_int_eq(rec(1), -ENOENT);
	ck_assert_int_eq(run(1), -EPERM);
	ck_assert_int_eq(run(0), 0);
	rig_down();
}
END_TEST

/* The RMM makes RAM of what is loaded, and then of nothing that is loaded. */
START_TEST(loaded_before_it_is_ram)
{
	struct rme_init_ripas all = { .base = RAM, .size = RIG_SIZE };
	struct rme_populate p = { .base = RAM, .size = PAGE, .flags = RME_POPULATE_MEASURE };

	rig_up(HOST_B2, nothing);
	ck_assert_int_eq(sub(RME_CREATE_REALM, NULL), 0);
	ck_assert_int_eq(sub(RME_POPULATE, &p), 0);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), -ENXIO);
	all.size = 0;
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), 0);
	all.size = 100;
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), -ENXIO);
	rig_down();
}
END_TEST

static void activate_without_gic(void)
{
	struct rme_init_ripas all = { .base = RAM, .size = RIG_SIZE };

	rig_ram(HOST_B2, nothing, NULL);
	ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2), 0);
	ck_assert_int_eq(sub(RME_CREATE_REALM, NULL), 0);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &all), 0);
	ck_assert_int_eq(rec(0), 0);
	ck_assert_int_eq(rec(1), 0);
	ck_assert_int_eq(sub(RME_ACTIVATE, NULL), 0);
}

START_TEST(a_gic_that_is_missing)
{
	activate_without_gic();
	ck_assert_int_eq(run(0), -EOPNOTSUPP);
	make_gic(false);
	ck_assert_int_eq(run(0), -EBUSY);
	rig_down();
}
END_TEST

/* In another posting the same capability is another number. */
START_TEST(no_other_number)
{
	struct kvm_enable_cap e = { .cap = 240 };

	rig_up(HOST_B2, nothing);
	ck_assert_int_eq(vm_ioctl(KVM_ENABLE_CAP, &e), -EINVAL);
	e.cap = 300;
	ck_assert_int_eq(vm_ioctl(KVM_ENABLE_CAP, &e), -EFAULT);
	rig_down();
}
END_TEST

START_TEST(ram_that_is_empty_at_the_start)
{
	struct rme_init_ripas some = { .base = RAM, .size = PAGE };

	rig_up(HOST_B2, nothing);
	ck_assert_int_eq(sub(RME_CREATE_REALM, NULL), 0);
	ck_assert_int_eq(sub(RME_INIT_RIPAS, &some), 0);
	ck_assert_int_eq(rec(0), 0);
	ck_assert_int_eq(rec(1), 0);
	ck_assert_int_eq(sub(RME_ACTIVATE, NULL), 0);
	fake_kvm_expect("not RIPAS RAM");
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(fake_seen.wrongs, 1);
	rig_down();
}
END_TEST

SUITE_MAIN("fake/kvm_rme", every_step_in_its_place, loaded_before_it_is_ram, a_gic_that_is_missing,
	   no_other_number, ram_that_is_empty_at_the_start)
