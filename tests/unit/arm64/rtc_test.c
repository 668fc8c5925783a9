/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818: reading, setting, the formats of register B, and no torn reads. */
#include <time.h>

#include "arm64/memmap.h"
#include "arm64/rtc.h"
#include "lkvm/vm/bus.h"
#include "tests/fake/irq.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/arm64/clock.h"

/* 2026-11-22 21:04:05 UTC, a Sunday */
#define NOW (INT64_C(1795381445) * SEC)

static struct fake_irq gic;
static struct bus *bus;
static struct rtc *rtc;

/* The loop sleeps so long, and looks. */
static u64 sleeps(void)
{
	u64 ns = looks();

	ck_assert_uint_ne(ns, ALARM_NEVER);
	host += (s64)ns;
	return looks();
}

static bool line(void)
{
	return gic.level[MEMMAP_SPI_RTC];
}

static void setup(s64 now)
{
	struct rtc_conf c = { .base = { MEMMAP_RTC },
			      .clock = clock_of_test,
			      .irq = &gic.irq,
			      .spi = MEMMAP_SPI_RTC };

	host = now;
	fake_irq_init(&gic, false);
	ck_assert_int_eq(bus_create(&bus), 0);
	c.bus = bus;
	ck_assert_int_eq(rtc_create(&rtc, &c), 0);
}

static void teardown(void)
{
	rtc_destroy(rtc);
	bus_destroy(bus);
	fake_irq_fini(&gic);
}

static void poke(u64 off, u8 byte)
{
	u64 val = byte;

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC + off), 1, true, &val), BUS_OK);
}

static u8 rd(u8 reg)
{
	u64 val = ~UINT64_C(0);

	poke(0, reg);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC + 1), 1, false, &val), BUS_OK);
	ck_assert_uint_le(val, 0xff);
	return (u8)val;
}

static void wr(u8 reg, u8 val)
{
	poke(0, reg);
	poke(1, val);
}

/* As in the registers, not decoded: century year month day hour minute second. */
static void shows(u8 c, u8 y, u8 mo, u8 d, u8 h, u8 mi, u8 s)
{
	ck_assert_uint_eq(rd(0x32), c);
	ck_assert_uint_eq(rd(9), y);
	ck_assert_uint_eq(rd(8), mo);
	ck_assert_uint_eq(rd(7), d);
	ck_assert_uint_eq(rd(4), h);
	ck_assert_uint_eq(rd(2), mi);
	ck_assert_uint_eq(rd(0), s);
}

static void set(u8 c, u8 y, u8 mo, u8 d, u8 h, u8 mi, u8 s)
{
	wr(0x32, c);
	wr(9, y);
	wr(8, mo);
	wr(7, d);
	wr(4, h);
	wr(2, mi);
	wr(0, s);
}

START_TEST(host_time_in_bcd)
{
	setup(NOW);
	shows(0x20, 0x26, 0x11, 0x22, 0x21, 0x04, 0x05);
	ck_assert_uint_eq(rd(6), 1); /* Sunday */
	ck_assert_uint_eq(rd(0x0b), 0x02);
	ck_assert_uint_eq(rd(0x0d), 0x80);
	host += 55 * SEC;
	shows(0x20, 0x26, 0x11, 0x22, 0x21, 0x05, 0x00);
	teardown();
}
END_TEST

START_TEST(binary_and_twelve_hours)
{
	setup(NOW);
	wr(0x0b, 0x06);
	shows(20, 26, 11, 22, 21, 4, 5);
	wr(0x0b, 0x04);
	shows(20, 26, 11, 22, 9 | 0x80, 4, 5);
	wr(0x0b, 0x00);
	shows(0x20, 0x26, 0x11, 0x22, 0x09 | 0x80, 0x04, 0x05);
	/* noon is 12 PM, midnight 12 AM */
	host += (14 * 3600 + 56 * 60 - 5) * SEC;
	ck_assert_uint_eq(rd(4), 0x92);
	host -= 12 * 3600 * SEC;
	ck_assert_uint_eq(rd(4), 0x12);
	wr(0x0b, 0x02);
	ck_assert_uint_eq(rd(4), 0x00);
	teardown();
}
END_TEST

