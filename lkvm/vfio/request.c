/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host wants a device back: somebody unbinds it from its driver, or removes it.
 *
 * Thread: create and destroy on main, the rest on the loop.
 * Trust:  the host's kernel.
 * Spec:   linux/vfio.h, VFIO_PCI_REQ_IRQ_INDEX
 *
 * Whoever unbinds a device that is in use waits in the kernel, which signals every ten seconds
 * until the device is closed. A guest here keeps its devices until it ends: there is no hot-unplug,
 * and ending a guest is for its user to decide, not for whoever has written to sysfs. So the user
 * is told.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/inside.h"
#include "lkvm/vm/loop.h"

/* Signals for one line: five minutes. */
#define SIGNALS_A_LINE 30u

static void wanted(void *arg, u32 events)
{
	struct vfio_device *v = arg;
	struct vfio_request *r = &v->request;
	eventfd_t n;

	if (eventfd_read(r->fd, &n))
		return;
	if (r->nr++ % SIGNALS_A_LINE == 0)
		log_warn("%s: the host wants the device back, and waits until this guest ends, for "
			 "there is no hot-unplug: power it off, or end it by lkvm stop",
			 v->name);
}

int vfio_request_init(struct vfio_device *v)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_REQ };
	struct vfio_request *r = &v->request;
	int err;

	/* Not every driver of VFIO's has it. */
	if (vfio_ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) || !info.count)
		return 0;
	r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	err = loop_fd_add(v->env.loop, r->fd, EPOLLIN, wanted, v, &r->reg);
	return err ? err : vfio_irq_to(v, VFIO_PCI_REQ, VFIO_IRQ_SET_ACTION_TRIGGER, r->fd);
}

void vfio_request_fini(struct vfio_device *v)
{
	struct vfio_request *r = &v->request;

	loop_fd_del(r->reg);
	r->reg = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}
