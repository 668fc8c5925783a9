/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory gate: bounds, alias bit, page states, holds, the inaccessible half of a split view. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/vm/mem.h"
#include "tests/fake/races.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (4 * MiB)
#define ALIAS BIT(32)

static struct mem *ram(u64 flags)
{
	struct mem *m;

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, flags, NULL), 0);
	return m;
}

START_TEST(checks_start_and_length)
{
	struct mem *m = ram(MEM_HUGE);
	char buf[8] = "1234567";

	ck_assert_int_eq(mem_write(m, gpa(RAM + SIZE - 8), buf, 8), 0);
	ck_assert_int_eq(mem_write(m, gpa(RAM + SIZE - 7), buf, 8), -EFAULT);
	ck_assert_int_eq(mem_write(m, gpa(RAM - 1), buf, 1), -EFAULT);
	ck_assert_int_eq(mem_read(m, gpa(RAM + SIZE), buf, 1), -EFAULT);
	ck_assert_int_eq(mem_read(m, gpa(RAM), buf, UINT64_MAX), -EFAULT);
	ck_assert_int_eq(mem_read(m, gpa(UINT64_MAX), buf, 2), -EFAULT);
	memset(buf, 0, 8);
	ck_assert_int_eq(mem_read(m, gpa(RAM + SIZE - 8), buf, 8), 0);
	ck_assert_str_eq(buf, "1234567");
	mem_destroy(m);
}
END_TEST

START_TEST(strips_the_alias_bit_only_when_there_is_one)
{
	struct mem *m = ram(0);
	char x = 'x', y = 0;

	ck_assert_int_eq(mem_write(m, gpa(RAM | ALIAS), &x, 1), -EFAULT);
	mem_set_alias(m, ALIAS);
	ck_assert_int_eq(mem_write(m, gpa(RAM | ALIAS), &x, 1), 0);
	ck_assert_int_eq(mem_read(m, gpa(RAM), &y, 1), 0);
	ck_assert_int_eq(y, 'x');
	ck_assert_int_eq(mem_write(m, gpa(RAM | ALIAS << 1), &x, 1), -EFAULT);
	mem_destroy(m);
}
END_TEST

START_TEST(refuses_bad_regions)
{
	struct mem *m = ram(0);

	ck_assert_int_eq(mem_add_ram(m, gpa(RAM + SIZE - 4096), 8192, 0, NULL), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM + SIZE + 1), 4096, 0, NULL), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM + SIZE), 0, 0, NULL), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(-4096), 8192, 0, NULL), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(0), 4096, 0, "/proc"), -EINVAL);
	ck_assert_int_eq(mem_add_ram(m, gpa(0), 4096, 0, "/nonexistent"), -ENOENT);
	ck_assert_int_eq(mem_add_ram(m, gpa(0), 4096, 0, NULL), 0);
	ck_assert_uint_eq(mem_nr_regions(m), 2);
	mem_destroy(m);
}
END_TEST

START_TEST(a_buffer_does_not_run_from_one_region_into_the_next)
{
	struct mem *m = ram(0);
	struct iovec iov;

	ck_assert_int_eq(mem_add_ram(m, gpa(RAM + SIZE), SIZE, 0, NULL), 0);
	ck_assert_int_eq(mem_iov(m, gpa(RAM + SIZE - 8), 16, &iov, 1), -EFAULT);
	mem_destroy(m);
}
END_TEST

START_TEST(iov_and_window_edges)
{
	struct mem *m = ram(0);
	struct iovec iov;
	struct mem_win w;

	ck_assert_int_eq(mem_iov(m, gpa(RAM), 0, &iov, 1), -EINVAL);
	ck_assert_int_eq(mem_iov(m, gpa(RAM), 1, &iov, 0), -ENOBUFS);
	ck_assert_int_eq(mem_win_open(m, gpa(RAM), 0, &w), -EINVAL);
	ck_assert_int_eq(mem_win_open(m, gpa(RAM + SIZE - 4), 6, &w), -EFAULT);
	ck_assert_int_eq(mem_win_open(m, gpa(RAM), 6, &w), 0);
	mem_win_store16(&w, 2, 0x1234);
	mem_win_store16_release(&w, 4, 0x5678);
	ck_assert_uint_eq(mem_win_load16(&w, 2), 0x1234);
	ck_assert_uint_eq(mem_win_load16_acquire(&w, 4), 0x5678);
	ck_assert_uint_eq(w.host[2], 0x34);
	mem_destroy(m);
}
END_TEST

