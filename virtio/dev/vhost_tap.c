/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on a tap whose queues the host's kernel serves (vhost-net): with MSI-X a
 * frame of the guest costs lkvm nothing.
 *
 * Thread: as vhost_kernel.c.
 * Trust:  as there.
 * Spec:   virtio 1.3 §5.1; Linux include/uapi/linux/vhost.h
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "virtio/dev/net_priv.h"
#include "virtio/dev/vhost_kernel.h"
#include "virtio/vhost/kernel_uapi.h"

static_assert(NET_PAIR == VHOST_KERNEL_QUEUES, "a pair of queues is the kernel's");

static const struct sys_call list[] = { CALL_IOCTL(VHOST_NET_SET_BACKEND) };
static const struct calls net_calls = CALLS("vhost-net", list);

struct vhost_tap {
	struct vhost_kernel base;
	struct netif *netif;
	struct net_config config;
};

static struct vhost_tap *vhost_tap(struct virtio_device *d)
{
	return container_of(d, struct vhost_tap, base.dev);
}

static int set_backend(struct vhost_tap *v, u32 queue, int tap)
{
	const struct vhost_vring_file f = { .index = queue, .fd = tap };

	return kvhost_ask(&v->base.kernel, VHOST_NET_SET_BACKEND, &f);
}

/* The tap is each queue's back end, or none is, and then the kernel has let go of the rings. */
static int run(struct vhost_kernel *k, bool on)
{
	struct virtio_device *d = &k->dev;
	struct vhost_tap *v = vhost_tap(d);
	int err = 0;

	if (on)
		v->netif->ops->up(v->netif, net_offloads_of(d) & v->netif->offloads);
	for (u32 i = 0; i < NET_PAIR && on && !err; i++)
		err = set_backend(v, i, v->netif->tap_fd);
	if (on && !err)
		return 0;
	for (u32 i = 0; i < NET_PAIR; i++)
		set_backend(v, i, -1);
	v->netif->ops->down(v->netif);
	return err;
}

static void destroy(struct virtio_device *d)
{
	struct vhost_tap *v = vhost_tap(d);

	vhost_kernel_fini(&v->base);
	netif_destroy(v->netif);
	free(v);
}

static const struct virtio_type type = {
	.name = "net",
	.id = 1,
	.pci_class = 0x020000, /* Ethernet controller */
	.foreign = true,
	.start = vhost_kernel_start,
	.kick = vhost_kernel_kick,
	.stop = vhost_kernel_stop,
	.destroy = destroy,
};

/* The rings are the kernel's to know, so are buffers that it merges; the rest is the tap's. */
static u64 features(const struct vhost_tap *v)
{
	u64 rings = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
		    VIRTIO_NET_F_MRG_RXBUF;

	return (v->base.kernel.features & rings) | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
	       (v->netif->mtu ? VIRTIO_NET_F_MTU : 0) | net_features_of(v->netif->offloads);
}

static int build(struct vhost_tap *v, const struct virtio_env *env)
{
	const u16 sizes[NET_PAIR] = { NET_QUEUE_SIZE, NET_QUEUE_SIZE };
	int err = kvhost_open(&v->base.kernel, KVHOST_NET_PATH);

	if (err)
		return log_errno(err, "vhost=1: %s (module vhost_net)", KVHOST_NET_PATH);
	if (v->netif->tap_fd < 0) {
		log_error("vhost=1: the tap has no header of virtio-net in front of its frames "
			  "(IFF_VNET_HDR), which the kernel's vhost-net wants");
		return -EINVAL;
	}
	err = virtio_init(&v->base.dev, &type, env->instance, env->mem, env->loop, 0, sizes,
			  NET_PAIR);
	if (!err)
		err = vhost_kernel_listen(&v->base);
	return err ? log_errno(err, "virtio-net") : 0;
}

int virtio_vhost_tap_create(struct virtio_device **out, const struct virtio_env *env,
			    struct netif *netif)
{
	struct vhost_tap *v = calloc(1, sizeof(*v));
	struct virtio_device *d;
	int err;

	assert(!env->pool);
	if (!v) {
		netif_destroy(netif);
		return log_errno(-ENOMEM, "virtio-net");
	}
	v->netif = netif;
	vhost_kernel_clear(&v->base, run);
	d = &v->base.dev;
	err = build(v, env);
	if (err) {
		destroy(d);
		return err;
	}
	d->offered = features(v);
	net_config_init(&v->config, netif, 1);
	d->config = (u8 *)&v->config;
	d->config_len = sizeof(v->config);
	d->calls[0] = &kvhost_calls;
	d->calls[1] = &net_calls;
	d->calls[2] = netif->calls[0];
	d->calls[3] = netif->calls[1];
	*out = d;
	return 0;
}
