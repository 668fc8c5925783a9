/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P device: messages through a queue, several at a time, resets in the middle. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/driver.h"
#include "tests/fake/p9.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"

#define F_ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)
#define REQUEST(i) (FAKE_DATA + (u64)(i)*0x2000)
#define ANSWER(i) (REQUEST(i) + 0x1000)

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring r;
	struct share_conf conf;
};

static struct fake_p9 p; /* builds messages; its own share is not asked */

/* Its driver sets it up. */
static void begin(struct rig *x, u64 features)
{
	fake_ring_init(&x->r, x->mem, FAKE_RING(0), 128, features & VIRTIO_F_EVENT_IDX);
	ck_assert(fake_negotiate(x->d, features & x->d->offered));
	fake_queue(x->d, 0, &x->r);
	fake_driver_ok(x->d);
}

static void rig_up(struct rig *x, const struct virtio_pool *pool)
{
	memset(x, 0, sizeof(*x));
	strcpy(x->conf.tag, "tag");
	strcpy(x->conf.path, "/tmp/lkvm-9p-dev-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(x->conf.path));
	x->mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);

	struct virtio_env env = { .mem = x->mem, .loop = x->loop, .pool = pool };

	ck_assert_int_eq(virtio_9p_create(&x->d, &env, &x->conf), 0);
	fake_transport_attach(&x->t, x->d);
	begin(x, F_ALL);
}

static void rig_down(struct rig *x)
{
	fake_unplug(x->d);
	rmdir(x->conf.path);
}

/* Post the message that was built, in place `i`. */
static u16 post(struct rig *x, unsigned i)
{
	struct fake_buf bufs[] = {
		{ REQUEST(i), p.len, false },
		{ ANSWER(i), 0x1000, true },
	};

	fake_p9_end(&p);
	memcpy(fake_ptr(x->mem, REQUEST(i), p.len), p.msg, p.len);
	return fake_ring_add(&x->r, bufs, 2);
}

static void version(struct rig *x)
{
	u32 id, len;

	fake_p9_begin(&p, P9_TVERSION, 0xffff);
	fake_p9_32(&p, 1 << 20);
	fake_p9_str(&p, P9_VERSION);
	post(x, 0);
	fake_kick(x->d, 0);
	while (!fake_ring_used(&x->r, &id, &len))
		loop_step(x->loop, 1000);
	ck_assert_uint_eq(len, 21);
}

static u32 answered_msize(struct rig *x)
{
	u32 v;

	memcpy(&v, fake_ptr(x->mem, ANSWER(0) + P9_HEADER, sizeof(v)), sizeof(v));
	return le32toh(v);
}

static void attach(struct rig *x, unsigned i, u32 fid, u16 tag)
{
	fake_p9_begin(&p, P9_TATTACH, tag);
	fake_p9_32(&p, fid);
	fake_p9_32(&p, P9_NOFID);
	fake_p9_str(&p, "");
	fake_p9_str(&p, "");
	fake_p9_32(&p, 0);
	post(x, i);
}

START_TEST(identity)
{
	struct rig x;

	rig_up(&x, NULL);
	ck_assert_uint_eq(x.d->type->id, 9);
	ck_assert_uint_eq(x.d->nr_queues, 1);
	ck_assert(x.d->offered & 1);
	ck_assert_uint_eq(x.d->config_len, 5);
	ck_assert_int_eq(memcmp(x.d->config, "\3\0tag", 5), 0);
	rig_down(&x);
}
END_TEST

START_TEST(many_at_a_time)
{
	struct rig x;
	u32 id, len;
	unsigned n = 0;
	u64 seen = 0;

	rig_up(&x, NULL);
	version(&x);
	for (unsigned i = 0; i < 60; i++)
		attach(&x, i, i, (u16)i);
	fake_kick(x.d, 0);
	while (n < 60) {
		loop_step(x.loop, 1000);
		for (; fake_ring_used(&x.r, &id, &len); n++) {
			ck_assert_uint_eq(len, 20);
			seen |= BIT(n);
		}
	}
	ck_assert_uint_eq(seen, BIT(60) - 1);
	ck_assert(!fake_broken(x.d));
	rig_down(&x);
}
END_TEST

