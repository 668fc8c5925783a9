/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split rings: index arithmetic, suppression of kicks and interrupts, hostile indices. */
#include <errno.h>
#include <string.h>

#include "tests/fake/driver.h"
#include "tests/unit/suite.h"
#include "virtio/core/device.h"

#define BOTH (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

struct rig {
	struct mem *mem;
	struct fake_ring ring;
	struct virtqueue q;
};

static void point(struct virtqueue *q, const struct fake_ring *r)
{
	*q = (struct virtqueue){ .max_size = 1024 };
	queue_reset(q);
	q->size = r->size;
	q->desc = r->desc;
	q->driver = r->avail;
	q->device = r->used;
}

static void rig_up(struct rig *x, u16 size, u64 features)
{
	x->mem = fake_mem(0);
	fake_ring_init(&x->ring, x->mem, FAKE_RING(0), size, features & VIRTIO_F_EVENT_IDX);
	point(&x->q, &x->ring);
	fake_hold(x->mem);
	ck_assert_int_eq(queue_start(&x->q, x->mem, features), 0);
}

static void rig_down(struct rig *x)
{
	fake_release(x->mem);
	mem_destroy(x->mem);
}

static const struct fake_buf one_buf = { FAKE_DATA, 64, true };

/* ---- starting ---- */

START_TEST(reset_offers_the_maximum)
{
	struct virtqueue q = { .index = 3, .max_size = 256, .size = 8, .enabled = true, .desc = 1 };

	/* [virtio 1.3 §4.1.4.3.1] */
	queue_reset(&q);
	ck_assert_uint_eq(q.index, 3);
	ck_assert_uint_eq(q.size, 256);
	ck_assert_uint_eq(q.desc, 0);
	ck_assert(!q.enabled);
}
END_TEST

START_TEST(refuses_bad_geometry)
{
	static const struct {
		u16 size;
		u8 desc, avail, used; /* misalignment */
		int err;
	} cases[] = {
		{ 8, 0, 0, 0, 0 },
		{ 1, 0, 0, 0, 0 },
		{ 1024, 0, 0, 0, 0 },
		/* [virtio 1.3 §2.7] a power of 2, no more than the device said */
		{ 0, 0, 0, 0, -EINVAL },
		{ 3, 0, 0, 0, -EINVAL },
		{ 2048, 0, 0, 0, -EINVAL },
		{ 32768, 0, 0, 0, -EINVAL },
		/* [virtio 1.3 §2.7] alignment 16, 2, 4 */
		{ 8, 8, 0, 0, -EINVAL },
		{ 8, 0, 1, 0, -EINVAL },
		{ 8, 0, 0, 2, -EINVAL },
	};
	struct mem *m = fake_mem(0);

	fake_hold(m);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtqueue q = { .max_size = 1024, .size = cases[i].size };

		q.desc = FAKE_RAM + cases[i].desc;
		q.driver = FAKE_RAM + 0x10000 + cases[i].avail;
		q.device = FAKE_RAM + 0x20000 + cases[i].used;
		ck_assert_int_eq(queue_start(&q, m, 0), cases[i].err);
		ck_assert_int_eq(queue_check(&q), cases[i].err);
		ck_assert(q.started == !cases[i].err);
	}
	fake_release(m);
	mem_destroy(m);
}
END_TEST

START_TEST(rings_must_lie_in_ram_to_the_last_byte)
{
	struct mem *m = fake_mem(0);
	const u64 end = FAKE_RAM + FAKE_RAM_SIZE;
	const u64 at[][4] = {
		/* desc, avail, used; exactly fits? (size 8: 128, 22, 70 bytes) */
		{ end - 128, FAKE_RAM, FAKE_RAM + 64, true },
		{ end - 112, FAKE_RAM, FAKE_RAM + 64, false },
		{ FAKE_RAM, end - 22, FAKE_RAM + 64, true },
		{ FAKE_RAM, end - 20, FAKE_RAM + 64, false },
		{ FAKE_RAM, FAKE_RAM + 256, end - 72, true },
		{ FAKE_RAM, FAKE_RAM + 256, end - 68, false },
		{ FAKE_RAM - 16, FAKE_RAM, FAKE_RAM + 64, false },
		{ 0, FAKE_RAM, FAKE_RAM + 64, false },
		{ UINT64_MAX - 15, FAKE_RAM, FAKE_RAM + 64, false },
		{ FAKE_RAM, UINT64_MAX - 1, FAKE_RAM + 64, false },
		{ FAKE_RAM, FAKE_RAM, UINT64_MAX - 3, false },
	};

	fake_hold(m);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct virtqueue q = { .max_size = 8, .size = 8 };

		q.desc = at[i][0];
		q.driver = at[i][1];
		q.device = at[i][2];
		ck_assert_int_eq(queue_start(&q, m, 0), at[i][3] ? 0 : -EFAULT);
	}
	fake_release(m);
	mem_destroy(m);
}
END_TEST

