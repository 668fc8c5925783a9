/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves a transmit queue: the counting of kicks, and a network card of two pairs that gives
 * its doorbells away and takes them back.
 */
#include <sched.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fake/netif.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/net_phase.h"

#define SECOND UINT64_C(1000000000)

/* ---- counting ---- */

/* A kick of one small frame, after a small answer. */
static bool talk(struct net_phase *p, bool here)
{
	net_phase_in(p, 100);
	net_phase_out(p, 100);
	return net_phase_kick(p, here);
}

/* A guest that waits, from `now` on. */
static struct net_phase waiting(u64 now)
{
	struct net_phase p = { 0 };

	for (unsigned i = 1; i < NET_PHASE_CREDIT; i++)
		ck_assert(!talk(&p, false));
	ck_assert(!p.waits);
	ck_assert(talk(&p, false));
	ck_assert(net_phase_turn(&p, now));
	ck_assert(p.waits);
	return p;
}

START_TEST(a_dialogue)
{
	struct net_phase p = waiting(0);

	for (unsigned i = 0; i < 1000; i++)
		ck_assert(!talk(&p, true));
}
END_TEST

/* What is no dialogue: [0] frames of the guest in a kick, [1] bytes of each, [2] bytes for it. */
START_TEST(other_kicks)
{
	static const u32 kicks[][3] = {
		{ 1, 100, 0 },			   /* nothing has come: it only sends */
		{ 2, 100, 100 },		   /* more than one at a time */
		{ 0, 0, 100 },			   /* a bell for nothing */
		{ 1, NET_PHASE_SMALL - 100, 100 }, /* a large one out */
		{ 1, 100, NET_PHASE_SMALL - 100 }, /* a large one in */
		{ 1, UINT32_MAX, UINT32_MAX },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(kicks); i++) {
		struct net_phase p = waiting(0), never = { 0 };
		unsigned nr = 0;
		bool over;

		do {
			for (unsigned k = 0; k < kicks[i][0]; k++)
				net_phase_out(&p, kicks[i][1]);
			net_phase_in(&p, kicks[i][2]);
			over = net_phase_kick(&p, true);
			nr++;
		} while (!over && nr < 100);
		ck_assert_msg(nr == NET_PHASE_CREDIT / NET_PHASE_MISS, "%u: %u kicks", i, nr);
		ck_assert(net_phase_turn(&p, 0));
		ck_assert(!p.waits);
		/* One of these in 17 is too many for a phase to begin. */
		for (unsigned k = 0; k < 1000; k++) {
			if (k % (NET_PHASE_MISS + 1)) {
				ck_assert(!talk(&never, false));
				continue;
			}
			for (unsigned f = 0; f < kicks[i][0]; f++)
				net_phase_out(&never, kicks[i][1]);
			net_phase_in(&never, kicks[i][2]);
			ck_assert(!net_phase_kick(&never, false));
		}
	}
	/* The largest that is small. */
	struct net_phase p = { 0 };

	for (unsigned i = 0; i < NET_PHASE_CREDIT; i++) {
		net_phase_in(&p, NET_PHASE_SMALL - 101);
		net_phase_out(&p, 100);
		ck_assert_int_eq(net_phase_kick(&p, false), i + 1 == NET_PHASE_CREDIT);
	}
}
END_TEST

/* Kicks that found the loop at work: there is nothing to win if most are such. */
START_TEST(kicks_that_are_late)
{
	struct net_phase p = waiting(0);
	unsigned nr = 1;

	for (unsigned i = 0; i < 1000; i++)
		ck_assert(!talk(&p, i % 2));
	while (!talk(&p, false))
		nr++;
	ck_assert_uint_le(nr, NET_PHASE_CREDIT);
	ck_assert(net_phase_turn(&p, 0));
	ck_assert(!p.waits);
}
END_TEST

/* A guest that does it on purpose, as fast as it can, for a second. */
START_TEST(phases_are_no_stick_to_beat_the_host_with)
{
	struct net_phase p = { 0 };
	unsigned begun = 0;

	for (u64 now = 0; now < SECOND; now += 1000) {
		bool over = p.waits ? net_phase_kick(&p, true) : talk(&p, false);

		if (over && net_phase_turn(&p, now))
			begun += p.waits;
		/* Resets do not help it. */
		if (now % 7000 == 0)
			net_phase_reset(&p);
	}
	ck_assert_uint_le(begun, SECOND / NET_PHASE_REST_NS);

	p = waiting(SECOND);
	ck_assert(net_phase_reset(&p));
	ck_assert(!net_phase_reset(&p));
	for (unsigned i = 1; i < NET_PHASE_CREDIT; i++)
		ck_assert(!talk(&p, false));
	ck_assert(talk(&p, false));
	ck_assert(!net_phase_turn(&p, SECOND + NET_PHASE_REST_NS - 1));
	/* The credit stays: it begins as soon as it may. */
	ck_assert(talk(&p, false));
	ck_assert(net_phase_turn(&p, SECOND + NET_PHASE_REST_NS));
}
END_TEST