/* mc146818_set_time(): SET, divider reset, fields, divider, SET off. */
START_TEST(linux_sets_the_time)
{
	u8 b, a;

	setup(NOW);
	b = rd(0x0b);
	wr(0x0b, b | 0x80);
	a = rd(0x0a);
	wr(0x0a, a | 0x70);
	set(0x20, 0x01, 0x02, 0x28, 0x23, 0x59, 0x58);
	host += 30 * SEC; /* the clock stands while SET */
	shows(0x20, 0x01, 0x02, 0x28, 0x23, 0x59, 0x58);
	wr(0x0a, a);
	wr(0x0b, b);
	shows(0x20, 0x01, 0x02, 0x28, 0x23, 0x59, 0x58);
	host += 2 * SEC;
	shows(0x20, 0x01, 0x03, 0x01, 0x00, 0x00, 0x00);
	teardown();
}
END_TEST

START_TEST(set_in_every_format)
{
	static const struct {
		u8 b, hour;
	} t[] = { { 0x02, 0x13 }, { 0x00, 0x81 }, { 0x06, 13 }, { 0x04, 0x80 | 1 } };

	setup(NOW);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		bool bin = t[i].b & 4;

		wr(0x0b, t[i].b | 0x80);
		set(bin ? 19 : 0x19, bin ? 99 : 0x99, bin ? 12 : 0x12, bin ? 31 : 0x31, t[i].hour,
		    bin ? 59 : 0x59, bin ? 30 : 0x30);
		wr(0x0b, t[i].b);
		wr(0x0b, 0x02);
		shows(0x19, 0x99, 0x12, 0x31, 0x13, 0x59, 0x30);
	}
	teardown();
}
END_TEST

START_TEST(noon_and_midnight_in_twelve_hours)
{
	setup(NOW);
	wr(0x0b, 0x80);
	wr(4, 0x12); /* 12 AM */
	wr(0x0b, 0x02);
	ck_assert_uint_eq(rd(4), 0x00);
	wr(0x0b, 0x80);
	wr(4, 0x92); /* 12 PM */
	wr(0x0b, 0x02);
	ck_assert_uint_eq(rd(4), 0x12);
	teardown();
}
END_TEST

/* SET without writing anything stops the clock for so long, and loses nothing else. */
START_TEST(set_freezes)
{
	setup(NOW);
	wr(0x0b, 0x82);
	host += 100 * SEC;
	shows(0x20, 0x26, 0x11, 0x22, 0x21, 0x04, 0x05);
	wr(0x0b, 0x02);
	shows(0x20, 0x26, 0x11, 0x22, 0x21, 0x04, 0x05);
	host += SEC;
	ck_assert_uint_eq(rd(0), 0x06);
	teardown();
}
END_TEST

/* What register A has fixed is over as soon as the guest sets the time. */
START_TEST(setting_ends_a_held_reading)
{
	setup(NOW + SEC - 300000);
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0);
	host = NOW + SEC + SEC / 50;
	wr(0, 0x30);
	ck_assert_uint_eq(rd(0), 0x30);
	teardown();
}
END_TEST

START_TEST(fields_written_while_running)
{
	setup(NOW);
	wr(4, 0x03);
	wr(2, 0x30);
	shows(0x20, 0x26, 0x11, 0x22, 0x03, 0x30, 0x05);
	host += 10 * SEC;
	shows(0x20, 0x26, 0x11, 0x22, 0x03, 0x30, 0x15);
	teardown();
}
END_TEST

/* UIP rises 244 us before the second changes; clear means that there is time to read. */
START_TEST(update_in_progress)
{
	setup(NOW);
	ck_assert_uint_eq(rd(0x0a), 0x26);
	host = NOW + SEC - 244001;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0);
	host = NOW + SEC - 244000;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0x80);
	host = NOW + SEC - 1;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0x80);
	host = NOW + SEC;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0);
	wr(0x0a, 0xff);
	ck_assert_uint_eq(rd(0x0a), 0x7f); /* read-only */
	wr(0x0b, 0x82);
	host = NOW + 2 * SEC - 1;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0); /* no updates while SET */
	teardown();
}
END_TEST

