/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address space of assigned devices: which way to it, and what both ways have in common.
 *
 * Thread: main; mapping on vCPU threads, too, under the lock of the memory's converters.
 * Trust:  the kernel.
 * Spec:   Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst
 */
#include "lkvm/vfio/iommu.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/iommu_ops.h"

int vfio_iommu_create(struct vfio_iommu **out)
{
	struct vfio_iommu *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	io->fd = -1;
	*out = io;
	return 0;
}

void vfio_iommu_destroy(struct vfio_iommu *io)
{
	if (!io)
		return;
	while (io->nr_groups)
		close(io->groups[--io->nr_groups].fd);
	if (io->fd >= 0)
		close(io->fd);
	free(io);
}

int vfio_iommu_add(struct vfio_iommu *io, const struct vfio_place *p,
		   void (*tell)(void *arg, int fd), void *arg)
{
	/* The first device decides: an address space is of one kind. */
	if (!io->ops)
		io->ops = p->cdev[0] && !vfio_iommufd_open(io) ? &vfio_iommufd : &vfio_container;
	if (io->ops == &vfio_iommufd && !p->cdev[0]) {
		log_error("--vfio-pci %s: it has no node below /dev/vfio/devices, which the other "
			  "device has",
			  p->addr);
		return -ENODEV;
	}
	return io->ops->add(io, p, tell, arg);
}

int vfio_iommu_allows(struct vfio_iommu *io, u64 start, u64 len)
{
	struct vfio_iova_range r[VFIO_MAX_RANGES];
	int nr = io->ops->ranges(io, r);

	for (int i = 0; i < nr; i++) {
		if (start >= r[i].start && start + len - 1 <= r[i].end)
			return 0;
	}
	return nr < 0 ? nr : -ERANGE;
}

int vfio_iommu_map(struct vfio_iommu *io, u64 iova, u64 len, void *host)
{
	return io->ops->map(io, iova, len, host);
}

int vfio_iommu_unmap(struct vfio_iommu *io, u64 iova, u64 len)
{
	u64 done = 0;
	int err = io->ops->unmap(io, iova, len, &done);

	return err ? err : done == len ? 0 : -EIO;
}
