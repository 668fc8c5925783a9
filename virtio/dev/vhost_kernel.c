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
 * Doorbells are the kernel's: the eventfd that KVM writes is the one it reads. Interrupts go the
 * other way alike (vhost_call.c). A ring that breaks is told by an eventfd, too, and there is no
 * more to tell the driver than that.
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

static void on_broken(void *arg, u32 events)
{
	struct vhost_kernel *k = arg;

	if (k->serving)
		virtio_fail(&k->dev, "the host's kernel refuses its ring", -EBADMSG);
}

static int listen_broken(struct vhost_kernel *k)
{
	k->broken = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return k->broken < 0 ? -errno
			     : loop_fd_add(k->dev.loop, k->broken, EPOLLIN | EPOLLET, on_broken, k,
					   &k->broken_reg);
}

static void calls_start(struct vhost_kernel *k)
{
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		vhost_call_start(&k->calls[i]);
}

static void calls_stop(struct vhost_kernel *k)
{
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		vhost_call_stop(&k->calls[i]);
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
	err = kvhost_set_up(&k->kernel, d->mem, d->features, rings, VHOST_KERNEL_QUEUES, k->broken);
	calls_start(k);
	if (!err)
		err = k->run(k, true);
	k->serving = !err;
	if (err)
		calls_stop(k);
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
	calls_stop(k);
}

/* ---- life ---- */

void vhost_kernel_clear(struct vhost_kernel *k, int (*run)(struct vhost_kernel *k, bool on))
{
	k->run = run;
	k->kernel.fd = k->broken = -1;
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		vhost_call_clear(&k->calls[i]);
}

int vhost_kernel_listen(struct vhost_kernel *k)
{
	int err = 0;

	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES && !err; i++)
		err = vhost_call_init(&k->calls[i], &k->dev, (u16)i);
	return err ? err : listen_broken(k);
}

void vhost_kernel_fini(struct vhost_kernel *k)
{
	kvhost_close(&k->kernel);
	for (unsigned i = 0; i < VHOST_KERNEL_QUEUES; i++)
		vhost_call_fini(&k->calls[i]);
	loop_fd_del(k->broken_reg);
	if (k->broken >= 0)
		close(k->broken);
	virtio_fini(&k->dev);
}
