/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Realms of the RFC and v2..v11 kernels, against a model of each. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/realm/host/launch.h"

#define HALF (SIZE / 2)
#define POOL (RAM + 8 * MiB)

START_TEST(every_generation_starts)
{
	for (int h = HOST_A1; h <= HOST_B6; h++) {
		begin((enum fake_host)h, nothing);
		ck_assert_int_eq(launch(), 0);
		ck_assert_ptr_eq(probe.ops, &realm_rme);
		ck_assert_str_eq(conf.host.gen, fake_gen->name);
		ck_assert_uint_eq(fake_seen.vm_type, 0x100 | IPA);
		ck_assert(fake_seen.created && fake_seen.active);
		ck_assert_uint_eq(fake_seen.hash, 256 + 0);
		ck_assert_uint_eq(fake_seen.nr_recs, NR_VCPUS);
		ck_assert_uint_eq(fake_seen.entry_pc, RAM);
		ck_assert_uint_eq(fake_seen.entry_x0, RAM + MiB);
		/* the payloads, ascending, and nothing else */
		ck_assert_uint_eq(fake_seen.nr_measured, 2);
		ck_assert_uint_eq(fake_seen.measured[0].base, RAM);
		ck_assert_uint_eq(fake_seen.measured[0].size, 5 * 4096);
		ck_assert_uint_eq(fake_seen.measured[1].base, RAM + MiB);
		ck_assert_uint_eq(fake_seen.measured[1].size, 4096);
		if (fake_gen->gmem) {
			is_loaded(RAM, 5 * 4096);
			is_loaded(RAM + MiB, 4096);
			ck_assert_uint_eq(shared_bytes(), 0);
		} else {
			ck_assert_int_eq(mem_region(mem, 0)->fd, -1);
		}
		ck_assert_int_eq(run(0), 0);
		tear_down();
	}
}
END_TEST

/* Of this process. */
static u64 locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "VmLck: %lu", &kib) != 1)
		continue;
	if (f)
		fclose(f);
	return kib;
}

/* In place of libc's: no host of a test has a limit. */
static int mlock_errno;

int mlock2(const void *addr, size_t len, unsigned flags)
{
	errno = mlock_errno;
	return mlock_errno ? -1 : (int)syscall(SYS_mlock2, addr, len, flags);
}

/* The guest would lose pages that the host has moved. */
START_TEST(ram_that_cannot_be_locked)
{
	capture_start();
	begin(HOST_A, nothing);
	mlock_errno = EAGAIN;
	ck_assert_int_eq(launch(), -EAGAIN);
	captured_one_error("cannot lock the memory of the Realm", "ulimit -l");
	mlock_errno = 0;
	tear_down();
}
END_TEST

/* [uapi reference 3.2] RAM of the RFC's Realms is the host's own: it must stay where it is. */
START_TEST(the_rfc_has_its_ram_locked)
{
	u64 before = locked_kib();

	begin(HOST_A, nothing);
	ck_assert_int_eq(launch(), 0);
	ck_assert_uint_eq(locked_kib() - before, SIZE / KiB);
	tear_down();
	ck_assert_uint_eq(locked_kib(), before);
}
END_TEST

START_TEST(the_user_chooses_hash_and_personalization)
{
	for (int h = HOST_A; h <= HOST_B6; h++) {
		begin((enum fake_host)h, nothing);
		conf.sha512 = conf.has_rpv = true;
		memcpy(conf.rpv, "ARMCCA01", 8);
		ck_assert_int_eq(launch(), 0);
		ck_assert_uint_eq(fake_seen.hash, 256 + 1);
		ck_assert_mem_eq(fake_seen.rpv, conf.rpv, 64);
		tear_down();
	}
}
END_TEST

/* [uapi reference 4.3] what later kernels take from the vCPUs */
START_TEST(the_rfc_is_told_vectors_and_counters)
{
	begin(HOST_A, nothing);
	conf.sve = conf.pmu = true;
	conf.sve_vl = 512;
	conf.pmu_counters = 6;
	ck_assert_int_eq(launch(), 0);
	ck_assert_uint_eq(fake_seen.sve_vq, 3);
	ck_assert_uint_eq(fake_seen.counters, 6);
	tear_down();
	begin(HOST_A, nothing);
	conf.pmu = true;
	capture_start();
	ck_assert_int_eq(launch(), -EINVAL);
	captured_one_error("--pmu", "--pmu-counters");
	tear_down();
}
END_TEST

/* ---- pages that change sides ---- */

static void pool_is_shared(void)
{
	u8 b = 0;

	ck_assert(mem_is_shared(mem, gpa(POOL), MiB));
	ck_assert(!mem_is_shared(mem, gpa(POOL - 4096), 8192));
	/* at either address [uapi reference 5.3], and only what is shared */
	ck_assert_int_eq(mem_read(mem, gpa(POOL), &b, 1), 0);
	ck_assert_uint_eq(b, 0x5a);
	ck_assert_int_eq(mem_read(mem, gpa(POOL | ALIAS), &b, 1), 0);
	ck_assert_int_eq(mem_read(mem, gpa(POOL + MiB - 1), &b, 2), -EFAULT);
	ck_assert_int_eq(mem_read(mem, gpa(RAM), &b, 1), -EFAULT);
	ck_assert_int_eq(mem_write(mem, gpa(RAM | ALIAS), &b, 1), -EFAULT);
	ck_assert_uint_eq(shared_bytes(), 4096); /* what has been written */
}

