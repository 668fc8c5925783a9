/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device of the host by its address: is it there, and may it be assigned? Main thread.
 */
#ifndef LKVM_VFIO_FIND_H
#define LKVM_VFIO_FIND_H

#include "lkvm/base/util.h"
#include "lkvm/vfio/sys.h"

#define VFIO_ADDR_SIZE 20u

/* Value of --vfio-pci. Plain data. */
struct vfio_conf {
	char addr[VFIO_ADDR_SIZE]; /* "0000:00:01.0", as sysfs has it */
};

/* "[domain:]bus:dev.fn". 0, or -EINVAL after one log_error() line. */
int vfio_conf_parse(const char *val, struct vfio_conf *out);

/* Where it is to be opened. */
struct vfio_place {
	const char *addr;	   /* the conf's */
	unsigned group;		   /* of the IOMMU */
	char cdev[VFIO_NAME_SIZE]; /* "vfio0", or empty: this kernel has no such nodes */
};

/*
 * Find the device of `conf`, which outlives *out. 0; -errno after one log_error() line that says
 * what to do: there is no such device, it has no IOMMU, another driver has it, or has others that
 * the IOMMU cannot tell from it.
 */
int vfio_find(const struct vfio_conf *conf, struct vfio_place *out);

/*
 * Bytes of address space that the 64-bit BARs of the device take, each rounded up to its alignment;
 * 0: it has none, or this machine has no such device.
 */
u64 vfio_find_size64(const struct vfio_conf *conf);

#endif
