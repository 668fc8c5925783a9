/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock.
 *
 * Thread: register handlers on vCPU threads, due() on the loop; both under r->lock.
 * Trust:  register writes come from the guest: any byte may stand in any register. Dates that do
 *         not exist are taken as the day so many days later; nothing overflows.
 * Spec:   Motorola MC146818 data sheet; century register at 0x32 as firmware for PCs has it.
 *
 * Nothing ticks. The time registers are computed from the clock of the host plus an offset when
 * they are read, and the offset is computed when they are written. Two details keep readers from
 * seeing half of a carry: register A announces an update 244 us ahead, and a look at it that shows
 * none fixes the time for reads that follow shortly after (an exit can take longer than 244 us).
 *
 * The flags of register C are computed when somebody looks, too: what has come to pass since the
 * last look. If the guest wants an interrupt, the alarm looks; while the line is high it need not,
 * so that the guest, which lowers the line by reading register C, sets the pace.
 */
#include "arm64/rtc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "arm64/alarm.h"
#include "arm64/memmap.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/irq.h"

#define NS_PER_SEC INT64_C(1000000000)
#define UIP_AHEAD_NS 244000	  /* t_BUC */
#define HOLD_NS (NS_PER_SEC / 10) /* how long a look at register A holds the time */

enum {
	RTC_SEC = 0x00,
	RTC_SEC_ALARM = 0x01,
	RTC_MIN = 0x02,
	RTC_MIN_ALARM = 0x03,
	RTC_HOUR = 0x04,
	RTC_HOUR_ALARM = 0x05,
	RTC_WDAY = 0x06,
	RTC_MDAY = 0x07,
	RTC_MON = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_CENTURY = 0x32,
	RTC_NR = 0x80,
};

#define A_UIP 0x80
#define A_32KHZ 0x26 /* running from a 32.768 kHz crystal, 1024 Hz periodic rate */
#define A_RATE 0x0f
#define B_SET 0x80
#define B_PERIODIC 0x40 /* interrupt enables: the same bits as the flags of register C */
#define B_ALARM 0x20
#define B_UPDATED 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define C_INTERRUPT 0x80
#define C_PERIODIC 0x40
#define C_ALARM 0x20
#define C_UPDATED 0x10
#define ALARM_ANY 0xc0 /* an alarm byte from here on matches everything */
#define D_VALID 0x80
#define HOUR_PM 0x80

struct rtc {
	pthread_mutex_t lock;
	gpa_t base;
	struct bus *bus;
	rtc_clock_fn clock;
	struct irq *irq; /* NULL: none */
	u32 spi;
	struct alarm *alarm;
	s64 offset_sec; /* guest's time minus the host's */
	s64 held_at;	/* host clock at the last look at register A; INT64_MIN: none */
	s64 seen;	/* host clock up to which flags were looked for */
	u8 flags;	/* of register C, without C_INTERRUPT */
	bool level;	/* of the line */
	u8 index;
	u8 reg[RTC_NR]; /* time registers only while B_SET */
};

s64 rtc_host_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (s64)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

s64 rtc_seconds(s64 ns)
{
	return ns / NS_PER_SEC - (ns % NS_PER_SEC < 0);
}

/* ---- time registers <-> seconds since 1970 ---- */

static u8 encode(const struct rtc *r, int val)
{
	return (u8)(r->reg[RTC_B] & B_BINARY ? val : val / 10 << 4 | val % 10);
}

static int decode(const struct rtc *r, u8 val)
{
	return r->reg[RTC_B] & B_BINARY ? val : (val >> 4) * 10 + (val & 0xf);
}