static void nothing_is_shared(void)
{
	u8 b = 0;

	ck_assert_int_eq(mem_read(mem, gpa(POOL), &b, 1), -EFAULT);
	ck_assert_int_eq(mem_write(mem, gpa(POOL | ALIAS), &b, 1), -EFAULT);
	ck_assert_uint_eq(shared_bytes(), 0);
}

static const struct fake_op conversions[] = {
	{ GUEST_RAM, RAM, SIZE, NULL }, /* Linux, for each memblock range */
	{ GUEST_CALL, 0, 0, nothing_is_shared },
	{ GUEST_WRITE_PRIVATE, POOL, 4096, NULL },
	{ GUEST_WRITE_PRIVATE, POOL - 4096, 4096, NULL },
	{ GUEST_EMPTY, POOL, MiB, NULL },
	{ GUEST_ZERO_SHARED, POOL, 4096, NULL },
	{ GUEST_WRITE_SHARED, POOL, 4096, NULL },
	{ GUEST_CALL, 0, 0, pool_is_shared },
	/* A page that is there already keeps its content, its neighbours come along. */
	{ GUEST_EMPTY, POOL - 8192, MiB, NULL },
	{ GUEST_IS_SHARED, POOL, 4096, NULL },
	{ GUEST_ZERO_SHARED, POOL - 4096, 4096, NULL },
	{ GUEST_RAM, POOL - 8192, 8192, NULL },
	{ GUEST_ZERO_PRIVATE, POOL - 4096, 4096, NULL },
	{ GUEST_IS_SHARED, POOL, 4096, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_ZERO_PRIVATE, POOL, 4096, NULL },
	{ GUEST_CALL, 0, 0, nothing_is_shared },
	{ GUEST_EMPTY, POOL, 4096, NULL },
	{ GUEST_ZERO_SHARED, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* Content survives in neither direction; devices see what is shared and nothing else. */
START_TEST(pages_change_sides)
{
	for (int h = HOST_B1; h <= HOST_B6; h++) {
		begin((enum fake_host)h, conversions);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(fake_seen.exits, 6);
		tear_down();
	}
}
END_TEST

static const struct fake_op all_ram[] = {
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_RAM, RAM, HALF, NULL },
	{ GUEST_RAM, RAM - MiB, MiB, NULL }, /* nothing is there */
	{ GUEST_EMPTY, RAM + SIZE, MiB, NULL },
	{ GUEST_RAM, RAM - MiB, SIZE + 2 * MiB, NULL }, /* and RAM in the middle */
	{ GUEST_END, 0, 0, NULL },
};

START_TEST(what_is_so_already_costs_nothing)
{
	begin(HOST_B2, all_ram);
	ck_assert_int_eq(launch(), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(fake_seen.exits, 6);
	ck_assert_uint_eq(fake_seen.attr_calls, 0);
	tear_down();
}
END_TEST

static const struct fake_op one_large[] = {
	{ GUEST_EMPTY, RAM, SIZE, NULL },
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_END, 0, 0, NULL },
};

START_TEST(all_of_ram_is_one_call)
{
	begin(HOST_B2, one_large);
	ck_assert_int_eq(launch(), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert_uint_eq(fake_seen.attr_calls, 2);
	tear_down();
}
END_TEST

/* ---- a request that is not over at once ---- */

static struct iovec in_flight;
static pthread_t device;
static atomic_bool flying;

static void *land(void *arg)
{
	usleep(20000);
	flying = false;
	mem_unpin(mem, &in_flight, 1);
	return arg;
}

static void take_off(void)
{
	ck_assert_int_eq(mem_iov(mem, gpa(POOL + 8192), 1, &in_flight, 1), 1);
	mem_pin(mem, &in_flight, 1);
	flying = true;
	pthread_create(&device, NULL, land, NULL);
}

static void has_landed(void)
{
	ck_assert(!flying);
	pthread_join(device, NULL);
}

static const struct fake_op takes_back_in_flight[] = {
	{ GUEST_EMPTY, POOL, MiB, NULL }, { GUEST_WRITE_SHARED, POOL, 4096, NULL },
	{ GUEST_CALL, 0, 0, take_off },	  { GUEST_RAM, POOL, MiB, NULL },
	{ GUEST_CALL, 0, 0, has_landed }, { GUEST_ZERO_PRIVATE, POOL, 4096, NULL },
	{ GUEST_END, 0, 0, NULL },
};

/* The guest is not entered while a device has a page in flight that it takes back. */
START_TEST(a_page_in_flight_is_waited_for)
{
	for (int h = HOST_B1; h <= HOST_B6; h++) {
		begin((enum fake_host)h, takes_back_in_flight);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), 0);
		ck_assert_uint_eq(fake_seen.exits, 2);
		tear_down();
	}
}
END_TEST