/* A guest that saw UIP clear and is then held up reads one instant, not parts of two. */
START_TEST(reads_after_uip_do_not_tear)
{
	setup(NOW + 54 * SEC + SEC / 2);
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0);
	ck_assert_uint_eq(rd(0), 0x59);
	host = NOW + 54 * SEC + SEC / 2 + SEC / 20;
	ck_assert_uint_eq(rd(0), 0x59);
	host = NOW + 55 * SEC - 300000;
	ck_assert_uint_eq(rd(0x0a) & 0x80, 0);
	ck_assert_uint_eq(rd(0), 0x59);
	host += 50000000; /* beyond the minute */
	ck_assert_uint_eq(rd(2), 0x04);
	ck_assert_uint_eq(rd(0), 0x59);
	host += SEC / 10; /* but not for ever */
	ck_assert_uint_eq(rd(2), 0x05);
	ck_assert_uint_eq(rd(0), 0x00);
	teardown();
}
END_TEST

START_TEST(a_clock_that_goes_back)
{
	setup(NOW);
	rd(0x0a);
	host -= 3600 * SEC;
	ck_assert_uint_eq(rd(4), 0x20);
	teardown();
}
END_TEST

/* The flags come without their interrupts, too; 0x40 is the 1024 Hz that run from the start. */
START_TEST(flags_without_interrupts)
{
	setup(NOW);
	ck_assert_uint_eq(rd(0x0c), 0);
	host += SEC;
	ck_assert_uint_eq(rd(0x0c), 0x50);
	ck_assert_uint_eq(rd(0x0c), 0);
	wr(0x0c, 0xff);
	wr(0x0d, 0);
	ck_assert_uint_eq(rd(0x0c), 0);
	ck_assert_uint_eq(rd(0x0d), 0x80);
	wr(0x0a, 0x20); /* no rate */
	host += SEC;
	ck_assert_uint_eq(rd(0x0c), 0x10);
	host -= 3600 * SEC; /* somebody sets the host's clock */
	ck_assert_uint_eq(rd(0x0c), 0);
	host += SEC;
	ck_assert_uint_eq(rd(0x0c), 0x10);
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	ck_assert(!line());
	teardown();
}
END_TEST

START_TEST(update_interrupt)
{
	setup(NOW + SEC / 4);
	alarm_looks = 0;
	wr(0x0b, 0x12);
	ck_assert_uint_eq(alarm_looks, 1);
	ck_assert_uint_eq(looks(), 3 * SEC / 4);
	ck_assert(!line());
	ck_assert_uint_eq(sleeps(), ALARM_NEVER); /* high until the guest looks */
	ck_assert(line());
	ck_assert_uint_eq(rd(0x0c) & 0x90, 0x90);
	ck_assert(!line());
	ck_assert_uint_eq(looks(), SEC);
	sleeps();
	ck_assert(line());
	wr(0x0b, 0x02); /* not wanted any more */
	ck_assert(!line());
	ck_assert_uint_eq(rd(0x0c) & 0x90, 0x10);
	teardown();
}
END_TEST

START_TEST(set_stops_updates_and_clears_their_interrupt)
{
	setup(NOW);
	wr(0x0b, 0x12);
	wr(0x0b, 0x92);
	ck_assert_uint_eq(rd(0x0b), 0x82);
	wr(0x0b, 0xb2);
	host += 5 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x30, 0);
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	teardown();
}
END_TEST

START_TEST(periodic_interrupt_of_each_rate)
{
	setup(NOW);
	for (u8 rate = 1; rate < 16; rate++) {
		/* MC146818, table 5: 32.768 kHz. 1 and 2 are slower than 3. */
		unsigned hz = rate == 1 ? 256 : rate == 2 ? 128 : 32768u >> (rate - 1);
		s64 from;

		wr(0x0b, 0x02);
		wr(0x0a, 0x20 | rate);
		rd(0x0c);
		wr(0x0b, 0x42);
		sleeps();
		ck_assert(line());
		from = host;
		for (unsigned i = 0; i < 8; i++) {
			ck_assert_uint_eq(rd(0x0c) & 0xc0, 0xc0);
			ck_assert(!line());
			sleeps();
			ck_assert(line());
		}
		ck_assert_int_eq((host - from) / 8, SEC / hz);
	}
	wr(0x0a, 0x20);
	rd(0x0c);
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	teardown();
}
END_TEST

