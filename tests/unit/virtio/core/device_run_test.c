/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device at work: hand-over to the loop and back, doorbells, failure, resets of all and part. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/virtio/core/device_rig.h"

/* Negotiate and set up queues 0 and 1, not yet DRIVER_OK. */
static void rig_prepare(struct rig *x)
{
	ck_assert(fake_negotiate(&x->e.dev, F_ALL));
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x->r[i], x->mem, FAKE_RING(i), 8, true);
		fake_queue(&x->e.dev, i, &x->r[i]);
	}
}

/* ---- running ---- */

START_TEST(doorbells)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	/* [virtio 1.3 §2.1.2] Nothing is consumed before DRIVER_OK, whatever rings. */
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 0);

	/* What was posted is served at start; queues without work are not bothered. */
	fake_driver_ok(&x.e.dev);
	ck_assert_uint_eq(x.e.starts, 1);
	ck_assert_uint_eq(x.e.kicks[0], 1);
	ck_assert_uint_eq(x.e.kicks[1], 0);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 1);
	ck_assert_uint_eq(x.t.queue[0], 1);

	/* Over the eventfd itself, as KVM does, more than once: nobody needs to read it. */
	for (unsigned i = 1; i <= 3; i++) {
		fake_ring_post(&x.r[1]);
		ck_assert_int_eq(write(x.e.dev.doorbell[1], &(u64){ 1 }, 8), 8);
		loop_step(x.loop, 0);
		loop_step(x.loop, 0);
		ck_assert_uint_eq(x.e.kicks[1], i);
		ck_assert_uint_eq(fake_ring_used_idx(&x.r[1]), i);
	}
	/* Several rings before the loop looks are one kick. */
	for (unsigned i = 0; i < 10; i++)
		virtio_notify(&x.e.dev, 1);
	loop_step(x.loop, 0);
	ck_assert_uint_eq(x.e.kicks[1], 4);

	/* Queues that were not enabled, and that are not there. */
	x.e.dev.doorbell[3] = eventfd(0, EFD_NONBLOCK);
	virtio_notify(&x.e.dev, 2);
	virtio_notify(&x.e.dev, 3);
	fake_kick(&x.e.dev, UINT32_MAX);
	ck_assert_uint_eq(x.e.kicks[2], 0);
	ck_assert_int_eq(eventfd_read(x.e.dev.doorbell[3], &(eventfd_t){ 0 }), -1);
	close(x.e.dev.doorbell[3]);
	rig_down(&x);
}
END_TEST

START_TEST(reset_lets_go_and_forgets)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	fake_ring_post(&x.r[0]);
	virtio_notify(&x.e.dev, 0);
	/* [virtio 1.3 §2.4.1] */
	virtio_status_set(&x.e.dev, 0);
	ck_assert_uint_eq(status(&x), 0);
	ck_assert_uint_eq(x.e.stops, 1);
	ck_assert_uint_eq(x.e.dev.features, 0);
	for (u32 i = 0; i < 3; i++) {
		ck_assert(!virtio_queue(&x.e.dev, i)->enabled);
		ck_assert(!virtio_queue(&x.e.dev, i)->started);
		ck_assert_uint_eq(virtio_queue(&x.e.dev, i)->desc, 0);
	}
	ck_assert_uint_eq(virtio_queue(&x.e.dev, 2)->size, 256);
	loop_step(x.loop, 0);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	ck_assert(!virtio_enter(&x.e.dev));
	/* Again and again. */
	virtio_status_set(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.stops, 1);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.taken, 1);
	rig_down(&x);
}
END_TEST

START_TEST(interrupts_are_suppressed_as_asked)
{
	struct rig x;

	/* [virtio 1.3 §2.7.7.2] */
	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	fake_ring_interrupts(&x.r[0], false);
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.taken, 1);
	ck_assert_uint_eq(x.t.queue[0], 0);
	rig_down(&x);
}
END_TEST

/* ---- failing ---- */

