/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One address space of the host's IOMMU, which all assigned devices of a guest share: what is
 * mapped there they reach, and nothing else. By iommufd where the kernel has it and shows the
 * device as a node of its own, otherwise by a container of groups [vfio.rst].
 */
#ifndef LKVM_VFIO_IOMMU_H
#define LKVM_VFIO_IOMMU_H

#include "lkvm/vfio/find.h"
#include "lkvm/vfio/uapi.h"

struct vfio_iommu;

/* An address space that nothing is in; no system call yet. 0 or -ENOMEM. Main thread. */
int vfio_iommu_create(struct vfio_iommu **out);

/* All devices are closed: everything is unmapped by that. Takes NULL. Main thread. */
void vfio_iommu_destroy(struct vfio_iommu *io);

/*
 * Open the device and put it into the address space. `tell` is called with `arg` and a descriptor
 * (the device's, or its group's) before the device is bound: KVM wants to know it. Returns the
 * device's descriptor, the caller's to close before vfio_iommu_destroy(), or -errno after one
 * log_error() line. Main thread.
 */
int vfio_iommu_add(struct vfio_iommu *io, const struct vfio_place *p,
		   void (*tell)(void *arg, int fd), void *arg);

/*
 * May [start, start + len) be mapped? -ERANGE: not all of it, because the host needs a part for
 * itself (messages, for instance), or because the IOMMU translates fewer bits; -errno of the
 * ioctl. With a device in it. Main thread.
 */
int vfio_iommu_allows(struct vfio_iommu *io, u64 start, u64 len);

/*
 * Let devices read and write `host`, `len` bytes of whole pages, at `iova`; the host's kernel pins
 * the pages. Unmap takes exactly what one or several maps have mapped, and when it returns 0 no
 * device reaches it any more. 0; -ENOMEM: more than RLIMIT_MEMLOCK; -EIO: the kernel says that it
 * has unmapped less; -errno of the ioctl. Any thread, one at a time.
 */
int vfio_iommu_map(struct vfio_iommu *io, u64 iova, u64 len, void *host);
int vfio_iommu_unmap(struct vfio_iommu *io, u64 iova, u64 len);

#endif
