/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An address space by a container of IOMMU groups: kernels without iommufd, or that are built
 * without it, as Debian's are.
 *
 * Thread: as iommu.c.
 * Trust:  the kernel.
 * Spec:   Documentation/driver-api/vfio.rst, "VFIO Usage Example"
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/iommu_ops.h"

#define CONTAINER "/dev/vfio/vfio"

static int open_container(struct vfio_iommu *io, const struct vfio_place *p)
{
	int fd = vfio_open(CONTAINER);

	if (fd < 0)
		return log_errno(fd, "--vfio-pci %s: cannot open " CONTAINER "%s", p->addr,
				 fd == -EACCES ? " (it is for everybody: mode 0666)"
					       : " (modprobe vfio-pci)");
	if (vfio_ioctl_val(fd, VFIO_GET_API_VERSION, 0) != VFIO_API_VERSION ||
	    vfio_ioctl_val(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1) {
		close(fd);
		log_error("--vfio-pci %s: the kernel's VFIO has no driver for IOMMUs (modprobe "
			  "vfio_iommu_type1)",
			  p->addr);
		return -ENODEV;
	}
	io->fd = fd;
	return 0;
}

/* The driver of the IOMMU can be set when there is a group, and only once. */
static int join(struct vfio_iommu *io, int group, const struct vfio_place *p)
{
	struct vfio_group_status s = { .argsz = sizeof(s) };
	int err = vfio_ioctl(group, VFIO_GROUP_GET_STATUS, &s);

	if (!err && !(s.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		log_error("--vfio-pci %s: not all devices of its group are free of the host's "
			  "drivers: ls /sys/kernel/iommu_groups/%u/devices",
			  p->addr, p->group);
		return -EBUSY;
	}
	if (!err)
		err = vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &io->fd);
	if (!err && !io->nr_groups)
		err = vfio_ioctl_val(io->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	if (err == -EPERM) {
		log_error("--vfio-pci %s: this host cannot keep apart the interrupts of devices "
			  "(no ITS), so the kernel wants to hear that it may be: echo 1 "
			  ">/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
			  p->addr);
		return err;
	}
	return err ? log_errno(err, "--vfio-pci %s: group %u cannot be taken", p->addr, p->group)
		   : 0;
}

/* The group's descriptor, which several devices may have in common. */
static int group_fd(struct vfio_iommu *io, const struct vfio_place *p,
		    void (*tell)(void *arg, int fd), void *arg)
{
	char path[64];
	int fd, err;

	for (unsigned i = 0; i < io->nr_groups; i++) {
		if (io->groups[i].number == p->group)
			return io->groups[i].fd;
	}
	snprintf(path, sizeof(path), "/dev/vfio/%u", p->group);
	fd = vfio_open(path);
	if (fd == -EBUSY) {
		log_error("--vfio-pci %s: %s is in use, by another guest?", p->addr, path);
		return fd;
	}
	if (fd < 0)
		return log_errno(fd, "--vfio-pci %s: cannot open %s%s", p->addr, path,
				 fd == -EACCES ? " (chown it to the user of lkvm)" : "");
	err = join(io, fd, p);
	if (err) {
		close(fd);
		return err;
	}
	tell(arg, fd);
	assert(io->nr_groups < VFIO_MAX_DEVICES);
	io->groups[io->nr_groups].number = p->group;
	io->groups[io->nr_groups++].fd = fd;
	return fd;
}

static int add(struct vfio_iommu *io, const struct vfio_place *p, void (*tell)(void *arg, int fd),
	       void *arg)
{
	char name[VFIO_ADDR_SIZE];
	int err = io->fd < 0 ? open_container(io, p) : 0, fd;

	if (err)
		return err;
	fd = group_fd(io, p, tell, arg);
	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "%s", p->addr);
	fd = vfio_ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, name);
	return fd < 0 ? log_errno(fd, "--vfio-pci %s: cannot take it (group %u)", p->addr, p->group)
		      : fd;
}

/* NULL: the kernel does not say, or not all of it is there. */
static const struct vfio_iommu_type1_info_cap_iova_range *find_ranges(
	const struct vfio_iommu_type1_info *info, u32 len)
{
	u32 first = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	const struct vfio_iommu_type1_info_cap_iova_range *c =
		vfio_cap(info, len, first, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(*c));

	if (!c || !range_within((u64)((const char *)c->iova_ranges - (const char *)info),
				(u64)c->nr_iovas * sizeof(c->iova_ranges[0]), len))
		return NULL;
	return c;
}

static int ranges(struct vfio_iommu *io, struct vfio_iova_range *r)
{
	union {
		struct vfio_iommu_type1_info info;
		u64 room[512];
	} u = { .info.argsz = sizeof(u) };
	const struct vfio_iommu_type1_info_cap_iova_range *c;
	int err = vfio_ioctl(io->fd, VFIO_IOMMU_GET_INFO, &u.info);
	u32 nr;

	if (err)
		return err;
	c = find_ranges(&u.info, sizeof(u));
	if (!c) { /* before Linux 5.4: who maps will see */
		r[0] = (struct vfio_iova_range){ 0, UINT64_MAX };
		return 1;
	}
	nr = MIN(c->nr_iovas, VFIO_MAX_RANGES);
	memcpy(r, c->iova_ranges, nr * sizeof(*r));
	return (int)nr;
}

static int map(struct vfio_iommu *io, u64 iova, u64 len, void *host)
{
	struct vfio_iommu_type1_dma_map m = { .argsz = sizeof(m),
					      .flags = VFIO_DMA_MAP_FLAG_READ |
						       VFIO_DMA_MAP_FLAG_WRITE,
					      .vaddr = (uintptr_t)host,
					      .iova = iova,
					      .size = len };

	return vfio_ioctl(io->fd, VFIO_IOMMU_MAP_DMA, &m);
}

static int unmap(struct vfio_iommu *io, u64 iova, u64 len, u64 *done)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .iova = iova, .size = len };
	int err = vfio_ioctl(io->fd, VFIO_IOMMU_UNMAP_DMA, &u);

	*done = u.size;
	return err;
}

const struct vfio_iommu_ops vfio_container = {
	.add = add,
	.ranges = ranges,
	.map = map,
	.unmap = unmap,
};
