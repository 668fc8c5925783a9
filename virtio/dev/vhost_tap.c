/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card on a tap whose queues the host's kernel serves (vhost-net): a frame of the guest
 * costs lkvm nothing but its interrupt.
 *
 * Thread: create and destroy on main; everything else on the device's loop.
 * Trust:  of the guest nothing is read here but what every device checks of its rings. The kernel
 *         follows descriptors to RAM of the guest and nowhere else; that it does not ask what is
 *         shared is why guests that bounce have no such card.
 * Spec:   virtio 1.3 §5.1; Linux include/uapi/linux/vhost.h
 *
 * Doorbells are the kernel's: the eventfd that KVM writes is the one it reads. Interrupts come as
 * an eventfd that is looked at here, because who masks and routes them is the transport. A ring
 * that breaks is told by an eventfd, too, and there is no more to tell the driver than that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "virtio/dev/net_priv.h"
#include "virtio/vhost/kernel.h"

#define NR_QUEUES NET_PAIR

/* An eventfd that the kernel writes. Nobody reads it: each write is an edge, as of a doorbell. */
struct signal {
	struct vhost_tap *v;
	int fd;
	struct loop_fd *reg;
};

struct vhost_tap {
	struct virtio_device dev;
	struct netif *netif;
	struct kvhost kernel;
	struct net_config config;
	bool serving;
	struct signal calls[NR_QUEUES], broken;
};

static struct vhost_tap *vhost_tap(struct virtio_device *d)
{
	return container_of(d, struct vhost_tap, dev);
}

/* ---- what the kernel says ---- */

static void on_call(void *arg, u32 events)
{
	struct signal *s = arg;
	struct virtio_device *d = &s->v->dev;

	if (s->v->serving)
		d->tops->interrupt_queue(d->transport, (u16)(s - s->v->calls));
}

static void on_broken(void *arg, u32 events)
{
	struct signal *s = arg;

	if (s->v->serving)
		virtio_fail(&s->v->dev, "bad ring or frame", -EBADMSG);
}

static int listen_to(struct vhost_tap *v, struct signal *s, loop_fd_fn fn)
{
	s->v = v;
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return s->fd < 0 ? -errno
			 : loop_fd_add(v->dev.loop, s->fd, EPOLLIN | EPOLLET, fn, s, &s->reg);
}

static void signal_fini(struct signal *s)
{
	loop_fd_del(s->reg);
	if (s->fd >= 0)
		close(s->fd);
}

/* ---- the device ---- */

static int start(struct virtio_device *d)
{
	struct vhost_tap *v = vhost_tap(d);
	struct vhost_ring rings[NR_QUEUES];
	int err;

	for (unsigned i = 0; i < NR_QUEUES; i++) {
		const struct virtqueue *q = &d->queues[i];

		if (!q->started)
			return -EINVAL;
		rings[i] = (struct vhost_ring){ true,	   q->size,	   q->desc,	  q->driver,
						q->device, d->doorbell[i], v->calls[i].fd };
	}
	v->netif->ops->up(v->netif, net_offloads_of(d) & v->netif->offloads);
	err = kvhost_start(&v->kernel, d->mem, d->features, rings, NR_QUEUES, v->netif->tap_fd,
			   v->broken.fd);
	if (err)
		v->netif->ops->down(v->netif);
	v->serving = !err;
	return err;
}

/* What was there before the doorbell was given away is rung for once more. */
static void kick(struct virtio_device *d, struct virtqueue *q)
{
	virtio_notify(d, q->index);
}

static void stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vhost_tap *v = vhost_tap(d);

	if (!v->serving)
		return;
	/* The kernel could stop one ring; no driver is known that would. */
	if (q)
		virtio_fail(d, "its driver stops one queue of a running device", -EOPNOTSUPP);
	v->serving = false;
	kvhost_stop(&v->kernel);
	v->netif->ops->down(v->netif);
}

static void destroy(struct virtio_device *d)
{
	struct vhost_tap *v = vhost_tap(d);

	kvhost_close(&v->kernel);
	for (unsigned i = 0; i < NR_QUEUES; i++)
		signal_fini(&v->calls[i]);
	signal_fini(&v->broken);
	netif_destroy(v->netif);
	virtio_fini(d);
	free(v);
}

static const struct virtio_type type = {
	.name = "net",
	.id = 1,
	.pci_class = 0x020000, /* Ethernet controller */
	.foreign = true,
	.start = start,
	.kick = kick,
	.stop = stop,
	.destroy = destroy,
};

/* The rings are the kernel's to know, so are buffers that it merges; the rest is the tap's. */
static u64 features(const struct vhost_tap *v)
{
	u64 rings = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
		    VIRTIO_NET_F_MRG_RXBUF;

	return (v->kernel.features & rings) | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
	       (v->netif->mtu ? VIRTIO_NET_F_MTU : 0) | net_features_of(v->netif->offloads);
}

static int build(struct vhost_tap *v, const struct virtio_env *env)
{
	const u16 sizes[NR_QUEUES] = { NET_QUEUE_SIZE, NET_QUEUE_SIZE };
	int err = kvhost_open(&v->kernel);

	if (err)
		return log_errno(err, "vhost=1: /dev/vhost-net (module vhost_net)");
	if (v->netif->tap_fd < 0) {
		log_error("vhost=1: the tap has no header of virtio-net in front of its frames "
			  "(IFF_VNET_HDR), which the kernel's vhost-net wants");
		return -EINVAL;
	}
	err = virtio_init(&v->dev, &type, env->instance, env->mem, env->loop, 0, sizes, NR_QUEUES);
	for (unsigned i = 0; i < NR_QUEUES && !err; i++)
		err = listen_to(v, &v->calls[i], on_call);
	if (!err)
		err = listen_to(v, &v->broken, on_broken);
	return err ? log_errno(err, "virtio-net") : 0;
}

int virtio_vhost_tap_create(struct virtio_device **out, const struct virtio_env *env,
			    struct netif *netif)
{
	struct vhost_tap *v = calloc(1, sizeof(*v));
	int err;

	assert(!env->pool);
	if (!v) {
		netif_destroy(netif);
		return log_errno(-ENOMEM, "virtio-net");
	}
	v->netif = netif;
	v->kernel.fd = v->broken.fd = -1;
	for (unsigned i = 0; i < NR_QUEUES; i++)
		v->calls[i].fd = -1;
	err = build(v, env);
	if (err) {
		destroy(&v->dev);
		return err;
	}
	v->dev.offered = features(v);
	net_config_init(&v->config, netif, 1);
	v->dev.config = (u8 *)&v->config;
	v->dev.config_len = sizeof(v->config);
	v->dev.calls[0] = &kvhost_calls;
	v->dev.calls[1] = netif->calls[0];
	v->dev.calls[2] = netif->calls[1];
	*out = &v->dev;
	return 0;
}
