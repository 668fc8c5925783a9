/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A debugger's points, in a page of guest memory that is not translated. */
#include "lkvm/gdb/points.h"

#include <endian.h>
#include <errno.h>

#include "lkvm/vm/mem.h"
#include "tests/unit/suite.h"

#define RAM UINT64_C(0x80000000)
#define CODE (RAM + 0x100)

static struct mem *m;
static struct points p;
static const struct view_map map;

static void setup(void)
{
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(RAM), 4096, 0, NULL), 0);
	p = (struct points){ .max_breaks = 4, .max_watches = 4 };
	for (unsigned i = 0; i < 1024; i++)
		((u32 *)mem_region(m, 0)->host)[i] =
			htole32(0xd503201f + (i << 8)); /* each its own */
}

static void end(void)
{
	points_clear(&p, m);
	mem_destroy(m);
}

static u32 *at(u64 va)
{
	return (u32 *)((char *)mem_region(m, 0)->host + (va - RAM));
}

static u32 insn(u64 va)
{
	return 0xd503201f + (u32)(((va - RAM) / 4) << 8);
}

static void set(u64 va)
{
	ck_assert_int_eq(points_set(&p, m, &map, GDB_SW_BREAK, va, 4), 0);
	ck_assert_uint_eq(le32toh(*at(va)), POINTS_BRK);
	ck_assert(points_has(&p, va));
}

static u64 read_through(u64 va, void *buf, u64 len)
{
	u64 n;

	points_lift(&p, m, va, len);
	n = view_read(m, &map, va, buf, len);
	points_lower(&p, m);
	return n;
}

static u64 write_through(u64 va, const void *buf, u64 len)
{
	u64 n;

	points_lift(&p, m, va, len);
	n = view_write(m, &map, va, buf, len);
	points_lower(&p, m);
	return n;
}

/* GDB with "breakpoint always-inserted", and others: they see the program, not their breakpoints. */
START_TEST(memory_without_breakpoints)
{
	u32 code[4];
	u8 byte;

	setup();
	set(CODE);
	set(CODE + 8);
	ck_assert_uint_eq(read_through(CODE - 4, code, sizeof(code)), sizeof(code));
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(le32toh(code[i]), insn(CODE - 4 + 4 * i));
	/* Any part of one, from either side. */
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(read_through(CODE + i, &byte, 1), 1);
		ck_assert_uint_eq(byte, (u8)(insn(CODE) >> 8 * i));
	}
	ck_assert_uint_eq(le32toh(*at(CODE)), POINTS_BRK);
	ck_assert_uint_eq(le32toh(*at(CODE + 8)), POINTS_BRK);
	points_unset(&p, m, GDB_SW_BREAK, CODE, 4);
	ck_assert_uint_eq(le32toh(*at(CODE)), insn(CODE));
	ck_assert(!points_has(&p, CODE));
	end();
}
END_TEST

/* What is written there is what is there when the breakpoint goes, and it stays meanwhile. */
START_TEST(writing_over_breakpoints)
{
	const u32 code[] = { htole32(0x11111111), htole32(0x22222222), htole32(0x33333333) };
	const u16 half = htole16(0x4444);
	u32 back;

	setup();
	set(CODE);
	set(CODE + 8);
	ck_assert_uint_eq(write_through(CODE, code, sizeof(code)), sizeof(code));
	ck_assert_uint_eq(write_through(CODE + 10, &half, sizeof(half)), sizeof(half));
	ck_assert_uint_eq(le32toh(*at(CODE)), POINTS_BRK);
	ck_assert_uint_eq(le32toh(*at(CODE + 4)), 0x22222222);
	ck_assert_uint_eq(le32toh(*at(CODE + 8)), POINTS_BRK);
	ck_assert_uint_eq(read_through(CODE + 8, &back, sizeof(back)), sizeof(back));
	ck_assert_uint_eq(le32toh(back), 0x44443333);
	points_clear(&p, m);
	ck_assert_uint_eq(le32toh(*at(CODE)), 0x11111111);
	ck_assert_uint_eq(le32toh(*at(CODE + 8)), 0x44443333);
	end();
}
END_TEST

/* The guest has loaded another program over it: that is the guest's, and no breakpoint. */
START_TEST(the_guest_writes_over_one)
{
	u32 code;

	setup();
	set(CODE);
	*at(CODE) = htole32(0x55555555);
	ck_assert_uint_eq(read_through(CODE, &code, sizeof(code)), sizeof(code));
	ck_assert_uint_eq(le32toh(code), 0x55555555);
	ck_assert_uint_eq(le32toh(*at(CODE)), 0x55555555);
	points_clear(&p, m);
	ck_assert_uint_eq(le32toh(*at(CODE)), 0x55555555);
	end();
}
END_TEST

