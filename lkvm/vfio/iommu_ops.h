/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to an address space of the IOMMU, for iommu.c only. Contracts: lkvm/vfio/iommu.h. */
#ifndef LKVM_VFIO_IOMMU_OPS_H
#define LKVM_VFIO_IOMMU_OPS_H

#include "lkvm/vfio/iommu.h"

#define VFIO_MAX_DEVICES 8u
#define VFIO_MAX_RANGES 64u

struct vfio_iommu_ops {
	/* As vfio_iommu_add(), which says nothing more. */
	int (*add)(struct vfio_iommu *io, const struct vfio_place *p,
		   void (*tell)(void *arg, int fd), void *arg);
	/* What may be mapped: returns how many, at most VFIO_MAX_RANGES, or -errno. */
	int (*ranges)(struct vfio_iommu *io, struct vfio_iova_range *r);
	int (*map)(struct vfio_iommu *io, u64 iova, u64 len, void *host);
	/* *done: what was unmapped. */
	int (*unmap)(struct vfio_iommu *io, u64 iova, u64 len, u64 *done);
};

struct vfio_iommu {
	const struct vfio_iommu_ops *ops; /* NULL: not chosen yet */
	int fd;				  /* /dev/iommu, or the container; -1 */
	u32 ioas;			  /* iommufd: number of the address space */
	/* Containers: groups stay open as long as the container is used. */
	unsigned nr_groups;
	struct {
		unsigned number;
		int fd;
	} groups[VFIO_MAX_DEVICES];
};

extern const struct vfio_iommu_ops vfio_iommufd, vfio_container;

/* Is there a /dev/iommu with an address space for us? 0 or -errno; then io->fd is -1. */
int vfio_iommufd_open(struct vfio_iommu *io);

#endif
