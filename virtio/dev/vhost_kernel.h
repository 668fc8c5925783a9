/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What devices have in common whose queues the host's kernel serves (virtio/vhost/kernel.h): the
 * beginning of their struct, and functions for their struct virtio_type.
 *
 * Create and destroy on main; everything else as of any device.
 */
#ifndef VIRTIO_DEV_VHOST_KERNEL_H
#define VIRTIO_DEV_VHOST_KERNEL_H

#include "virtio/core/device.h"
#include "virtio/dev/vhost_call.h"
#include "virtio/vhost/kernel.h"

#define VHOST_KERNEL_QUEUES 2u /* the first ones; others stay here */

struct vhost_kernel;

struct vhost_kernel {
	struct virtio_device dev;
	struct kvhost kernel;
	bool serving;
	struct vhost_call calls[VHOST_KERNEL_QUEUES];
	/* An eventfd. Nobody reads it: each write is an edge, as of a doorbell. */
	int broken;
	struct loop_fd *broken_reg;
	/* Have the kernel serve the queues, or serve them no more. 0 or -errno: it does not. */
	int (*run)(struct vhost_kernel *k, bool on);
};

/* Nothing is open: vhost_kernel_fini() may be called from here on. */
void vhost_kernel_clear(struct vhost_kernel *k, int (*run)(struct vhost_kernel *k, bool on));

/* Listen to the kernel, on the loop of `k->dev`, which was initialised. 0 or -errno. */
int vhost_kernel_listen(struct vhost_kernel *k);

/* The device itself, and all of the above. */
void vhost_kernel_fini(struct vhost_kernel *k);

/* For struct virtio_type. */
int vhost_kernel_start(struct virtio_device *d);
void vhost_kernel_kick(struct virtio_device *d, struct virtqueue *q);
void vhost_kernel_stop(struct virtio_device *d, struct virtqueue *q);

#endif
