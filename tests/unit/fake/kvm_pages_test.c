/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of pages that change sides, and of the VMM's memory behind the shared ones. */
#include <stdio.h>

#include "tests/unit/fake/rig.h"

static const enum fake_host lines[] = { HOST_B2, HOST_C1, HOST_C2, HOST_C3, HOST_C4, HOST_C5 };
static const enum fake_host in_place[] = { HOST_C4, HOST_C5 };

static int own(u64 offset, u64 size, bool is_private)
{
	struct kvm_memory_attributes2 a = { .offset = offset, .size = size };

	a.attributes = is_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
	return kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a);
}

static int set_side(u64 page, u64 nr, bool is_private)
{
	return fake_gen->own_attrs ? own(page * PAGE, nr * PAGE, is_private)
				   : set_private(RAM + page * PAGE, nr * PAGE, is_private);
}

static void fill(u64 page)
{
	ck_assert_int_eq(pwrite(rig.gmem, rig.source, PAGE, (off_t)(page * PAGE)), PAGE);
}

static int punch(u64 page, u64 nr)
{
	return fallocate(rig.gmem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * PAGE),
			 (off_t)(nr * PAGE))
		       ? -errno
		       : 0;
}

/* What B and A's siblings need before KVM_RUN, without a backend. */
static void activate_rme(void)
{
	struct rme_init_ripas all = { .base = RAM, .size = RIG_SIZE };
	struct kvm_enable_cap e = { .cap = fake_gen->cap };

	e.args[0] = RME_CREATE_REALM;
	ck_assert_int_eq(vm_ioctl(KVM_ENABLE_CAP, &e), 0);
	e.args[0] = RME_INIT_RIPAS;
	e.args[1] = (uintptr_t)&all;
	ck_assert_int_eq(vm_ioctl(KVM_ENABLE_CAP, &e), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(
			kvm_ioctl(rig.vcpu[i], KVM_ARM_VCPU_FINALIZE, (void *)&fake_gen->rec), 0);
	e.args[0] = RME_ACTIVATE;
	ck_assert_int_eq(vm_ioctl(KVM_ENABLE_CAP, &e), 0);
}

static void up(enum fake_host host, const struct fake_op *ops)
{
	rig_up(host, ops);
	if (!fake_gen->populate)
		activate_rme();
}

/* ---- order ---- */

START_TEST(freed_before_it_is_shared)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		up(lines[i], nothing);
		fill(3);
		fake_kvm_expect("made shared before it was freed");
		ck_assert_int_eq(set_side(3, 1, false), 0);
		ck_assert_uint_eq(fake_seen.wrongs, 1);
		fake_kvm_expect("freed while it is shared");
		ck_assert_int_eq(punch(3, 1), 0);
		ck_assert_uint_eq(fake_seen.wrongs, 2);
		fake_kvm_expect(NULL);
		fill(4);
		ck_assert_int_eq(punch(4, 1), 0);
		ck_assert_int_eq(set_side(4, 1, false), 0);
		rig_down();
	}
}
END_TEST

START_TEST(what_guest_memfd_frees)
{
	rig_up(HOST_C3, nothing);
	ck_assert_int_eq(fallocate(rig.gmem, FALLOC_FL_PUNCH_HOLE, 0, PAGE), -1);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	ck_assert_int_eq(fallocate(rig.gmem, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
	rig_down();
}
END_TEST

/* ---- RIPAS ---- */

static const struct fake_op gives[] = { { GUEST_EMPTY, RAM + 2 * PAGE, 2 * PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };

/* A VMM that does nothing about it. */
START_TEST(the_host_keeps_what_the_guest_gives)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		up(lines[i], gives);
		fill(2);
		exits_with(-EFAULT, RAM + 2 * PAGE, 2 * PAGE, false);
		fake_kvm_expect("");
		if (lines[i] == HOST_C5) {
			/* again and again */
			exits_with(-EFAULT, RAM + 2 * PAGE, 2 * PAGE, false);
			exits_with(-EFAULT, RAM + 2 * PAGE, 2 * PAGE, false);
		} else {
			ck_assert_int_eq(run(0), 0);
			/* not freed, and where the VM has attributes, not set */
			ck_assert_uint_eq(fake_seen.wrongs, fake_gen->own_attrs ? 1 : 3);
		}
		rig_down();
	}
}
END_TEST

static const struct fake_op takes[] = { { GUEST_EMPTY, RAM, PAGE, NULL },
					{ GUEST_RAM, RAM, PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };

START_TEST(the_host_keeps_what_the_guest_takes)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		up(lines[i], takes);
		exits_with(-EFAULT, RAM, PAGE, false);
		ck_assert_int_eq(punch(0, 1), 0);
		ck_assert_int_eq(set_side(0, 1, false), 0);
		exits_with(-EFAULT, RAM, PAGE, true);
		ck_assert_int_eq(set_side(0, 1, true), 0);
		rig.hva[0] = 1;
		fake_kvm_expect("still has a shared copy");
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(fake_seen.wrongs, 1);
		rig_down();
	}
}
END_TEST