START_TEST(protected_pages_are_out_of_reach)
{
	struct mem *m = ram(MEM_PROTECTED);
	char c = 'c';
	struct mem_user u = { 0 };
	u64 gen;

	mem_user_add(m, &u);
	gen = mem_hold(&u);
	mem_release(&u);
	mem_set_alias(m, ALIAS);
	ck_assert_int_eq(mem_read(m, gpa(RAM), &c, 1), -EFAULT);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 8192, true), 0);
	ck_assert_int_eq(mem_read(m, gpa(RAM + 4096), &c, 1), 0);
	ck_assert_int_eq(mem_read(m, gpa((RAM + 4096 + 8191) | ALIAS), &c, 1), 0);
	/* half shared, from either side */
	ck_assert_int_eq(mem_read(m, gpa(RAM + 4095), &c, 2), -EFAULT);
	ck_assert_int_eq(mem_write(m, gpa(RAM + 4096 + 8191), &c, 2), -EFAULT);
	ck_assert_uint_eq(mem_hold(&u), gen);
	mem_release(&u);
	ck_assert_int_eq(mem_set_shared(m, gpa((RAM + 8192) | ALIAS), 4096, false), 0);
	ck_assert_uint_ne(mem_hold(&u), gen);
	mem_release(&u);
	mem_user_del(&u);
	ck_assert_int_eq(mem_read(m, gpa(RAM + 8192), &c, 1), -EFAULT);
	ck_assert_int_eq(mem_read(m, gpa(RAM + 4096), &c, 1), 0);
	mem_destroy(m);
}
END_TEST

START_TEST(page_states_over_word_borders)
{
	struct mem *m = ram(MEM_PROTECTED);
	u64 from = RAM + 60 * 4096, len = 200 * 4096;

	ck_assert_int_eq(mem_set_shared(m, gpa(from), len, true), 0);
	ck_assert(mem_is_shared(m, gpa(from), len));
	ck_assert(!mem_is_shared(m, gpa(from - 4096), 4096));
	ck_assert(!mem_is_shared(m, gpa(from), len + 1));
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 64 * 4096), 64 * 4096, false), 0);
	ck_assert(mem_is_shared(m, gpa(from), 4 * 4096));
	ck_assert(!mem_is_shared(m, gpa(from), 5 * 4096));
	ck_assert(mem_is_shared(m, gpa(RAM + 128 * 4096), 132 * 4096));
	/* all of it, twice: idempotent */
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE, true), 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE, true), 0);
	ck_assert(mem_is_shared(m, gpa(RAM), SIZE));
	mem_destroy(m);
}
END_TEST

START_TEST(conversion_errors)
{
	struct mem *m = ram(MEM_PROTECTED), *plain = ram(0);

	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 1), 4096, true), -EINVAL);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 100, true), -EINVAL);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 0, true), -EINVAL);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), SIZE + 4096, true), -EFAULT);
	ck_assert_int_eq(mem_set_shared(plain, gpa(RAM), 4096, true), 0);
	ck_assert_int_eq(mem_set_shared(plain, gpa(RAM), 4096, false), -EINVAL);
	mem_destroy(m);
	mem_destroy(plain);
}
END_TEST

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

