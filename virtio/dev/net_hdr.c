/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers and offload features of virtio-net.
 *
 * Thread: any.
 * Trust:  a header is the guest's, already copied; each field is checked against the frame's length
 *         and against what was negotiated.
 * Spec:   virtio 1.3 §5.1.3, §5.1.6
 */
#include "virtio/dev/net_hdr.h"

#define HDR_F_NEEDS_CSUM 1u
#define HDR_F_DATA_VALID 2u

#define ETH_HDR_LEN 14u

/*
 * Which offloads of a netif are which features; a TSO bit is worth nothing without its checksum
 * bit.
 */
static const struct {
	u64 feature;
	u32 offload;
	u64 needs; /* [§5.1.3.1] */
} offload_map[] = {
	{ VIRTIO_NET_F_CSUM, NETIF_TX_CSUM, 0 },
	{ VIRTIO_NET_F_HOST_TSO4, NETIF_TX_TSO4, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_HOST_TSO6, NETIF_TX_TSO6, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_GUEST_CSUM, NETIF_RX_CSUM, 0 },
	{ VIRTIO_NET_F_GUEST_TSO4, NETIF_RX_TSO4, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO6, NETIF_RX_TSO6, VIRTIO_NET_F_GUEST_CSUM },
};

u64 net_features_of(u32 offloads)
{
	u64 features = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(offload_map); i++)
		if (offloads & offload_map[i].offload)
			features |= offload_map[i].feature;
	return features;
}

u32 net_offloads_of(const struct virtio_device *d)
{
	u32 offloads = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(offload_map); i++)
		if (virtio_has(d, offload_map[i].feature | offload_map[i].needs))
			offloads |= offload_map[i].offload;
	return offloads;
}

static const char *check_csum(struct netif_offload *o, const struct net_hdr *h, size_t len)
{
	o->needs_csum = true;
	o->csum_start = le16_get(h->csum_start);
	o->csum_offset = le16_get(h->csum_offset);
	if ((size_t)o->csum_start + o->csum_offset + 2 > len)
		return "checksum outside the frame";
	return NULL;
}

static const char *check_gso(struct netif_offload *o, const struct net_hdr *h, size_t len,
			     const struct virtio_device *d)
{
	bool v4 = h->gso_type == NETIF_GSO_TCPV4, v6 = h->gso_type == NETIF_GSO_TCPV6;

	if (!(v4 && virtio_has(d, VIRTIO_NET_F_HOST_TSO4)) &&
	    !(v6 && virtio_has(d, VIRTIO_NET_F_HOST_TSO6)))
		return "segmentation that was not negotiated";
	o->gso = (enum netif_gso)h->gso_type;
	o->gso_size = le16_get(h->gso_size);
	o->hdr_len = le16_get(h->hdr_len);
	/*
	 * [§5.1.6.2.1]: segmentation implies NEEDS_CSUM; hdr_len is a hint, but not beyond the
	 * frame.
	 */
	if (!o->gso_size || !o->needs_csum || o->hdr_len > len)
		return "segmentation that makes no sense";
	return NULL;
}

const char *net_hdr_check(struct netif_offload *o, const struct net_hdr *h, size_t len,
			  const struct virtio_device *d)
{
	const char *why = NULL;

	*o = (struct netif_offload){ .gso = NETIF_GSO_NONE };
	if (len < ETH_HDR_LEN || len > NETIF_FRAME_MAX)
		return "frame of impossible length";
	if (h->flags & HDR_F_NEEDS_CSUM) {
		if (!virtio_has(d, VIRTIO_NET_F_CSUM))
			return "checksum offload that was not negotiated";
		why = check_csum(o, h, len);
	}
	if (!why && h->gso_type)
		why = check_gso(o, h, len, d);
	return why;
}

void net_hdr_fill(struct net_hdr *h, const struct netif_offload *o, u16 nr_buffers)
{
	*h = (struct net_hdr){ .num_buffers = le16_of(nr_buffers) };
	if (o->needs_csum) {
		h->flags = HDR_F_NEEDS_CSUM;
		h->csum_start = le16_of(o->csum_start);
		h->csum_offset = le16_of(o->csum_offset);
	} else if (o->data_valid) {
		h->flags = HDR_F_DATA_VALID;
	}
	if (o->gso != NETIF_GSO_NONE) {
		h->gso_type = (u8)o->gso;
		h->gso_size = le16_of(o->gso_size);
		h->hdr_len = le16_of(o->hdr_len);
	}
}
