/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card that another process serves (vhost-user): passt, for example. Frames never come to
 * lkvm.
 *
 * Thread: create on main; net_refuse() on the device's loop.
 * Trust:  of the guest nothing is read here.
 * Spec:   virtio 1.3 §5.1
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/net_hdr.h"
#include "virtio/dev/vhost_dev.h"

#define NR_QUEUES 2u /* received frames, and sent ones */
#define RING_SIZE 256u

/* [virtio 1.3 §5.1.3] What the card does with frames is the back end's to offer. */
#define OF_FRAMES                                                                                  \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |                   \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |               \
	 VIRTIO_NET_F_MRG_RXBUF)

/* [virtio 1.3 §5.1.4] */
struct net_config {
	u8 mac[NETIF_MAC_LEN];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
};
static_assert(sizeof(struct net_config) == 12, "virtio 1.3 section 5.1.4");

#define STATUS_LINK_UP 1u

/* A wire that ends nowhere: what is sent is gone, and nothing comes. */
static int net_refuse(struct virtio_device *d, const struct chain *c)
{
	return 0;
}

static const struct virtio_type net_type = {
	.name = "net",
	.id = 1,
	.pci_class = 0x020000, /* Ethernet */
	.foreign = true,
	.start = vhost_dev_start,
	.kick = vhost_dev_kick,
	.stop = vhost_dev_stop,
	.destroy = vhost_dev_destroy,
};

static const struct vhost_kind net_kind = {
	.type = &net_type,
	.features = OF_FRAMES,
	.then = "the guest's network ends nowhere now",
	.refuse = net_refuse,
	.refused = BIT(1),
};

int virtio_vhost_net_create(struct virtio_device **out, const struct virtio_env *env,
			    const char *socket, const u8 *mac, u16 mtu)
{
	const struct virtio_pool *pool = env->pool;
	u16 sizes[NR_QUEUES] = { pool ? virtio_pool_rx(pool, mtu) : RING_SIZE,
				 pool ? pool->tx : RING_SIZE };
	struct net_config *config = calloc(1, sizeof(*config));
	const struct vhost_dev_conf dev = {
		.kind = &net_kind,
		.sizes = sizes,
		.nr_queues = NR_QUEUES,
		.config = config,
		.config_len = sizeof(*config),
		.socket = socket,
	};
	int err;

	if (!config)
		return log_errno(-ENOMEM, "virtio-net");
	memcpy(config->mac, mac, sizeof(config->mac));
	config->status = le16_of(STATUS_LINK_UP);
	config->max_virtqueue_pairs = le16_of(1);
	config->mtu = le16_of(mtu);
	err = vhost_dev_create(out, env, &dev);
	if (!err)
		virtio_offer(*out,
			     VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | (mtu ? VIRTIO_NET_F_MTU : 0));
	return err;
}