/* [design 2] "not mapped where the devices look": a wild pointer of ours faults. */
START_TEST(split_view_faults_where_not_shared)
{
	struct mem *m = ram(MEM_SPLIT_VIEW | MEM_PROTECTED);
	const struct mem_region *r = mem_region(m, 0);
	volatile char *view = r->shared_view, *host = r->host;

	ck_assert_ptr_ne((void *)view, (void *)host);
	host[5] = 'p';
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(fault, 1) == 0) {
		(void)view[5];
		ck_abort_msg("a protected page could be read");
	}
	/* shared: both see the same page, and nothing of what was there before */
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, true), 0);
	ck_assert_int_eq(view[5], 0);
	host[5] = 's';
	ck_assert_int_eq(view[5], 's');
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, false), 0);
	ck_assert_int_eq(host[5], 0);
	host[6] = 'q';
	if (sigsetjmp(fault, 1) == 0) {
		view[5] = 'w';
		ck_abort_msg("a page taken back could be written");
	}
	mem_destroy(m);
}
END_TEST

/* ---- holds and pins ---- */

struct taker {
	struct mem *m;
	_Atomic int err; /* 1: not back yet */
};

static void *take_back(void *arg)
{
	struct taker *t = arg;

	t->err = mem_set_shared(t->m, gpa(RAM), 4096, false);
	return NULL;
}

/* Until somebody waits in mem_set_shared(): the bit is gone, the call is not back. */
static void until_it_waits(struct taker *t)
{
	while (mem_is_shared(t->m, gpa(RAM), 4096))
		sched_yield();
	ck_assert_int_eq(t->err, 1);
}

START_TEST(taking_back_waits_for_holds_that_have_begun)
{
	struct mem *m = ram(MEM_PROTECTED | MEM_SPLIT_VIEW);
	struct mem_user old = { 0 }, new = { 0 };
	struct taker t = { m, 1 };
	struct iovec iov;
	pthread_t thread;
	u64 generation;
	char c = 'c';

	mem_user_add(m, &old);
	mem_user_add(m, &new);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 8192, true), 0);
	generation = mem_hold(&old);
	ck_assert_int_eq(mem_iov(m, gpa(RAM), 4096, &iov, 1), 1);
	pthread_create(&thread, NULL, take_back, &t);
	until_it_waits(&t);
	/* Who comes later does not wait, is told, and is refused. */
	ck_assert_uint_ne(mem_hold(&new), generation);
	ck_assert_int_eq(mem_write(m, gpa(RAM), &c, 1), -EFAULT);
	ck_assert_int_eq(mem_write(m, gpa(RAM + 4096), &c, 1), 0);
	/* What was found before is good: with a split view this would be a SIGSEGV. */
	memset(iov.iov_base, 1, iov.iov_len);
	mem_release(&old);
	pthread_join(thread, NULL); /* with `new` still in its hold */
	ck_assert_int_eq(t.err, 0);
	mem_release(&new);
	mem_user_del(&old);
	mem_user_del(&new);
	mem_destroy(m);
}
END_TEST

START_TEST(pins_outlive_holds_and_nobody_waits_for_them)
{
	struct mem *m = ram(MEM_PROTECTED | MEM_SPLIT_VIEW);
	struct mem_user u = { 0 };
	struct iovec iov[2];

	ck_assert(mem_converts(m));
	mem_user_add(m, &u);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 10 * 4096, true), 0);
	mem_hold(&u);
	/* The last byte of page 1 to the first one of page 3, and page 3 again. */
	ck_assert_int_eq(mem_iov(m, gpa(RAM + 8191), 4098, &iov[0], 1), 1);
	ck_assert_int_eq(mem_iov(m, gpa(RAM + 3 * 4096), 4096, &iov[1], 1), 1);
	mem_pin(m, iov, 2);
	mem_release(&u);
	for (unsigned page = 0; page < 5; page++)
		ck_assert_int_eq(mem_set_shared(m, gpa(RAM + page * 4096), 4096, false),
				 page >= 1 && page <= 3 ? -EAGAIN : 0);
	/* As before: shared, and with its content. */
	ck_assert(mem_is_shared(m, gpa(RAM + 4096), 3 * 4096));
	memset(iov[1].iov_base, 1, iov[1].iov_len);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 10 * 4096, false), -EAGAIN);
	mem_unpin(m, &iov[0], 1);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 3 * 4096), 4096, false), -EAGAIN);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 8192, false), 0);
	mem_unpin(m, &iov[1], 1);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 10 * 4096, false), 0);
	mem_user_del(&u);
	mem_destroy(m);
}
END_TEST