/* Each of the three bytes may match everything; in each format. */
START_TEST(alarm_interrupt)
{
	static const struct {
		u8 b, hour, min, sec;
		unsigned after; /* 21:04:05 */
	} t[] = {
		{ 0x22, 0x21, 0x04, 0x06, 1 },	   { 0x22, 0x21, 0x04, 0x05, 86400 },
		{ 0x22, 0x21, 0x05, 0x00, 55 },	   { 0x22, 0x00, 0x00, 0x00, 10555 },
		{ 0x22, 0x21, 0x04, 0x04, 86399 }, { 0x22, 0xff, 0x04, 0x04, 3599 },
		{ 0x22, 0xff, 0xff, 0x04, 59 },	   { 0x22, 0xc0, 0xd5, 0xff, 1 },
		{ 0x22, 0x03, 0xff, 0x10, 21365 }, { 0x26, 21, 4, 30, 25 },
		{ 0x20, 0x89, 0x04, 0x30, 25 }, /* 9 PM */
		{ 0x24, 0x80 | 9, 4, 30, 25 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		setup(NOW);
		wr(0x05, t[i].hour);
		wr(0x03, t[i].min);
		wr(0x01, t[i].sec);
		wr(0x0b, t[i].b);
		ck_assert_msg(looks() == t[i].after * (u64)SEC, "%zu: %llu", i,
			      (unsigned long long)(looks() / SEC));
		sleeps();
		ck_assert(line());
		ck_assert_uint_eq(rd(0x0c) & 0xa0, 0xa0);
		ck_assert(!line());
		teardown();
	}
}
END_TEST

/* A guest that looks rarely has not missed it; nor one whose host slept, or that set the time. */
START_TEST(alarm_is_not_missed)
{
	setup(NOW);
	wr(0x05, 0x21);
	wr(0x03, 0x10);
	wr(0x01, 0x00);
	host += 300 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0);
	host += 100 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0x20);
	host += 40 * 86400 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0x20);
	wr(0x0b, 0xa2);
	set(0x20, 0x30, 0x01, 0x01, 0x21, 0x09, 0x58);
	wr(0x0b, 0x22);
	ck_assert_uint_eq(looks(), 2 * SEC);
	sleeps();
	ck_assert(line());
	teardown();
}
END_TEST

/* Alarms that are no time of day never come, however long that is looked for. */
START_TEST(alarms_that_are_no_time)
{
	setup(NOW);
	wr(0x05, 0x25);
	wr(0x03, 0xff);
	wr(0x01, 0xff);
	wr(0x0b, 0x22);
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	wr(0x05, 0xff);
	wr(0x01, 0x6a);
	ck_assert_uint_eq(looks(), ALARM_NEVER);
	host += 100 * 86400 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0xa0, 0);
	teardown();
}
END_TEST

/* CPU time of some seconds that pass with this alarm, in which the guest looks at register C. */
static s64 cost(u8 hour, u8 min, u8 sec)
{
	struct timespec from, to;

	setup(NOW);
	wr(0x05, hour);
	wr(0x03, min);
	wr(0x01, sec);
	wr(0x0b, 0x22);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (unsigned i = 0; i < 200; i++) {
		host += SEC;
		rd(0x0c);
		looks();
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	teardown();
	return (to.tv_sec - from.tv_sec) * SEC + to.tv_nsec - from.tv_nsec;
}

/* Nor does it cost the host much: a guest could ask that of it a million times a second. */
START_TEST(alarms_that_are_no_time_cost_little)
{
	static const u8 bad[][3] = { { 0xff, 0xff, 0x6a },
				     { 0xff, 0x6a, 0xff },
				     { 0x25, 0xff, 0xff },
				     { 0xff, 0x59, 0x6a },
				     { 0x6a, 0x6a, 0x6a } };
	const s64 good = cost(0xff, 0xff, 0xff);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s64 ns = cost(bad[i][0], bad[i][1], bad[i][2]);

		ck_assert_msg(ns < 50 * good, "%zu: %lld, not %lld", i, (long long)ns,
			      (long long)good);
	}
}
END_TEST

