/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of the vhost-user protocol, as far as this end of it needs them [QEMU
 * docs/interop/vhost-user.rst]. Values only. All numbers are in the byte order of the host.
 */
#ifndef VIRTIO_VHOST_PROTO_H
#define VIRTIO_VHOST_PROTO_H

#include "lkvm/base/util.h"

/* Requests of the front end. */
enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
};

/* Beside the features of virtio: there are features of the protocol. */
#define VHOST_F_PROTOCOL_FEATURES BIT(30)

#define VHOST_PROTOCOL_F_MQ BIT(0)	  /* it says how many queues it has */
#define VHOST_PROTOCOL_F_REPLY_ACK BIT(3) /* it answers what has no answer otherwise, if asked to */

/* In front of each message. */
struct vhost_header {
	u32 request;
	u32 flags;
	u32 size; /* of what follows */
};
static_assert(sizeof(struct vhost_header) == 12, "as in the protocol");

#define VHOST_VERSION 1u
#define VHOST_VERSION_MASK 3u
#define VHOST_REPLY 0x4u
#define VHOST_NEED_REPLY 0x8u

struct vhost_vring_state {
	u32 index, num;
};

struct vhost_vring_addr {
	u32 index, flags;
	u64 desc, used, avail; /* in the memory table's addresses of the front end */
	u64 log;
};
static_assert(sizeof(struct vhost_vring_addr) == 40, "as in the protocol");

#define VHOST_MAX_REGIONS 8u

struct vhost_region {
	u64 guest; /* address of the guest */
	u64 size;
	u64 user; /* of the front end: what rings are told by */
	u64 offset;
};

struct vhost_table {
	u32 nr, padding;
	struct vhost_region regions[VHOST_MAX_REGIONS];
};
static_assert(sizeof(struct vhost_table) == 8 + 8 * 32, "as in the protocol");

/* In SET_VRING_KICK and SET_VRING_CALL: the queue, and whether there is no descriptor. */
#define VHOST_VRING_INDEX 0xffu
#define VHOST_VRING_NO_FD BIT(8)

#endif
