/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GICv2m: messages become edges of SPIs, and only of the frame's own. */
#include <errno.h>

#include "arm64/memmap.h"
#include "arm64/v2m.h"
#include "lkvm/vm/bus.h"
#include "tests/unit/arm64/capture.h"

#define DOORBELL (MEMMAP_V2M + 0x40)
#define INTID 128u /* of the frame's first SPI */

static struct {
	u32 line_spi;
	unsigned rises, falls;
	int bound[160]; /* fd + 1 */
	int fail;
	unsigned doorbells;
} gic;

static void line(struct irq *i, u32 spi, bool level)
{
	gic.line_spi = spi;
	gic.rises += level;
	gic.falls += !level;
}

static int edge_bind(struct irq *i, u32 spi, int fd)
{
	if (gic.fail)
		return gic.fail;
	ck_assert_uint_lt(spi, ARRAY_SIZE(gic.bound));
	ck_assert_int_eq(gic.bound[spi], 0);
	gic.bound[spi] = fd + 1;
	return 0;
}

static void edge_unbind(struct irq *i, u32 spi, int fd)
{
	ck_assert_int_eq(gic.bound[spi], fd + 1);
	gic.bound[spi] = 0;
}

static int level_bind(struct irq *i, u32 spi, int fd, int resample)
{
	ck_assert_int_eq(resample, 9);
	return edge_bind(i, spi, fd);
}

static int doorbell_bind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	gic.doorbells++;
	return -ENOSPC;
}

static void doorbell_unbind(struct irq *i, gpa_t g, unsigned len, s64 match, int fd)
{
	gic.doorbells--;
}

static const struct irq_ops ops = { .line = line,
				    .edge_bind = edge_bind,
				    .edge_unbind = edge_unbind,
				    .level_bind = level_bind,
				    .level_unbind = edge_unbind,
				    .doorbell_bind = doorbell_bind,
				    .doorbell_unbind = doorbell_unbind };
static struct irq under = { .ops = &ops };
static struct bus *bus;
static struct v2m *v;
static struct irq *irq;

static void setup(void)
{
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(v2m_create(&v, bus, &under), 0);
	irq = v2m_irq(v);
}

static void teardown(void)
{
	v2m_destroy(v);
	v2m_destroy(NULL);
	bus_destroy(bus);
}

START_TEST(messages_become_spis)
{
	struct msi_msg msg = { .addr = DOORBELL, .data = INTID, .devid = 8 };
	int route = -1;

	setup();
	ck_assert(irq->has_msi);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &msg, 7), 0);
	ck_assert_int_eq(route, 96);
	ck_assert_int_eq(gic.bound[96], 8);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &msg, 7), 0); /* the same again */
	msg.data = INTID + 63;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &msg, 7), 0);
	ck_assert_int_eq(gic.bound[96], 0);
	ck_assert_int_eq(gic.bound[159], 8);
	irq->ops->msi_unbind(irq, &route, 7);
	ck_assert_int_eq(route, -1);
	ck_assert_int_eq(gic.bound[159], 0);
	irq->ops->msi_unbind(irq, &route, 7);
	teardown();
}
END_TEST

START_TEST(messages_to_elsewhere_are_refused)
{
	static const struct msi_msg bad[] = {
		{ DOORBELL, INTID - 1, 0 },
		{ DOORBELL, INTID + 64, 0 },
		{ DOORBELL, 0, 0 },
		{ DOORBELL, UINT32_MAX, 0 },
		{ DOORBELL + 4, INTID, 0 },
		{ 0x80000000, INTID, 0 },
		{ DOORBELL | BIT(32), INTID, 0 },
	};
	struct msi_msg good = { .addr = DOORBELL, .data = INTID };
	int route = -1;

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &good, 7), 0);
		ck_assert_int_lt(irq->ops->msi_bind(irq, &route, &bad[i], 7), 0);
		ck_assert_int_eq(route, -1); /* the old message does not linger */
		ck_assert_int_eq(gic.bound[96], 0);
	}
	gic.fail = -ENOSPC;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &good, 7), -ENOSPC);
	ck_assert_int_eq(route, -1);
	teardown();
}
END_TEST

START_TEST(the_rest_passes_through)
{
	setup();
	irq->ops->line(irq, 64, true);
	ck_assert_uint_eq(gic.line_spi, 64);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 5, 1), 0);
	ck_assert_int_eq(gic.bound[5], 2);
	irq->ops->edge_unbind(irq, 5, 1);
	ck_assert_int_eq(irq->ops->level_bind(irq, 5, 1, 9), 0);
	ck_assert_int_eq(gic.bound[5], 2);
	irq->ops->level_unbind(irq, 5, 1);
	ck_assert_int_eq(gic.bound[5], 0);
	ck_assert_int_eq(irq->ops->doorbell_bind(irq, gpa(0), 4, -1, 3), -ENOSPC);
	irq->ops->doorbell_unbind(irq, gpa(0), 4, -1, 3);
	ck_assert_uint_eq(gic.doorbells, 0);
	teardown();
}
END_TEST

START_TEST(the_frame_itself)
{
	u64 val = 0;

	setup();
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_V2M + 8), 4, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 128 << 16 | 64);
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_V2M + 0xfcc), 4, false, &val), BUS_OK);
	ck_assert_uint_eq(val, 0);
	val = INTID + 2;
	ck_assert_int_eq(bus_access(bus, gpa(DOORBELL), 4, true, &val), BUS_OK);
	ck_assert_uint_eq(gic.line_spi, 98);
	ck_assert_uint_eq(gic.rises, 1);
	ck_assert_uint_eq(gic.falls, 1);
	val = 32; /* a UART's: not for the frame to raise */
	ck_assert_int_eq(bus_access(bus, gpa(DOORBELL), 4, true, &val), BUS_OK);
	val = INTID;
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_V2M), 4, true, &val), BUS_OK);
	ck_assert_uint_eq(gic.rises, 1);
	teardown();
}
END_TEST

SUITE_MAIN("arm64/v2m", messages_become_spis, messages_to_elsewhere_are_refused,
	   the_rest_passes_through, the_frame_itself)
