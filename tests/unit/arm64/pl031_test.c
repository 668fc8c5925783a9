/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PL031: identification, the counter, setting it, the match interrupt. [DDI 0224C] */
#include "arm64/memmap.h"
#include "arm64/rtc.h"
#include "lkvm/vm/bus.h"
#include "tests/fake/irq.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/arm64/clock.h"

#define NOW INT64_C(1795381445) /* 2026-11-22 21:04:05 UTC */

enum {
	DR = 0x00,
	MR = 0x04,
	LR = 0x08,
	CR = 0x0c,
	IMSC = 0x10,
	RIS = 0x14,
	MIS = 0x18,
	ICR = 0x1c
};

static struct fake_irq gic;
static struct bus *bus;
static struct pl031 *rtc;

static bool line(void)
{
	return gic.level[MEMMAP_SPI_PL031];
}

static void setup(s64 now)
{
	struct rtc_conf c = { .base = { MEMMAP_PL031 },
			      .clock = clock_of_test,
			      .irq = &gic.irq,
			      .spi = MEMMAP_SPI_PL031 };

	host = now;
	fake_irq_init(&gic, false);
	ck_assert_int_eq(bus_create(&bus), 0);
	c.bus = bus;
	ck_assert_int_eq(pl031_create(&rtc, &c), 0);
}

static void teardown(void)
{
	pl031_destroy(rtc);
	bus_destroy(bus);
	fake_irq_fini(&gic);
}

static u32 get(u64 off, unsigned len)
{
	u64 val = ~UINT64_C(0);

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_PL031 + off), len, false, &val), BUS_OK);
	ck_assert_uint_le(val, UINT32_MAX);
	return (u32)val;
}

static u32 rd(u64 off)
{
	return get(off, 4);
}

static void put(u64 off, unsigned len, u32 v)
{
	u64 val = v;

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_PL031 + off), len, true, &val), BUS_OK);
}

static void wr(u64 off, u32 v)
{
	put(off, 4, v);
}

/* The AMBA bus and rtc-pl031.c of Linux look for 0x00041031, kvm-unit-tests for revision 1. */
START_TEST(primecell_identification)
{
	static const u8 id[] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	setup(NOW * SEC);
	for (u64 i = 0; i < 8; i++) {
		ck_assert_uint_eq(rd(0xfe0 + 4 * i), id[i]);
		ck_assert_uint_eq(get(0xfe0 + 4 * i, 1), id[i]);
		ck_assert_uint_eq(get(0xfe0 + 4 * i, 2), id[i]);
		ck_assert_uint_eq(get(0xfe0 + 4 * i + 1, 1), 0);
	}
	teardown();
}
END_TEST

/* [3.3.1, 3.3.3, 3.3.4] The host's time; loading sets it, and it goes on from there. */
START_TEST(counter_and_load)
{
	setup(NOW * SEC + SEC / 2);
	ck_assert_uint_eq(rd(DR), NOW);
	ck_assert_uint_eq(get(DR, 1), NOW & 0xff);
	ck_assert_uint_eq(get(DR + 2, 2), NOW >> 16);
	ck_assert_uint_eq(rd(CR), 1);
	host += SEC / 2;
	ck_assert_uint_eq(rd(DR), NOW + 1);
	wr(LR, 1000);
	ck_assert_uint_eq(rd(LR), 1000);
	ck_assert_uint_eq(rd(DR), 1000);
	host += 5 * SEC;
	ck_assert_uint_eq(rd(DR), 1005);
	ck_assert_uint_eq(rd(LR), 1000);
	wr(CR, 0); /* it cannot be stopped */
	wr(DR, 7);
	ck_assert_uint_eq(rd(CR), 1);
	ck_assert_uint_eq(rd(DR), 1005);
	host -= 3600 * SEC; /* somebody sets the host's clock */
	ck_assert_uint_eq(rd(DR), 1005u - 3600);
	wr(LR, UINT32_MAX);
	host += SEC;
	ck_assert_uint_eq(rd(DR), 0);
	teardown();
}
END_TEST

START_TEST(read_only_and_reserved)
{
	static const u16 offs[] = { RIS, MIS, 0x20, 0x80, 0x84, 0x88, 0xfdc, 0xfe0, 0xffc };

	setup(NOW * SEC);
	for (size_t i = 0; i < ARRAY_SIZE(offs); i++) {
		u32 before = rd(offs[i]);

		put(offs[i], 4, 0xdeadbeef);
		put(offs[i], 2, 0xbeef);
		put(offs[i], 1, 0xef);
		put(offs[i] + 1, 1, 0xef);
		ck_assert_uint_eq(rd(offs[i]), before);
	}
	ck_assert_uint_eq(rd(ICR), 0);
	ck_assert(!line());
	teardown();
}
END_TEST

