/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over MMIO: every register, the edge-triggered interrupt, doorbells. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/driver_dev.h"
#include "tests/fake/echo.h"
#include "tests/fake/irq.h"
#include "tests/fake/transport.h"
#include "tests/unit/race.h"
#include "tests/unit/suite.h"
#include "virtio/transport/mmio.h"

#define BASE UINT64_C(0x3000200)
#define SPI 5u
#define F_BASE (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET)
#define S_ALIVE (VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct fake_irq irq;
	struct bus *bus;
	struct fake_echo e;
	struct virtio_mmio *m;
	struct fake_dev f;
	struct fake_ring r[2];
};

static void rig_up_of(struct rig *x, unsigned max_doorbells, void (*be)(struct fake_echo *e))
{
	memset(x, 0, sizeof(*x));
	x->mem = fake_mem(0);
	fake_irq_init(&x->irq, false);
	x->irq.max_doorbells = max_doorbells;
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);
	ck_assert_int_eq(bus_create(&x->bus), 0);
	ck_assert_int_eq(fake_echo_init(&x->e, 0, x->mem, x->loop), 0);
	if (be)
		be(&x->e);
	ck_assert_int_eq(virtio_mmio_create(&x->m, &x->e.dev, x->bus, &x->irq.irq, gpa(BASE), SPI),
			 0);
	ck_assert(fake_dev_mmio(&x->f, x->bus, BASE));
}

static void rig_up_with(struct rig *x, unsigned max_doorbells)
{
	rig_up_of(x, max_doorbells, NULL);
}

static void rig_up(struct rig *x)
{
	rig_up_with(x, FAKE_IRQ_DOORBELLS);
}

static void rig_down(struct rig *x)
{
	fake_reset(&x->e.dev);
	loop_stop(x->loop);
	virtio_mmio_destroy(x->m);
	fake_echo_fini(&x->e);
	bus_destroy(x->bus);
	loop_destroy(x->loop);
	mem_destroy(x->mem);
	fake_irq_fini(&x->irq);
}

static u64 rd(struct rig *x, u64 off, unsigned len)
{
	return fake_read(&x->f, BASE + off, len);
}

static void wr(struct rig *x, u64 off, unsigned len, u64 val)
{
	fake_write(&x->f, BASE + off, len, val);
}

static void bring_up(struct rig *x, u64 features)
{
	ck_assert(fake_dev_negotiate(&x->f, features));
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x->r[i], x->mem, FAKE_RING(i), 8, false);
		fake_dev_queue(&x->f, i, &x->r[i]);
	}
	fake_dev_driver_ok(&x->f);
	ck_assert_uint_eq(fake_get(&x->f, FAKE_STATUS), S_ALIVE);
}

/* Kick as a driver does; `direct`: the write comes over the bus, not through a doorbell. */
static void kick(struct rig *x, u32 queue, bool direct)
{
	if (direct)
		wr(x, 0x50, 4, queue);
	else
		ck_assert(fake_irq_ring(&x->irq, BASE + 0x50, 4, queue));
	loop_step(x->loop, 0);
}

/* [virtio 1.3 §4.2.2.1] */
START_TEST(identity)
{
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(rd(&x, 0x00, 4), 0x74726976);
	ck_assert_uint_eq(rd(&x, 0x04, 4), 2);
	ck_assert_uint_eq(rd(&x, 0x08, 4), FAKE_ECHO_ID);
	ck_assert_uint_eq(rd(&x, 0x0c, 4), 0x4d564b4c);
	/* [§4.2.2.1] A shared memory region that does not exist has length -1. */
	for (u32 sel = 0; sel < 3; sel++) {
		wr(&x, 0xac, 4, sel);
		ck_assert_uint_eq(rd(&x, 0xb0, 4), 0xffffffff);
		ck_assert_uint_eq(rd(&x, 0xb4, 4), 0xffffffff);
	}
	/* Somebody else's. */
	u64 val;

	ck_assert_int_eq(bus_access(x.bus, gpa(BASE - 4), 4, false, &val), BUS_UNMAPPED);
	ck_assert_int_eq(bus_access(x.bus, gpa(BASE + 0x200), 4, false, &val), BUS_UNMAPPED);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.2] Registers take 32-bit accesses only; write-only ones read 0. */
