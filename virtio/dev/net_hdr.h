/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What virtio-net says about a frame: the header in front of it, and the features that stand for
 * offloads of a netif [virtio 1.3 §5.1.3, §5.1.6]. Values only; any thread.
 */
#ifndef VIRTIO_NET_HDR_H
#define VIRTIO_NET_HDR_H

#include "lkvm/base/le.h"
#include "net/netif.h"
#include "virtio/core/device.h"

/* Feature bits [§5.1.3]. */
#define VIRTIO_NET_F_CSUM BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT(1)
#define VIRTIO_NET_F_MTU BIT(3)
#define VIRTIO_NET_F_MAC BIT(5)
#define VIRTIO_NET_F_GUEST_TSO4 BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6 BIT(8)
#define VIRTIO_NET_F_HOST_TSO4 BIT(11)
#define VIRTIO_NET_F_HOST_TSO6 BIT(12)
#define VIRTIO_NET_F_MRG_RXBUF BIT(15)
#define VIRTIO_NET_F_STATUS BIT(16)
#define VIRTIO_NET_F_CTRL_VQ BIT(17)
#define VIRTIO_NET_F_CTRL_RX BIT(18)
#define VIRTIO_NET_F_CTRL_RX_EXTRA BIT(20)
#define VIRTIO_NET_F_MQ BIT(22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR BIT(23)

/* In front of each frame [§5.1.6]. */
struct net_hdr {
	u8 flags;
	u8 gso_type;
	le16 hdr_len;
	le16 gso_size;
	le16 csum_start;
	le16 csum_offset;
	le16 num_buffers;
};
static_assert(sizeof(struct net_hdr) == 12, "as in the specification");

/*
 * The offloads of a netif (NETIF_*) as features to offer, and the features that a driver has
 * accepted as offloads.
 */
u64 net_features_of(u32 offloads);
u32 net_offloads_of(const struct virtio_device *d);

/*
 * Check the header of a frame that the guest sends, and put it into *o. The frame has `len` bytes
 * without the header. NULL; or a clause, what is wrong with it: then the frame is to be dropped.
 * Unknown flags are ignored.
 */
const char *net_hdr_check(struct netif_offload *o, const struct net_hdr *h, size_t len,
			  const struct virtio_device *d);

/* Fill the header of a frame for the guest, which lies in `nr_buffers` buffers. */
void net_hdr_fill(struct net_hdr *h, const struct netif_offload *o, u16 nr_buffers);

#endif
