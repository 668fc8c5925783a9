/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An assigned device as a whole: each step of its creation fails once; reset, end. */
#include "tests/unit/lkvm/vfio/rig.h"

static void fails(struct fake_vfio_device *d, unsigned long req, unsigned nth, int want)
{
	unsigned before = log_errors();
	struct rig x;

	d->attached = d->bound = false;
	fake_vfio.fail_req = req;
	fake_vfio.fail_nth = nth;
	fake_vfio.fail_err = EIO;
	ck_assert_int_eq(rig_start(&x, true), want);
	ck_assert_uint_eq(log_errors(), before + 1);
	x.v = NULL;
	rig_down(&x);
	fake_vfio.fail_err = 0;
}

START_TEST(creation_fails)
{
	struct fake_vfio_device *d;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	fails(d, VFIO_DEVICE_BIND_IOMMUFD, 0, -EIO);
	fails(d, VFIO_DEVICE_GET_INFO, 0, -EIO);
	for (unsigned nth = 0; nth < 4; nth++)
		fails(d, VFIO_DEVICE_GET_REGION_INFO, nth, -EIO);
	fails(d, VFIO_DEVICE_GET_IRQ_INFO, 0, -EIO);
	fails(d, VFIO_DEVICE_SET_IRQS, 2, -EIO); /* after both of INTx */
	d->bars[0].size = 3 * 4096;
	fails(d, 0, 0, -EINVAL);
	d->bars[0].size = 8 * KiB; /* the table is behind it */
	fails(d, 0, 0, -EINVAL);
	d->bars[0].size = 128 * GiB; /* more than the window */
	fails(d, 0, 0, -ENOSPC);
	d->driver = "nvme";
	fails(d, 0, 0, -EBUSY);
}
END_TEST

START_TEST(the_end)
{
	struct rig x;
	struct fake_vfio_device *d = rig_up(&x);

	wr(&x, cfg(4), 2, 6);
	ck_assert_uint_eq(d->config[4], 6);
	vfio_device_reset(x.v);
	ck_assert_uint_eq(d->resets, 1);
	ck_assert_int_eq(d->mode, -1);
	ck_assert_uint_eq(d->config[4], 2); /* no bus mastering */
	rig_down(&x);
	vfio_device_destroy(NULL);
}
END_TEST

/* One that cannot be reset loses its DMA all the same. */
START_TEST(no_reset)
{
	struct rig x;
	struct fake_vfio_device *d;

	fake_vfio_init();
	d = fake_vfio_add("0000:00:10.0", 3);
	d->can_reset = false;
	ck_assert_int_eq(rig_start(&x, true), 0);
	wr(&x, cfg(4), 2, 6);
	vfio_device_reset(x.v);
	ck_assert_uint_eq(d->resets, 0);
	ck_assert_uint_eq(d->config[4], 2);
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/vfio/device", creation_fails, the_end, no_reset)