START_TEST(widths_and_directions)
{
	static const u16 write_only[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x50, 0x64, 0x80,
					  0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac, 0xc0 };
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(rd(&x, 0, 1), 0);
	ck_assert_uint_eq(rd(&x, 2, 2), 0);
	wr(&x, 0x70, 1, 1);
	ck_assert_uint_eq(rd(&x, 0x70, 4), 0);
	wr(&x, 0x70, 4, 1);
	ck_assert_uint_eq(rd(&x, 0x70, 4), 1);
	/* [§4.2.2.1] Not a reset, nor anything else. */
	wr(&x, 0x70, 4, 0x100);
	ck_assert_uint_eq(rd(&x, 0x70, 4), 1);
	for (size_t i = 0; i < ARRAY_SIZE(write_only); i++)
		ck_assert_uint_eq(rd(&x, write_only[i], 4), 0);
	/* Read-only and reserved ones ignore writes. */
	for (u64 off = 0; off < 0x10; off += 4)
		wr(&x, off, 4, 0);
	wr(&x, 0x18, 4, 0xffffffff);
	wr(&x, 0x60, 4, 0xffffffff);
	wr(&x, 0xfc, 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, 0x00, 4), 0x74726976);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 0);
	ck_assert_uint_eq(rd(&x, 0xfc, 4), 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.1, §2.2.2] */
START_TEST(features)
{
	struct rig x;
	u64 offer;

	rig_up(&x);
	offer = fake_dev_offer(&x.f, 0) | (u64)fake_dev_offer(&x.f, 1) << 32;
	ck_assert_uint_eq(offer, x.e.dev.offered);
	for (u32 word = 2; word < 8; word++)
		ck_assert_uint_eq(fake_dev_offer(&x.f, word), 0);
	ck_assert_uint_eq(fake_dev_offer(&x.f, UINT32_MAX), 0);
	ck_assert(fake_dev_negotiate(&x.f, F_BASE | FAKE_ECHO_FEATURE));
	ck_assert(!fake_dev_negotiate(&x.f, F_BASE | BIT(38)));
	ck_assert(!fake_dev_negotiate(&x.f, FAKE_ECHO_FEATURE));
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.1] QueueSizeMax 0 for a queue that is not there; its registers do nothing. */
START_TEST(no_such_queue)
{
	static const u32 sel[] = { FAKE_ECHO_QUEUES, 32, 0x10000, UINT32_MAX };
	struct rig x;

	rig_up(&x);
	for (size_t i = 0; i < ARRAY_SIZE(sel); i++) {
		fake_set(&x.f, FAKE_QUEUE_SEL, sel[i]);
		for (unsigned off = 0x38; off < 0xc4; off += 4)
			if (off != 0x50 && off != 0x70)
				wr(&x, off, 4, 1);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_SIZE_MAX), 0);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	}
	fake_set(&x.f, FAKE_QUEUE_SEL, 2);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_SIZE_MAX), 256);
	ck_assert_uint_eq(x.e.dev.queues[0].desc, 0);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.2] What describes a queue cannot change while it is ready. */
START_TEST(inert_when_ready)
{
	struct rig x;
	struct virtqueue was;

	rig_up(&x);
	bring_up(&x, F_BASE);
	was = x.e.dev.queues[1];
	ck_assert_uint_eq(was.size, 8);
	ck_assert_uint_eq(was.desc, FAKE_RING(1));
	fake_set(&x.f, FAKE_QUEUE_SEL, 1);
	wr(&x, 0x38, 4, 4);
	for (unsigned off = 0x80; off < 0xac; off += 4)
		wr(&x, off, 4, 0x1000);
	ck_assert_uint_eq(x.e.dev.queues[1].size, was.size);
	ck_assert_uint_eq(x.e.dev.queues[1].desc, was.desc);
	ck_assert_uint_eq(x.e.dev.queues[1].driver, was.driver);
	ck_assert_uint_eq(x.e.dev.queues[1].device, was.device);
	rig_down(&x);
}
END_TEST