/* Areas that lie on top of each other are nonsense, but only for the driver. */
START_TEST(overlapping_areas_hurt_nobody)
{
	struct mem *m = fake_mem(0);
	struct virtqueue q = { .max_size = 8, .size = 8 };
	u16 head;

	q.desc = q.driver = q.device = FAKE_RAM;
	fake_hold(m);
	ck_assert_int_eq(queue_start(&q, m, BOTH), 0);
	*(u16 *)fake_ptr(m, FAKE_RAM + 2, 2) = 5;
	while (queue_next_head(&q, &head) > 0) {
		queue_push(&q, head, 0xffffffff);
		queue_publish(&q);
		queue_kick_on(&q);
	}
	fake_release(m);
	mem_destroy(m);
}
END_TEST

START_TEST(unshared_ring_pages_are_refused_and_noticed)
{
	struct mem *m = fake_mem(MEM_PROTECTED);
	struct fake_ring r;
	struct virtqueue q;

	fake_ring_init(&r, m, FAKE_RING(0), 8, false);
	point(&q, &r);
	fake_hold(m);
	ck_assert_int_eq(queue_start(&q, m, 0), -EFAULT);
	fake_release(m);

	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RAM), 4096, true), 0);
	fake_hold(m);
	ck_assert_int_eq(queue_start(&q, m, 0), 0);
	ck_assert_int_eq(queue_remap(&q), 0);
	fake_release(m);

	ck_assert_int_eq(mem_set_shared(m, gpa(FAKE_RAM), 4096, false), 0);
	fake_hold(m);
	ck_assert_int_eq(queue_remap(&q), -EFAULT);
	fake_release(m);
	mem_destroy(m);
}
END_TEST

/* ---- taking and giving back ---- */

START_TEST(takes_in_order_and_gives_back_in_any)
{
	struct rig x;
	u16 h[3], none;
	u32 id, len;

	rig_up(&x, 4, 0);
	ck_assert_int_eq(queue_next_head(&x.q, &none), 0);
	for (int i = 0; i < 3; i++)
		fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert_int_eq(queue_available(&x.q), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(queue_next_head(&x.q, &h[i]), 1);
		ck_assert_uint_eq(h[i], i);
	}
	ck_assert_int_eq(queue_next_head(&x.q, &none), 0);
	ck_assert_int_eq(queue_available(&x.q), 0);

	queue_push(&x.q, h[2], 22);
	queue_push(&x.q, h[0], 20);
	/* [virtio 1.3 §2.7.8.2] invisible until the index moves */
	ck_assert(!fake_ring_used(&x.ring, &id, &len));
	ck_assert(queue_publish(&x.q));
	ck_assert(fake_ring_used(&x.ring, &id, &len) && id == 2 && len == 22);
	ck_assert(fake_ring_used(&x.ring, &id, &len) && id == 0 && len == 20);
	ck_assert(!fake_ring_used(&x.ring, &id, &len));

	queue_push(&x.q, h[1], 21);
	ck_assert(queue_publish(&x.q));
	ck_assert(fake_ring_used(&x.ring, &id, &len) && id == 1 && len == 21);
	ck_assert(!queue_publish(&x.q));
	rig_down(&x);
}
END_TEST

START_TEST(untake_puts_back)
{
	struct rig x;
	u16 a, b, c;

	rig_up(&x, 4, VIRTIO_F_EVENT_IDX);
	for (int i = 0; i < 3; i++)
		fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert_int_eq(queue_next_head(&x.q, &a), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &b), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &c), 1);
	queue_untake(&x.q, c);
	queue_untake(&x.q, b);
	ck_assert_int_eq(queue_available(&x.q), 2);

	/* The driver kicks for the fourth buffer although two that were seen are left. */
	fake_ring_wants_kick(&x.ring);
	ck_assert(!queue_kick_on(&x.q));
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(fake_ring_wants_kick(&x.ring));

	for (u16 want = 1; want < 4; want++) {
		ck_assert_int_eq(queue_next_head(&x.q, &b), 1);
		ck_assert_uint_eq(b, want);
	}
	ck_assert_uint_eq(x.q.in_flight, 4);
	rig_down(&x);
}
END_TEST

