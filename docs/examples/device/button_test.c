/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The button: what it says of itself, its four events, and a driver that makes mistakes. */
#include <string.h>

#include "lkvm/base/le.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/kinds.h"

#define F_ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring r;
};

static void rig_up(struct rig *x)
{
	memset(x, 0, sizeof(*x));
	x->mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);

	struct virtio_env env = { .mem = x->mem, .loop = x->loop };

	ck_assert_int_eq(virtio_button_create(&x->d, &env), 0);
	fake_transport_attach(&x->t, x->d);
	fake_ring_init(&x->r, x->mem, FAKE_RING(0), 8, false);
	ck_assert(fake_negotiate(x->d, F_ALL));
	fake_queue(x->d, 0, &x->r);
	fake_driver_ok(x->d);
}

/* Select something; its size. */
static u64 ask(struct rig *x, u8 select, u8 subsel)
{
	virtio_config_write(x->d, 0, 1, select);
	virtio_config_write(x->d, 1, 1, subsel);
	return virtio_config_read(x->d, 2, 1);
}

START_TEST(says_what_it_is)
{
	struct rig x;

	/* [virtio 1.3 §5.8.4] */
	rig_up(&x);
	ck_assert_uint_eq(x.d->type->id, 18);
	ck_assert_uint_eq(ask(&x, 1, 0), strlen("lkvm button"));
	ck_assert_uint_eq(virtio_config_read(x.d, 8, 1), 'l');
	/* One key, KEY_WAKEUP, and no other kind of event. */
	ck_assert_uint_eq(ask(&x, 0x11, 1), 18);
	ck_assert_uint_eq(virtio_config_read(x.d, 8 + 17, 1), 0x80);
	ck_assert_uint_eq(ask(&x, 0x11, 2), 0);
	ck_assert_uint_eq(ask(&x, 0xff, 0xff), 0);
	fake_unplug(x.d);
}
END_TEST

START_TEST(is_pressed_once)
{
	static const u32 wanted[][3] = { { 1, 143, 1 }, { 0, 0, 0 }, { 1, 143, 0 }, { 0, 0, 0 } };
	struct rig x;
	u32 id, len;

	rig_up(&x);
	for (unsigned i = 0; i < 6; i++) {
		const struct fake_buf buf = { FAKE_DATA + i * 8, 8, true };

		fake_ring_add(&x.r, &buf, 1);
	}
	fake_kick(x.d, 0);
	for (unsigned i = 0; i < 4; i++) {
		const u8 *p = fake_ptr(x.mem, FAKE_DATA + i * 8, 8);

		ck_assert(fake_ring_used(&x.r, &id, &len));
		ck_assert_uint_eq(len, 8);
		ck_assert_uint_eq(p[0], wanted[i][0]);
		ck_assert_uint_eq(p[2], wanted[i][1]);
		ck_assert_uint_eq(p[4], wanted[i][2]);
	}
	ck_assert(!fake_ring_used(&x.r, &id, &len));
	fake_unplug(x.d);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_costs_the_device)
{
	const struct fake_buf buf = { FAKE_DATA, 7, true };
	struct rig x;
	u32 id, len;

	rig_up(&x);
	fake_ring_add(&x.r, &buf, 1);
	fake_kick(x.d, 0);
	ck_assert(!fake_ring_used(&x.r, &id, &len));
	ck_assert(atomic_load(&x.d->broken));
	fake_unplug(x.d);
}
END_TEST

SUITE_MAIN("virtio/button", says_what_it_is, is_pressed_once,
	   a_buffer_that_is_too_small_costs_the_device)