/*
 * [virtio 1.3 §4.2.3.2] A size that is too large in the upper half must not pass for a small one.
 */
START_TEST(sizes)
{
	static const u32 bad[] = { 0, 7, 512, 0x10008, UINT32_MAX };
	struct rig x;

	rig_up(&x);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert(fake_dev_negotiate(&x.f, F_BASE));
		fake_set(&x.f, FAKE_QUEUE_SIZE, bad[i]);
		fake_set(&x.f, FAKE_QUEUE_ENABLE, 1);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
		ck_assert(fake_get(&x.f, FAKE_STATUS) & VIRTIO_S_NEEDS_RESET);
	}
	bring_up(&x, F_BASE);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.1] Used buffers set bit 0, configuration changes bit 1; each is an edge. */
START_TEST(interrupts)
{
	struct rig x;

	rig_up(&x);
	bring_up(&x, F_BASE);
	for (unsigned direct = 0; direct < 2; direct++) {
		fake_ring_post(&x.r[1]);
		kick(&x, 1, direct);
		ck_assert(fake_ring_back(&x.r[1]));
		ck_assert_uint_eq(rd(&x, 0x60, 4), 1);
		ck_assert_uint_eq(fake_irq_edges(&x.irq, SPI), 1);
	}
	virtio_config_changed(&x.e.dev);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 3);
	ck_assert_uint_eq(fake_irq_edges(&x.irq, SPI), 1);
	/* Acknowledged bit by bit. */
	wr(&x, 0x64, 4, 1);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 2);
	wr(&x, 0x64, 4, 0xfffffffc);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 2);
	wr(&x, 0x64, 4, 2);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 0);
	/* [§4.2.2.1] Reset clears all of it. */
	virtio_config_changed(&x.e.dev);
	wr(&x, 0x70, 4, 0);
	ck_assert_uint_eq(rd(&x, 0x60, 4), 0);
	ck_assert_uint_eq(rd(&x, 0x70, 4), 0);
	ck_assert_uint_eq(x.e.stops, 1);
	for (u16 i = 0; i < 2; i++) {
		fake_set(&x.f, FAKE_QUEUE_SEL, i);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	}
	rig_down(&x);
}
END_TEST

/* Rings of the doorbell, of the bus where the host has no doorbell left, and of nobody. */
START_TEST(notify)
{
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	ck_assert(!fake_irq_ring(&x.irq, BASE + 0x50, 2, 1));
	ck_assert(!fake_irq_ring(&x.irq, BASE + 0x50, 4, FAKE_ECHO_QUEUES));
	wr(&x, 0x50, 4, FAKE_ECHO_QUEUES);
	wr(&x, 0x50, 4, UINT32_MAX);
	rig_down(&x);

	rig_up_with(&x, 1);
	bring_up(&x, F_BASE);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 1);
	for (u16 i = 0; i < 2; i++) {
		fake_ring_post(&x.r[i]);
		kick(&x, i, i);
		ck_assert(fake_ring_back(&x.r[i]));
	}
	rig_down(&x);
}
END_TEST

