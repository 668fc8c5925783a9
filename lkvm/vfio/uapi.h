/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the kernel's user ABI for assigned devices that is used here, written down instead of
 * taken from <linux/vfio.h> and <linux/iommufd.h>: the build machine's headers may be older than
 * the kernel that runs. Names and values are the kernel's. All structs begin with their size.
 */
#ifndef LKVM_VFIO_UAPI_H
#define LKVM_VFIO_UAPI_H

#include <sys/ioctl.h>

#include "lkvm/base/util.h"

#define VFIO_IO(nr) _IO(';', nr)

/* ---- container and group [vfio.rst, "VFIO User API"] ---- */
#define VFIO_API_VERSION 0
#define VFIO_TYPE1v2_IOMMU 3

#define VFIO_GET_API_VERSION VFIO_IO(100)
#define VFIO_CHECK_EXTENSION VFIO_IO(101)
#define VFIO_SET_IOMMU VFIO_IO(102)
#define VFIO_GROUP_GET_STATUS VFIO_IO(103)
#define VFIO_GROUP_SET_CONTAINER VFIO_IO(104)
#define VFIO_GROUP_GET_DEVICE_FD VFIO_IO(106)
#define VFIO_IOMMU_GET_INFO VFIO_IO(112)
#define VFIO_IOMMU_MAP_DMA VFIO_IO(113)
#define VFIO_IOMMU_UNMAP_DMA VFIO_IO(114)

struct vfio_group_status {
	u32 argsz, flags;
};
#define VFIO_GROUP_FLAGS_VIABLE 1u

/* In a chain behind an info struct; `next` is an offset from the start of that struct, or 0. */
struct vfio_info_cap_header {
	u16 id, version;
	u32 next;
};

/*
 * In the chain of capabilities behind an info struct `info` of `len` bytes, whose first one is at
 * `first` (0: none): the one with `id`, of which `size` bytes are there at least; NULL: there is
 * none. A chain goes forwards only.
 */
static inline const void *vfio_cap(const void *info, u64 len, u32 first, u16 id, u64 size)
{
	u32 at = first;

	while (at && range_within(at, size, len)) {
		const struct vfio_info_cap_header *h = (const void *)((const char *)info + at);

		if (h->id == id)
			return h;
		if (h->next <= at)
			break;
		at = h->next;
	}
	return NULL;
}

struct vfio_iommu_type1_info {
	u32 argsz, flags;
	u64 iova_pgsizes;
	u32 cap_offset, pad;
};
#define VFIO_IOMMU_INFO_CAPS 2u
#define VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE 1u

struct vfio_iova_range {
	u64 start, end; /* inclusive, as iommufd's */
};

struct vfio_iommu_type1_info_cap_iova_range {
	struct vfio_info_cap_header header;
	u32 nr_iovas, reserved;
	struct vfio_iova_range iova_ranges[];
};

struct vfio_iommu_type1_dma_map {
	u32 argsz, flags;
	u64 vaddr, iova, size;
};
#define VFIO_DMA_MAP_FLAG_READ 1u
#define VFIO_DMA_MAP_FLAG_WRITE 2u

struct vfio_iommu_type1_dma_unmap {
	u32 argsz, flags;
	u64 iova, size; /* size: out, what was unmapped */
};

/* ---- iommufd ---- */
#define IOMMU_IOAS_ALLOC VFIO_IO(0x81)
#define IOMMU_IOAS_IOVA_RANGES VFIO_IO(0x84)
#define IOMMU_IOAS_MAP VFIO_IO(0x85)
#define IOMMU_IOAS_UNMAP VFIO_IO(0x86)

struct iommu_ioas_alloc {
	u32 size, flags, out_ioas_id;
};

struct iommu_ioas_iova_ranges {
	u32 size, ioas_id, num_iovas, reserved;
	u64 allowed_iovas; /* array of struct vfio_iova_range */
	u64 out_iova_alignment;
};

struct iommu_ioas_map {
	u32 size, flags, ioas_id, reserved;
	u64 user_va, length, iova;
};
#define IOMMU_IOAS_MAP_FIXED_IOVA 1u
#define IOMMU_IOAS_MAP_WRITEABLE 2u
#define IOMMU_IOAS_MAP_READABLE 4u

struct iommu_ioas_unmap {
	u32 size, ioas_id;
	u64 iova, length; /* length: out, what was unmapped */
};

/* ---- device ---- */
#define VFIO_DEVICE_GET_INFO VFIO_IO(107)
#define VFIO_DEVICE_GET_REGION_INFO VFIO_IO(108)
#define VFIO_DEVICE_GET_IRQ_INFO VFIO_IO(109)
#define VFIO_DEVICE_SET_IRQS VFIO_IO(110)
#define VFIO_DEVICE_RESET VFIO_IO(111)
#define VFIO_DEVICE_BIND_IOMMUFD VFIO_IO(118)
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT VFIO_IO(119)

struct vfio_device_bind_iommufd {
	u32 argsz, flags;
	s32 iommufd;
	u32 out_devid;
};

struct vfio_device_attach_iommufd_pt {
	u32 argsz, flags, pt_id;
};

struct vfio_device_info {
	u32 argsz, flags, num_regions, num_irqs, cap_offset, pad;
};
#define VFIO_DEVICE_FLAGS_RESET 1u
#define VFIO_DEVICE_FLAGS_PCI 2u

struct vfio_region_info {
	u32 argsz, flags, index, cap_offset;
	u64 size, offset;
};
#define VFIO_REGION_INFO_FLAG_READ 1u
#define VFIO_REGION_INFO_FLAG_WRITE 2u
#define VFIO_REGION_INFO_FLAG_MMAP 4u
#define VFIO_REGION_INFO_FLAG_CAPS 8u
#define VFIO_REGION_INFO_CAP_SPARSE_MMAP 1u

struct vfio_region_sparse_mmap_area {
	u64 offset, size;
};

struct vfio_region_info_cap_sparse_mmap {
	struct vfio_info_cap_header header;
	u32 nr_areas, reserved;
	struct vfio_region_sparse_mmap_area areas[];
};

#define VFIO_PCI_CONFIG_REGION_INDEX 7u /* the BARs are 0 to 5 */

struct vfio_irq_info {
	u32 argsz, flags, index, count;
};

/* VFIO_DEVICE_SET_IRQS; behind it `count` descriptors with DATA_EVENTFD. */
struct vfio_irq_set {
	u32 argsz, flags, index, start, count;
};
#define VFIO_IRQ_SET_DATA_NONE 1u
#define VFIO_IRQ_SET_DATA_EVENTFD 4u
#define VFIO_IRQ_SET_ACTION_UNMASK 16u
#define VFIO_IRQ_SET_ACTION_TRIGGER 32u

enum vfio_irq_index { VFIO_PCI_INTX, VFIO_PCI_MSI, VFIO_PCI_MSIX, VFIO_PCI_ERR, VFIO_PCI_REQ };

#endif