static const struct fake_op over_the_end[] = {
	{ GUEST_EMPTY, RAM + RIG_SIZE - PAGE, 2 * PAGE, NULL },
	{ GUEST_RAM, RAM + RIG_SIZE - PAGE, 2 * PAGE, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* Where nothing is counts as shared [uapi update 13]: only the newest tree looks. */
START_TEST(a_hole_never_fits_to_ram)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		up(lines[i], over_the_end);
		exits_with(-EFAULT, RAM + RIG_SIZE - PAGE, 2 * PAGE, false);
		ck_assert_int_eq(set_side(RIG_PAGES - 1, 1, false), 0);
		exits_with(-EFAULT, RAM + RIG_SIZE - PAGE, 2 * PAGE, true);
		ck_assert_int_eq(set_side(RIG_PAGES - 1, 1, true), 0);
		if (lines[i] == HOST_C5) {
			exits_with(-EFAULT, RAM + RIG_SIZE - PAGE, 2 * PAGE, true);
			exits_with(-EFAULT, RAM + RIG_SIZE - PAGE, 2 * PAGE, true);
		} else {
			ck_assert_int_eq(run(0), 0);
		}
		rig_down();
	}
}
END_TEST

static void takes_back(void)
{
	ck_assert_int_eq(own(3 * PAGE, PAGE, true), 0);
}

/* What the RMM has done is not asked for again [uapi update 12]. */
START_TEST(an_exit_says_what_is_left)
{
	rig_up(HOST_C5, gives);
	exits_with(-EFAULT, RAM + 2 * PAGE, 2 * PAGE, false);
	ck_assert_int_eq(own(2 * PAGE, 2 * PAGE, false), 0);
	fake_kvm_in_part(PAGE, takes_back);
	exits_with(-EFAULT, RAM + 3 * PAGE, PAGE, false);
	ck_assert_int_eq(own(3 * PAGE, PAGE, false), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	rig_down();
}
END_TEST

START_TEST(an_exit_without_an_error)
{
	static const enum fake_host hosts[] = { HOST_B1, HOST_B2_V6, HOST_C5_RET0 };

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		up(hosts[i], gives);
		exits_with(0, RAM + 2 * PAGE, 2 * PAGE, false);
		rig_down();
	}
}
END_TEST

/* ---- attributes of a guest_memfd [uapi update 14, 16, GM kvm_gmem_set_attributes] ---- */

START_TEST(attributes_that_are_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(in_place); i++) {
		struct kvm_memory_attributes2 a;

		rig_up(in_place[i], nothing);
		ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, NULL), -EFAULT);
		a = (struct kvm_memory_attributes2){ .size = PAGE, .flags = 1 };
		ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), -EINVAL);
		a = (struct kvm_memory_attributes2){ .size = PAGE, .attributes = 1 };
		ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), -EINVAL);
		a = (struct kvm_memory_attributes2){ .size = PAGE, .reserved[10] = 1 };
		ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), -EINVAL);
		ck_assert_int_eq(own(0, 0, true), -EINVAL);
		ck_assert_int_eq(own(0, 100, true), -EINVAL);
		ck_assert_int_eq(own(100, PAGE, true), -EINVAL);
		ck_assert_int_eq(own(RIG_SIZE, PAGE, true), -EINVAL);
		ck_assert_int_eq(own(RIG_SIZE - PAGE, 2 * PAGE, true), -EINVAL);
		ck_assert_int_eq(own(PAGE, -(u64)PAGE, true), -EINVAL);
		ck_assert_int_eq(own(0, RIG_SIZE, true), 0);
		/* the VM has none to set */
		ck_assert_int_eq(set_private(RAM, PAGE, true), -EINVAL);
		rig_down();
	}
	rig_ram(HOST_C4_FIXED, nothing, NULL);
	ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, NULL), -ENOTTY);
	rig_down();
	rig_ram(HOST_C3, nothing, NULL);
	ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, NULL), -ENOTTY);
	rig_down();
}
END_TEST

START_TEST(a_page_that_somebody_holds)
{
	struct kvm_memory_attributes2 a = { .offset = 2 * PAGE, .size = 4 * PAGE };

	a.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE;
	rig_up(HOST_C5, nothing);
	ck_assert_int_eq(own(2 * PAGE, 4 * PAGE, false), 0);
	fake_kvm_pin(RAM + 3 * PAGE, true);
	ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), -EAGAIN);
	ck_assert_uint_eq(a.error_offset, 3 * PAGE);
	ck_assert_int_eq(own(0, 2 * PAGE, true), 0);
	fake_kvm_pin(RAM + 3 * PAGE, false);
	ck_assert_int_eq(kvm_ioctl(rig.gmem, KVM_SET_MEMORY_ATTRIBUTES2, &a), 0);
	rig_down();
}
END_TEST

