/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of devices, and what sysfs says of them. */
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/find.h"
#include "tests/fake/vfio.h"
#include "tests/unit/suite.h"

START_TEST(addresses)
{
	static const struct {
		const char *val, *addr; /* NULL: refused */
	} cases[] = {
		{ "00:10.0", "0000:00:10.0" },
		{ "0001:Af:1f.7", "0001:af:1f.7" },
		{ "1:2:3.4", "0001:02:03.4" },
		{ "", NULL },
		{ "00:10", NULL },
		{ "00:10.", NULL },
		{ "00:10.8", NULL },
		{ "00:20.0", NULL },
		{ "00:10.0x", NULL },
		{ "00:10.0 ", NULL },
		{ " 00:10.0", NULL },
		{ "0000:00:10.0.0", NULL },
		{ "00000:00:10.0", NULL },
		{ "-1:10.0", NULL },
		{ "0x0:10.0", NULL },
		{ "../../etc:10.0", NULL },
	};
	struct vfio_conf c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = vfio_conf_parse(cases[i].val, &c);

		ck_assert_msg(err == (cases[i].addr ? 0 : -EINVAL), "%s", cases[i].val);
		if (cases[i].addr)
			ck_assert_str_eq(c.addr, cases[i].addr);
	}
}
END_TEST

static int find(const char *addr, struct vfio_place *p)
{
	static struct vfio_conf c;

	ck_assert_int_eq(vfio_conf_parse(addr, &c), 0);
	return vfio_find(&c, p);
}

START_TEST(a_good_one)
{
	struct vfio_place p;

	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 12);
	ck_assert_int_eq(find("00:10.0", &p), 0);
	ck_assert_uint_eq(p.group, 12);
	ck_assert_str_eq(p.cdev, "vfio0");
	fake_vfio.has_cdev = false;
	ck_assert_int_eq(find("00:10.0", &p), 0);
	ck_assert_str_eq(p.cdev, "");
}
END_TEST

/* Each reason is one line of its own. */
static int refused(const char *addr)
{
	unsigned before = log_errors();
	struct vfio_place p;
	int err = find(addr, &p);

	ck_assert_uint_eq(log_errors(), before + 1);
	return err;
}

START_TEST(reasons)
{
	struct fake_vfio_device *d, *other;

	fake_vfio_init();
	ck_assert_int_eq(refused("00:10.0"), -ENODEV);
	d = fake_vfio_add("0000:00:10.0", 1);
	d->has_iommu = false;
	ck_assert_int_eq(refused("00:10.0"), -ENODEV);
	d->has_iommu = true;
	d->driver = "nvme";
	ck_assert_int_eq(refused("00:10.0"), -EBUSY);
	d->driver = NULL;
	ck_assert_int_eq(refused("00:10.0"), -EBUSY);
	d->driver = "mlx5_vfio_pci";
	other = fake_vfio_add("0000:00:11.0", 1);
	other->driver = "e1000e";
	ck_assert_int_eq(refused("00:10.0"), -EBUSY);
}
END_TEST

/* Others of the group that do no harm: without a driver, with one that does nothing, bridges. */
START_TEST(groups)
{
	struct fake_vfio_device *other;
	struct vfio_place p;

	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 1);
	other = fake_vfio_add("0000:00:11.0", 1);
	other->driver = NULL;
	ck_assert_int_eq(find("00:10.0", &p), 0);
	other->driver = "pci-stub";
	ck_assert_int_eq(find("00:10.0", &p), 0);
	other->driver = "pcieport";
	ck_assert_int_eq(find("00:10.0", &p), -EBUSY);
	other->class_code = "0x060400";
	ck_assert_int_eq(find("00:10.0", &p), 0);
	other->driver = "e1000e";
	other->class_code = "0x020000";
	other->group = 2;
	ck_assert_int_eq(find("00:10.0", &p), 0);
}
END_TEST

START_TEST(size_of_64_bit_bars)
{
	struct fake_vfio_device *d;
	struct vfio_conf c;

	fake_vfio_init();
	vfio_conf_parse("00:10.0", &c);
	ck_assert_uint_eq(vfio_find_size64(&c), 0);
	d = fake_vfio_add("0000:00:10.0", 1);
	ck_assert_uint_eq(vfio_find_size64(&c), 0);
	d->resource = "0x0000000010000000 0x0000000010003fff 0x0000000000140204\n"
		      "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		      "0x0000000010010000 0x00000000100101ff 0x0000000000040200\n"
		      "0x0000001000000000 0x0000001fffffffff 0x000000000014220c\n"
		      "0x0000000000001000 0x000000000000101f 0x0000000000040101";
	ck_assert_uint_eq(vfio_find_size64(&c), 2 * (0x4000 + 64 * GiB));
}
END_TEST

SUITE_MAIN("lkvm/vfio/find", addresses, a_good_one, reasons, groups, size_of_64_bit_bars)