START_TEST(memory_that_never_changes_sides_needs_no_pins)
{
	struct mem *m = ram(0);
	struct iovec iov;

	ck_assert(!mem_converts(m));
	ck_assert_int_eq(mem_iov(m, gpa(RAM), SIZE, &iov, 1), 1);
	mem_pin(m, &iov, 1);
	mem_unpin(m, &iov, 1);
	mem_destroy(m);
}
END_TEST

static void *unpin_soon(void *arg)
{
	struct taker *t = arg;
	struct iovec iov = { mem_region(t->m, 0)->shared_view, 1 };

	usleep(1000);
	t->err = 0;
	mem_unpin(t->m, &iov, 1);
	return NULL;
}

static u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

/* Without the wake-up each time takes 10 ms; with it some are faster, even on a busy machine. */
START_TEST(a_pin_that_ends_wakes_who_waits)
{
	struct mem *m = ram(MEM_PROTECTED);
	struct iovec iov = { mem_region(m, 0)->shared_view, 1 };
	u64 best = UINT64_MAX;

	for (unsigned i = 0; i < 500 && best > 8000; i++) {
		struct taker t = { m, 1 };
		pthread_t thread;
		u64 from;

		ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, true), 0);
		mem_pin(m, &iov, 1);
		from = now_us();
		pthread_create(&thread, NULL, unpin_soon, &t);
		while (mem_set_shared(m, gpa(RAM), 4096, false) == -EAGAIN)
			mem_wait(m);
		ck_assert_int_eq(t.err, 0);
		best = MIN(best, now_us() - from);
		pthread_join(thread, NULL);
	}
	ck_assert_uint_le(best, 8000);
	mem_destroy(m);
}
END_TEST

static _Atomic bool done;

#define PINS_IN_FLIGHT 8u

/* A device: looks up, writes, keeps some in flight; writes those, too, when they come back. */
static void *device(void *arg)
{
	struct mem *m = arg;
	struct iovec flying[PINS_IN_FLIGHT] = { 0 };
	struct mem_user u = { 0 };
	u64 at = RAM;

	mem_user_add(m, &u);
	for (unsigned i = 0; !done; i++) {
		struct iovec *iov = &flying[i % PINS_IN_FLIGHT];

		if (iov->iov_len) {
			memset(iov->iov_base, 2, iov->iov_len);
			mem_unpin(m, iov, 1);
		}
		*iov = (struct iovec){ 0 };
		at = RAM + i * 2654435761u % (16 * 4096);
		mem_hold(&u);
		/* With a split view a page that vanished under a hold or a pin is a SIGSEGV. */
		if (mem_iov(m, gpa(at), 4096, iov, 1) == 1) {
			memset(iov->iov_base, 1, iov->iov_len);
			mem_pin(m, iov, 1);
		} else {
			iov->iov_len = 0;
		}
		mem_release(&u);
	}
	for (unsigned i = 0; i < PINS_IN_FLIGHT; i++)
		if (flying[i].iov_len)
			mem_unpin(m, &flying[i], 1);
	mem_user_del(&u);
	return NULL;
}

static void *converter(void *arg)
{
	unsigned refused = 0, seed = 1;

	for (unsigned i = 0; i < 3000; i++) {
		u64 page = rand_r(&seed) % 16, nr = 1 + rand_r(&seed) % (16 - page);
		int err = mem_set_shared(arg, gpa(RAM + page * 4096), nr * 4096, i % 2);

		ck_assert(!err || err == -EAGAIN);
		refused += err == -EAGAIN;
		if (err)
			mem_wait(arg);
	}
	ck_assert_uint_lt(refused, 3000);
	return NULL;
}

START_TEST(conversions_race_with_devices)
{
	struct mem *m = ram(MEM_SPLIT_VIEW | MEM_PROTECTED);
	pthread_t t[4];

	races_in_guest_memory(m);
	done = false;
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i < 2 ? device : converter, m);
	pthread_join(t[2], NULL);
	pthread_join(t[3], NULL);
	done = true;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	mem_destroy(m);
}
END_TEST