/* [flush(5)] The answer to the flush is the later one; of what is over, it comes at once. */
START_TEST(flush_comes_after)
{
	struct rig x;
	u32 id, len, order[2];
	u16 second;
	unsigned n = 0;

	rig_up(&x, NULL);
	version(&x);
	for (unsigned round = 0; round < 200; round++) {
		attach(&x, 0, round, 7);
		fake_p9_begin(&p, P9_TFLUSH, 8);
		fake_p9_16(&p, 7);
		second = post(&x, 1);
		fake_kick(x.d, 0);
		for (n = 0; n < 2; loop_step(x.loop, n < 2 ? 1000 : 0)) {
			while (n < 2 && fake_ring_used(&x.r, &id, &len))
				order[n++] = id;
		}
		ck_assert_uint_ne(order[0], second);
		ck_assert_uint_eq(order[1], second);
	}
	fake_p9_begin(&p, P9_TFLUSH, 8);
	fake_p9_16(&p, 99);
	post(&x, 1);
	fake_kick(x.d, 0);
	ck_assert(fake_ring_used(&x.r, &id, &len));
	ck_assert_uint_eq(len, 7);
	rig_down(&x);
}
END_TEST

START_TEST(a_message_that_is_none)
{
	struct rig x;
	u32 id, len;

	rig_up(&x, NULL);
	fake_p9_begin(&p, P9_TCLUNK, 1);
	post(&x, 0);
	memset(fake_ptr(x.mem, REQUEST(0), 4), 0xff, 4);
	fake_kick(x.d, 0);
	ck_assert(fake_broken(x.d));
	ck_assert(!fake_ring_used(&x.r, &id, &len));
	rig_down(&x);
}
END_TEST

START_TEST(a_reset_waits_and_forgets)
{
	struct rig x;
	u32 id, len;

	rig_up(&x, NULL);
	for (unsigned round = 0; round < 50; round++) {
		version(&x);
		for (unsigned i = 0; i < 40; i++)
			attach(&x, i, i, (u16)i);
		fake_kick(x.d, 0);
		fake_reset(x.d);
		begin(&x, F_ALL);
	}
	/* The fids of before are gone, all of them. */
	version(&x);
	attach(&x, 0, 0, 1);
	fake_kick(x.d, 0);
	while (!fake_ring_used(&x.r, &id, &len))
		loop_step(x.loop, 1000);
	ck_assert_uint_eq(len, 20);
	rig_down(&x);
}
END_TEST

/* Two of the longest messages fit into a ring of a guest that bounces. */
START_TEST(a_guest_that_bounces)
{
	static const struct virtio_pool_load load = { .nr_disks = 1 };
	struct rig x;

	for (u64 kib = 256; kib <= 16384; kib *= 2) {
		const struct virtio_pool *pool = virtio_pool_fit(kib * KiB, &load);

		rig_up(&x, pool);
		ck_assert(!(x.d->offered & VIRTIO_F_INDIRECT_DESC));
		ck_assert_uint_eq(x.d->queues[0].max_size, pool->blk);
		rig_down(&x);
	}
	rig_up(&x, virtio_pool_fit(256 * KiB, &load));
	fake_ring_init(&x.r, x.mem, FAKE_RING(0), 16, false);
	fake_reset(x.d);
	ck_assert(fake_negotiate(x.d, VIRTIO_F_VERSION_1));
	fake_queue(x.d, 0, &x.r);
	fake_driver_ok(x.d);
	version(&x);
	ck_assert_uint_eq(answered_msize(&x), 24 * KiB);
	rig_down(&x);
}
END_TEST

START_TEST(black_book)
{
	struct rig x;

	rig_up(&x, NULL);
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		begin(&x, F_ALL);
		fake_bad[i].post(&x.r, FAKE_DATA);
		fake_kick(x.d, 0);
		ck_assert_msg(fake_broken(x.d), "%s", fake_bad[i].name);
	}
	rig_down(&x);
}
END_TEST

/* ---- doorbells over the bus, by vCPUs ---- */