/* Without a line (a Realm's) there are flags, and nobody is woken. */
START_TEST(no_line)
{
	struct rtc_conf c = { .base = { MEMMAP_RTC }, .clock = clock_of_test };

	host = NOW;
	ck_assert_int_eq(bus_create(&bus), 0);
	c.bus = bus;
	ck_assert_int_eq(rtc_create(&rtc, &c), 0);
	wr(0x0b, 0x72);
	host += SEC;
	ck_assert_uint_eq(rd(0x0c) & 0xf0, 0xd0);
	rtc_destroy(rtc);
	bus_destroy(bus);
}
END_TEST

START_TEST(memory_and_index)
{
	u64 val = 0;

	setup(NOW);
	for (u8 reg = 0x0e; reg < 0x80; reg++) {
		if (reg == 0x32)
			continue;
		wr(reg, (u8)(reg * 3));
		ck_assert_uint_eq(rd(reg), (u8)(reg * 3));
	}
	wr(1, 0x59);
	ck_assert_uint_eq(rd(1), 0x59);
	poke(0, 0x8d); /* the NMI bit of PCs is not part of the index */
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC + 1), 1, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x80);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC), 1, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x0d);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_RTC), 2, false, &val), BUS_BAD);
	teardown();
}
END_TEST

/* Dates that do not exist, in all formats, with every byte: UBSan watches. */
START_TEST(nonsense_dates)
{
	setup(NOW);
	for (unsigned b = 0; b < 8; b += 2) {
		for (unsigned v = 0; v < 256; v++) {
			wr(0x0b, (u8)(0x80 | b));
			set((u8)v, (u8)(v * 7), (u8)(v * 5), (u8)(v * 3), (u8)v, (u8)~v, (u8)v);
			wr(6, (u8)v);
			wr(0x0b, (u8)b);
			rd(9);
			wr(7, (u8)v);
			wr(8, 0);
			rd(0x32);
		}
		wr(0x0b, (u8)(0x80 | b));
		set(0, 0, 0, 0, 0, 0, 0);
		wr(0x0b, (u8)b);
		ck_assert_uint_eq(rd(0x32), 0);
		ck_assert_uint_eq(rd(9), 0);
	}
	wr(0x0b, 0x82);
	set(0x20, 0x26, 0x02, 0x31, 0, 0, 0);
	wr(0x0b, 0x02);
	shows(0x20, 0x26, 0x03, 0x03, 0, 0, 0);
	teardown();
}
END_TEST

START_TEST(years_of_other_centuries)
{
	setup(-INT64_C(3786825600) * SEC); /* 1850-01-01 */
	shows(0x18, 0x50, 0x01, 0x01, 0, 0, 0);
	host += SEC / 2;
	shows(0x18, 0x50, 0x01, 0x01, 0, 0, 0);
	teardown();
}
END_TEST

START_TEST(host_clock_is_utc_now)
{
	s64 a = rtc_host_clock();

	ck_assert_int_gt(a, INT64_C(1700000000) * SEC);
	ck_assert_int_ge(rtc_host_clock(), a);
}
END_TEST

SUITE_MAIN("arm64/rtc", host_time_in_bcd, binary_and_twelve_hours, linux_sets_the_time,
	   set_in_every_format, noon_and_midnight_in_twelve_hours, set_freezes,
	   setting_ends_a_held_reading, fields_written_while_running, update_in_progress,
	   reads_after_uip_do_not_tear, a_clock_that_goes_back, flags_without_interrupts,
	   update_interrupt, set_stops_updates_and_clears_their_interrupt,
	   periodic_interrupt_of_each_rate, alarm_interrupt, alarm_is_not_missed,
	   alarms_that_are_no_time, alarms_that_are_no_time_cost_little, no_line, memory_and_index,
	   nonsense_dates, years_of_other_centuries, host_clock_is_utc_now)