START_TEST(the_loader_sees_all_until_sealed)
{
	struct mem *m = ram(MEM_SPLIT_VIEW | MEM_PROTECTED);
	char *p = mem_load_ptr(m, gpa(RAM + 4096), 4096);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(((uintptr_t)p - 4096 - RAM) % (2 * MiB), 0);
	*p = 'k';
	ck_assert_ptr_null(mem_load_ptr(m, gpa(RAM), SIZE + 1));
	ck_assert_ptr_null(mem_load_ptr(m, gpa(RAM), 0));
	mem_seal(m);
	ck_assert_ptr_null(mem_load_ptr(m, gpa(RAM), 1));
	mem_destroy(m);
}
END_TEST

START_TEST(strict_view_hides_shared_pages_from_the_protected_side)
{
	struct mem *m = ram(MEM_SPLIT_VIEW | MEM_PROTECTED | MEM_STRICT);
	volatile char *host = mem_region(m, 0)->host, *view = mem_region(m, 0)->shared_view;

	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, true), 0);
	view[0] = 's';
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(fault, 1) == 0) {
		(void)host[0];
		ck_abort_msg("a shared page could be read at its protected address");
	}
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, false), 0);
	ck_assert_int_eq(host[0], 0);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM), 4096, true), 0);
	ck_assert_int_eq(view[0], 0); /* what was shared before is gone */
	mem_destroy(m);
}
END_TEST

START_TEST(runs_of_one_state)
{
	struct mem *m = ram(MEM_PROTECTED), *plain = ram(0);
	bool shared = true;

	ck_assert_uint_eq(mem_run(m, gpa(RAM), SIZE, &shared), SIZE);
	ck_assert(!shared);
	ck_assert_uint_eq(mem_run(m, gpa(RAM), 4096, &shared), 4096);
	ck_assert_uint_eq(mem_run(m, gpa(RAM), UINT64_MAX, &shared), SIZE);
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 70 * 4096), 130 * 4096, true), 0);
	ck_assert_uint_eq(mem_run(m, gpa(RAM), SIZE, &shared), 70 * 4096);
	ck_assert_uint_eq(mem_run(m, gpa(RAM + 70 * 4096), SIZE, &shared), 130 * 4096);
	ck_assert(shared);
	ck_assert_uint_eq(mem_run(m, gpa(RAM + 200 * 4096), SIZE, &shared), SIZE - 200 * 4096);
	ck_assert(!shared);
	ck_assert_uint_eq(mem_run(m, gpa(RAM + SIZE), 4096, &shared), 0);
	ck_assert_uint_eq(mem_run(m, gpa(0), 4096, &shared), 0);
	ck_assert_uint_eq(mem_run(plain, gpa(RAM + 4096), SIZE, &shared), SIZE - 4096);
	ck_assert(shared);
	mem_destroy(m);
	mem_destroy(plain);
}
END_TEST

START_TEST(the_rmm_sees_protected_bytes_only)
{
	struct mem *m = ram(MEM_SPLIT_VIEW | MEM_PROTECTED);
	char buf[16] = "config";

	ck_assert_int_eq(mem_rmm_write(m, gpa(RAM + 4090), buf, 6), 0);
	memset(buf, 0, sizeof(buf));
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 4090), buf, 6), 0);
	ck_assert_str_eq(buf, "config");
	ck_assert_int_eq(mem_set_shared(m, gpa(RAM + 4096), 4096, true), 0);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 4090), buf, 6), 0);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 4090), buf, 7), -EFAULT);
	ck_assert_int_eq(mem_rmm_write(m, gpa(RAM + 4096), buf, 1), -EFAULT);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + SIZE), buf, 1), -EFAULT);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM), buf, 0), -EFAULT);
	mem_destroy(m);
}
END_TEST

static void keep(const struct mem *m, u64 off, u64 len)
{
	ck_assert_int_eq(mprotect((char *)mem_region(m, 0)->shared_view + off, len, PROT_NONE), 0);
}

