/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of queues that somebody else serves.
 *
 * Thread: create and destroy on main; the rest on the device's loop.
 * Trust:  who serves the queue may signal whenever it likes: an interrupt for each, at the price of
 *         its own time. Nothing of it is believed but that it came, and nobody waits for it.
 * Spec:   virtio 1.3 §2.3
 *
 * Two may hear the eventfd. The kernel, if the transport has bound it to a message (KVM takes what
 * is written before epoll(7) hears of it); and the loop: always, because masks, vectors and INTx
 * come and go while the queue runs. So what is read here is what the kernel has not taken, and it
 * is read, not only noticed, so that a later binding does not find it once more.
 */
#include "virtio/dev/vhost_call.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/vm/msi.h"

static void called(void *arg, u32 events)
{
	struct vhost_call *c = arg;

	if (eventfd_take(c->fd) && c->on)
		c->d->tops->interrupt_queue(c->d->transport, c->queue);
}

void vhost_call_clear(struct vhost_call *c)
{
	*c = (struct vhost_call){ .fd = -1 };
}

int vhost_call_init(struct vhost_call *c, struct virtio_device *d, u16 queue)
{
	c->d = d;
	c->queue = queue;
	c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return c->fd < 0 ? -errno
			 : loop_fd_add(d->loop, c->fd, EPOLLIN | EPOLLET, called, c, &c->reg);
}

void vhost_call_start(struct vhost_call *c)
{
	c->on = true;
	c->d->tops->interrupt_from(c->d->transport, c->queue, c->fd);
}

void vhost_call_stop(struct vhost_call *c)
{
	if (!c->on)
		return;
	c->d->tops->interrupt_from(c->d->transport, c->queue, -1);
	eventfd_take(c->fd);
	c->on = false;
}

void vhost_call_fini(struct vhost_call *c)
{
	loop_fd_del(c->reg);
	if (c->fd >= 0)
		close(c->fd);
	vhost_call_clear(c);
}
