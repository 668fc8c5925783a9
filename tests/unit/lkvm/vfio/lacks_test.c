/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host is said to lack for devices of its own, and what one that lacks nothing has. */
#include "lkvm/vfio/lacks.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/fake/vfio.h"
#include "tests/unit/suite.h"

static char text[VFIO_LACKS_SIZE];

#define SAYS(what) ck_assert_msg(strstr(text, what), "no '%s' in '%s'", what, text)
#define SAYS_NOT(what) ck_assert_msg(!strstr(text, what), "'%s' in '%s'", what, text)

static void a_host(void)
{
	fake_vfio_init();
	fake_vfio_add("0000:00:10.0", 12);
	fake_vfio_add("0000:00:11.0", 13)->driver = "e1000e";
}

START_TEST(nothing)
{
	a_host();
	ck_assert(vfio_lacks(text));
	SAYS("by /dev/iommu or /dev/vfio/vfio, 1 device bound");
	fake_vfio.has_container = false;
	fake_vfio.devices[1].driver = "vfio-pci";
	ck_assert(vfio_lacks(text));
	SAYS("by /dev/iommu, 2 devices bound");
	fake_vfio.has_iommufd = false;
	fake_vfio.has_container = true;
	fake_vfio.devices[0].driver = fake_vfio.devices[1].driver = NULL;
	ck_assert(vfio_lacks(text));
	SAYS("by /dev/vfio/vfio, no device is bound to vfio-pci yet");
}
END_TEST

START_TEST(the_limit)
{
	struct rlimit old, few;

	a_host();
	ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	few = old;
	few.rlim_cur = 8 * MiB;
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &few), 0);
	ck_assert(vfio_lacks(text));
	SAYS("RLIMIT_MEMLOCK allows 8 MiB");
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &old), 0);
}
END_TEST

START_TEST(each_alone)
{
	a_host();
	fake_vfio.devices[0].has_iommu = fake_vfio.devices[1].has_iommu = false;
	ck_assert(!vfio_lacks(text));
	SAYS("an IOMMU (");
	SAYS_NOT(";");
	a_host();
	fake_vfio.has_driver = false;
	ck_assert(!vfio_lacks(text));
	SAYS("the driver vfio-pci");
	SAYS_NOT(";");
	a_host();
	fake_vfio.has_iommufd = fake_vfio.has_container = false;
	ck_assert(!vfio_lacks(text));
	SAYS("CONFIG_VFIO");
	SAYS_NOT(";");
	a_host();
	fake_vfio.open_err = -EACCES;
	ck_assert(!vfio_lacks(text));
	SAYS("access to /dev/iommu: Permission denied");
	SAYS_NOT(";");
}
END_TEST

START_TEST(all_of_it_at_once)
{
	fake_vfio_init();
	fake_vfio.has_driver = fake_vfio.has_iommufd = fake_vfio.has_container = false;
	ck_assert(!vfio_lacks(text));
	SAYS("an IOMMU (");
	SAYS("; the driver vfio-pci (modprobe vfio-pci); a kernel with CONFIG_VFIO");
}
END_TEST

SUITE_MAIN("lkvm/vfio/lacks", nothing, the_limit, each_alone, all_of_it_at_once)
