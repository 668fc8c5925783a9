/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host wants a device back: the user is told, and not with each signal. */
#include <sys/eventfd.h>

#include "tests/unit/arm64/capture.h"
#include "tests/unit/lkvm/vfio/rig.h"

/* The kernel signals, each ten seconds. */
static unsigned lines_of(struct rig *x, const struct fake_vfio_device *d, unsigned signals)
{
	unsigned lines = 0;

	capture_start();
	for (unsigned i = 0; i < signals; i++) {
		ck_assert_int_eq(eventfd_write(d->request, 1), 0);
		loop_step(x->loop, 0);
		loop_step(x->loop, 0);
	}
	for (const char *s = captured(); (s = strstr(s, "0000:00:10.0: the host wants")); s++)
		lines++;
	return lines;
}

START_TEST(the_user_is_told)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	ck_assert_int_ge(d->request, 0);
	ck_assert_uint_eq(lines_of(&x, d, 1), 1);
	ck_assert_ptr_nonnull(strstr(captured(), "lkvm stop"));
	/* Five minutes of them are one line. */
	ck_assert_uint_eq(lines_of(&x, d, 29), 0);
	ck_assert_uint_eq(lines_of(&x, d, 60), 2);
	/* It is neither an interrupt of the device nor its end. */
	ck_assert_int_eq(d->mode, VFIO_PCI_INTX);
	vfio_device_reset(x.v);
	ck_assert_uint_eq(lines_of(&x, d, 1), 1);
	rig_down(&x);
}
END_TEST

/* A driver of the host that has no such signal: the device works without. */
START_TEST(none)
{
	struct fake_vfio_device *d;
	struct rig x;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->irqs[VFIO_PCI_REQ] = 0;
	ck_assert_int_eq(rig_start(&x, true), 0);
	ck_assert_int_eq(d->request, -1);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/vfio/request", the_user_is_told, none)
