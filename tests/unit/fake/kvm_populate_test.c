/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of KVM_ARM_RMI_POPULATE answers what the posted kernels answer, line by line [uapi
 * update 4 - 9, P12 20/46, P13 24/48, P14 26/44, GM kvm_gmem_populate, GW kvm_arm_rmi_populate].
 */
#include "tests/unit/fake/rig.h"

static const enum fake_host lines[] = { HOST_C1, HOST_C2, HOST_C3, HOST_C4, HOST_C5 };

static bool v12(void)
{
	return fake_gen->populate == POPULATE_V12;
}

/* One call; a pending signal is none of the test's business. v12's struct moves on here. */
static int once(struct rmi_populate *p)
{
	int n;

	do
		n = vm_ioctl(v12() ? KVM_ARM_RMI_POPULATE_V12 : KVM_ARM_RMI_POPULATE, p);
	while (n == -EINTR);
	if (!v12() || n < 0)
		return n;
	p->base += (u64)n;
	p->source += (u64)n;
	p->size -= (u64)n;
	return 0;
}

static bool is_silent(enum fake_host host)
{
	return host == HOST_C2 || host == HOST_C3 || host == HOST_C4;
}

/* Until all is done or a call fails. */
static int all(struct rmi_populate *p)
{
	int err = 0;

	while (!err && p->size)
		err = once(p);
	return err;
}

static struct rmi_populate pages(u64 at, u64 nr)
{
	return (struct rmi_populate){ RAM + at * PAGE, nr * PAGE, (uintptr_t)rig.source,
				      RMI_POPULATE_MEASURE, 0 };
}

static int with(struct rmi_populate p)
{
	return once(&p);
}

START_TEST(arguments_come_before_the_descriptor)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		p = pages(0, 1);
		p.reserved = 1;
		ck_assert_int_eq(with(p), -EINVAL);
		p = pages(0, 1);
		p.flags = 2;
		ck_assert_int_eq(with(p), -EINVAL);
		p = pages(0, 1);
		p.base += 100;
		ck_assert_int_eq(with(p), -EINVAL);
		p = pages(0, 1);
		p.size = 100;
		ck_assert_int_eq(with(p), -EINVAL);
		ck_assert(!fake_seen.created);
		rig_down();
	}
}
END_TEST

/* v12 does not look at it and takes the page that it lies in. */
START_TEST(a_source_that_is_no_page)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;
		u8 b[PAGE];

		rig_up(lines[i], nothing);
		p = pages(0, 1);
		p.source += PAGE + 100;
		ck_assert_int_eq(with(p), v12() ? 0 : -EINVAL);
		ck_assert_int_eq(fake_seen.created, v12());
		fake_kvm_read_private(RAM, b, PAGE);
		ck_assert_uint_eq(b[0], v12() ? 2 : 0);
		rig_down();
	}
}
END_TEST

START_TEST(no_source_at_all)
{
	static const int err[] = { -EFAULT, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP, -EINVAL };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		p = pages(0, 1);
		p.source = 0;
		ck_assert_int_eq(with(p), err[i]);
		ck_assert_int_eq(fake_seen.created, lines[i] != HOST_C5);
		p = pages(0, 2);
		p.source = 0x1000; /* nothing is there */
		ck_assert_int_eq(with(p), -EFAULT);
		rig_down();
	}
}
END_TEST

/* EINVAL where no guest_memfd is; EFAULT only when it has been closed. */
START_TEST(where_there_is_no_guest_memfd)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], nothing);
		ck_assert_int_eq(with(pages(RIG_PAGES, 1)), -EINVAL);
		ck_assert_int_eq(with(pages((u64)-1, 1)), -EINVAL);
		ck_assert_int_eq(with(pages(BIT(RIG_IPA - 1) / PAGE, 1)), -EINVAL);
		ck_assert(fake_seen.created);
		close(rig.gmem);
		ck_assert_int_eq(with(pages(0, 1)), -EFAULT);
		rig.gmem = -1;
		rig_down();
	}
}
END_TEST

