/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ways to an address space: iommufd with device nodes, a container with groups. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/iommu.h"
#include "tests/fake/vfio.h"
#include "tests/unit/suite.h"

static unsigned nr_told;

static void told(void *arg, int fd)
{
	ck_assert(fd >= 0 && arg == &nr_told);
	nr_told++;
}

static int add(struct vfio_iommu *io, const char *addr)
{
	struct vfio_conf c;
	struct vfio_place p;

	ck_assert_int_eq(vfio_conf_parse(addr, &c), 0);
	ck_assert_int_eq(vfio_find(&c, &p), 0);
	return vfio_iommu_add(io, &p, told, &nr_told);
}

static void map_and_unmap(struct vfio_iommu *io)
{
	static char page[8192] __attribute__((aligned(4096)));

	ck_assert_int_eq(vfio_iommu_map(io, 0x80000000, 8192, page), 0);
	ck_assert_ptr_eq(fake_vfio_dma(0x80001000, 4096), page + 4096);
	ck_assert_int_eq(vfio_iommu_map(io, 0x80001000, 4096, page), -EEXIST);
	ck_assert_int_ne(vfio_iommu_unmap(io, 0x80000000, 4096), 0);
	fake_vfio.unmaps_less = 4096;
	ck_assert_int_eq(vfio_iommu_unmap(io, 0x80000000, 8192), -EIO);
	fake_vfio.unmaps_less = 0;
	ck_assert_int_eq(vfio_iommu_unmap(io, 0x80000000, 8192), 0);
	ck_assert_ptr_null(fake_vfio_dma(0x80000000, 1));
	fake_vfio.max_mapped = 4096;
	ck_assert_int_eq(vfio_iommu_map(io, 0x80000000, 8192, page), -ENOMEM);
}

static void ranges(struct vfio_iommu *io)
{
	fake_vfio.allowed[0] = (struct vfio_iova_range){ 0, 0x7ffffff };
	fake_vfio.allowed[1] = (struct vfio_iova_range){ 0x8100000, 0xffffffffff };
	fake_vfio.nr_allowed = 2;
	ck_assert_int_eq(vfio_iommu_allows(io, 0, 0x8000000), 0);
	ck_assert_int_eq(vfio_iommu_allows(io, 0, 0x8000001), -ERANGE);
	ck_assert_int_eq(vfio_iommu_allows(io, 0x8000000, 0x1000), -ERANGE);
	ck_assert_int_eq(vfio_iommu_allows(io, 0x80000000, GiB), 0);
	ck_assert_int_eq(vfio_iommu_allows(io, 0xffffffff000, 0x2000), -ERANGE);
}

static void two_devices(bool iommufd, bool cdev, u8 used)
{
	struct vfio_iommu *io;
	int a, b;

	fake_vfio_init();
	fake_vfio.has_iommufd = iommufd;
	fake_vfio.has_cdev = cdev;
	fake_vfio_add("0000:00:10.0", 3);
	fake_vfio_add("0000:00:11.0", 3);
	nr_told = 0;
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	a = add(io, "00:10.0");
	b = add(io, "00:11.0");
	ck_assert(a >= 0 && b >= 0);
	ck_assert(fake_vfio.devices[0].attached && fake_vfio.devices[1].attached);
	/* One group is told once, nodes one by one. */
	ck_assert_uint_eq(nr_told, used == (VFIO_DEVICE_BIND_IOMMUFD & 255) ? 2 : 1);
	ck_assert(fake_vfio.ioctls[used]);
	ranges(io);
	map_and_unmap(io);
	close(a);
	close(b);
	vfio_iommu_destroy(io);
}

START_TEST(by_iommufd)
{
	two_devices(true, true, VFIO_DEVICE_BIND_IOMMUFD & 255);
	ck_assert_uint_eq(fake_vfio.ioctls[VFIO_SET_IOMMU & 255], 0);
}
END_TEST