#define F_BUS (F_ALL | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET)
#define EACH 20u /* requests of a vCPU in a round */
#define ROUNDS 50u

struct bus {
	struct rig x;
	pthread_mutex_t ring;
	pthread_barrier_t round;
	unsigned posted;
};

static void bus_up(struct bus *b)
{
	rig_up(&b->x, NULL);
	fake_reset(b->x.d);
	pthread_mutex_init(&b->ring, NULL);
	pthread_barrier_init(&b->round, NULL, 2);
	b->posted = 0;
	ck_assert_int_eq(loop_start(b->x.loop), 0);
}

static void bus_down(struct bus *b)
{
	fake_reset(b->x.d);
	loop_stop(b->x.loop);
	rig_down(&b->x);
}

static void ring_bell(struct rig *x)
{
	pthread_mutex_lock(&x->d->lock);
	virtio_rung(x->d, 0);
	pthread_mutex_unlock(&x->d->lock);
}

static void wait_answered(struct bus *b)
{
	while (fake_ring_used_idx(&b->x.r) != (u16)b->posted)
		sched_yield();
}

/* Rings only where the device wants it, and outside the lock, as Linux's driver does. */
static void *ask(void *arg)
{
	struct bus *b = arg;
	bool wanted;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < EACH; i++) {
			pthread_mutex_lock(&b->ring);
			attach(&b->x, b->posted % (2 * EACH), b->posted, (u16)b->posted);
			b->posted++;
			wanted = fake_ring_wants_kick(&b->x.r);
			pthread_mutex_unlock(&b->ring);
			if (wanted)
				ring_bell(&b->x);
		}
		pthread_barrier_wait(&b->round);
		wait_answered(b);
		pthread_barrier_wait(&b->round);
	}
	return NULL;
}

/* Nothing is forgotten: nobody rings again for what is in the ring. */
START_TEST(two_vcpus_ring)
{
	struct bus b;
	pthread_t t;

	bus_up(&b);
	ck_assert_ptr_nonnull(b.x.d->type->prompt);
	begin(&b.x, F_BUS);
	pthread_create(&t, NULL, ask, &b);
	ask(&b);
	pthread_join(t, NULL);
	ck_assert_uint_eq(b.posted, 2 * EACH * ROUNDS);
	ck_assert(!fake_broken(b.x.d));
	bus_down(&b);
}
END_TEST

static void *ring_often(void *arg)
{
	for (unsigned i = 0; i < 20000; i++)
		ring_bell(arg);
	return NULL;
}

/* The queue alone; the device goes on [virtio 1.3 §2.6.1]. */
static void queue_anew(struct rig *x)
{
	pthread_mutex_lock(&x->d->lock);
	virtio_queue_reset(x->d, &x->d->queues[0]);
	pthread_mutex_unlock(&x->d->lock);
	fake_ring_init(&x->r, x->mem, FAKE_RING(0), 128, true);
	fake_queue(x->d, 0, &x->r);
}

/* Requests and their flushes are in flight while the device, or its queue, is reset. */
START_TEST(resets_while_others_ring)
{
	pthread_t t[2];
	struct bus b;

	bus_up(&b);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, ring_often, &b.x);
	for (unsigned round = 0; round < 150; round++) {
		if (round % 3 == 1)
			queue_anew(&b.x);
		else
			begin(&b.x, F_BUS);
		for (b.posted = 0; b.posted < 40; b.posted += 2) {
			attach(&b.x, b.posted, b.posted, (u16)b.posted);
			fake_p9_begin(&p, P9_TFLUSH, (u16)(b.posted + 1));
			fake_p9_16(&p, (u16)b.posted);
			post(&b.x, b.posted + 1);
			ring_bell(&b.x);
		}
		if (round % 5 == 4)
			wait_answered(&b);
		if (round % 3)
			fake_reset(b.x.d);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	bus_down(&b);
}
END_TEST

SUITE_MAIN("virtio/9p", identity, many_at_a_time, flush_comes_after, a_message_that_is_none,
	   a_reset_waits_and_forgets, a_guest_that_bounces, black_book, two_vcpus_ring,
	   resets_while_others_ring)
