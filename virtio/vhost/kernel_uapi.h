/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is used of the kernel's interface to devices that it serves itself [Linux
 * include/uapi/linux/vhost.h, vhost_types.h]. Those headers define names of virtio's anew that
 * virtio/core/spec.h has.
 */
#ifndef VIRTIO_VHOST_KERNEL_UAPI_H
#define VIRTIO_VHOST_KERNEL_UAPI_H

#include <sys/ioctl.h>

#include "lkvm/base/util.h"

struct vhost_vring_state {
	u32 index, num;
};

struct vhost_vring_file {
	u32 index;
	int fd; /* -1: none */
};

struct vhost_vring_addr {
	u32 index, flags;
	u64 desc_user_addr, used_user_addr, avail_user_addr, log_guest_addr;
};
static_assert(sizeof(struct vhost_vring_addr) == 40, "vhost_types.h");

struct vhost_memory_region {
	u64 guest_phys_addr, memory_size, userspace_addr, flags_padding;
};
static_assert(sizeof(struct vhost_memory_region) == 32, "vhost_types.h");

/* The kernel's has no end: as many as nregions says. */
#define VHOST_MAX_REGIONS 8u
struct vhost_memory {
	u32 nregions, padding;
	struct vhost_memory_region regions[VHOST_MAX_REGIONS];
};

#define VHOST_GET_FEATURES _IOR(0xaf, 0x00, u64)
#define VHOST_SET_FEATURES _IOW(0xaf, 0x00, u64)
#define VHOST_SET_OWNER _IO(0xaf, 0x01)
#define VHOST_SET_MEM_TABLE _IOW(0xaf, 0x03, u64) /* the size of its beginning */
#define VHOST_SET_VRING_NUM _IOW(0xaf, 0x10, struct vhost_vring_state)
#define VHOST_SET_VRING_ADDR _IOW(0xaf, 0x11, struct vhost_vring_addr)
#define VHOST_SET_VRING_BASE _IOW(0xaf, 0x12, struct vhost_vring_state)
#define VHOST_SET_VRING_KICK _IOW(0xaf, 0x20, struct vhost_vring_file)
#define VHOST_SET_VRING_CALL _IOW(0xaf, 0x21, struct vhost_vring_file)
#define VHOST_SET_VRING_ERR _IOW(0xaf, 0x22, struct vhost_vring_file)
#define VHOST_NET_SET_BACKEND _IOW(0xaf, 0x30, struct vhost_vring_file)
#define VHOST_VSOCK_SET_GUEST_CID _IOW(0xaf, 0x60, u64)
#define VHOST_VSOCK_SET_RUNNING _IOW(0xaf, 0x61, int)

#endif