/* A kind that is prompt at times has one of them come over the bus, and takes it back. */
START_TEST(doorbells_change_hands)
{
	struct rig x;

	rig_up_of(&x, FAKE_IRQ_DOORBELLS, fake_echo_be_prompt_at_times);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	x.e.prompt = false;
	bring_up(&x, F_BASE);
	for (unsigned i = 0; i < 4; i++) {
		bool bound = i >= 2;

		x.e.dev.tops->doorbell(x.e.dev.transport, 1, bound);
		ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES - !bound);
		fake_ring_post(&x.r[1]);
		kick(&x, 1, !bound);
		ck_assert(fake_ring_back(&x.r[1]));
		kick(&x, 0, false);
		ck_assert_int_eq(fake_irq_ring(&x.irq, BASE + 0x50, 4, 1), bound);
	}
	/* A host that has no more when it should take one back. */
	x.e.dev.tops->doorbell(x.e.dev.transport, 1, false);
	x.irq.max_doorbells = 0;
	x.e.dev.tops->doorbell(x.e.dev.transport, 1, true);
	fake_ring_post(&x.r[1]);
	kick(&x, 1, true);
	ck_assert(fake_ring_back(&x.r[1]));
	rig_down(&x);
}
END_TEST

START_TEST(a_prompt_kind_has_no_doorbells)
{
	struct rig x;

	rig_up_of(&x, FAKE_IRQ_DOORBELLS, fake_echo_be_prompt);
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), 0);
	bring_up(&x, F_BASE);
	ck_assert_int_eq(loop_start(x.loop), 0);
	fake_ring_post(&x.r[1]);
	wr(&x, 0x50, 4, 1);
	while (!fake_ring_used_idx(&x.r[1]))
		usleep(10);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §2.6.1] */
START_TEST(one_queue_reset)
{
	struct rig x;

	rig_up(&x);
	bring_up(&x, F_BASE);
	fake_set(&x.f, FAKE_QUEUE_SEL, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 0);
	ck_assert_uint_eq(x.e.queue_stops, 0);
	fake_set(&x.f, FAKE_QUEUE_RESET, 1);
	ck_assert_uint_eq(x.e.queue_stops, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_RESET), 0);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 4, false);
	fake_ring_post(&x.r[0]);
	fake_dev_queue(&x.f, 0, &x.r[0]);
	ck_assert(fake_ring_back(&x.r[0]));
	rig_down(&x);

	rig_up(&x);
	bring_up(&x, VIRTIO_F_VERSION_1);
	fake_set(&x.f, FAKE_QUEUE_RESET, 1);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 1);
	rig_down(&x);
}
END_TEST

