/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest of pKVM can make the handler of faults do; mprotect() plays the hypervisor. What a
 * fault is to a device is in mem_test.c.
 */
#include <errno.h>
#include <pthread.h>
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

/* ---- several threads ---- */

static pthread_barrier_t turn;

static void *other(void *arg)
{
	bool *was_told = arg;

	was_told[0] = mem_touched(m);
	view[8192] = 'd';
	pthread_barrier_wait(&turn); /* it has touched, and not asked */
	pthread_barrier_wait(&turn); /* the others have asked */
	was_told[1] = mem_touched(m);
	was_told[2] = mem_touched(m);
	return NULL;
}

/* What one has touched is no other's doing, and is not forgotten when another one asks. */
START_TEST(a_fault_belongs_to_the_thread_that_made_it)
{
	bool was_told[3];
	pthread_t thread;
	struct iovec iov;

	setup();
	pthread_barrier_init(&turn, NULL, 2);
	view[0] = 's';
	ck_assert_int_eq(mprotect((char *)(uintptr_t)view + 8192, 4096, PROT_NONE), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, other, was_told), 0);
	pthread_barrier_wait(&turn);
	ck_assert(!mem_touched(m));
	/* A look-up of a page that is shared finds it, and what it has is not an empty page. */
	ck_assert_int_eq(mem_iov(m, gpa(RAM), 4096, &iov, 1), 1);
	ck_assert_int_eq(view[0], 's');
	/* One of a page that is not shared fails, here, and tells nobody else. */
	ck_assert_int_eq(mprotect((char *)(uintptr_t)view + 16384, 4096, PROT_NONE), 0);
	ck_assert_int_eq(mem_iov(m, gpa(RAM + 16384), 4096, &iov, 1), -EFAULT);
	ck_assert(!mem_touched(m));
	pthread_barrier_wait(&turn);
	pthread_join(thread, NULL);
	ck_assert(!was_told[0] && was_told[1] && !was_told[2]);
	pthread_barrier_destroy(&turn);
	mem_destroy(m);
}
END_TEST

/* A page that is hidden because of one thread is not there for another. */
START_TEST(a_lookup_sees_what_another_thread_has_hidden)
{
	bool was_told[3];
	pthread_t thread;

	setup();
	pthread_barrier_init(&turn, NULL, 2);
	view[8192] = 's';
	ck_assert_int_eq(mprotect((char *)(uintptr_t)view + 8192, 4096, PROT_NONE), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, other, was_told), 0);
	pthread_barrier_wait(&turn);
	ck_assert_int_eq(view[8192], 'd');
	ck_assert_int_eq(mem_read(m, gpa(RAM + 8192), &(char){ 0 }, 1), 0);
	/* Shown again; pKVM would fault here, and this mprotect() does not come back. */
	ck_assert_int_eq(view[8192], 's');
	pthread_barrier_wait(&turn);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&turn);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("lkvm/vm/mem_guard", a_lookup_stops_at_its_first_fault,
	   pages_taken_back_under_a_device_cost_few_mappings,
	   a_fault_belongs_to_the_thread_that_made_it, a_lookup_sees_what_another_thread_has_hidden)