START_TEST(bad_chain_needs_reset)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	fake_bad[0].post(&x.r[0], FAKE_DATA);
	fake_kick(&x.e.dev, 0);
	/* [virtio 1.3 §2.1.2] NEEDS_RESET and, DRIVER_OK being set, a configuration interrupt. */
	ck_assert_uint_eq(status(&x), ACK | DRV | FOK | DOK | VIRTIO_S_NEEDS_RESET);
	ck_assert_uint_eq(x.t.config, 1);

	/* Everything is ignored: kicks of any queue, new queues, config. */
	fake_ring_post(&x.r[1]);
	virtio_notify(&x.e.dev, 0);
	fake_kick(&x.e.dev, 1);
	ck_assert_uint_eq(x.e.kicks[0], 1);
	ck_assert_uint_eq(x.e.kicks[1], 0);
	ck_assert(!virtio_enter(&x.e.dev));
	virtio_queue_enable(&x.e.dev, virtio_queue(&x.e.dev, 2));
	ck_assert(!virtio_queue(&x.e.dev, 2)->enabled);
	virtio_config_write(&x.e.dev, 4, 1, 9);
	ck_assert_uint_eq(x.e.config[4], 0);
	virtio_fail(&x.e.dev, "again", -EBADMSG);
	ck_assert_uint_eq(x.t.config, 1);

	/* A queue can still be reset: a driver waits for that to end. */
	virtio_queue_reset(&x.e.dev, virtio_queue(&x.e.dev, 1));
	ck_assert(!virtio_queue(&x.e.dev, 1)->enabled);

	rig_prepare(&x);
	ck_assert_uint_eq(x.e.stops, 1);
	ck_assert_uint_eq(status(&x), ACK | DRV | FOK);
	fake_driver_ok(&x.e.dev);
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.taken, 1);
	rig_down(&x);
}
END_TEST

START_TEST(bad_ring_before_driver_ok)
{
	struct rig x;

	/* A bad chain, and an index that says nothing at all: both found without a kick. */
	rig_up(&x);
	rig_prepare(&x);
	fake_bad[0].post(&x.r[1], FAKE_DATA);
	fake_driver_ok(&x.e.dev);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);

	rig_prepare(&x);
	x.r[1].avail_idx = 9;
	fake_ring_publish(&x.r[1]);
	fake_driver_ok(&x.e.dev);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

START_TEST(odd_queues_are_not_enabled)
{
	static const struct {
		u16 size;
		u64 desc, avail, used;
	} bad[] = {
		{ 0, FAKE_RAM, FAKE_RAM, FAKE_RAM },	 { 3, FAKE_RAM, FAKE_RAM, FAKE_RAM },
		{ 16, FAKE_RAM, FAKE_RAM, FAKE_RAM },	 { 8, FAKE_RAM + 8, FAKE_RAM, FAKE_RAM },
		{ 8, FAKE_RAM, FAKE_RAM + 1, FAKE_RAM }, { 8, FAKE_RAM, FAKE_RAM, FAKE_RAM + 2 },
	};
	struct rig x;

	rig_up(&x);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fake_ring r = { .size = bad[i].size,
				       .desc = bad[i].desc,
				       .avail = bad[i].avail,
				       .used = bad[i].used };

		ck_assert(fake_negotiate(&x.e.dev, F_ALL));
		fake_queue(&x.e.dev, 0, &r);
		ck_assert(!virtio_queue(&x.e.dev, 0)->enabled);
		/* Not a word before DRIVER_OK [virtio 1.3 §2.1.2], one then; and no start. */
		ck_assert_uint_eq(status(&x), ACK | DRV | FOK | VIRTIO_S_NEEDS_RESET);
		ck_assert_uint_eq(x.t.config, i);
		fake_driver_ok(&x.e.dev);
		ck_assert_uint_eq(x.t.config, i + 1);
		ck_assert_uint_eq(x.e.starts, 0);
	}
	rig_down(&x);
}
END_TEST