START_TEST(no_memory_no_room)
{
	setup();
	ck_assert_int_eq(points_set(&p, m, &map, GDB_SW_BREAK, CODE + 2, 4), -EFAULT);
	ck_assert_int_eq(points_set(&p, m, &map, GDB_SW_BREAK, 0x1000, 4), -EFAULT);
	for (unsigned i = 0; i < POINTS_MAX_SW; i++)
		set(CODE + 4 * i);
	set(CODE); /* twice is once */
	ck_assert_int_eq(points_set(&p, m, &map, GDB_SW_BREAK, RAM, 4), -ENOSPC);
	end();
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(points_set(&p, NULL, &map, GDB_HW_BREAK, 4 * i, 4), 0);
	ck_assert_int_eq(points_set(&p, NULL, &map, GDB_HW_BREAK, 4, 4), 0);
	ck_assert_int_eq(points_set(&p, NULL, &map, GDB_HW_BREAK, 16, 4), -ENOSPC);
}
END_TEST

/* [Arm ARM D24.3.15] BAS for bytes of a doubleword, MASK for an aligned power of two. */
START_TEST(lengths_of_watchpoints)
{
	static const struct {
		u64 va, len;
		int err;
		u64 wvr, wcr;
	} all[] = {
		{ 0x1000, 1, 0, 0x1000, 0x17 | 0x01 << 5 },
		{ 0x1007, 1, 0, 0x1000, 0x17 | 0x80 << 5 },
		{ 0x1002, 3, 0, 0x1000, 0x17 | 0x1c << 5 },
		{ 0x1000, 8, 0, 0x1000, 0x17 | 0xff << 5 },
		{ 0x1040, 64, 0, 0x1040, 0x17 | 0xff << 5 | 6 << 24 },
		{ 0x80000000, 0x80000000, 0, 0x80000000, 0x17 | 0xff << 5 | 31 << 24 },
		{ 0x1006, 4, -EINVAL, 0, 0 },
		{ 0x1008, 16, -EINVAL, 0, 0 },
		{ 0x1000, 12, -EINVAL, 0, 0 },
		{ 0x1000, 0, -EINVAL, 0, 0 },
		{ 0, UINT64_C(0x100000000), -EINVAL, 0, 0 },
		{ UINT64_MAX, 2, -EINVAL, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct kvm_guest_debug d = { 0 };

		p = (struct points){ .max_watches = 1 };
		ck_assert_int_eq(points_set(&p, NULL, &map, GDB_WATCH_WRITE, all[i].va, all[i].len),
				 all[i].err);
		points_debug(&p, &d);
		ck_assert_uint_eq(d.wvr[0], all[i].wvr);
		ck_assert_uint_eq(d.wcr[0], all[i].wcr);
		ck_assert(!(d.control & KVM_GUESTDBG_USE_HW) == !!all[i].err);
	}
}
END_TEST

/* A store of a pair may be said to be where it begins, where GDB has no point. */
START_TEST(what_was_watched)
{
	p = (struct points){ .max_watches = 3 };
	ck_assert_uint_eq(points_watched(&p, 0x123), 0x123);
	ck_assert_int_eq(points_set(&p, NULL, &map, GDB_WATCH_WRITE, 0x1008, 8), 0);
	ck_assert_int_eq(points_set(&p, NULL, &map, GDB_WATCH_READ, 0x1100, 64), 0);
	ck_assert_int_eq(points_set(&p, NULL, &map, GDB_WATCH_ACCESS, 0x10fc, 4), 0);
	ck_assert_uint_eq(points_watched(&p, 0x1008), 0x1008);
	ck_assert_uint_eq(points_watched(&p, 0x100f), 0x100f);
	ck_assert_uint_eq(points_watched(&p, 0x1000), 0x1008);
	ck_assert_uint_eq(points_watched(&p, 0x1010), 0x1008);
	ck_assert_uint_eq(points_watched(&p, 0x10c0), 0x10fc);
	ck_assert_uint_eq(points_watched(&p, 0x113f), 0x113f);
	ck_assert_uint_eq(points_watched(&p, UINT64_MAX), 0x1100);
	ck_assert_uint_eq(points_watched(&p, 0), 0x1008);
}
END_TEST

SUITE_MAIN("lkvm/gdb/points", memory_without_breakpoints, writing_over_breakpoints,
	   the_guest_writes_over_one, no_memory_no_room, lengths_of_watchpoints, what_was_watched)
