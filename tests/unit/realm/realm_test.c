/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life cycle: rounding, protected VMs; and that the model of a host refuses what a backend must
 * not do, so that the suites of the backends mean something.
 */
#include <check.h>

#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/unit/realm/host/launch.h"

static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };

static int to_vm(enum fake_host host)
{
	fake_kvm_init(host, nothing);
	memset(&conf, 0, sizeof(conf));
	vcpu[0] = vcpu[1] = -1;
	kvm = (struct kvm){ .dev_fd = -1, .vm_fd = -1 };
	ck_assert_int_eq(kvm_open(&kvm, "/dev/null"), 0);
	ck_assert_int_eq(probe_select(&probe, &kvm, PROBE_CCA), 0);
	conf.host = probe.host;
	return launch_vm();
}

static int rme(u32 cmd, const void *arg)
{
	struct kvm_enable_cap e = { .cap = conf.host.cap, .args = { cmd, (uintptr_t)arg } };

	return kvm_ioctl(kvm.vm_fd, KVM_ENABLE_CAP, &e);
}

static int rec(unsigned i)
{
	return kvm_ioctl(vcpu[i], KVM_ARM_VCPU_FINALIZE, &conf.host.rec_feature);
}

START_TEST(the_model_of_rme_wants_every_step_in_its_place)
{
	struct rme_init_ripas all = { .base = RAM, .size = SIZE };
	struct rme_populate p = { .base = RAM, .size = 4096, .flags = RME_POPULATE_MEASURE };
	struct rme_config hash = { .cfg = RME_CFG_HASH };

	ck_assert_int_eq(to_vm(HOST_B2), 0);
	ck_assert_int_eq(kvm_ioctl_val(vcpu[0], KVM_RUN, 0), -EPERM);
	ck_assert_int_eq(rme(RME_INIT_RIPAS, &all), -EINVAL);
	ck_assert_int_eq(rec(0), -ENOENT);
	ck_assert_int_eq(rme(RME_ACTIVATE, NULL), -EINVAL);
	ck_assert_int_eq(rme(RME_CREATE_REALM, NULL), 0);
	ck_assert_int_eq(rme(RME_CREATE_REALM, NULL), -EEXIST);
	ck_assert_int_eq(rme(RME_CONFIG_REALM, &hash), -EBUSY);
	ck_assert_int_eq(rme(RME_POPULATE, &p), -ENXIO);
	ck_assert_int_eq(rme(RME_INIT_RIPAS, &all), 0);
	ck_assert_int_eq(rme(RME_POPULATE, &p), 0);
	ck_assert_int_eq(rme(RME_POPULATE, &p), -ENXIO);
	ck_assert_int_eq(rec(1), -EINVAL);
	ck_assert_int_eq(rec(0), 0);
	ck_assert_int_eq(rec(0), -EBUSY);
	ck_assert_int_eq(rme(RME_ACTIVATE, NULL), 0);
	ck_assert_int_eq(rme(RME_POPULATE, &p), -EINVAL);
	ck_assert_int_eq(rme(RME_INIT_RIPAS, &all), -EINVAL);
	ck_assert_int_eq(kvm_ioctl_val(vcpu[1], KVM_RUN, 0), -EPERM);
	ck_assert_int_eq(kvm_ioctl_val(vcpu[0], KVM_RUN, 0), 0);
	tear_down();
}
END_TEST

START_TEST(the_model_of_rmi_wants_every_step_in_its_place)
{
	struct rmi_populate p = { .base = RAM, .size = 4096, .flags = RMI_POPULATE_MEASURE };
	struct rmi_populate odd = { .base = RAM, .size = 100, .flags = RMI_POPULATE_MEASURE };

	ck_assert_int_eq(to_vm(HOST_C3), 0);
	p.source = (uintptr_t)mem_load_ptr(mem, gpa(RAM), 4096);
	odd.source = p.source;
	ck_assert_int_eq(kvm_ioctl(kvm.vm_fd, KVM_ARM_RMI_POPULATE, &p), -EINVAL); /* shared */
	ck_assert_int_eq(kvm_set_private(&kvm, gpa(RAM), SIZE, true), 0);
	ck_assert_int_eq(kvm_ioctl(kvm.vm_fd, KVM_ARM_RMI_POPULATE, &odd), -EINVAL);
	ck_assert_int_eq(kvm_ioctl(kvm.vm_fd, KVM_ARM_RMI_POPULATE, &p), 0);
	p = (struct rmi_populate){ RAM, 4096, odd.source, RMI_POPULATE_MEASURE, 0 };
	ck_assert_int_eq(kvm_ioctl(kvm.vm_fd, KVM_ARM_RMI_POPULATE, &p), -EEXIST);
	memset(mem_load_ptr(mem, gpa(RAM), 4096), 0, 4096);
	ck_assert_int_eq(kvm_ioctl_val(vcpu[0], KVM_RUN, 0), 0);
	p.base += 4096;
	ck_assert_int_eq(kvm_ioctl(kvm.vm_fd, KVM_ARM_RMI_POPULATE, &p), -EBUSY);
	tear_down();
}
END_TEST

/* Registers that a Realm's host may not set [uapi reference 3.3]. */
START_TEST(the_model_guards_registers)
{
	ck_assert_int_eq(to_vm(HOST_B2), 0);
	ck_assert_int_eq(kvm_reg_set64(vcpu[0], KVM_REG_PSTATE, 0x3c5), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(vcpu[0], KVM_REG_SP, 0), -EINVAL);
	ck_assert_int_eq(kvm_reg_set64(vcpu[0], KVM_REG_X(0u), 0), 0);
	tear_down();
}
END_TEST

/* A protected VM: a page that KVM keeps from us is refused, once the VM runs. */
START_TEST(a_protected_vm)
{
	u8 b;

	fake_kvm_init(HOST_PKVM, nothing);
	memset(&conf, 0, sizeof(conf));
	ck_assert_int_eq(kvm_open(&kvm, "/dev/null"), 0);
	ck_assert_int_eq(probe_select(&probe, &kvm, PROBE_PKVM), 0);
	ck_assert(probe.ops->confidential && !probe.ops->realm);
	ck_assert_int_eq(launch_vm(), 0);
	ck_assert_uint_eq(fake_seen.vm_type, 0x80000000 | IPA);
	ck_assert_int_eq(launch_realm(), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert_int_eq(mem_read(mem, gpa(RAM), &b, 1), 0);
	ck_assert_int_eq(mprotect(mem_region(mem, 0)->shared_view, 4096, PROT_NONE), 0);
	ck_assert_int_eq(mem_read(mem, gpa(RAM), &b, 1), -EFAULT);
	tear_down();
}
END_TEST

SUITE_MAIN("realm/realm", the_model_of_rme_wants_every_step_in_its_place,
	   the_model_of_rmi_wants_every_step_in_its_place, the_model_guards_registers,
	   a_protected_vm)
