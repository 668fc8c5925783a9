/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An echo device without a transport, and what a driver does with it. */
#ifndef TESTS_UNIT_VIRTIO_DEVICE_RIG_H
#define TESTS_UNIT_VIRTIO_DEVICE_RIG_H

#include <string.h>

#include "tests/fake/driver.h"
#include "tests/fake/echo.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"

#define F_ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET | VIRTIO_F_EVENT_IDX | FAKE_ECHO_FEATURE)

#define ACK VIRTIO_S_ACKNOWLEDGE
#define DRV VIRTIO_S_DRIVER
#define FOK VIRTIO_S_FEATURES_OK
#define DOK VIRTIO_S_DRIVER_OK

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct fake_echo e;
	struct fake_transport t;
	struct fake_ring r[3];
	unsigned served;  /* calls of a function that serves a queue */
	u16 used_at_65th; /* what the driver saw of the first 64 then */
};

static inline void rig_up_with(struct rig *x, struct mem *m)
{
	memset(x, 0, sizeof(*x));
	x->mem = m;
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);
	ck_assert_int_eq(fake_echo_init(&x->e, 7, m, x->loop), 0);
	fake_transport_attach(&x->t, &x->e.dev);
}

static inline void rig_up(struct rig *x)
{
	rig_up_with(x, fake_mem(0));
}

static inline void rig_down(struct rig *x)
{
	fake_unplug(&x->e.dev);
}

static inline u8 status(struct rig *x)
{
	return virtio_status_get(&x->e.dev);
}

#endif