/* As pKVM does it, keep() makes a touch a fault; what was found out once is asked anew. */
START_TEST(guarded_memory_refuses_what_faults)
{
	struct mem *m = ram(MEM_GUARDED);
	char *host = mem_region(m, 0)->host, buf[8192];
	struct iovec iov;

	ck_assert(mem_is_guarded(m));
	ck_assert_int_eq(mem_guard(m), 0);
	host[4096] = 'x';
	ck_assert_int_eq(mem_read(m, gpa(RAM + 4096), buf, 1), 0);
	ck_assert_int_eq(buf[0], 'x');
	for (unsigned i = 0; i < 3; i++) {
		/* where it starts, where it ends, between */
		keep(m, 4096 * i, 4096);
		ck_assert_int_eq(mem_read(m, gpa(RAM + 1), buf, 8192), -EFAULT);
		keep(m, 4096 * i, 4096);
		ck_assert_int_eq(mem_write(m, gpa(RAM + 4096 + 1), buf, 8192), i ? -EFAULT : 0);
	}
	keep(m, 8192, 4096);
	ck_assert_int_eq(mem_iov(m, gpa(RAM), 3 * 4096, &iov, 1), -EFAULT);
	ck_assert_int_eq(mem_iov(m, gpa(RAM), 3 * 4096, &iov, 1), 1); /* shared now */
	ck_assert(!mem_touched(m));
	mem_destroy(m);
}
END_TEST

START_TEST(guarded_memory_may_go_while_it_is_used)
{
	struct mem *m = ram(MEM_GUARDED);
	char *host = mem_region(m, 0)->host, *view = mem_region(m, 0)->shared_view;
	struct mem_win w;

	ck_assert_int_eq(mem_guard(m), 0);
	ck_assert_int_eq(mem_win_open(m, gpa(RAM), 4096, &w), 0);
	host[0] = 's';
	keep(m, 0, 4096);
	ck_assert(!mem_touched(m));
	/* An empty page that nobody else sees, */
	ck_assert_uint_eq(mem_win_load16(&w, 0), 0);
	mem_win_store16(&w, 0, 0x7777);
	ck_assert_int_eq(host[0], 's');
	/* until somebody asks. */
	ck_assert(mem_touched(m));
	ck_assert(!mem_touched(m));
	ck_assert_int_eq(view[0], 's');
	mem_destroy(m);
}
END_TEST

static void leave(int sig)
{
	siglongjmp(fault, sig);
}

/* Faults of another kind are whose they were. */
START_TEST(guarded_memory_leaves_other_faults_alone)
{
	struct mem *m = ram(MEM_GUARDED);
	char *other = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGSEGV, leave);
	ck_assert_int_eq(mem_guard(m), 0);
	if (sigsetjmp(fault, 1) == 0) {
		(void)*(volatile char *)other;
		ck_abort_msg("what is not the guest's could be read");
	}
	munmap(other, 4096);
	mem_destroy(m);
	ck_assert_ptr_eq(signal(SIGSEGV, SIG_DFL), leave);
}
END_TEST

SUITE_MAIN("lkvm/mem", checks_start_and_length, strips_the_alias_bit_only_when_there_is_one,
	   refuses_bad_regions, a_buffer_does_not_run_from_one_region_into_the_next,
	   iov_and_window_edges, protected_pages_are_out_of_reach, page_states_over_word_borders,
	   conversion_errors, split_view_faults_where_not_shared,
	   taking_back_waits_for_holds_that_have_begun,
	   pins_outlive_holds_and_nobody_waits_for_them,
	   memory_that_never_changes_sides_needs_no_pins, a_pin_that_ends_wakes_who_waits,
	   conversions_race_with_devices, the_loader_sees_all_until_sealed,
	   strict_view_hides_shared_pages_from_the_protected_side, runs_of_one_state,
	   the_rmm_sees_protected_bytes_only, guarded_memory_refuses_what_faults,
	   guarded_memory_may_go_while_it_is_used, guarded_memory_leaves_other_faults_alone)
