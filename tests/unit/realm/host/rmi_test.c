/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Realms of v12 and later kernels, against a model of each. */
#include <check.h>

#include "realm/host/uapi_rmi.h"
#include "tests/unit/realm/host/launch.h"

#define POOL (RAM + 8 * MiB)

static const enum fake_host hosts[] = { HOST_C1, HOST_C2, HOST_C3, HOST_C4, HOST_C5 };

/* The model does three pages a call, and now and then returns EINTR [uapi reference 4.4]. */
START_TEST(every_generation_starts)
{
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], nothing);
		ck_assert_int_eq(launch(), 0);
		ck_assert_ptr_eq(probe.ops, &realm_rmi);
		ck_assert_str_eq(conf.host.gen, fake_gen->name);
		ck_assert_uint_eq(fake_seen.vm_type, fake_gen->vm_bit | IPA);
		ck_assert_uint_eq(fake_seen.nr_measured, 2);
		ck_assert_uint_eq(fake_seen.measured[0].base, RAM);
		ck_assert_uint_eq(fake_seen.measured[0].size, 5 * 4096);
		ck_assert_uint_eq(fake_seen.measured[1].base, RAM + MiB);
		ck_assert_uint_eq(fake_seen.measured[1].size, 4096);
		is_loaded(RAM, 5 * 4096);
		is_loaded(RAM + MiB, 4096);
		/* activation is KVM's, at the first KVM_RUN */
		ck_assert(!fake_seen.active);
		ck_assert_uint_eq(shared_bytes(), 0);
		ck_assert_int_eq(run(0), 0);
		ck_assert(fake_seen.active);
		ck_assert_uint_eq(fake_seen.nr_recs, NR_VCPUS);
		ck_assert_uint_eq(fake_seen.entry_pc, RAM);
		ck_assert_uint_eq(fake_seen.entry_x0, RAM + MiB);
		/* all vCPUs are off by now, and sleep in the kernel */
		run_page[1]->immediate_exit = 1;
		ck_assert_int_eq(run(1), -EINTR);
		tear_down();
	}
}
END_TEST

/* A vCPU that is entered when another one has just called SYSTEM_OFF. */
START_TEST(siblings_go_quietly)
{
	static const struct fake_op late[] = { { RMM_OFF, 0, 0, NULL }, { GUEST_END, 0, 0, NULL } };

	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], late);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), -ESHUTDOWN);
		tear_down();
	}
}
END_TEST

/* Of each piece the bytes lie where the guest's address says. */
static unsigned pieces;

static void trace_pieces(unsigned long req, const void *arg)
{
	const struct rmi_populate *p = arg;

	if (req != KVM_ARM_RMI_POPULATE && req != KVM_ARM_RMI_POPULATE_V12)
		return;
	ck_assert_uint_eq(p->source, (uintptr_t)mem_load_ptr(mem, gpa(p->base), p->size));
	pieces++;
}

/* An int, which is what v12 counts bytes with, is too small for all of it. */
START_TEST(more_than_a_gib_is_loaded_in_pieces)
{
	static const enum fake_host both[] = { HOST_C1, HOST_C3 };

	ram_size = GiB + 16 * MiB;
	for (size_t h = 0; h < ARRAY_SIZE(both); h++) {
		begin(both[h], nothing);
		ck_assert_int_eq(launch_host(), 0);
		ck_assert_int_eq(realm_define(realm, vcpu[0]), 0);
		fake_kvm_populate_blind(true);
		fake_kvm_trace = trace_pieces;
		pieces = 0;
		ck_assert_int_eq(realm_populate(realm, gpa(RAM), GiB + 2 * 4096, true), 0);
		fake_kvm_trace = NULL;
		ck_assert_uint_eq(pieces, 2);
		ck_assert_uint_eq(fake_seen.nr_measured, 1);
		ck_assert_uint_eq(fake_seen.measured[0].size, GiB + 2 * 4096);
		tear_down();
	}
	ram_size = SIZE;
}
END_TEST

/* Neither a count that goes past the end nor none at all is believed: it would never end. */
START_TEST(a_kernel_that_miscounts)
{
	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		for (unsigned pages = 0; pages < 3; pages += 2) {
			begin(hosts[h], nothing);
			ck_assert_int_eq(launch_host(), 0);
			ck_assert_int_eq(realm_define(realm, vcpu[0]), 0);
			fake_kvm_populate_claims((int)pages * 4096);
			ck_assert_int_eq(realm_populate(realm, gpa(RAM), 4096, true), -EIO);
			captured_one_error("Input/output error", "");
			tear_down();
		}
	}
}
END_TEST

/* ---- what these kernels leave no choice about ---- */

