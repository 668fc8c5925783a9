/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PL031 real-time clock: a counter of seconds since 1970, and an interrupt when it matches.
 *
 * Thread: register handlers on vCPU threads, due() on the loop; both under p->lock.
 * Trust:  register writes come from the guest: any value may stand in any register.
 * Spec:   Arm PrimeCell Real Time Clock (PL031) r1p3, DDI 0224C.
 *
 * Nothing ticks: the counter is the clock of the host plus an offset, which a write to the load
 * register computes. Whether the match register was passed since the last look is found out when
 * somebody looks: the guest, or, when it waits for the interrupt, the alarm.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "arm64/alarm.h"
#include "arm64/memmap.h"
#include "arm64/rtc.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/irq.h"

#define NS_PER_SEC INT64_C(1000000000)

/* [DDI 0224C 3.2] */
enum {
	REG_DR = 0x00,	 /* the counter, read only */
	REG_MR = 0x04,	 /* match */
	REG_LR = 0x08,	 /* load: sets the counter */
	REG_CR = 0x0c,	 /* control: started, which it always is */
	REG_IMSC = 0x10, /* interrupt mask: 1 lets it through */
	REG_RIS = 0x14,	 /* raw status */
	REG_MIS = 0x18,	 /* masked status */
	REG_ICR = 0x1c,	 /* clear */
	REG_ID = 0xfe0,	 /* eight bytes of PrimeCell identification, one in each word */
};

struct pl031 {
	pthread_mutex_t lock;
	gpa_t base;
	struct bus *bus;
	rtc_clock_fn clock;
	struct irq *irq;
	u32 spi;
	struct alarm *alarm;

	u32 offset; /* guest's seconds minus the host's */
	s64 seen;   /* host's second up to which matches were looked for */
	u32 match, load;
	bool mask, raw;
	bool level; /* of the line */
};

/* ---- time ---- */

static u32 counter_at(const struct pl031 *p, s64 sec)
{
	return (u32)sec + p->offset;
}

/* Look for a match between the last look and now. A clock that went back has passed nothing. */
static void catch_up(struct pl031 *p)
{
	s64 sec = rtc_seconds(p->clock());
	u64 passed = sec > p->seen ? (u64)(sec - p->seen) : 0;
	u32 ahead = p->match - counter_at(p, p->seen);

	if (ahead ? ahead <= passed : passed > UINT32_MAX)
		p->raw = true;
	p->seen = sec;
}

/* From here on the counter goes on; the second that begins now may match, too. */
static void start_over(struct pl031 *p)
{
	p->seen = rtc_seconds(p->clock());
	if (counter_at(p, p->seen) == p->match)
		p->raw = true;
}

static void drive(struct pl031 *p)
{
	bool level = p->raw && p->mask;

	if (p->irq && level != p->level)
		p->irq->ops->line(p->irq, p->spi, level);
	p->level = level;
}

static u64 due(void *arg)
{
	struct pl031 *p = arg;
	u64 ns = ALARM_NEVER;

	pthread_mutex_lock(&p->lock);
	catch_up(p);
	drive(p);
	if (p->mask && !p->raw) {
		u32 ahead = p->match - counter_at(p, p->seen);

		ns = (ahead ? ahead : BIT(32)) * (u64)NS_PER_SEC -
		     (u64)(p->clock() - p->seen * NS_PER_SEC);
		ns = MIN(ns, (u64)INT64_MAX); /* the second may just have ended */
	}
	pthread_mutex_unlock(&p->lock);
	return ns;
}

/* ---- registers ---- */

static u32 reg_read(const struct pl031 *p, u64 reg)
{
	static const u8 id[] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	if (reg >= REG_ID)
		return id[(reg - REG_ID) / 4];
	switch (reg) {
	case REG_DR:
		return counter_at(p, p->seen);
	case REG_MR:
		return p->match;
	case REG_LR:
		return p->load;
	case REG_CR:
		return 1;
	case REG_IMSC:
		return p->mask;
	case REG_RIS:
		return p->raw;
	case REG_MIS:
		return p->raw && p->mask;
	}
	return 0;
}

static u64 pl031_read(void *dev, u64 off, unsigned len)
{
	struct pl031 *p = dev;
	u32 val;

	catch_up(p);
	drive(p);
	val = reg_read(p, off & ~UINT64_C(3)) >> 8 * (off & 3);
	return len == 4 ? val : val & (BIT(8 * len) - 1);
}

static void pl031_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct pl031 *p = dev;

	catch_up(p);
	switch (off) {
	case REG_MR:
		p->match = (u32)val;
		start_over(p);
		break;
	case REG_LR:
		p->load = (u32)val;
		p->offset = p->load - (u32)p->seen;
		start_over(p);
		break;
	case REG_IMSC:
		p->mask = val & 1;
		break;
	case REG_ICR:
		if (val & 1)
			p->raw = false;
		break;
	default: /* read only, or nothing; the control register has no way back [3.3.4] */
		return;
	}
	drive(p);
	alarm_look(p->alarm);
}

static const struct bus_ops pl031_bus_ops = { .read = pl031_read, .write = pl031_write };

int pl031_create(struct pl031 **out, const struct rtc_conf *c)
{
	struct pl031 *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	p->base = c->base;
	p->clock = c->clock;
	p->irq = c->irq;
	p->spi = c->spi;
	p->seen = rtc_seconds(p->clock());
	if (c->irq)
		err = alarm_create(&p->alarm, c->loop, due, p);
	if (!err)
		err = bus_add(c->bus, &(struct bus_range){ .base = c->base,
							   .len = MEMMAP_PL031_SIZE,
							   .widths = BUS_W1 | BUS_W2 | BUS_W4,
							   .ops = &pl031_bus_ops,
							   .dev = p,
							   .lock = &p->lock,
							   .name = "pl031" });
	if (err) {
		pl031_destroy(p);
		return err;
	}
	p->bus = c->bus;
	*out = p;
	return 0;
}

void pl031_destroy(struct pl031 *p)
{
	if (!p)
		return;
	if (p->bus)
		bus_remove(p->bus, p->base, p);
	alarm_destroy(p->alarm);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