START_TEST(rings_outside_ram_fail_the_start)
{
	struct fake_ring r = { .size = 8, .desc = FAKE_RAM, .avail = FAKE_RAM, .used = 0x1000 };
	struct rig x;

	rig_up(&x);
	ck_assert(fake_negotiate(&x.e.dev, F_ALL));
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 8, true);
	fake_queue(&x.e.dev, 0, &x.r[0]);
	fake_queue(&x.e.dev, 1, &r);
	fake_driver_ok(&x.e.dev);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	ck_assert_uint_eq(x.e.starts, 0);
	ck_assert(!virtio_queue(&x.e.dev, 0)->started);
	virtio_status_set(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.stops, 0);
	rig_down(&x);
}
END_TEST

START_TEST(a_kind_that_cannot_start)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	x.e.start_err = -ENOMEM;
	fake_driver_ok(&x.e.dev);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	/* Late enable and late reset of queues of a device that never ran. */
	virtio_queue_reset(&x.e.dev, virtio_queue(&x.e.dev, 0));
	virtio_status_set(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.stops + x.e.queue_stops, 0);
	x.e.start_err = 0;
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	ck_assert_uint_eq(status(&x), ACK | DRV | FOK | DOK);
	rig_down(&x);
}
END_TEST

START_TEST(ring_memory_taken_back)
{
	struct mem *m = fake_mem(MEM_PROTECTED);
	struct rig x;

	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	rig_up_with(&x, m);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	/* Some other page: the rings are looked up again and all is well. */
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_DATA + 0x10000), 4096, false), 0);
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.taken, 1);
	/* The page of ring 1: the device is lost, even if ring 0 is kicked. */
	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RING(1)), 4096, false), 0);
	fake_ring_post(&x.r[0]);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.taken, 1);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

/* pKVM's way: no generation, only faults. */
START_TEST(memory_kept_from_the_host)
{
	struct mem *m = fake_mem(MEM_GUARDED);
	struct rig x;

	ck_assert_int_eq(mem_guard(m), 0);
	rig_up_with(&x, m);
	for (unsigned i = 0; i < 2; i++) {
		char *view = mem_region(m, 0)->shared_view;

		rig_prepare(&x);
		fake_driver_ok(&x.e.dev);
		fake_ring_post(&x.r[0]);
		fake_kick(&x.e.dev, 0);
		ck_assert_uint_eq(x.e.taken, 2 * i + 1);
		ck_assert(!(status(&x) & VIRTIO_S_NEEDS_RESET));
		/* A buffer, a ring: no answer is made of empty pages. */
		ck_assert_int_eq(
			mprotect(view + (i ? FAKE_RING(0) : FAKE_DATA) - FAKE_RAM, 4096, PROT_NONE),
			0);
		fake_ring_post(&x.r[0]);
		fake_kick(&x.e.dev, 0);
		ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
		ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 1);
		ck_assert(!mem_touched(m));
		virtio_status_set(&x.e.dev, 0);
		x.e.taken = 2;
	}
	rig_down(&x);
}
END_TEST

/* ---- one queue ---- */

START_TEST(one_queue_is_reset_and_comes_back)
{
	struct virtqueue *q;
	struct rig x;

	/* [virtio 1.3 §2.6.1] */
	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	q = virtio_queue(&x.e.dev, 0);
	fake_ring_post(&x.r[0]);
	virtio_queue_reset(&x.e.dev, q);
	ck_assert_uint_eq(x.e.queue_stops, 1);
	ck_assert(!q->enabled && !q->started);
	ck_assert_uint_eq(q->desc, 0);
	ck_assert_uint_eq(q->size, 8);
	fake_kick(&x.e.dev, 0);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	/* The other one lives on. */
	fake_ring_post(&x.r[1]);
	fake_kick(&x.e.dev, 1);
	ck_assert_uint_eq(x.e.kicks[1], 1);
	/* Twice is once. */
	virtio_queue_reset(&x.e.dev, q);
	ck_assert_uint_eq(x.e.queue_stops, 1);

	/* [virtio 1.3 §2.6.1.2] Back with other parameters; buffers posted before count. */
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(2), 4, true);
	fake_ring_post(&x.r[0]);
	fake_queue(&x.e.dev, 0, &x.r[0]);
	ck_assert(q->started);
	ck_assert_uint_eq(x.e.kicks[0], 1);
	ck_assert_uint_eq(x.e.taken, 2);

	/* Back with nonsense. */
	virtio_queue_reset(&x.e.dev, q);
	x.r[0].used = 0;
	fake_queue(&x.e.dev, 0, &x.r[0]);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