/* The descriptor comes all the same. */
START_TEST(nothing_to_do)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_up(lines[i], nothing);
		ck_assert_int_eq(with(pages(0, 0)), lines[i] == HOST_C5 ? 0 : -EINVAL);
		ck_assert(fake_seen.created);
		rig_down();
	}
}
END_TEST

/* What has been done before a page that fails is success, and the next call fails. */
START_TEST(progress_ends_at_the_first_page_that_fails)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		p = pages(2, 1);
		fake_kvm_expect("ascending");
		ck_assert_int_eq(all(&p), 0);
		p = pages(0, 5);
		ck_assert_int_eq(once(&p), 0);
		ck_assert_uint_eq(p.size, 3 * PAGE);
		ck_assert_uint_eq(p.base, RAM + 2 * PAGE);
		ck_assert_uint_eq(p.source, (uintptr_t)rig.source + 2 * PAGE);
		ck_assert_int_eq(once(&p), v12() ? -EEXIST : -ENXIO);
		ck_assert_uint_eq(p.size, 3 * PAGE);
		rig_down();
	}
}
END_TEST

/* The slot's end is where a call ends, also one whose size wraps; the newest tree refuses that. */
START_TEST(progress_ends_with_the_slot)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		p = pages(RIG_PAGES - 2, 4);
		ck_assert_int_eq(once(&p), 0);
		ck_assert_uint_eq(p.size, 2 * PAGE);
		ck_assert_int_eq(once(&p), -EINVAL);
		p = pages(RIG_PAGES - 4, 1);
		p.size = -(p.base - PAGE);
		fake_kvm_expect("ascending");
		ck_assert_int_eq(with(p), lines[i] == HOST_C5 ? -EINVAL : 0);
		rig_down();
	}
}
END_TEST

/*
 * v13 and v14 take the RMM's status for pages done, and nobody can see that of one page [uapi
 * update 8]; a status with an index makes the rest of a range larger than the range was.
 */
START_TEST(a_page_that_the_rmm_refuses)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		bool silent = is_silent(lines[i]);
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		fake_kvm_refuse_page(RAM + PAGE, 1);
		p = pages(0, 2);
		ck_assert_int_eq(once(&p), 0);
		ck_assert_uint_eq(p.size, PAGE);
		ck_assert_int_eq(once(&p), silent ? 0 : -ENXIO);
		ck_assert_uint_eq(p.size, silent ? 0 : PAGE);
		ck_assert_uint_eq(fake_seen.measured[0].size, PAGE);
		fake_kvm_refuse_page(RAM + PAGE, 0x304);
		p = pages(1, 1);
		ck_assert_int_eq(once(&p), silent ? 0 : -ENXIO);
		ck_assert_uint_eq(p.size, silent ? -(u64)0x303 * PAGE : PAGE);
		rig_down();
	}
}
END_TEST

START_TEST(a_signal_costs_nothing_that_was_done)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		unsigned signals = 0, calls = 0;
		struct rmi_populate p;

		rig_up(lines[i], nothing);
		p = pages(0, RIG_PAGES);
		for (; p.size; calls++) {
			struct rmi_populate before = p;
			int n = vm_ioctl(v12() ? KVM_ARM_RMI_POPULATE_V12 : KVM_ARM_RMI_POPULATE,
					 &p);

			signals += n == -EINTR;
			if (n == -EINTR)
				ck_assert_mem_eq(&before, &p, sizeof(p));
			else if (v12())
				p = (struct rmi_populate){ p.base + (u64)n, p.size - (u64)n,
							   p.source + (u64)n, p.flags, 0 };
		}
		ck_assert_uint_gt(signals, 0);
		ck_assert_uint_gt(calls, 5);
		ck_assert_uint_eq(fake_seen.nr_measured, 1);
		ck_assert_uint_eq(fake_seen.measured[0].size, RIG_SIZE);
		rig_down();
	}
}
END_TEST

