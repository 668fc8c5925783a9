/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sysfs says of a device, and what has to be done before a guest can have it.
 *
 * Thread: main.
 * Trust:  the user's own command line; the kernel.
 * Spec:   Documentation/driver-api/vfio.rst, Documentation/ABI/testing/sysfs-bus-pci
 */
#include "lkvm/vfio/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"

#define DEVICES "/sys/bus/pci/devices/"
#define PATH_SIZE 128u

/* [PCI Code and ID 1.11] base class 06h, sub-classes of bridges between PCI buses */
#define CLASS_BRIDGE 0x0604u

/* Flags of a line of `resource` [linux/ioport.h]. */
#define RESOURCE_MEM 0x200u
#define RESOURCE_MEM_64 0x100000u

int vfio_conf_parse(const char *val, struct vfio_conf *out)
{
	unsigned domain = 0, bus, dev, fn;
	int end = 0;

	if (sscanf(val, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end) != 4 || val[end]) {
		domain = 0;
		end = 0;
		if (sscanf(val, "%2x:%2x.%1x%n", &bus, &dev, &fn, &end) != 3 || val[end])
			end = 0;
	}
	/* scanf would take blanks and signs, too. */
	if (!end || dev > 31 || fn > 7 || strspn(val, "0123456789abcdefABCDEF:.") != (size_t)end) {
		log_error("--vfio-pci wants [domain:]bus:dev.fn as lspci shows it, not '%s'", val);
		return -EINVAL;
	}
	snprintf(out->addr, sizeof(out->addr), "%04x:%02x:%02x.%x", domain, bus, dev, fn);
	return 0;
}

static char *path_of(char buf[PATH_SIZE], const char *addr, const char *file)
{
	snprintf(buf, PATH_SIZE, DEVICES "%.19s/%.80s", addr, file);
	return buf;
}

/* Drivers that hand a device to user space; those of vendors have it in their name. */
static bool is_vfio(const char *driver)
{
	return strstr(driver, "vfio");
}

/* The driver's name, empty if it has none. */
static void driver_of(const char *addr, char driver[VFIO_NAME_SIZE])
{
	char path[PATH_SIZE];

	if (vfio_link(path_of(path, addr, "driver"), driver))
		driver[0] = 0;
}

static int not_bound(const char *addr, const char *driver)
{
	char has[VFIO_NAME_SIZE + 32] = "no driver has it", unbind[160] = "";

	if (*driver) {
		snprintf(has, sizeof(has), "the host's driver %s has it", driver);
		snprintf(unbind, sizeof(unbind), "echo %s >" DEVICES "%s/driver/unbind; ", addr,
			 addr);
	}
	log_error("--vfio-pci %s: %s, it has to be vfio-pci: modprobe vfio-pci; echo vfio-pci "
		  ">" DEVICES "%s/driver_override; %secho %s >/sys/bus/pci/drivers_probe",
		  addr, has, addr, unbind, addr);
	return -EBUSY;
}

static bool is_bridge(const char *addr)
{
	char path[PATH_SIZE], text[32];
	unsigned class_code;

	return !vfio_text(path_of(path, addr, "class"), text, sizeof(text)) &&
	       sscanf(text, "%x", &class_code) == 1 && class_code >> 8 == CLASS_BRIDGE;
}

/* The IOMMU sees one requester for all of a group: what one of them may reach all may. */
static int check_group(const struct vfio_place *p)
{
	char path[PATH_SIZE], other[VFIO_NAME_SIZE], driver[VFIO_NAME_SIZE];

	path_of(path, p->addr, "iommu_group/devices");
	for (unsigned i = 0; !vfio_entry(path, i, other); i++) {
		driver_of(other, driver);
		if (!*driver || is_vfio(driver) || !strcmp(driver, "pci-stub") || is_bridge(other))
			continue;
		log_error("--vfio-pci %s: the IOMMU cannot tell it from %s (group %u), which the "
			  "host's driver %s has: unbind that one, too (echo %s >" DEVICES
			  "%s/driver/unbind)",
			  p->addr, other, p->group, driver, other, other);
		return -EBUSY;
	}
	return 0;
}

int vfio_find(const struct vfio_conf *conf, struct vfio_place *out)
{
	char path[PATH_SIZE], text[32], name[VFIO_NAME_SIZE];

	*out = (struct vfio_place){ .addr = conf->addr };
	if (vfio_text(path_of(path, conf->addr, "vendor"), text, sizeof(text))) {
		log_error("--vfio-pci %s: this host has no such device (lspci -D lists them)",
			  conf->addr);
		return -ENODEV;
	}
	if (vfio_link(path_of(path, conf->addr, "iommu_group"), name) ||
	    sscanf(name, "%u", &out->group) != 1) {
		log_error("--vfio-pci %s: this host has no IOMMU that could keep the device to the "
			  "guest's memory: is it switched on in the firmware, and does the kernel "
			  "drive it (CONFIG_ARM_SMMU_V3)?",
			  conf->addr);
		return -ENODEV;
	}
	driver_of(conf->addr, name);
	if (!is_vfio(name))
		return not_bound(conf->addr, name);
	if (vfio_entry(path_of(path, conf->addr, "vfio-dev"), 0, out->cdev))
		out->cdev[0] = 0;
	return check_group(out);
}

u64 vfio_find_size64(const struct vfio_conf *conf)
{
	unsigned long long start, end, flags;
	char path[PATH_SIZE], text[1024];
	u64 sum = 0;
	int len;

	if (vfio_text(path_of(path, conf->addr, "resource"), text, sizeof(text)))
		return 0;
	for (const char *at = text; sscanf(at, "%llx %llx %llx%n", &start, &end, &flags, &len) == 3;
	     at += len) {
		/* Twice: as much again may be lost to alignment. */
		if ((flags & RESOURCE_MEM) && (flags & RESOURCE_MEM_64) && end > start)
			sum += 2 * (end - start + 1);
	}
	return sum;
}