/* ---- a card ---- */

#define NR 2u

static struct mem *mem;
static struct loop *loop;
static struct fake_netif *netifs[NR];
static struct virtio_device *dev;
static struct fake_transport told;
static struct fake_ring ring[2 * NR + 1];

static void setup(unsigned nr)
{
	struct virtio_env env;
	u64 features = VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET | BIT(17) | BIT(22);

	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	for (unsigned i = 0; i < nr; i++) {
		netifs[i] = fake_netif(0, 0);
		if (i)
			netifs[i - 1]->netif.next = &netifs[i]->netif;
	}
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_net_create(&dev, &env, &netifs[0]->netif), 0);
	fake_transport_attach(&told, dev);
	ck_assert(fake_start(dev, ring, 16, nr > 1 ? features : features & ~BIT(22)));
}

/* The command that uses all pairs [virtio 1.3 §5.1.6.5.5]. */
static void use_pairs(void)
{
	struct fake_buf b[] = { { FAKE_DATA, 4, false }, { FAKE_DATA + 0x100, 1, true } };

	memcpy(fake_ptr(mem, FAKE_DATA, 4), (const u8[]){ 4, 0, NR, 0 }, 4);
	fake_ring_add(&ring[2 * NR], b, 2);
	fake_kick(dev, 2 * NR);
	ck_assert_uint_eq(*(u8 *)fake_ptr(mem, FAKE_DATA + 0x100, 1), 0);
	loop_step(loop, 0);
}

static void get_answer(unsigned pair)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	struct fake_buf b = { FAKE_DATA + 0x4000, 2048, true };
	u32 id, len;

	fake_ring_add(&ring[2 * pair], &b, 1);
	ck_assert_int_eq(
		fake_netif_receive(netifs[pair], &none, "an answer of 30 bytes or so...", 30), 0);
	fake_netif_flush(netifs[pair]);
	ck_assert(fake_ring_used(&ring[2 * pair], &id, &len));
}

static void post_frame(unsigned pair)
{
	struct fake_buf b = { FAKE_DATA + 0x1000, 12 + 60, false };

	memset(fake_ptr(mem, b.addr, b.len), 0, b.len);
	fake_ring_add(&ring[2 * pair + 1], &b, 1);
}

static void take_back(unsigned pair)
{
	u32 id, len;

	while (fake_ring_used(&ring[2 * pair + 1], &id, &len))
		;
	fake_frames_clear(&netifs[pair]->sent);
}

static void converse(unsigned pair, unsigned times)
{
	while (times--) {
		get_answer(pair);
		post_frame(pair);
		fake_kick(dev, 2 * pair + 1);
		take_back(pair);
	}
}

/* Would a vCPU that rings serve the queue? The loop is the caller's. */
static bool prompt(u32 queue)
{
	bool yes;

	ck_assert(virtio_enter(dev));
	yes = dev->type->prompt(dev, virtio_queue(dev, queue));
	virtio_leave(dev);
	return yes;
}

static void flood(unsigned pair, unsigned times)
{
	while (times--) {
		post_frame(pair);
		post_frame(pair);
		fake_kick(dev, 2 * pair + 1);
		take_back(pair);
	}
}

/* A guest that asks and waits loses KVM's doorbell of this one queue; one that floods has it. */
START_TEST(a_card_that_is_asked)
{
	setup(1);
	converse(0, NET_PHASE_CREDIT - 1);
	ck_assert_uint_eq(told.nr_doorbell, 0);
	post_frame(0);
	ck_assert(!prompt(1));
	get_answer(0);
	fake_kick(dev, 1);
	take_back(0);
	ck_assert_uint_eq(told.nr_doorbell, 1);
	ck_assert(told.unbound[1] && !told.unbound[0] && !told.unbound[2]);
	/* One frame is a vCPU's. None is not, nor are several, nor what is in other queues. */
	ck_assert(!prompt(1) && !prompt(0) && !prompt(2));
	post_frame(0);
	ck_assert(prompt(1) && !prompt(0) && !prompt(2));
	post_frame(0);
	ck_assert(!prompt(1));
	flood(0, NET_PHASE_CREDIT / NET_PHASE_MISS);
	ck_assert_uint_eq(told.nr_doorbell, 2);
	ck_assert(!told.unbound[1]);
	fake_unplug(dev);
}
END_TEST