START_TEST(a_page_that_is_shared)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct kvm_memory_attributes2 a = { .offset = 0, .size = PAGE };

		rig_up(lines[i], nothing);
		if (fake_gen->own_attrs)
			ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), 0);
		else
			ck_assert_int_eq(set_private(RAM, PAGE, false), 0);
		ck_assert_int_eq(with(pages(0, 1)), -EINVAL);
		ck_assert_int_eq(with(pages(1, 1)), 0);
		rig_down();
	}
}
END_TEST

START_TEST(not_once_it_runs)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct rmi_populate odd;

		rig_up(lines[i], nothing);
		ck_assert_int_eq(run(0), 0);
		ck_assert_int_eq(with(pages(0, 1)), -EBUSY);
		odd = pages(0, 1);
		odd.reserved = 1;
		ck_assert_int_eq(with(odd), -EINVAL);
		rig_down();
	}
}
END_TEST

/* What probes rely on: the VM comes before the argument, and the other line's number is unknown. */
START_TEST(the_vm_comes_before_the_argument)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct kvm plain;

		rig_up(lines[i], nothing);
		plain = (struct kvm){ .dev_fd = rig.k.dev_fd, .vm_fd = -1 };
		ck_assert_int_eq(kvm_vm_create(&plain, 0), 0);
		ck_assert_int_eq(vm_ioctl(KVM_ARM_RMI_POPULATE, NULL), v12() ? -EINVAL : -EFAULT);
		ck_assert_int_eq(vm_ioctl(KVM_ARM_RMI_POPULATE_V12, NULL),
				 v12() ? -EFAULT : -EINVAL);
		ck_assert_int_eq(kvm_ioctl(plain.vm_fd, KVM_ARM_RMI_POPULATE, NULL),
				 v12() ? -EINVAL : -ENXIO);
		ck_assert_int_eq(kvm_ioctl(plain.vm_fd, KVM_ARM_RMI_POPULATE_V12, NULL),
				 v12() ? -EPERM : -EINVAL);
		close(plain.vm_fd);
		rig_down();
	}
}
END_TEST

/* SVE that is not finalized, or not the same on all vCPUs [uapi update 18]. */
START_TEST(vectors_are_final_and_the_same)
{
	u32 features = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_SVE;
	u64 vls[KVM_ARM64_SVE_VLS_WORDS] = { 1 };
	int sve = KVM_ARM_VCPU_SVE;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		rig_ram(lines[i], nothing, NULL);
		ck_assert_int_eq(make_vcpus(features), 0);
		ck_assert_int_eq(with(pages(0, 1)), -EINVAL);
		ck_assert_int_eq(kvm_reg_set(rig.vcpu[1], KVM_REG_ARM64_SVE_VLS, vls), 0);
		ck_assert_int_eq(kvm_ioctl(rig.vcpu[0], KVM_ARM_VCPU_FINALIZE, &sve), 0);
		ck_assert_int_eq(kvm_ioctl(rig.vcpu[1], KVM_ARM_VCPU_FINALIZE, &sve), 0);
		ck_assert_int_eq(with(pages(0, 1)), -EINVAL);
		ck_assert(!fake_seen.created);
		rig_down();
	}
}
END_TEST

SUITE_MAIN("fake/kvm_populate", arguments_come_before_the_descriptor, a_source_that_is_no_page,
	   no_source_at_all, where_there_is_no_guest_memfd, nothing_to_do,
	   progress_ends_at_the_first_page_that_fails, progress_ends_with_the_slot,
	   a_page_that_the_rmm_refuses, a_signal_costs_nothing_that_was_done, a_page_that_is_shared,
	   not_once_it_runs, the_vm_comes_before_the_argument, vectors_are_final_and_the_same)