/* No /dev/iommu, or no nodes for devices. */
START_TEST(by_container)
{
	two_devices(false, true, VFIO_SET_IOMMU & 255);
	two_devices(true, false, VFIO_SET_IOMMU & 255);
	two_devices(false, false, VFIO_SET_IOMMU & 255);
	ck_assert_uint_eq(fake_vfio.ioctls[VFIO_DEVICE_BIND_IOMMUFD & 255], 0);
}
END_TEST

/* Kernels before 5.4 do not tell their ranges. */
START_TEST(ranges_unknown)
{
	struct vfio_iommu *io;
	int fd;

	fake_vfio_init();
	fake_vfio.has_iommufd = false;
	fake_vfio.nr_allowed = 0;
	fake_vfio_add("0000:00:10.0", 3);
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	fd = add(io, "00:10.0");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(vfio_iommu_allows(io, 0x80000000, GiB), 0);
	close(fd);
	vfio_iommu_destroy(io);
}
END_TEST

/* One line for each failure, and nothing stays open. */
static void fails(bool iommufd, unsigned long req, int err, int want)
{
	unsigned before = log_errors();
	struct vfio_iommu *io;

	fake_vfio_init();
	fake_vfio.has_iommufd = iommufd;
	fake_vfio_add("0000:00:10.0", 3);
	fake_vfio.fail_req = req;
	fake_vfio.fail_err = err;
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	ck_assert_int_eq(add(io, "00:10.0"), want);
	ck_assert_uint_eq(log_errors(), before + 1);
	vfio_iommu_destroy(io);
}

START_TEST(failures)
{
	struct vfio_iommu *io;

	fails(true, VFIO_DEVICE_BIND_IOMMUFD, EPERM, -EPERM);
	fails(true, VFIO_DEVICE_BIND_IOMMUFD, EINVAL, -EINVAL);
	fails(true, VFIO_DEVICE_ATTACH_IOMMUFD_PT, EBUSY, -EBUSY);
	fails(false, VFIO_GET_API_VERSION, ENOTTY, -ENODEV);
	fails(false, VFIO_CHECK_EXTENSION, EINVAL, -ENODEV);
	fails(false, VFIO_GROUP_GET_STATUS, EIO, -EIO);
	fails(false, VFIO_GROUP_SET_CONTAINER, EBUSY, -EBUSY);
	fails(false, VFIO_SET_IOMMU, EPERM, -EPERM);
	fails(false, VFIO_SET_IOMMU, ENODEV, -ENODEV);
	fails(false, VFIO_GROUP_GET_DEVICE_FD, EACCES, -EACCES);
	/* An iommufd that gives no address space is none. */
	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 3);
	fake_vfio.fail_req = IOMMU_IOAS_ALLOC;
	fake_vfio.fail_err = ENOMEM;
	fake_vfio.has_container = false;
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	ck_assert_int_eq(add(io, "00:10.0"), -ENOENT);
	vfio_iommu_destroy(io);
	fake_vfio.fail_err = 0;
	fake_vfio.has_iommufd = false;
	fake_vfio.has_container = true;
	fake_vfio.viable = false;
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	ck_assert_int_eq(add(io, "00:10.0"), -EBUSY);
	vfio_iommu_destroy(io);
	vfio_iommu_destroy(NULL);
}
END_TEST

/* The second device has no node, the first one had. */
START_TEST(mixed)
{
	struct vfio_iommu *io;
	int fd;

	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 3);
	fake_vfio_add("0000:00:11.0", 4);
	ck_assert_int_eq(vfio_iommu_create(&io), 0);
	fd = add(io, "00:10.0");
	ck_assert_int_ge(fd, 0);
	fake_vfio.has_cdev = false;
	ck_assert_int_eq(add(io, "00:11.0"), -ENODEV);
	close(fd);
	vfio_iommu_destroy(io);
}
END_TEST

SUITE_MAIN("lkvm/vfio/iommu", by_iommufd, by_container, ranges_unknown, failures, mixed)
