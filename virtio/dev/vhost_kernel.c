/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices whose queues the host's kernel serves.
 *
 * Thread: create and destroy on main; start and stop on a vCPU thread or the loop, as those of any
 *         device; what the kernel says on the loop.
 * Trust:  of the guest nothing is read here but what every device checks of its rings. The kernel
 *         follows descriptors to RAM of the guest and nowhere else; that it does not ask what is
 *         shared is why guests that bounce have no such devices.
 * Spec:   virtio 1.3; Linux include/uapi/linux/vhost.h
 *
 * Doorbells are the kernel's: the eventfd that KVM writes is the one it reads. Interrupts come as
 * an eventfd that is looked at here, because who masks and routes them is the transport. A ring
 * that breaks is told by an eventfd, too, and there is no more to tell the driver than that.
 */
#include "virtio/dev/vhost_kernel.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct vhost_kernel *vhost_kernel(struct virtio_device *d)
{
	return container_of(d, struct vhost_kernel, dev);
}

/* ---- what the kernel says ---- */

static void on_call(void *arg, u32 events)
{
	struct vhost_signal *s = arg;
	struct virtio_device *d = &s->k->dev;

	if (s->k->serving)
		d->tops->interrupt_queue(d->transport, (u16)(s - s->k->calls));
}

static void on_broken(void *arg, u32 events)
{
	struct vhost_signal *s = arg;

	if (s->k->serving)
		virtio_fail(&s->k->dev, "the host's kernel refuses its ring", -EBADMSG);
}

static int listen_to(struct vhost_kernel *k, struct vhost_signal *s, loop_fd_fn fn)
{
	s->k = k;
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return s->fd < 0 ? -errno
			 : loop_fd_add(k->dev.loop, s->fd, EPOLLIN | EPOLLET, fn, s, &s->reg);
}

static void signal_fini(struct vhost_signal *s)
{
	loop_fd_del(s->reg);
	if (s->fd >= 0)
		close(s->fd);
}

/* ---- the device ---- */

int vhost_kernel_start(struct virtio_device *d)
{
	struct vhost_kernel *k = vhost_kernel(d);
	struct vhost_ring rings[VHOST_KERNEL_QUEUES];
	int err;

	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++) {
		const struct virtqueue *q = &d->queues[i];

		if (!q->started)
			return -EINVAL;
		rings[i] = (struct vhost_ring){ true,	   q->size,	   q->desc,	  q->driver,
						q->device, d->doorbell[i], k->calls[i].fd };
	}
	err = kvhost_set_up(&k->kernel, d->mem, d->features, rings, VHOST_KERNEL_QUEUES,
			    k->broken.fd);
	if (!err)
		err = k->run(k, true);
	k->serving = !err;
	return err;
}

/* What was there before the doorbell was given away is rung for once more. */
void vhost_kernel_kick(struct virtio_device *d, struct virtqueue *q)
{
	if (q->index < VHOST_KERNEL_QUEUES)
		virtio_notify(d, q->index);
}

void vhost_kernel_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vhost_kernel *k = vhost_kernel(d);

	if (!k->serving)
		return;
	/* The kernel could stop one ring; no driver is known that would. */
	if (q)
		virtio_fail(d, "its driver stops one queue of a running device", -EOPNOTSUPP);
	k->serving = false;
	if (k->run(k, false))
		virtio_fail(d, "the host's kernel does not stop", -EIO);
}

/* ---- life ---- */

void vhost_kernel_clear(struct vhost_kernel *k, int (*run)(struct vhost_kernel *k, bool on))
{
	k->run = run;
	k->kernel.fd = k->broken.fd = -1;
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		k->calls[i].fd = -1;
}

int vhost_kernel_listen(struct vhost_kernel *k)
{
	int err = 0;

	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES && !err; i++)
		err = listen_to(k, &k->calls[i], on_call);
	return err ? err : listen_to(k, &k->broken, on_broken);
}

void vhost_kernel_fini(struct vhost_kernel *k)
{
	kvhost_close(&k->kernel);
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		signal_fini(&k->calls[i]);
	signal_fini(&k->broken);
	virtio_fini(&k->dev);
}
