/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An address space by iommufd, whose devices are nodes of their own (Linux 6.6 and later).
 *
 * Thread: as iommu.c.
 * Trust:  the kernel.
 * Spec:   Documentation/userspace-api/iommufd.rst; vfio.rst, "VFIO device cdev"
 *
 * The messages of devices: the host's kernel maps the doorbell of its interrupt controller itself,
 * where the IOMMU driver has a window for that, which is why the window is none of the allowed
 * ranges.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/iommu_ops.h"

int vfio_iommufd_open(struct vfio_iommu *io)
{
	struct iommu_ioas_alloc a = { .size = sizeof(a) };
	int fd = vfio_open("/dev/iommu"), err;

	if (fd < 0)
		return fd;
	err = vfio_ioctl(fd, IOMMU_IOAS_ALLOC, &a);
	if (err) {
		close(fd);
		return err;
	}
	io->fd = fd;
	io->ioas = a.out_ioas_id;
	return 0;
}

static int bind_failed(const struct vfio_place *p, int err)
{
	if (err == -EPERM)
		log_error("--vfio-pci %s: this host cannot keep apart the interrupts of devices "
			  "(no ITS), so the kernel wants to hear that it may be: echo 1 "
			  ">/sys/module/iommufd/parameters/allow_unsafe_interrupts",
			  p->addr);
	else if (err == -EINVAL)
		log_error("--vfio-pci %s: the kernel refuses it: does another device of group %u "
			  "belong to the host, or is its DMA not coherent with caches?",
			  p->addr, p->group);
	else
		log_errno(err, "--vfio-pci %s: cannot take it (group %u)", p->addr, p->group);
	return err;
}

static int add(struct vfio_iommu *io, const struct vfio_place *p, void (*tell)(void *arg, int fd),
	       void *arg)
{
	struct vfio_device_bind_iommufd b = { .argsz = sizeof(b), .iommufd = io->fd };
	struct vfio_device_attach_iommufd_pt a = { .argsz = sizeof(a), .pt_id = io->ioas };
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", p->cdev);
	fd = vfio_open(path);
	if (fd < 0)
		return log_errno(fd, "--vfio-pci %s: cannot open %s%s", p->addr, path,
				 fd == -EACCES ? " (chown it to the user of lkvm)" : "");
	tell(arg, fd);
	err = vfio_ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &b);
	if (!err)
		err = vfio_ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &a);
	if (!err)
		return fd;
	close(fd);
	return bind_failed(p, err);
}

static int ranges(struct vfio_iommu *io, struct vfio_iova_range *r)
{
	struct iommu_ioas_iova_ranges q = { .size = sizeof(q),
					    .ioas_id = io->ioas,
					    .num_iovas = VFIO_MAX_RANGES,
					    .allowed_iovas = (uintptr_t)r };
	int err = vfio_ioctl(io->fd, IOMMU_IOAS_IOVA_RANGES, &q);

	return err ? err : (int)MIN(q.num_iovas, VFIO_MAX_RANGES);
}

static int map(struct vfio_iommu *io, u64 iova, u64 len, void *host)
{
	struct iommu_ioas_map m = { .size = sizeof(m),
				    .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
					     IOMMU_IOAS_MAP_READABLE,
				    .ioas_id = io->ioas,
				    .user_va = (uintptr_t)host,
				    .length = len,
				    .iova = iova };

	return vfio_ioctl(io->fd, IOMMU_IOAS_MAP, &m);
}

static int unmap(struct vfio_iommu *io, u64 iova, u64 len, u64 *done)
{
	struct iommu_ioas_unmap u = {
		.size = sizeof(u), .ioas_id = io->ioas, .iova = iova, .length = len
	};
	int err = vfio_ioctl(io->fd, IOMMU_IOAS_UNMAP, &u);

	*done = u.length;
	return err;
}

const struct vfio_iommu_ops vfio_iommufd = {
	.add = add,
	.ranges = ranges,
	.map = map,
	.unmap = unmap,
};