/* Twice around 2^16, in bursts that do not divide it, with both kinds of suppression. */
START_TEST(indices_wrap)
{
	for (unsigned ev = 0; ev < 2; ev++) {
		struct rig x;
		unsigned interrupts = 0, kicks = 0, total = 0;

		rig_up(&x, 8, ev ? VIRTIO_F_EVENT_IDX : 0);
		while (total < 140000) {
			unsigned burst = 1 + total % 7;
			u16 head;
			u32 id, len;

			for (unsigned i = 0; i < burst; i++)
				fake_ring_add(&x.ring, &one_buf, 1);
			kicks += fake_ring_wants_kick(&x.ring);
			queue_kick_off(&x.q);
			for (unsigned i = 0; i < burst; i++) {
				ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
				ck_assert_uint_eq(head, (total + i) % 8);
				queue_push(&x.q, head, total + i);
			}
			interrupts += queue_publish(&x.q);
			ck_assert(!queue_kick_on(&x.q));
			for (unsigned i = 0; i < burst; i++, total++) {
				ck_assert(fake_ring_used(&x.ring, &id, &len));
				ck_assert_uint_eq(len, total);
			}
			fake_ring_interrupts(&x.ring, true);
		}
		/* 20000 rounds of 1..7: each burst was kicked once and answered once. */
		ck_assert_uint_eq(kicks, interrupts);
		ck_assert_uint_ge(interrupts, 140000 / 7);
		rig_down(&x);
	}
}
END_TEST

/* ---- interrupts ---- */

START_TEST(no_interrupt_flag_is_honoured)
{
	struct rig x;
	u16 head;

	/* [virtio 1.3 §2.7.7.2] Without EVENT_IDX: flags decide, used_event is ignored. */
	rig_up(&x, 8, 0);
	fake_ring_set_used_event(&x.ring, 0x5555);
	for (unsigned i = 0; i < 4; i++) {
		fake_ring_interrupts(&x.ring, i % 2);
		fake_ring_add(&x.ring, &one_buf, 1);
		ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
		queue_push(&x.q, head, 0);
		ck_assert(queue_publish(&x.q) == (i % 2));
	}
	rig_down(&x);
}
END_TEST

START_TEST(used_event_is_honoured)
{
	struct rig x;
	u16 head;

	/* [virtio 1.3 §2.7.7.2, §2.7.10] With EVENT_IDX: flags is ignored, used_event decides. */
	rig_up(&x, 8, VIRTIO_F_EVENT_IDX);
	fake_ring_set_avail_flags(&x.ring, 1);
	fake_ring_set_used_event(&x.ring, 2);
	for (u16 i = 0; i < 6; i++) {
		fake_ring_add(&x.ring, &one_buf, 1);
		ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
		queue_push(&x.q, head, 0);
		/* idx goes from i to i + 1: interrupt when entry 2 is used */
		ck_assert(queue_publish(&x.q) == (i == 2));
	}
	/* A batch that passes the event counts once. */
	fake_ring_set_used_event(&x.ring, 7);
	for (u16 i = 0; i < 4; i++) {
		fake_ring_add(&x.ring, &one_buf, 1);
		ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
		queue_push(&x.q, head, 0);
	}
	ck_assert(queue_publish(&x.q));
	rig_down(&x);
}
END_TEST

/* ---- kicks ---- */

START_TEST(kick_off_and_on_without_event_idx)
{
	struct rig x;
	u16 head;

	rig_up(&x, 8, 0);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(fake_ring_wants_kick(&x.ring));
	queue_kick_off(&x.q);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(!fake_ring_wants_kick(&x.ring));
	/* [virtio 1.3 §2.7.10.1] flags is 0 or 1 */
	ck_assert_uint_eq(fake_ring_used_flags(&x.ring), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);

	/* Posted between our last look and the flag: found, since no kick comes for it. */
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(!fake_ring_wants_kick(&x.ring));
	ck_assert(queue_kick_on(&x.q));
	ck_assert_uint_eq(fake_ring_used_flags(&x.ring), 0);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert(!queue_kick_on(&x.q));
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(fake_ring_wants_kick(&x.ring));
	rig_down(&x);
}
END_TEST