START_TEST(queue_reset_only_if_negotiated)
{
	struct virtqueue *q;
	struct rig x;

	rig_up(&x);
	ck_assert(fake_negotiate(&x.e.dev, VIRTIO_F_VERSION_1));
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 8, false);
	fake_queue(&x.e.dev, 0, &x.r[0]);
	fake_driver_ok(&x.e.dev);
	q = virtio_queue(&x.e.dev, 0);
	virtio_queue_reset(&x.e.dev, q);
	ck_assert(q->enabled && q->started);
	/* Enabling it again changes nothing. */
	virtio_queue_enable(&x.e.dev, q);
	ck_assert(q->started);
	rig_down(&x);
}
END_TEST

START_TEST(queue_reset_before_driver_ok)
{
	struct virtqueue *q;
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	q = virtio_queue(&x.e.dev, 0);
	virtio_queue_reset(&x.e.dev, q);
	ck_assert(!q->enabled);
	ck_assert_uint_eq(x.e.queue_stops, 0);
	rig_down(&x);
}
END_TEST

/* ---- serving a queue ---- */

static void serve(struct rig *x, u16 queue, int (*one)(struct virtio_device *, struct virtqueue *))
{
	loop_step(x->loop, 0);
	memset(x->e.kicks, 0, sizeof(x->e.kicks));
	ck_assert(virtio_enter(&x->e.dev));
	virtio_queue_serve(&x->e.dev, virtio_queue(&x->e.dev, queue), one, "bad thing");
	virtio_leave(&x->e.dev);
	loop_step(x->loop, 0);
}

static struct rig *rig_of(struct virtio_device *d)
{
	return container_of(d, struct rig, e.dev);
}

static int serve_chain(struct virtio_device *d, struct virtqueue *q)
{
	struct rig *x = rig_of(d);
	struct chain c = { .iov = &(struct iovec){ 0 }, .max = 1 };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	if (++x->served == 65)
		x->used_at_65th = fake_ring_used_idx(&x->r[2]);
	queue_push(q, c.head, 0);
	return 1;
}

/* The driver posts another chain whenever one is taken. */
static int serve_endless(struct virtio_device *d, struct virtqueue *q)
{
	fake_ring_post(&rig_of(d)->r[q->index]);
	return serve_chain(d, q);
}

START_TEST(one_kick_serves_a_ring_at_most)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	serve(&x, 0, serve_endless);
	ck_assert_uint_eq(x.served, 8);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 8);
	ck_assert_uint_eq(x.e.kicks[0], 1);
	/* Nothing there: nobody rings. */
	serve(&x, 0, serve_chain);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	rig_down(&x);
}
END_TEST

/* There is nothing to take, but the index is another one each time, if an impossible one. */
static int serve_flipping(struct virtio_device *d, struct virtqueue *q)
{
	struct rig *x = rig_of(d);

	x->served++;
	x->r[0].avail_idx ^= 100;
	fake_ring_publish(&x->r[0]);
	return 0;
}

START_TEST(an_index_that_flips_costs_budget)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	x.r[0].avail_idx = 200;
	serve(&x, 0, serve_flipping);
	ck_assert_uint_eq(x.served, 8);
	ck_assert_uint_eq(x.e.kicks[0], 1); /* the bell rang: and that found the index out */
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

/* The second chain cannot be served: not now, or not at all. */
static int serve_one_then(struct virtio_device *d, struct virtqueue *q, int err)
{
	return rig_of(d)->served ? err : serve_chain(d, q);
}

static int serve_one_then_wait(struct virtio_device *d, struct virtqueue *q)
{
	return serve_one_then(d, q, -EAGAIN);
}

static int serve_one_then_fail(struct virtio_device *d, struct virtqueue *q)
{
	return serve_one_then(d, q, -EBADMSG);
}

