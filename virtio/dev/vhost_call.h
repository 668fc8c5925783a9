/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An eventfd by which whoever serves a queue in our place says that the driver is to be
 * interrupted. The transport is lent it, so that the host's kernel does that if it can; what it
 * cannot do is done here, on the device's loop.
 *
 * Create and destroy on main; the rest on the device's loop, or when it does not run.
 */
#ifndef VIRTIO_DEV_VHOST_CALL_H
#define VIRTIO_DEV_VHOST_CALL_H

#include "virtio/core/device.h"

struct vhost_call {
	struct virtio_device *d;
	u16 queue;
	int fd; /* -1: none. Who serves the queue writes it */
	bool on;
	struct loop_fd *reg;
};

/* Nothing is open: vhost_call_fini() may be called from here on. */
void vhost_call_clear(struct vhost_call *c);

/* For queue number `queue` of `d`, which was initialised. 0 or -errno. */
int vhost_call_init(struct vhost_call *c, struct virtio_device *d, u16 queue);

/* What is written from now on is an interrupt. */
void vhost_call_start(struct vhost_call *c);
/* It is none any more, and what was not yet heard is forgotten. Nothing happens before a start. */
void vhost_call_stop(struct vhost_call *c);

/* Stopped, if it ever was started. */
void vhost_call_fini(struct vhost_call *c);

#endif