/* [3.3.2, 3.3.5 to 3.3.8] */
START_TEST(match_interrupt)
{
	setup(NOW * SEC + SEC / 4);
	alarm_looks = 0;
	wr(MR, NOW + 10);
	ck_assert_uint_eq(looks(), ALARM_NEVER); /* masked: nobody waits */
	wr(IMSC, 0xff);
	ck_assert_uint_eq(alarm_looks, 2);
	ck_assert_uint_eq(rd(IMSC), 1);
	ck_assert_uint_eq(looks(), 9 * SEC + 3 * SEC / 4);
	host += 9 * SEC;
	ck_assert_uint_eq(looks(), 3 * SEC / 4);
	ck_assert(!line());
	host += 3 * SEC / 4;
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	ck_assert(line());
	ck_assert_uint_eq(rd(RIS), 1);
	ck_assert_uint_eq(rd(MIS), 1);
	wr(ICR, 0);
	ck_assert(line());
	wr(ICR, 1);
	ck_assert(!line());
	ck_assert_uint_eq(rd(RIS), 0);
	host += 2 * SEC;
	ck_assert_uint_eq(rd(RIS), 0); /* once */
	teardown();
}
END_TEST

START_TEST(mask_holds_the_line_and_not_the_status)
{
	setup(NOW * SEC);
	wr(MR, NOW + 1);
	host += 5 * SEC; /* passed while nobody looked */
	ck_assert_uint_eq(rd(MIS), 0);
	ck_assert_uint_eq(rd(RIS), 1);
	ck_assert(!line());
	wr(IMSC, 1);
	ck_assert(line());
	ck_assert_uint_eq(rd(MIS), 1);
	wr(IMSC, 0);
	ck_assert(!line());
	ck_assert_uint_eq(rd(RIS), 1);
	teardown();
}
END_TEST

/* The second that runs matches; one that is over does in 136 years. */
START_TEST(matches_at_the_edges)
{
	setup(NOW * SEC);
	wr(MR, NOW);
	ck_assert_uint_eq(rd(RIS), 1);
	wr(ICR, 1);
	wr(MR, NOW - 1);
	ck_assert_uint_eq(rd(RIS), 0);
	wr(IMSC, 1);
	ck_assert_uint_eq(looks(), UINT32_MAX * (u64)SEC);
	wr(LR, NOW - 1); /* set back to that second */
	ck_assert_uint_eq(rd(RIS), 1);
	wr(ICR, 1);
	wr(LR, NOW - 2);
	ck_assert_uint_eq(rd(RIS), 0);
	ck_assert_uint_eq(looks(), SEC);
	host += INT64_C(5000000000) * SEC; /* once round */
	ck_assert_uint_eq(rd(RIS), 1);
	teardown();
}
END_TEST

/* What is due is due by the wall clock, if the host has slept; one set back passes nothing. */
START_TEST(the_hosts_clock_jumps)
{
	setup(NOW * SEC);
	wr(MR, NOW + 100);
	wr(IMSC, 1);
	host -= 1000 * SEC;
	ck_assert_uint_eq(looks(), 1100 * (u64)SEC);
	host += 3000 * SEC;
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	ck_assert(line());
	teardown();
}
END_TEST

/* Every value in every register: UBSan watches. */
START_TEST(nonsense)
{
	static const u32 vals[] = { 0, 1, 0x7fffffff, 0x80000000, UINT32_MAX, NOW };
	static const s64 hosts[] = { -1, 0, NOW * SEC, INT64_C(4294967295) * SEC, INT64_MAX / 2 };

	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		setup(hosts[h]);
		for (u64 off = 0; off < 0x100; off += 4) {
			for (size_t i = 0; i < ARRAY_SIZE(vals); i++) {
				wr(off, vals[i]);
				rd(off);
				looks();
				host += 12345678901;
			}
		}
		teardown();
	}
}
END_TEST

SUITE_MAIN("arm64/pl031", primecell_identification, counter_and_load, read_only_and_reserved,
	   match_interrupt, mask_holds_the_line_and_not_the_status, matches_at_the_edges,
	   the_hosts_clock_jumps, nonsense)