static void post_quietly(struct rig *x, u16 queue, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		fake_ring_post(&x->r[queue]);
}

START_TEST(what_cannot_be_served_waits_without_a_bell)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	post_quietly(&x, 0, 2);
	serve(&x, 0, serve_one_then_wait);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 1);
	ck_assert_uint_eq(x.e.kicks[0], 0);
	ck_assert(!(status(&x) & VIRTIO_S_NEEDS_RESET));
	rig_down(&x);
}
END_TEST

START_TEST(an_error_fails_the_device_after_what_was_done)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_driver_ok(&x.e.dev);
	post_quietly(&x, 0, 2);
	serve(&x, 0, serve_one_then_fail);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 1);
	ck_assert_uint_eq(x.t.queue[0], 1);
	ck_assert(status(&x) & VIRTIO_S_NEEDS_RESET);
	rig_down(&x);
}
END_TEST

START_TEST(a_long_burst_is_published_on_the_way)
{
	struct rig x;

	rig_up(&x);
	rig_prepare(&x);
	fake_ring_init(&x.r[2], x.mem, FAKE_RING(2), 256, true);
	fake_queue(&x.e.dev, 2, &x.r[2]);
	fake_driver_ok(&x.e.dev);
	post_quietly(&x, 2, 100);
	serve(&x, 2, serve_chain);
	ck_assert_uint_eq(x.served, 100);
	ck_assert_uint_eq(x.used_at_65th, 64);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[2]), 100);
	rig_down(&x);
}
END_TEST

/* ---- two threads ---- */

/*
 * A vCPU that posts, kicks, resets and restarts without pause while the loop serves: hand-over is
 * synchronous and nobody deadlocks. Also worth a run under TSan.
 */
START_TEST(restarts_under_load)
{
	struct rig x;

	rig_up(&x);
	ck_assert_int_eq(loop_start(x.loop), 0);
	for (unsigned round = 0; round < 200; round++) {
		rig_prepare(&x);
		if (round % 2)
			fake_ring_post(&x.r[1]);
		fake_driver_ok(&x.e.dev);
		for (unsigned i = 0; i < 8; i++) {
			fake_ring_post(&x.r[0]);
			virtio_notify(&x.e.dev, 0);
		}
		if (round % 4 == 1) {
			pthread_mutex_lock(&x.e.dev.lock);
			virtio_queue_reset(&x.e.dev, virtio_queue(&x.e.dev, 1));
			pthread_mutex_unlock(&x.e.dev.lock);
			fake_ring_init(&x.r[1], x.mem, FAKE_RING(1), 8, true);
			fake_ring_post(&x.r[1]);
			fake_queue(&x.e.dev, 1, &x.r[1]);
		}
		if (round % 8 == 3) {
			/* Every buffer comes back without any further kick. */
			while (fake_ring_used_idx(&x.r[0]) != 8)
				usleep(10);
		}
		if (round % 16 == 5) {
			fake_bad[1].post(&x.r[0], FAKE_DATA);
			virtio_notify(&x.e.dev, 0);
		}
	}
	pthread_mutex_lock(&x.e.dev.lock);
	virtio_status_set(&x.e.dev, 0);
	pthread_mutex_unlock(&x.e.dev.lock);
	loop_stop(x.loop);
	ck_assert_uint_eq(x.e.starts, 200);
	ck_assert_uint_eq(x.e.stops, 200);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/device_run", doorbells, reset_lets_go_and_forgets,
	   interrupts_are_suppressed_as_asked, bad_chain_needs_reset, bad_ring_before_driver_ok,
	   odd_queues_are_not_enabled, rings_outside_ram_fail_the_start, a_kind_that_cannot_start,
	   ring_memory_taken_back, memory_kept_from_the_host, one_queue_is_reset_and_comes_back,
	   queue_reset_only_if_negotiated, queue_reset_before_driver_ok,
	   one_kick_serves_a_ring_at_most, an_index_that_flips_costs_budget,
	   what_cannot_be_served_waits_without_a_bell,
	   an_error_fails_the_device_after_what_was_done, a_long_burst_is_published_on_the_way,
	   restarts_under_load)
