/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host calls on a real RMM: which are asked for, and what goes in and out of a vCPU's registers.
 * KVM, the Realm and the sessions are the test's.
 */
#include <errno.h>

#include "lkvm/kvm/kvm.h"
#include "realm/host/hostcall.h"
#include "realm/realm.h"
#include "realm/rhi.h"
#include "tests/unit/arm64/capture.h"

#define VM_FD 77
#define VCPU_FD 78

static struct {
	struct rhi *rhi;
	struct kvm_smccc_filter filter;
	unsigned nr_filters, nr_waits;
	u64 x[8], asked[RHI_NR_REGS];
	int err, reg_err, call_err;
} fake;

/* ---- the others ---- */

struct rhi *realm_rhi(const struct realm *r)
{
	return fake.rhi;
}

struct kvm *realm_kvm(struct realm *r)
{
	static struct kvm kvm = { .vm_fd = VM_FD };

	return &kvm;
}

int rhi_call(struct rhi *r, u64 x[RHI_NR_REGS])
{
	ck_assert_ptr_eq(r, fake.rhi);
	memcpy(fake.asked, x, sizeof(fake.asked));
	for (unsigned i = 0; i < RHI_NR_REGS && !fake.call_err; i++)
		x[i] = 0x100 + i;
	return fake.call_err;
}

void rhi_wait(struct rhi *r)
{
	fake.nr_waits++;
}

static int one_reg(unsigned long req, const struct kvm_one_reg *reg)
{
	u64 *value = (u64 *)(uintptr_t)reg->addr;
	u64 i = (reg->id - KVM_REG_X(0u)) / 2;

	ck_assert_uint_lt(i, ARRAY_SIZE(fake.x));
	if (req == KVM_SET_ONE_REG)
		fake.x[i] = *value;
	else
		*value = fake.x[i];
	return fake.reg_err;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	const struct kvm_device_attr *a = arg;

	if (req == KVM_SET_ONE_REG || req == KVM_GET_ONE_REG) {
		ck_assert_int_eq(fd, VCPU_FD);
		return one_reg(req, arg);
	}
	ck_assert_int_eq(fd, VM_FD);
	ck_assert(a->group == KVM_ARM_VM_SMCCC_CTRL && a->attr == KVM_ARM_VM_SMCCC_FILTER);
	if (req == KVM_HAS_DEVICE_ATTR)
		return 0;
	memcpy(&fake.filter, (void *)(uintptr_t)a->addr, sizeof(fake.filter));
	fake.nr_filters++;
	return fake.err;
}

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("nobody asks for %#lx", req);
}

/* ---- tests ---- */

static int exit_with(u64 nr)
{
	static struct kvm_run run;

	run.hypercall.nr = nr;
	for (unsigned i = 0; i < ARRAY_SIZE(fake.x); i++)
		fake.x[i] = i;
	return hostcall_exit(NULL, VCPU_FD, &run);
}

START_TEST(only_who_has_sessions_asks_for_the_calls)
{
	capture_start();
	ck_assert_int_eq(hostcall_create(NULL), 0);
	ck_assert_uint_eq(fake.nr_filters, 0);
	fake.rhi = (struct rhi *)(uintptr_t)8;
	ck_assert_int_eq(hostcall_create(NULL), 0);
	ck_assert_uint_eq(fake.nr_filters, 1);
	ck_assert_uint_eq(fake.filter.base, RHI_SESSION_VERSION);
	ck_assert_uint_eq(fake.filter.base + fake.filter.nr_functions, RHI_SESSION_RECEIVE + 1);
	ck_assert_uint_eq(fake.filter.action, KVM_SMCCC_FILTER_FWD_TO_USER);
	ck_assert_str_eq(captured(), "");
	fake.err = -EEXIST;
	ck_assert_int_eq(hostcall_create(NULL), -EEXIST);
	captured_one_error("--service-ip", "does not hand over");
}
END_TEST

/* [RMM 1.0 B5.3.4] x1 to x4 are arguments, x0 to x3 results; the others stay the guest's. */
START_TEST(registers_in_and_out)
{
	fake.rhi = (struct rhi *)(uintptr_t)8;
	/* The upper half of the function number is the guest's, and says nothing. */
	ck_assert_int_eq(exit_with(UINT64_C(0xffffffff00000000) | RHI_SESSION_OPEN), 0);
	ck_assert_uint_eq(fake.asked[0], RHI_SESSION_OPEN);
	for (unsigned i = 1; i < RHI_NR_REGS; i++)
		ck_assert_uint_eq(fake.asked[i], i);
	for (unsigned i = 0; i < ARRAY_SIZE(fake.x); i++)
		ck_assert_uint_eq(fake.x[i], i < 4 ? 0x100 + i : i);
	ck_assert_uint_eq(fake.nr_waits, 0);
}
END_TEST

/* In part: nothing is written, so that the same call can be made again. */
START_TEST(a_server_that_has_not_answered_yet)
{
	fake.rhi = (struct rhi *)(uintptr_t)8;
	fake.call_err = -EAGAIN;
	ck_assert_int_eq(exit_with(RHI_SESSION_RECEIVE), -EINPROGRESS);
	ck_assert_uint_eq(fake.nr_waits, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(fake.x); i++)
		ck_assert_uint_eq(fake.x[i], i);
}
END_TEST

START_TEST(a_kernel_that_does_not_show_registers)
{
	fake.rhi = (struct rhi *)(uintptr_t)8;
	fake.reg_err = -EPERM;
	ck_assert_int_eq(exit_with(RHI_SESSION_OPEN), -EPERM);
	ck_assert_uint_eq(fake.asked[0], 0);
}
END_TEST

SUITE_MAIN("realm/host/hostcall", only_who_has_sessions_asks_for_the_calls, registers_in_and_out,
	   a_server_that_has_not_answered_yet, a_kernel_that_does_not_show_registers)
