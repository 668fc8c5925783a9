/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest of pKVM can make the handler of faults do; mprotect() plays the hypervisor. What a
 * fault is to a device is in mem_test.c.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "lkvm/vm/mem.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (512 * MiB) /* more than twice as many pages as a process may have mappings */

static struct mem *m;
static volatile char *view;

static void setup(void)
{
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, MEM_GUARDED, NULL), 0);
	ck_assert_int_eq(mem_guard(m), 0);
	view = mem_region(m, 0)->shared_view;
}

static void keep_all(void)
{
	ck_assert_int_eq(mprotect((void *)(uintptr_t)view, SIZE, PROT_NONE), 0);
}

/* Of which each page that is hidden is one. */
static long page_faults(void)
{
	struct rusage u;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_minflt;
}

static unsigned mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned n = 0;
	int c;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

START_TEST(a_lookup_stops_at_its_first_fault)
{
	struct iovec iov;
	long before;

	setup();
	keep_all();
	before = page_faults();
	ck_assert_int_eq(mem_iov(m, gpa(RAM), SIZE, &iov, 1), -EFAULT);
	ck_assert_int_lt(page_faults() - before, 1000);
	ck_assert(!mem_touched(m));
	mem_destroy(m);
}
END_TEST

/* Every other page, so that no two of them are one mapping. */
START_TEST(pages_taken_back_under_a_device_cost_few_mappings)
{
	setup();
	view[0] = view[SIZE - 4096] = 's';
	keep_all();
	for (u64 off = 0; off < SIZE; off += 8192)
		view[off] = 'd';
	ck_assert_uint_lt(mappings(), 1000);
	ck_assert(mem_touched(m));
	ck_assert_int_eq(view[0], 's');
	ck_assert_int_eq(view[SIZE - 4096], 's');
	ck_assert(!mem_touched(m));
	/* and afresh */
	keep_all();
	ck_assert_int_eq(view[8192], 0);
	view[8192] = 'd';
	ck_assert(mem_touched(m));
	ck_assert_int_eq(view[8192], 0);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("lkvm/vm/mem_guard", a_lookup_stops_at_its_first_fault,
	   pages_taken_back_under_a_device_cost_few_mappings)