START_TEST(kick_off_and_on_with_event_idx)
{
	struct rig x;
	u16 head;

	rig_up(&x, 8, VIRTIO_F_EVENT_IDX);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(fake_ring_wants_kick(&x.ring));
	queue_kick_off(&x.q);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(!fake_ring_wants_kick(&x.ring));
	/* [virtio 1.3 §2.7.10.1] flags stays 0 when EVENT_IDX is negotiated */
	ck_assert_uint_eq(fake_ring_used_flags(&x.ring), 0);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);

	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(!fake_ring_wants_kick(&x.ring));
	ck_assert(queue_kick_on(&x.q));
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert(!queue_kick_on(&x.q));
	ck_assert_uint_eq(fake_ring_avail_event(&x.ring), 3);
	ck_assert_uint_eq(fake_ring_used_flags(&x.ring), 0);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert(fake_ring_wants_kick(&x.ring));
	rig_down(&x);
}
END_TEST

/* ---- hostile ---- */

START_TEST(index_may_not_run_ahead)
{
	struct rig x;
	u16 head;

	rig_up(&x, 4, 0);
	/* Exactly one ring ahead is fine, one more is not: also not while chains are with us. */
	x.ring.avail_idx = 4;
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(queue_available(&x.q), 4);
	for (u16 i = 0; i < 4; i++)
		*(u16 *)fake_ptr(x.mem, x.ring.avail + 4 + 2u * i, 2) = i;
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	x.ring.avail_idx = 5;
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(queue_available(&x.q), -EBADMSG);
	ck_assert(queue_kick_on(&x.q));
	/* What was seen before can still be taken; then it is over. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), -EBADMSG);
	x.ring.avail_idx = 3; /* and backwards */
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(queue_next_head(&x.q, &head), -EBADMSG);
	rig_down(&x);
}
END_TEST

START_TEST(a_head_is_never_in_flight_twice)
{
	struct rig x;
	u16 head;

	rig_up(&x, 4, 0);
	fake_ring_expose(&x.ring, 2);
	fake_ring_expose(&x.ring, 2);
	fake_ring_publish(&x.ring);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), -EBADMSG);
	queue_push(&x.q, 2, 0);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	rig_down(&x);
}
END_TEST

START_TEST(head_out_of_range)
{
	static const u16 bad[] = { 8, 9, 64, 1023, 1024, 0x7fff, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig x;
		u16 head;

		rig_up(&x, 8, 0);
		fake_ring_expose(&x.ring, bad[i]);
		fake_ring_publish(&x.ring);
		ck_assert_int_eq(queue_next_head(&x.q, &head), -EBADMSG);
		rig_down(&x);
	}
}
END_TEST

START_TEST(a_stopped_queue_is_empty)
{
	struct rig x;
	u16 head;

	rig_up(&x, 8, 0);
	fake_ring_add(&x.ring, &one_buf, 1);
	fake_ring_add(&x.ring, &one_buf, 1);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
	queue_stop(&x.q);
	ck_assert_int_eq(queue_next_head(&x.q, &head), 0);
	ck_assert_int_eq(queue_available(&x.q), 0);
	ck_assert(!queue_kick_on(&x.q));
	queue_kick_off(&x.q);
	ck_assert(!queue_publish(&x.q));
	ck_assert_uint_eq(fake_ring_used_flags(&x.ring), 0);

	/* And starts over from index 0 with nothing in flight [virtio 1.3 §2.6.1.1]. */
	fake_ring_init(&x.ring, x.mem, FAKE_RING(0), 8, false);
	ck_assert_int_eq(queue_start(&x.q, x.mem, 0), 0);
	for (int i = 0; i < 8; i++)
		fake_ring_add(&x.ring, &one_buf, 1);
	for (u16 i = 0; i < 8; i++) {
		ck_assert_int_eq(queue_next_head(&x.q, &head), 1);
		ck_assert_uint_eq(head, i);
	}
	rig_down(&x);
}
END_TEST

SUITE_MAIN("virtio/queue", reset_offers_the_maximum, refuses_bad_geometry,
	   rings_must_lie_in_ram_to_the_last_byte, overlapping_areas_hurt_nobody,
	   unshared_ring_pages_are_refused_and_noticed, takes_in_order_and_gives_back_in_any,
	   untake_puts_back, indices_wrap, no_interrupt_flag_is_honoured, used_event_is_honoured,
	   kick_off_and_on_without_event_idx, kick_off_and_on_with_event_idx,
	   index_may_not_run_ahead, a_head_is_never_in_flight_twice, head_out_of_range,
	   a_stopped_queue_is_empty)