static void refused(enum fake_host host, const char *option)
{
	ck_assert_int_eq(launch(), -EINVAL);
	captured_one_error(option, fake_gen->name);
	ck_assert_uint_eq(fake_seen.created, false);
	tear_down();
	begin(host, nothing);
}

START_TEST(no_choice_is_an_error_not_a_default)
{
	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], nothing);
		conf.sha512 = true;
		refused(hosts[h], "--measurement-algo sha512");
		conf.has_rpv = true;
		refused(hosts[h], "--realm-pv");
		conf.pmu = true;
		if (fake_gen->pmu) {
			ck_assert_int_eq(launch(), 0);
			tear_down();
		} else {
			refused(hosts[h], "--pmu");
		}
	}
}
END_TEST

/* ---- pages that change sides ---- */

static void pool_is_shared(void)
{
	u8 b = 0;

	ck_assert(mem_is_shared(mem, gpa(POOL), MiB));
	ck_assert_int_eq(mem_read(mem, gpa(POOL | ALIAS), &b, 1), 0);
	ck_assert_uint_eq(b, 0x5a);
	ck_assert_int_eq(mem_read(mem, gpa(POOL - 1), &b, 2), -EFAULT);
	ck_assert_int_eq(mem_read(mem, gpa(RAM), &b, 1), -EFAULT);
	ck_assert_uint_eq(shared_bytes(), 4096); /* what has been written */
}

static void pool_is_private(void)
{
	u8 b = 0;

	ck_assert_uint_eq(shared_bytes(), 0);
	ck_assert_int_eq(mem_write(mem, gpa(POOL | ALIAS), &b, 1), -EFAULT);
}

static const struct fake_op conversions[] = {
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_CALL, 0, 0, pool_is_private },
	{ GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_EMPTY, POOL, MiB, NULL },
	{ GUEST_ZERO_SHARED, POOL, 4096, NULL },
	{ GUEST_WRITE_SHARED, POOL, 4096, NULL },
	{ GUEST_CALL, 0, 0, pool_is_shared },
	{ GUEST_EMPTY, POOL - 8192, MiB, NULL },
	{ GUEST_IS_SHARED, POOL, 4096, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_ZERO_PRIVATE, POOL, 4096, NULL },
	{ GUEST_CALL, 0, 0, pool_is_private },
	{ GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_EMPTY, POOL, 4096, NULL },
	{ GUEST_ZERO_SHARED, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

START_TEST(pages_change_sides)
{
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], conversions);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), 0);
		/* [4.6] C5 comes back until the guest_memfd says what the guest asks for */
		ck_assert_uint_eq(fake_seen.exits, hosts[h] == HOST_C5 ? 9 : 5);
		tear_down();
	}
}
END_TEST

#define LARGE (64 * MiB)

static const struct fake_op large_changes[] = {
	{ GUEST_EMPTY, RAM + MiB, LARGE, NULL }, { GUEST_WRITE_SHARED, RAM + LARGE, 4096, NULL },
	{ GUEST_RAM, RAM, SIZE + LARGE, NULL },	 { GUEST_ZERO_PRIVATE, RAM + LARGE, 4096, NULL },
	{ GUEST_EMPTY, RAM, 4096, NULL },	 { GUEST_END, 0, 0, NULL },
};

static u64 largest; /* change of attributes */

static void trace_attributes(unsigned long req, const void *arg)
{
	if (req == KVM_SET_MEMORY_ATTRIBUTES)
		largest = MAX(largest, ((const struct kvm_memory_attributes *)arg)->size);
}

/* Between two steps a vCPU looks whether it shall stop. */
START_TEST(a_change_is_made_in_bounded_steps)
{
	ram_size = SIZE + LARGE;
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], large_changes);
		ck_assert_int_eq(launch(), 0);
		steps = 0;
		largest = 0;
		fake_kvm_trace = trace_attributes;
		ck_assert_int_eq(run(0), 0);
		fake_kvm_trace = NULL;
		ck_assert_uint_eq(steps, 2 * LARGE / (16 * MiB) + 1);
		ck_assert_uint_eq(largest, fake_gen->own_attrs ? 0 : 16 * MiB);
		ck_assert_uint_eq(shared_bytes(), 0);
		tear_down();
	}
	ram_size = SIZE;
}
END_TEST

static unsigned own_attrs;

static void count_own_attrs(unsigned long req, const void *arg)
{
	own_attrs += req == KVM_SET_MEMORY_ATTRIBUTES2;
}

