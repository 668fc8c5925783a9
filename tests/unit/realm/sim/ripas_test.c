/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page states over real guest memory: runs, conversions, loss of content, what lies outside of RAM.
 */
#include <errno.h>

#include "lkvm/vm/mem.h"
#include "realm/sim/ripas.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define SIZE (2 * MiB)
#define PAR_END BIT(32)

static struct mem *m;

static void setup(void)
{
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), SIZE, MEM_PROTECTED | MEM_SPLIT_VIEW, NULL), 0);
	ck_assert_int_eq(
		mem_add_ram(m, gpa(RAM + SIZE), SIZE, MEM_PROTECTED | MEM_SPLIT_VIEW, NULL), 0);
	mem_set_alias(m, PAR_END);
}

START_TEST(ram_is_ram_and_the_rest_is_empty)
{
	enum rsi_ripas r;

	setup();
	ck_assert_uint_eq(ripas_run(m, 0, PAR_END, &r), RAM);
	ck_assert_int_eq(r, RSI_RIPAS_EMPTY);
	ck_assert_uint_eq(ripas_run(m, RAM, PAR_END, &r), RAM + 2 * SIZE); /* over two regions */
	ck_assert_int_eq(r, RSI_RIPAS_RAM);
	ck_assert_uint_eq(ripas_run(m, RAM + 2 * SIZE, PAR_END, &r), PAR_END);
	ck_assert_int_eq(r, RSI_RIPAS_EMPTY);
	ck_assert_uint_eq(ripas_run(m, RAM, RAM + 4096, &r), RAM + 4096);
	mem_destroy(m);
}
END_TEST

START_TEST(conversions)
{
	enum rsi_ripas r;
	u64 reached;
	char x = 'x';

	setup();
	ck_assert_int_eq(mem_rmm_write(m, gpa(RAM + 8192), &x, 1), 0);
	/* what Linux does first: all RAM to RAM, content stays */
	ck_assert_int_eq(ripas_set(m, RAM, RAM + 2 * SIZE, RSI_RIPAS_RAM, &reached), 0);
	ck_assert_uint_eq(reached, RAM + 2 * SIZE);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 8192), &x, 1), 0);
	ck_assert_int_eq(x, 'x');
	/* over the border of the regions */
	ck_assert_int_eq(ripas_set(m, RAM + 8192, RAM + SIZE + 4096, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_uint_eq(ripas_run(m, RAM, PAR_END, &r), RAM + 8192);
	ck_assert_uint_eq(ripas_run(m, RAM + 8192, PAR_END, &r), RAM + SIZE + 4096);
	ck_assert_int_eq(r, RSI_RIPAS_EMPTY);
	ck_assert(mem_is_shared(m, gpa(RAM + 8192), SIZE - 8192));
	/* idempotent: what is EMPTY already keeps its content */
	ck_assert_int_eq(mem_write(m, gpa(RAM + 12288), "s", 1), 0);
	ck_assert_int_eq(ripas_set(m, RAM, RAM + SIZE, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(mem_read(m, gpa(RAM + 12288), &x, 1), 0);
	ck_assert_int_eq(x, 's');
	/* and back: nothing of either life survives */
	ck_assert_int_eq(ripas_set(m, RAM, RAM + SIZE, RSI_RIPAS_RAM, &reached), 0);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 12288), &x, 1), 0);
	ck_assert_int_eq(x, 0);
	ck_assert_int_eq(mem_rmm_read(m, gpa(RAM + 8192), &x, 1), 0);
	ck_assert_int_eq(x, 0);
	mem_destroy(m);
}
END_TEST

START_TEST(outside_of_ram)
{
	u64 reached;

	setup();
	ck_assert_int_eq(ripas_set(m, 0, RAM + 4096, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_uint_eq(reached, RAM + 4096);
	ck_assert(mem_is_shared(m, gpa(RAM), 4096));
	ck_assert_int_eq(ripas_set(m, RAM, RAM + 2 * SIZE + 4096, RSI_RIPAS_RAM, &reached),
			 -EFAULT);
	ck_assert_uint_eq(reached, RAM + 2 * SIZE);
	ck_assert(!mem_is_shared(m, gpa(RAM), 4096));
	ck_assert_int_eq(ripas_set(m, 0, 4096, RSI_RIPAS_RAM, &reached), -EFAULT);
	ck_assert_uint_eq(reached, 0);
	mem_destroy(m);
}
END_TEST

/* What a device has in flight ends a change before it, and makes the next one wait. */
START_TEST(pages_in_flight)
{
	struct iovec iov;
	u64 reached;

	setup();
	ck_assert_int_eq(ripas_set(m, RAM, RAM + 8192, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(ripas_set(m, RAM + 16384, RAM + 32768, RSI_RIPAS_EMPTY, &reached), 0);
	ck_assert_int_eq(mem_iov(m, gpa(RAM + 20480), 4096, &iov, 1), 1);
	mem_pin(m, &iov, 1);
	ck_assert_int_eq(ripas_set(m, RAM, RAM + SIZE, RSI_RIPAS_RAM, &reached), 0);
	ck_assert_uint_eq(reached, RAM + 16384);
	ck_assert(!mem_is_shared(m, gpa(RAM), 4096));
	ck_assert_int_eq(ripas_set(m, reached, RAM + SIZE, RSI_RIPAS_RAM, &reached), -EAGAIN);
	ck_assert_uint_eq(reached, RAM + 16384);
	ck_assert(mem_is_shared(m, gpa(RAM + 16384), 16384));
	mem_unpin(m, &iov, 1);
	ck_assert_int_eq(ripas_set(m, reached, RAM + SIZE, RSI_RIPAS_RAM, &reached), 0);
	ck_assert_uint_eq(reached, RAM + SIZE);
	mem_destroy(m);
}
END_TEST

/* A call takes a bounded time: it does not change all of a large Realm. */
START_TEST(a_large_change_is_made_in_steps)
{
	u64 size = 40 * GiB, at = RAM, reached;
	unsigned nr = 0;

	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), size, MEM_PROTECTED, NULL), 0);
	for (; at < RAM + size; at = reached, nr++) {
		ck_assert_int_eq(ripas_set(m, at, RAM + size, RSI_RIPAS_EMPTY, &reached), 0);
		ck_assert_uint_gt(reached, at);
	}
	ck_assert_uint_eq(nr, 3);
	mem_destroy(m);
}
END_TEST

SUITE_MAIN("realm/ripas", ram_is_ram_and_the_rest_is_empty, conversions, outside_of_ram,
	   pages_in_flight, a_large_change_is_made_in_steps)
