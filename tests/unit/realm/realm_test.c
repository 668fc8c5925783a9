/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life cycle of a protected VM. */
#include <check.h>

#include "tests/unit/realm/host/launch.h"

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

SUITE_MAIN("realm/realm", a_protected_vm)