/* An exit that asks for these pages to be shared; how often the guest_memfd was told so. */
static unsigned told_after(u64 base, unsigned pages)
{
	int err;

	own_attrs = 0;
	run_page[0]->exit_reason = KVM_EXIT_MEMORY_FAULT;
	run_page[0]->memory_fault.flags = 0;
	run_page[0]->memory_fault.gpa = base;
	run_page[0]->memory_fault.size = pages * 4096;
	do {
		err = realm_exit(realm, 0, vcpu[0], run_page[0]);
	} while (err == -EAGAIN || err == -EINPROGRESS);
	ck_assert_int_eq(err, 0);
	return own_attrs;
}

/* [uapi reference, update 2: 12] A kernel that waits comes back with what it still waits for. */
START_TEST(what_is_left_of_a_change_is_insisted_on)
{
	begin(HOST_C5, nothing);
	ck_assert_int_eq(launch(), 0);
	fake_kvm_trace = count_own_attrs;
	ck_assert_uint_eq(told_after(POOL, 4), 0);
	ck_assert_uint_eq(told_after(POOL, 4), 1);
	ck_assert_uint_eq(told_after(POOL + 2 * 4096, 2), 1);
	/* Another end is another request. */
	ck_assert_uint_eq(told_after(POOL + 2 * 4096, 1), 0);
	fake_kvm_trace = NULL;
	tear_down();
}
END_TEST

static const struct fake_op protected_alias[] = {
	{ GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_WRITE_ALIAS, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* [uapi update 2: 25] A page is paid for once: KVM finds nothing to map there, and says EFAULT. */
START_TEST(nothing_is_at_the_alias_of_a_protected_page)
{
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], protected_alias);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), -EFAULT);
		ck_assert_uint_ne(run_page[0]->exit_reason, KVM_EXIT_MEMORY_FAULT);
		ck_assert_uint_eq(shared_bytes(), 0);
		tear_down();
	}
}
END_TEST

static const struct fake_op all_ram[] = {
	{ GUEST_RAM, RAM, SIZE, NULL }, { GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL }, { GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL }, { GUEST_IS_PRIVATE, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* Also where the same request twice looks like a kernel that waits. */
START_TEST(what_is_so_already_costs_nothing)
{
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], all_ram);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(fake_seen.exits, 4);
		ck_assert_uint_eq(fake_seen.attr_calls, 0);
		tear_down();
	}
}
END_TEST

static const struct fake_op over_both_ends[] = {
	{ GUEST_EMPTY, RAM - MiB, SIZE + 2 * MiB, NULL },
	{ GUEST_RAM, RAM - MiB, SIZE + 2 * MiB, NULL },
	{ GUEST_ZERO_PRIVATE, RAM, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* Where nothing is, the newest kernels can never see what the guest asks for: that has to end. */
START_TEST(more_than_all_of_ram)
{
	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], over_both_ends);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), hosts[h] == HOST_C5 ? -ERANGE : 0);
		if (hosts[h] == HOST_C5)
			captured_one_error("private", "not all of it is the guest's memory");
		tear_down();
	}
}
END_TEST

/* ---- failures ---- */

/* What makes the rest of a range larger than the range is no progress [uapi update 8]. */
START_TEST(a_page_that_the_rmm_refuses)
{
	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		bool silent = hosts[h] == HOST_C2 || hosts[h] == HOST_C3 || hosts[h] == HOST_C4;

		begin(hosts[h], nothing);
		ck_assert_int_eq(launch_host(), 0);
		fake_kvm_refuse_page(RAM, 0x304);
		ck_assert_int_eq(launch_realm(), silent ? -EIO : -ENXIO);
		captured_one_error("cannot load the Realm", strerror(silent ? EIO : ENXIO));
		tear_down();
	}
}
END_TEST

static const struct fake_op no_memory[] = {
	{ GUEST_NO_MEMORY, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* An exit that looks like a wish to share a page, but for its errno. */
START_TEST(a_host_that_has_no_page_left)
{
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		begin(hosts[h], no_memory);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), -ENOMEM);
		ck_assert_uint_eq(run_page[0]->exit_reason, KVM_EXIT_MEMORY_FAULT);
		ck_assert(!mem_is_shared(mem, gpa(POOL), 4096));
		tear_down();
	}
}
END_TEST

START_TEST(every_step_can_fail)
{
	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++)
		ck_assert_uint_gt(launches_that_fail(hosts[h], false), 12);
}
END_TEST

SUITE_MAIN("realm/rmi", every_generation_starts, siblings_go_quietly,
	   more_than_a_gib_is_loaded_in_pieces, a_kernel_that_miscounts,
	   what_is_left_of_a_change_is_insisted_on, no_choice_is_an_error_not_a_default,
	   pages_change_sides, a_change_is_made_in_bounded_steps,
	   nothing_is_at_the_alias_of_a_protected_page, what_is_so_already_costs_nothing,
	   more_than_all_of_ram, a_page_that_the_rmm_refuses, a_host_that_has_no_page_left,
	   every_step_can_fail)