/* [virtio 1.3 §4.2.2.2] QueueReady := 0 stops a queue, with RING_RESET or without; 0 reads back. */
START_TEST(queue_not_ready)
{
	for (unsigned ring_reset = 0; ring_reset < 2; ring_reset++) {
		struct rig x;

		rig_up(&x);
		bring_up(&x, ring_reset ? F_BASE : VIRTIO_F_VERSION_1);
		fake_set(&x.f, FAKE_QUEUE_SEL, 0);
		fake_set(&x.f, FAKE_QUEUE_ENABLE, 2);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 1);
		fake_set(&x.f, FAKE_QUEUE_ENABLE, 0);
		ck_assert_uint_eq(fake_get(&x.f, FAKE_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(x.e.queue_stops, 1);
		fake_ring_post(&x.r[0]);
		kick(&x, 0, false);
		ck_assert(!fake_ring_back(&x.r[0]));
		fake_ring_post(&x.r[1]);
		kick(&x, 1, false);
		ck_assert(fake_ring_back(&x.r[1]));
		rig_down(&x);
	}
}
END_TEST

/* [virtio 1.3 §4.2.2.2] The configuration takes every width; the generation tells of changes. */
START_TEST(device_configuration)
{
	struct rig x;
	u32 gen;

	rig_up(&x);
	memcpy(x.e.config, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	ck_assert_uint_eq(rd(&x, 0x101, 1), 2);
	ck_assert_uint_eq(rd(&x, 0x102, 2), 0x0403);
	ck_assert_uint_eq(rd(&x, 0x104, 4), 0x08070605);
	ck_assert_uint_eq(rd(&x, 0x108, 4), 0);
	ck_assert_uint_eq(rd(&x, 0x1fc, 4), 0);
	wr(&x, 0x100, 4, 0xffffffff);
	wr(&x, 0x1fc, 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, 0x100, 4), 0x04030201);
	wr(&x, 0x105, 1, 0xee);
	ck_assert_uint_eq(rd(&x, 0x104, 2), 0xee05);
	ck_assert_uint_eq(x.e.written_off, 5);
	gen = fake_get(&x.f, FAKE_GENERATION);
	virtio_config_changed(&x.e.dev);
	ck_assert_uint_eq(fake_get(&x.f, FAKE_GENERATION), gen + 1);
	rig_down(&x);
}
END_TEST

struct status_race {
	struct rig x;
	u64 seen;
};

static void raise_queue(void *arg)
{
	struct status_race *r = arg;

	r->x.e.dev.tops->interrupt_queue(r->x.e.dev.transport, 0);
}

/* What a driver's handler does, here for an edge of before. */
static void handle(void *arg)
{
	struct status_race *r = arg;

	r->seen = rd(&r->x, 0x60, 4);
	wr(&r->x, 0x64, 4, r->seen);
}

/* Each raise is an edge, and its cause was seen, or is still there for the handler of that edge. */
static void expect_seen(void *arg)
{
	struct status_race *r = arg;

	ck_assert_uint_eq(fake_irq_edges(&r->x.irq, SPI), 2);
	ck_assert_uint_eq(r->seen | rd(&r->x, 0x60, 4), 3);
	wr(&r->x, 0x64, 4, 3);
	virtio_config_changed(&r->x.e.dev);
}

START_TEST(status_races)
{
	struct status_race r;

	memset(&r, 0, sizeof(r));
	rig_up(&r.x);
	bring_up(&r.x, F_BASE);
	virtio_config_changed(&r.x.e.dev);
	race_run(raise_queue, handle, expect_seen, &r, 8000);
	rig_down(&r.x);
}
END_TEST

START_TEST(create_fails)
{
	struct rig x;
	struct virtio_mmio *m = NULL;
	struct fake_echo other;
	struct rlimit old, few;

	rig_up(&x);
	ck_assert_int_eq(fake_echo_init(&other, 1, x.mem, x.loop), 0);
	/* The place is taken. */
	ck_assert_int_eq(virtio_mmio_create(&m, &other.dev, x.bus, &x.irq.irq, gpa(BASE), 6),
			 -EEXIST);
	/* No such SPI. */
	x.irq.edge_err = -EINVAL;
	ck_assert_int_eq(virtio_mmio_create(&m, &other.dev, x.bus, &x.irq.irq, gpa(0x1000), 6),
			 -EINVAL);
	x.irq.edge_err = 0;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ 3, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(virtio_mmio_create(&m, &other.dev, x.bus, &x.irq.irq, gpa(0x1000), 6),
			 -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_ptr_null(m);
	/* The one that is there still answers. */
	ck_assert_uint_eq(fake_irq_nr_doorbells(&x.irq), FAKE_ECHO_QUEUES);
	bring_up(&x, F_BASE);
	virtio_mmio_destroy(NULL);
	fake_echo_fini(&other);
	rig_down(&x);
}
END_TEST

START_TEST(hostile_writes)
{
	struct rig x;
	u64 seed = 3, val;

	rig_up(&x);
	ck_assert_int_eq(loop_start(x.loop), 0);
	for (unsigned i = 0; i < 50000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		val = seed & BIT(59) ? seed >> 58 : seed >> 20;
		bus_access(x.bus, gpa(BASE + ((seed >> 40) & 0x1ff)), 1u << ((seed >> 62) & 3),
			   seed & BIT(61), &val);
		fake_irq_ring(&x.irq, BASE + 0x50, 4, (seed >> 30) & 3);
	}
	bring_up(&x, F_BASE);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/mmio", identity, widths_and_directions, features, no_such_queue,
	   inert_when_ready, sizes, interrupts, notify, doorbells_change_hands,
	   a_prompt_kind_has_no_doorbells, one_queue_reset, queue_not_ready, device_configuration,
	   status_races, create_fails, hostile_writes)
