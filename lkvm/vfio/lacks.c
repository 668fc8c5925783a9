/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host lacks for --vfio-pci before any device is named: an IOMMU, the driver that devices
 * are bound to, nodes in /dev that this user may open.
 *
 * Thread: main.
 * Trust:  the kernel.
 * Spec:   Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst
 */
#include "lkvm/vfio/lacks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lkvm/vfio/sys.h"

#define GROUPS "/sys/kernel/iommu_groups"
#define DRIVER "/sys/bus/pci/drivers/vfio-pci"
#define IOMMUFD "/dev/iommu"
#define CONTAINER "/dev/vfio/vfio"

struct text {
	char *buf;
	const char *between;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	size_t len = strlen(t->buf);
	va_list ap;
	int n;

	if (len)
		len += (size_t)snprintf(t->buf + len, VFIO_LACKS_SIZE - len, "%s", t->between);
	va_start(ap, fmt);
	n = vsnprintf(t->buf + len, VFIO_LACKS_SIZE - len, fmt, ap);
	va_end(ap);
	assert(n < (int)(VFIO_LACKS_SIZE - len));
}

/* 0, or -errno of opening it. */
static int try_open(const char *path)
{
	int fd = vfio_open(path);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* One of the two ways to an address space. A container needs no rights, an iommufd is root's. */
static void look_at_ways(struct text *needs, int iommufd, int container)
{
	if (!iommufd || !container)
		return;
	if (iommufd == -ENOENT && container == -ENOENT)
		say(needs, "a kernel with CONFIG_VFIO and " IOMMUFD " or " CONTAINER
			   " (modprobe vfio-pci vfio_iommu_type1)");
	else if (iommufd != -ENOENT)
		say(needs, "access to " IOMMUFD ": %s", strerror(-iommufd));
	else
		say(needs, "access to " CONTAINER ": %s", strerror(-container));
}

/* Links with the addresses of devices are in the driver's folder beside its own files. */
static unsigned nr_ready(void)
{
	char name[VFIO_NAME_SIZE];
	unsigned nr = 0;

	for (unsigned i = 0; !vfio_entry(DRIVER, i, name); i++)
		nr += strchr(name, ':') != NULL;
	return nr;
}

static void say_what_is_there(struct text *has, int iommufd, int container)
{
	struct rlimit lock;
	unsigned nr = nr_ready();

	say(has, "by %s%s%s", iommufd ? "" : IOMMUFD, !iommufd && !container ? " or " : "",
	    container ? "" : CONTAINER);
	if (nr)
		say(has, "%u device%s bound to vfio-pci", nr, nr == 1 ? "" : "s");
	else
		say(has, "no device is bound to vfio-pci yet (lkvm run --vfio-pci says how)");
	if (!getrlimit(RLIMIT_MEMLOCK, &lock) && lock.rlim_cur != RLIM_INFINITY)
		say(has,
		    "RLIMIT_MEMLOCK allows %llu MiB of guests to who lacks CAP_IPC_LOCK (ulimit -l)",
		    (unsigned long long)(lock.rlim_cur / MiB));
}

bool vfio_lacks(char buf[VFIO_LACKS_SIZE])
{
	struct text needs = { .buf = buf, .between = "; " }, has = { .buf = buf, .between = ", " };
	int iommufd = try_open(IOMMUFD), container = try_open(CONTAINER);
	char name[VFIO_NAME_SIZE];

	buf[0] = 0;
	if (vfio_entry(GROUPS, 0, name))
		say(&needs, "an IOMMU (" GROUPS " is empty: firmware or kernel has it off)");
	if (vfio_entry(DRIVER, 0, name))
		say(&needs, "the driver vfio-pci (modprobe vfio-pci)");
	look_at_ways(&needs, iommufd, container);
	if (strlen(buf))
		return false;
	say_what_is_there(&has, iommufd, container);
	return true;
}
