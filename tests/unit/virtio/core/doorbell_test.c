/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A doorbell over the bus: who serves the queue, and that nothing is lost whoever does. */
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include "tests/unit/virtio/core/device_rig.h"

static sem_t begun, go_on;

static void ring_bell(struct rig *x, u32 queue)
{
	pthread_mutex_lock(&x->e.dev.lock);
	virtio_rung(&x->e.dev, queue);
	pthread_mutex_unlock(&x->e.dev.lock);
}

static void start(struct rig *x)
{
	ck_assert(fake_negotiate(&x->e.dev, F_ALL));
	for (u16 i = 0; i < 2; i++) {
		fake_ring_init(&x->r[i], x->mem, FAKE_RING(i), 8, true);
		fake_queue(&x->e.dev, i, &x->r[i]);
	}
	fake_driver_ok(&x->e.dev);
}

static void up(struct rig *x)
{
	rig_up(x);
	fake_echo_be_prompt(&x->e);
	ck_assert_int_eq(loop_start(x->loop), 0);
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
}

static void down(struct rig *x)
{
	pthread_mutex_lock(&x->e.dev.lock);
	virtio_status_set(&x->e.dev, 0);
	pthread_mutex_unlock(&x->e.dev.lock);
	loop_stop(x->loop);
	rig_down(x);
}

/* On the loop, whose thread has to be asleep again for who wants to borrow it. */
static unsigned served(struct rig *x)
{
	unsigned n;

	while (!loop_borrow(x->loop))
		sched_yield();
	n = x->e.taken;
	loop_give_back(x->loop);
	return n;
}

static void wait_served(struct rig *x, unsigned n)
{
	while (served(x) < n)
		sched_yield();
}

START_TEST(served_by_who_rings)
{
	bool here = false;
	struct rig x;

	up(&x);
	start(&x);
	for (unsigned i = 1; i <= 1000 && !here; i++) {
		served(&x);
		fake_ring_post(&x.r[0]);
		ring_bell(&x, 0);
		here = pthread_equal(x.e.served, pthread_self());
		/* Not if the loop's thread is on its way into epoll_wait() once more. */
		ck_assert(!here || fake_ring_used_idx(&x.r[0]) == i);
		wait_served(&x, i);
	}
	ck_assert(here);
	ck_assert_uint_ge(x.t.queue[0], 1);
	down(&x);
}
END_TEST

START_TEST(left_to_the_loop)
{
	struct rig x;

	up(&x);
	start(&x);
	served(&x);
	x.e.prompt = false;
	fake_ring_post(&x.r[0]);
	ring_bell(&x, 0);
	wait_served(&x, 1);
	ck_assert(!pthread_equal(x.e.served, pthread_self()));
	/* And where there is no such queue. */
	ring_bell(&x, FAKE_ECHO_QUEUES);
	ring_bell(&x, UINT32_MAX);
	down(&x);
}
END_TEST

/* [virtio 1.3 §2.1.2] Nothing is taken before DRIVER_OK, nor from a queue that was not set up. */
START_TEST(not_before_driver_ok)
{
	struct rig x;

	up(&x);
	fake_ring_init(&x.r[0], x.mem, FAKE_RING(0), 8, true);
	fake_ring_post(&x.r[0]);
	ring_bell(&x, 0);
	ck_assert_uint_eq(served(&x), 0);
	start(&x);
	ring_bell(&x, 2);
	served(&x);
	ck_assert_uint_eq(x.e.kicks[2], 0);
	down(&x);
}
END_TEST

static void be_busy(void *arg)
{
	sem_post(&begun);
	sem_wait(&go_on);
}

static void *call_busy(void *arg)
{
	loop_call(arg, be_busy, NULL);
	return NULL;
}

/* Who rings while the loop is at work does not wait for it. */
START_TEST(nobody_waits_for_the_loop)
{
	struct rig x;
	pthread_t t;

	up(&x);
	start(&x);
	pthread_create(&t, NULL, call_busy, x.loop);
	sem_wait(&begun);
	fake_ring_post(&x.r[0]);
	ring_bell(&x, 0);
	ck_assert_uint_eq(fake_ring_used_idx(&x.r[0]), 0);
	sem_post(&go_on);
	pthread_join(t, NULL);
	wait_served(&x, 1);
	down(&x);
}
END_TEST

static void *ring_often(void *arg)
{
	struct rig *x = arg;

	for (unsigned i = 0; i < 2000; i++)
		ring_bell(x, i % 2);
	return NULL;
}

/* vCPUs that ring while another one posts, resets and starts again. */
START_TEST(resets_while_others_ring)
{
	pthread_t t[2];
	struct rig x;

	up(&x);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, ring_often, &x);
	for (unsigned round = 0; round < 100; round++) {
		start(&x);
		for (unsigned i = 0; i < 6; i++) {
			fake_ring_post(&x.r[i % 2]);
			ring_bell(&x, i % 2);
		}
		if (round % 4 == 3)
			while (fake_ring_used_idx(&x.r[0]) != 3)
				usleep(10);
		pthread_mutex_lock(&x.e.dev.lock);
		virtio_status_set(&x.e.dev, 0);
		pthread_mutex_unlock(&x.e.dev.lock);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(x.e.starts, 100);
	ck_assert_uint_eq(x.e.stops, 100);
	down(&x);
}
END_TEST

SUITE_MAIN("virtio/doorbell", served_by_who_rings, left_to_the_loop, not_before_driver_ok,
	   nobody_waits_for_the_loop, resets_while_others_ring)