START_TEST(memory_that_is_shared_from_the_start)
{
	struct kvm_create_guest_memfd g = { .size = PAGE, .flags = 2 };
	struct rmi_populate p;
	int fd;

	rig_up(HOST_C5, nothing);
	fd = vm_ioctl(KVM_CREATE_GUEST_MEMFD, &g);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kvm_add_gmem_slot(&rig.k, gpa(RAM + MiB), PAGE, rig.hva, fd), 0);
	p = (struct rmi_populate){ RAM + MiB, PAGE, (uintptr_t)rig.source, 0, 0 };
	while (vm_ioctl(KVM_ARM_RMI_POPULATE, &p) == -EINTR)
		continue;
	ck_assert_uint_eq(p.size, PAGE);
	g.flags = 4;
	ck_assert_int_eq(vm_ioctl(KVM_CREATE_GUEST_MEMFD, &g), -EINVAL);
	g = (struct kvm_create_guest_memfd){ .size = 100 };
	ck_assert_int_eq(vm_ioctl(KVM_CREATE_GUEST_MEMFD, &g), -EINVAL);
	close(fd);
	rig_down();
	rig_up(HOST_B2, nothing);
	g = (struct kvm_create_guest_memfd){ .size = PAGE, .flags = 2 };
	ck_assert_int_eq(vm_ioctl(KVM_CREATE_GUEST_MEMFD, &g), -EINVAL);
	rig_down();
}
END_TEST

/* ---- the VMM's memory behind shared pages [uapi update 26, 27] ---- */

static const struct fake_op reads[] = { { GUEST_EMPTY, RAM, PAGE, NULL },
					{ GUEST_ZERO_SHARED, RAM, PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };
static const struct fake_op writes[] = { { GUEST_EMPTY, RAM, PAGE, NULL },
					 { GUEST_WRITE_SHARED, RAM, PAGE, NULL },
					 { GUEST_IS_SHARED, RAM, PAGE, NULL },
					 { GUEST_END, 0, 0, NULL } };

static u8 *private_memory(void)
{
	u8 *p = mmap(NULL, RIG_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	madvise(p, RIG_SIZE, MADV_NOHUGEPAGE);
	return p;
}

/* What the KVM_RUN returns that makes the guest's access. */
static int access_on(enum fake_host host, const struct fake_op *ops, u8 *hva)
{
	int ret;

	rig_ram(host, ops, hva);
	ck_assert_int_eq(make_vcpus(1u << KVM_ARM_VCPU_PSCI_0_2), 0);
	make_gic(true);
	if (!fake_gen->populate)
		activate_rme();
	exits_with(-EFAULT, RAM, PAGE, false);
	ck_assert_int_eq(set_side(0, 1, false), 0);
	ret = run(0);
	if (ret == -EFAULT) /* without a word about it */
		ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_UNKNOWN);
	rig_down();
	return ret;
}

/* Neither read nor written before. */
START_TEST(private_memory_cannot_be_read_first)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		bool strict = lines[i] == HOST_C3 || lines[i] == HOST_C4;
		volatile u8 *p;

		ck_assert_int_eq(access_on(lines[i], reads, private_memory()),
				 strict ? -EFAULT : 0);
		ck_assert_int_eq(access_on(lines[i], writes, private_memory()), 0);
		ck_assert_int_eq(access_on(lines[i], reads, shared_memory(RIG_SIZE)), 0);
		p = private_memory();
		(void)*p; /* a page of zeros, which is not its own */
		ck_assert_int_eq(access_on(lines[i], reads, (u8 *)p), strict ? -EFAULT : 0);
		p = private_memory();
		*p = 0;
		ck_assert_int_eq(access_on(lines[i], reads, (u8 *)p), 0);
	}
}
END_TEST

START_TEST(no_huge_page_is_behind_a_shared_one)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		bool strict = lines[i] == HOST_C3 || lines[i] == HOST_C4;
		u8 *p = shared_memory(RIG_SIZE);

		if (madvise(p, RIG_SIZE, MADV_HUGEPAGE) < 0) {
			printf("skip: this kernel has no huge pages\n");
			return;
		}
		ck_assert_int_eq(access_on(lines[i], reads, p), strict ? -EINVAL : 0);
	}
}
END_TEST

/* ---- the alias of a protected page [uapi update 25] ---- */

static const struct fake_op alias[] = { { GUEST_WRITE_ALIAS, RAM, PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };

START_TEST(an_access_at_the_alias_of_a_protected_page)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		up(lines[i], alias);
		if (lines[i] == HOST_B2) {
			exits_with(-EFAULT, RAM, PAGE, false);
			exits_with(-EFAULT, RAM, PAGE, false);
			ck_assert_int_eq(set_side(0, 1, false), 0);
		}
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(rig.run[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
		ck_assert_uint_eq(rig.hva[0], 0x5a);
		rig_down();
	}
}
END_TEST

SUITE_MAIN("fake/kvm_pages", freed_before_it_is_shared, what_guest_memfd_frees,
	   the_host_keeps_what_the_guest_gives, the_host_keeps_what_the_guest_takes,
	   a_hole_never_fits_to_ram, an_exit_says_what_is_left, an_exit_without_an_error,
	   attributes_that_are_refused, a_page_that_somebody_holds,
	   memory_that_is_shared_from_the_start, private_memory_cannot_be_read_first,
	   no_huge_page_is_behind_a_shared_one, an_access_at_the_alias_of_a_protected_page)
