/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host with PCI devices behind an IOMMU, in place of lkvm/vfio/sys.c: sysfs, iommufd with nodes
 * of devices, the container with groups. Made from the kernel's documentation and headers, not from
 * lkvm/vfio/. Rules of the kernel that a caller could break are kept: mappings do not overlap and
 * go as a whole, one kind of interrupts at a time, a device is of use only in an address space.
 *
 * Descriptors are real (memfds), so that close() is the kernel's; what they are is forgotten with
 * fake_vfio_init(). One thread.
 */
#ifndef TESTS_FAKE_VFIO_H
#define TESTS_FAKE_VFIO_H

#include "lkvm/vfio/sys.h"
#include "lkvm/vfio/uapi.h"

#define FAKE_VFIO_DEVICES 3u
#define FAKE_VFIO_MAPS 128u
#define FAKE_VFIO_VECTORS 300u

struct fake_vfio_bar {
	u64 size;
	bool can_map;
	struct vfio_region_sparse_mmap_area sparse[2]; /* of size 0: there is none */
	u8 *mem;				       /* the device's registers */
	unsigned nr_maps;
};

struct fake_vfio_device {
	const char *addr, *driver; /* driver NULL: none */
	const char *class_code;	   /* as in sysfs */
	unsigned group;
	bool has_iommu;
	const char *resource; /* text of that file, or NULL */
	u8 config[256];
	struct fake_vfio_bar bars[6];
	unsigned irqs[5]; /* how many of each kind */
	bool can_reset;

	/* what came of it */
	bool bound, attached;
	unsigned resets;
	int mode;	 /* enum vfio_irq_index of the kind that is on, or -1 */
	unsigned nr_fds; /* of that kind */
	int fds[FAKE_VFIO_VECTORS];
	int unmask;	   /* the eventfd that unmasks INTx, or -1 */
	int request;	   /* the one that is written when the host wants the device back, or -1 */
	unsigned max_irqs; /* SET_IRQS of more answers with this number; 0: any */
};

struct fake_vfio_map {
	u64 iova, len;
	char *host;
};

struct fake_vfio {
	bool has_iommufd, has_cdev, has_container, viable;
	bool has_driver; /* vfio-pci is loaded */
	int open_err;	 /* of /dev/iommu and /dev/vfio/vfio, -errno */
	unsigned nr;
	struct fake_vfio_device devices[FAKE_VFIO_DEVICES];

	unsigned nr_maps;
	struct fake_vfio_map maps[FAKE_VFIO_MAPS];
	u64 max_mapped; /* bytes; more answers -ENOMEM */
	struct vfio_iova_range allowed[2];
	unsigned nr_allowed; /* 0: the kernel does not tell */
	u64 unmaps_less;     /* so many bytes less than asked for */

	unsigned long fail_req; /* the `fail_nth` (from 0) ioctl of this number answers -fail_err */
	unsigned fail_nth;
	int fail_err;
	unsigned ioctls[256]; /* how often, by the number's low byte */
};
extern struct fake_vfio fake_vfio;

/* A host with iommufd, device nodes and a container, and no devices. */
void fake_vfio_init(void);

/* Unmap the registers of its devices; for those who make one after the other. */
void fake_vfio_release(void);

/* An NVMe-like device more, driven by vfio-pci, alone in its group; more is the caller's to set. */
struct fake_vfio_device *fake_vfio_add(const char *addr, unsigned group);

/* What a device finds at this address, `len` bytes; NULL: the IOMMU stops it. */
char *fake_vfio_dma(u64 iova, u64 len);

/* The device sends interrupt `n` of the kind that is on: false: nobody has asked for it. */
bool fake_vfio_interrupt(struct fake_vfio_device *d, unsigned n);

#endif
