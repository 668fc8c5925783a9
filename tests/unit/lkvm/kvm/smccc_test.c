/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SMCCC filter, against a kernel that has it, one that has not, and one that refuses. */
#include "lkvm/kvm/smccc.h"

#include <errno.h>

#include "tests/unit/arm64/capture.h"

#define VM 42

static struct {
	bool no_filter;
	unsigned nr, refuse; /* the call with this number, from 1 on */
	struct kvm_smccc_filter filters[8];
} kernel;

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("ioctl %#lx", req);
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	const struct kvm_device_attr *a = arg;

	ck_assert_int_eq(fd, VM);
	ck_assert(a->group == KVM_ARM_VM_SMCCC_CTRL && a->attr == KVM_ARM_VM_SMCCC_FILTER);
	if (req == KVM_HAS_DEVICE_ATTR)
		return kernel.no_filter ? -ENXIO : 0;
	ck_assert_uint_eq(req, KVM_SET_DEVICE_ATTR);
	kernel.filters[kernel.nr++] = *(struct kvm_smccc_filter *)(uintptr_t)a->addr;
	return kernel.nr == kernel.refuse ? -EEXIST : 0;
}

static const struct kvm k = { .dev_fd = -1, .vm_fd = VM };
static const struct smccc_range ranges[] = { { 0, 0x7fffffff },
					     { 0x84000000, 0x84000000 },
					     { 0xc4000021, 0xffffffff } };

static void setup(void)
{
	memset(&kernel, 0, sizeof(kernel));
	capture_start();
}

START_TEST(ranges_are_forwarded_with_both_ends)
{
	setup();
	ck_assert(smccc_has_filter(&k));
	ck_assert_int_eq(smccc_forward(&k, ranges, ARRAY_SIZE(ranges), "--me"), 0);
	ck_assert_uint_eq(kernel.nr, ARRAY_SIZE(ranges));
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct kvm_smccc_filter *f = &kernel.filters[i];

		ck_assert_uint_eq(f->base, ranges[i].first);
		ck_assert_uint_eq(f->base + (f->nr_functions - 1), ranges[i].last);
		ck_assert_uint_eq(f->action, KVM_SMCCC_FILTER_FWD_TO_USER);
		for (unsigned n = 0; n < sizeof(f->pad); n++)
			ck_assert_uint_eq(f->pad[n], 0);
	}
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(a_host_without_filter_is_told_apart)
{
	setup();
	kernel.no_filter = true;
	ck_assert(!smccc_has_filter(&k));
	ck_assert_int_eq(smccc_forward(&k, ranges, ARRAY_SIZE(ranges), "--me"), -ENODEV);
	ck_assert_uint_eq(kernel.nr, 0);
	captured_one_error("--me", "needs KVM's SMCCC filter: Linux 6.4");
}
END_TEST

START_TEST(a_refusal_is_said_once_with_the_range)
{
	setup();
	kernel.refuse = 2;
	ck_assert_int_eq(smccc_forward(&k, ranges, ARRAY_SIZE(ranges), "--me"), -EEXIST);
	ck_assert_uint_eq(kernel.nr, 2);
	captured_one_error("--me", "0x84000000 to 0x84000000");
}
END_TEST

SUITE_MAIN("lkvm/smccc", ranges_are_forwarded_with_both_ends, a_host_without_filter_is_told_apart,
	   a_refusal_is_said_once_with_the_range)