START_TEST(pairs_have_phases_of_their_own)
{
	setup(NR);
	use_pairs();
	for (unsigned i = 0; i < NET_PHASE_CREDIT; i++) {
		flood(0, 1);
		converse(1, 1);
	}
	ck_assert(told.unbound[3] && !told.unbound[1]);
	flood(0, NET_PHASE_CREDIT);
	ck_assert(told.unbound[3]);
	flood(1, NET_PHASE_CREDIT / NET_PHASE_MISS);
	ck_assert(!told.unbound[3]);
	ck_assert_uint_eq(told.nr_doorbell, 2);
	fake_unplug(dev);
}
END_TEST

/* [virtio 1.3 §2.4, §2.6.1] After a reset, of the device or of the queue, all is as at first. */
START_TEST(resets_give_the_doorbell_back)
{
	setup(NR);
	converse(0, NET_PHASE_CREDIT);
	ck_assert(told.unbound[1]);
	virtio_queue_reset(dev, virtio_queue(dev, 0));
	virtio_queue_reset(dev, virtio_queue(dev, 3));
	ck_assert(told.unbound[1]);
	virtio_queue_reset(dev, virtio_queue(dev, 1));
	ck_assert(!told.unbound[1]);
	ck_assert_uint_eq(told.nr_doorbell, 2);
	fake_unplug(dev);

	setup(1);
	converse(0, NET_PHASE_CREDIT);
	ck_assert(told.unbound[1]);
	/* It was the guest's fault: then, too. */
	virtio_fail(dev, "test", -EINVAL);
	fake_reset(dev);
	ck_assert(!told.unbound[1]);
	/* And the next driver begins without credit. */
	ck_assert(fake_start(dev, ring, 16, VIRTIO_F_VERSION_1));
	converse(0, NET_PHASE_CREDIT - 1);
	ck_assert_uint_eq(told.nr_doorbell, 2);
	fake_unplug(dev);
}
END_TEST

/* As a vCPU does whose write has come over the bus. */
static void ring_over_the_bus(u32 queue)
{
	pthread_mutex_lock(&dev->lock);
	virtio_rung(dev, queue);
	pthread_mutex_unlock(&dev->lock);
}

/* Wait until the loop's thread sleeps, and stay the loop's for what follows. */
static void borrow(void)
{
	while (!loop_borrow(loop))
		sched_yield();
}

static unsigned sent_by_now(void)
{
	unsigned nr;

	borrow();
	nr = netifs[0]->sent.nr;
	loop_give_back(loop);
	return nr;
}

/* While it waits, the vCPU that rings for one frame serves it: it is out when the bell has rung. */
START_TEST(served_by_who_rings)
{
	bool here = false;
	u16 used;

	setup(1);
	converse(0, NET_PHASE_CREDIT);
	ck_assert(told.unbound[1]);
	ck_assert_int_eq(loop_start(loop), 0);
	for (unsigned i = 0; i < 1000 && !here; i++) {
		borrow();
		get_answer(0);
		post_frame(0);
		used = fake_ring_used_idx(&ring[1]);
		loop_give_back(loop);
		ring_over_the_bus(1);
		/* Not if the loop's thread was on its way into epoll_wait() once more. */
		here = fake_ring_used_idx(&ring[1]) == (u16)(used + 1);
		while (!sent_by_now())
			sched_yield();
		borrow();
		take_back(0);
		loop_give_back(loop);
	}
	ck_assert(here);
	ck_assert(told.unbound[1]);
	/* What is no dialogue is the loop's, and ends the phase. */
	for (unsigned i = 0; told.unbound[1] && i < 100000; i++) {
		ring_over_the_bus(1);
		sched_yield();
	}
	ck_assert(!told.unbound[1]);
	/* Then the loop serves even what comes over the bus. */
	borrow();
	post_frame(0);
	ck_assert(!prompt(1));
	loop_give_back(loop);
	ring_over_the_bus(1);
	while (!sent_by_now())
		sched_yield();
	fake_reset(dev);
	loop_stop(loop);
	fake_unplug(dev);
}
END_TEST

SUITE_MAIN("virtio/net_phase", a_dialogue, other_kicks, kicks_that_are_late,
	   phases_are_no_stick_to_beat_the_host_with, a_card_that_is_asked,
	   pairs_have_phases_of_their_own, resets_give_the_doorbell_back, served_by_who_rings)