static const struct fake_op rfc_guest[] = {
	{ GUEST_RAM, RAM, SIZE, NULL },
	{ GUEST_EMPTY, POOL, MiB, NULL },
	{ GUEST_END, 0, 0, NULL },
};

START_TEST(the_rfc_kernel_changes_pages_itself)
{
	begin(HOST_A, rfc_guest);
	ck_assert_int_eq(launch(), 0);
	ck_assert_int_eq(run(0), 0);
	ck_assert(mem_is_shared(mem, gpa(POOL), MiB));
	run_page[0]->exit_reason = KVM_EXIT_HYPERCALL;
	ck_assert_int_eq(realm_exit(realm, 0, vcpu[0], run_page[0]), -ENOSYS);
	tear_down();
}
END_TEST

/* ---- what else a guest or a kernel does ---- */

/* [uapi reference 3.5] a vCPU that is entered when another one has just called SYSTEM_OFF */
START_TEST(siblings_go_quietly)
{
	static const struct fake_op late[] = { { RMM_OFF, 0, 0, NULL }, { GUEST_END, 0, 0, NULL } };

	for (int h = HOST_B1; h <= HOST_B6; h++) {
		begin((enum fake_host)h, late);
		ck_assert_int_eq(launch(), 0);
		ck_assert_int_eq(run(0), -ESHUTDOWN);
		tear_down();
	}
}
END_TEST

START_TEST(exits_that_make_no_sense)
{
	begin(HOST_B2, nothing);
	ck_assert_int_eq(launch(), 0);
	run_page[0]->exit_reason = KVM_EXIT_HYPERCALL;
	ck_assert_int_eq(realm_exit(realm, 0, vcpu[0], run_page[0]), -EINVAL);
	run_page[0]->exit_reason = KVM_EXIT_MEMORY_FAULT;
	run_page[0]->memory_fault.gpa = RAM;
	run_page[0]->memory_fault.size = ~UINT64_C(4095);
	ck_assert_int_eq(realm_exit(realm, 0, vcpu[0], run_page[0]), -EINVAL);
	run_page[0]->memory_fault.size = 512;
	ck_assert_int_eq(realm_exit(realm, 0, vcpu[0], run_page[0]), -EINVAL);
	run_page[0]->memory_fault.size = 0;
	ck_assert_int_eq(realm_exit(realm, 0, vcpu[0], run_page[0]), 0);
	ck_assert_int_eq(realm_fault(realm, vcpu[0]), -ENOSYS);
	tear_down();
}
END_TEST

START_TEST(a_conversion_that_the_kernel_refuses)
{
	capture_start();
	begin(HOST_B2, one_large);
	ck_assert_int_eq(launch(), 0);
	fake_kvm_fail(1, ENOMEM); /* KVM_RUN, then the attributes */
	ck_assert_int_eq(run(0), -ENOMEM);
	captured_one_error("shared", "Cannot allocate memory");
	/* the devices have not got what is not theirs */
	ck_assert(!mem_is_shared(mem, gpa(RAM), 4096));
	tear_down();
}
END_TEST

static long page_size = 4096;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
long __sysconf(int name);
long sysconf(int name)
{
	return name == _SC_PAGESIZE ? page_size : __sysconf(name);
}
/* NOLINTEND */

/* A guest with pages of 4 KiB on a host whose pages are larger gets the reason. */
START_TEST(pages_smaller_than_the_hosts)
{
	static const struct fake_op small[] = { { GUEST_EMPTY, POOL, 4096, NULL },
						{ GUEST_END, 0, 0, NULL } };

	capture_start();
	begin(HOST_B2, small);
	ck_assert_int_eq(launch(), 0);
	page_size = 16384;
	ck_assert_int_eq(run(0), -EXDEV);
	page_size = 4096;
	captured_one_error("whole pages of this host", "pages of 16 KiB");
	ck_assert(!mem_is_shared(mem, gpa(POOL), 4096));
	tear_down();
}
END_TEST

/* Each ioctl fails once: an error that is told, nothing left behind, or no harm done. */
START_TEST(every_step_can_fail)
{
	static const enum fake_host hosts[] = { HOST_A, HOST_B1, HOST_B3 };

	capture_start();
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++)
		ck_assert_uint_gt(launches_that_fail(hosts[h], true), 15);
}
END_TEST

SUITE_MAIN("realm/rme", every_generation_starts, the_rfc_has_its_ram_locked,
	   ram_that_cannot_be_locked, the_user_chooses_hash_and_personalization,
	   the_rfc_is_told_vectors_and_counters, pages_change_sides,
	   what_is_so_already_costs_nothing, all_of_ram_is_one_call, a_page_in_flight_is_waited_for,
	   the_rfc_kernel_changes_pages_itself, siblings_go_quietly, exits_that_make_no_sense,
	   a_conversion_that_the_kernel_refuses, pages_smaller_than_the_hosts, every_step_can_fail)