static u8 encode_hour(const struct rtc *r, int hour)
{
	if (r->reg[RTC_B] & B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct rtc *r, u8 val)
{
	if (r->reg[RTC_B] & B_24H)
		return decode(r, val);
	return decode(r, val & (u8)~HOUR_PM) % 12 + (val & HOUR_PM ? 12 : 0);
}

static void registers_of(const struct rtc *r, s64 sec, u8 *reg)
{
	time_t t = (time_t)sec;
	struct tm tm = { 0 };
	int year;

	gmtime_r(&t, &tm);
	year = MAX(tm.tm_year + 1900, 0); /* the guest may have set month 0 of year 0 */
	reg[RTC_SEC] = encode(r, tm.tm_sec);
	reg[RTC_MIN] = encode(r, tm.tm_min);
	reg[RTC_HOUR] = encode_hour(r, tm.tm_hour);
	reg[RTC_WDAY] = encode(r, tm.tm_wday + 1);
	reg[RTC_MDAY] = encode(r, tm.tm_mday);
	reg[RTC_MON] = encode(r, tm.tm_mon + 1);
	reg[RTC_YEAR] = encode(r, year % 100);
	reg[RTC_CENTURY] = encode(r, year / 100);
}

static s64 seconds_of(const struct rtc *r)
{
	struct tm tm = {
		.tm_sec = decode(r, r->reg[RTC_SEC]),
		.tm_min = decode(r, r->reg[RTC_MIN]),
		.tm_hour = decode_hour(r, r->reg[RTC_HOUR]),
		.tm_mday = decode(r, r->reg[RTC_MDAY]),
		.tm_mon = decode(r, r->reg[RTC_MON]) - 1,
		.tm_year =
			decode(r, r->reg[RTC_CENTURY]) * 100 + decode(r, r->reg[RTC_YEAR]) - 1900,
	};

	return (s64)timegm(&tm);
}

/* ---- registers ---- */

static bool is_time(unsigned reg)
{
	switch (reg) {
	case RTC_SEC:
	case RTC_MIN:
	case RTC_HOUR:
	case RTC_WDAY:
	case RTC_MDAY:
	case RTC_MON:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

/* The guest's time, in seconds: now, or what a look at register A has fixed. */
static s64 guest_sec(const struct rtc *r)
{
	s64 now = r->clock();

	if (r->held_at <= now && now < r->held_at + HOLD_NS)
		now = r->held_at;
	return rtc_seconds(now) + r->offset_sec;
}

static u8 read_a(struct rtc *r)
{
	s64 now = r->clock();
	s64 into = now - rtc_seconds(now) * NS_PER_SEC;

	if (!(r->reg[RTC_B] & B_SET) && into >= NS_PER_SEC - UIP_AHEAD_NS)
		return r->reg[RTC_A] | A_UIP;
	r->held_at = now;
	return r->reg[RTC_A];
}

/* ---- what has come to pass ---- */

static bool matches(u8 alarm, u8 now)
{
	return alarm >= ALARM_ANY || alarm == now;
}

/* Does the alarm byte match any of the numbers below `nr`? */
static bool comes(const struct rtc *r, u8 alarm, int nr, u8 (*as)(const struct rtc *r, int val))
{
	for (int i = 0; i < nr; i++) {
		if (matches(alarm, as(r, i)))
			return true;
	}
	return false;
}

/*
 * The first second after `sec` (guest's time) that the alarm bytes match; INT64_MAX: none, as they
 * are no time, for which no day is searched. Hours and minutes that do not match are left out, so
 * a day takes few steps, too.
 */
static s64 next_alarm(const struct rtc *r, s64 sec)
{
	const s64 day = 24 * 60 * 60, first = sec + 1;

	if (!comes(r, r->reg[RTC_HOUR_ALARM], 24, encode_hour) ||
	    !comes(r, r->reg[RTC_MIN_ALARM], 60, encode) ||
	    !comes(r, r->reg[RTC_SEC_ALARM], 60, encode))
		return INT64_MAX;
	for (s64 t = first; t <= first + day;) {
		s64 in_day = ((t % day) + day) % day, min = in_day / 60 % 60;

		if (!matches(r->reg[RTC_HOUR_ALARM], encode_hour(r, (int)(in_day / 3600))))
			t += 3600 - in_day % 3600;
		else if (!matches(r->reg[RTC_MIN_ALARM], encode(r, (int)min)))
			t += 60 - in_day % 60;
		else if (!matches(r->reg[RTC_SEC_ALARM], encode(r, (int)(in_day % 60))))
			t++;
		else
			return t;
	}
	return INT64_MAX;
}

/* 0: the periodic flag is off. Rates 1 and 2 are those of 8 and 9 with such a crystal. */
static s64 period_ns(const struct rtc *r)
{
	unsigned rate = r->reg[RTC_A] & A_RATE;

	if (!rate)
		return 0;
	return NS_PER_SEC / (INT64_C(32768) >> ((rate < 3 ? rate + 7 : rate) - 1));
}

/* Set the flags for what passed since the last look. A clock that went back has passed nothing. */
static void catch_up(struct rtc *r)
{
	s64 now = r->clock(), then = r->seen, period = period_ns(r);
	s64 sec = rtc_seconds(now), then_sec = rtc_seconds(then);

	r->seen = now;
	if (now <= then)
		return;
	if (period && now / period != then / period)
		r->flags |= C_PERIODIC;
	if (r->reg[RTC_B] & B_SET || sec == then_sec)
		return;
	r->flags |= C_UPDATED;
	if (!(r->flags & C_ALARM) && next_alarm(r, then_sec + r->offset_sec) <= sec + r->offset_sec)
		r->flags |= C_ALARM;
}

static void drive(struct rtc *r)
{
	bool level = r->flags & r->reg[RTC_B] & (C_PERIODIC | C_ALARM | C_UPDATED);

	if (r->irq && level != r->level)
		r->irq->ops->line(r->irq, r->spi, level);
	r->level = level;
}

/* Nanoseconds until a flag that the guest waits for. */
static u64 until_interrupt(const struct rtc *r)
{
	u8 enabled = r->reg[RTC_B];
	s64 period = period_ns(r), sec = rtc_seconds(r->seen), next = INT64_MAX;

	if (enabled & B_PERIODIC && period)
		next = (r->seen / period + 1) * period;
	if (!(enabled & B_SET) && enabled & B_UPDATED)
		next = MIN(next, (sec + 1) * NS_PER_SEC);
	if (!(enabled & B_SET) && enabled & B_ALARM) {
		s64 alarm = next_alarm(r, sec + r->offset_sec);

		if (alarm != INT64_MAX)
			next = MIN(next, (alarm - r->offset_sec) * NS_PER_SEC);
	}
	return next == INT64_MAX ? ALARM_NEVER : (u64)(next - r->seen);
}

static u64 due(void *arg)
{
	struct rtc *r = arg;
	u64 ns;

	pthread_mutex_lock(&r->lock);
	catch_up(r);
	drive(r);
	ns = r->level ? ALARM_NEVER : until_interrupt(r);
	pthread_mutex_unlock(&r->lock);
	return ns;
}

/* Reading takes the flags back, and the interrupt with them. */
static u8 read_c(struct rtc *r)
{
	u8 flags = r->flags;

	if (flags & r->reg[RTC_B] & (C_PERIODIC | C_ALARM | C_UPDATED))
		flags |= C_INTERRUPT;
	r->flags = 0;
	drive(r);
	alarm_look(r->alarm);
	return flags;
}

static u8 read_time(const struct rtc *r, unsigned reg)
{
	u8 regs[RTC_NR];

	if (r->reg[RTC_B] & B_SET)
		return r->reg[reg];
	registers_of(r, guest_sec(r), regs);
	return regs[reg];
}

static u8 reg_read(struct rtc *r, unsigned reg)
{
	if (is_time(reg))
		return read_time(r, reg);
	switch (reg) {
	case RTC_A:
		return read_a(r);
	case RTC_C:
		return read_c(r);
	case RTC_D:
		return D_VALID;
	default:
		return r->reg[reg];
	}
}

/* The time registers hold what the guest wants: make it so from now on. */
static void set_time(struct rtc *r)
{
	r->offset_sec = seconds_of(r) - rtc_seconds(r->clock());
	r->held_at = INT64_MIN;
}

static void write_b(struct rtc *r, u8 val)
{
	u8 old = r->reg[RTC_B];

	/* [MC146818, register B: SET going high clears UIE] */
	if (!(old & B_SET) && val & B_SET)
		val &= (u8)~B_UPDATED;
	/* Stop: what the registers show now stays in them. Start: go on from what is in them. */
	if (!(old & B_SET) && val & B_SET)
		registers_of(r, guest_sec(r), r->reg);
	if (old & B_SET && !(val & B_SET))
		set_time(r);
	r->reg[RTC_B] = val;
}

static void write_time(struct rtc *r, unsigned reg, u8 val)
{
	if (r->reg[RTC_B] & B_SET) {
		r->reg[reg] = val;
		return;
	}
	registers_of(r, guest_sec(r), r->reg);
	r->reg[reg] = val;
	set_time(r);
}

static void reg_write(struct rtc *r, unsigned reg, u8 val)
{
	if (is_time(reg)) {
		write_time(r, reg, val);
		return;
	}
	switch (reg) {
	case RTC_A:
		r->reg[reg] = val & (u8)~A_UIP;
		break;
	case RTC_B:
		write_b(r, val);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default: /* alarm bytes and battery-backed memory */
		r->reg[reg] = val;
		break;
	}
}

static u64 rtc_read(void *dev, u64 off, unsigned len)
{
	struct rtc *r = dev;

	catch_up(r);
	drive(r);
	return off ? reg_read(r, r->index) : r->index;
}

static void rtc_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct rtc *r = dev;

	/* Bit 7 of the index is the NMI mask of PCs. */
	if (!off) {
		r->index = (u8)val & (RTC_NR - 1);
		return;
	}
	catch_up(r); /* by what was set until now */
	reg_write(r, r->index, (u8)val);
	drive(r);
	alarm_look(r->alarm);
}

static const struct bus_ops rtc_bus_ops = { .read = rtc_read, .write = rtc_write };

int rtc_create(struct rtc **out, const struct rtc_conf *c)
{
	struct rtc *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	/* It reads /etc/localtime once, and gmtime_r() would make it do so while the guest runs. */
	tzset();
	pthread_mutex_init(&r->lock, NULL);
	r->base = c->base;
	r->clock = c->clock;
	r->irq = c->irq;
	r->spi = c->spi;
	r->held_at = INT64_MIN;
	r->seen = r->clock();
	r->reg[RTC_A] = A_32KHZ;
	r->reg[RTC_B] = B_24H;
	if (c->irq)
		err = alarm_create(&r->alarm, c->loop, due, r);
	if (!err)
		err = bus_add(c->bus, &(struct bus_range){ .base = c->base,
							   .len = MEMMAP_RTC_SIZE,
							   .widths = BUS_W1,
							   .ops = &rtc_bus_ops,
							   .dev = r,
							   .lock = &r->lock,
							   .name = "rtc" });
	if (err) {
		rtc_destroy(r);
		return err;
	}
	r->bus = c->bus;
	*out = r;
	return 0;
}

void rtc_destroy(struct rtc *r)
{
	if (!r)
		return;
	if (r->bus)
		bus_remove(r->bus, r->base, r);
	alarm_destroy(r->alarm);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
