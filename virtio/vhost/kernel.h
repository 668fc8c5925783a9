/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end in the host's kernel (vhost-net, vhost-vsock): it serves the rings of a device in a
 * thread of the kernel's own. It follows rings and descriptors by itself and reaches all memory
 * that it was told of, so it is for guests whose whole RAM devices may touch.
 *
 * Main while the machine is built; then one loop, or a vCPU thread before that.
 */
#ifndef VIRTIO_VHOST_KERNEL_H
#define VIRTIO_VHOST_KERNEL_H

#include "virtio/vhost/vhost.h"

#define KVHOST_NET_PATH "/dev/vhost-net"

struct kvhost {
	int fd;	      /* -1: closed */
	u64 features; /* of virtio, that it offers */
};

/*
 * Open the back end at `path`, for the calling process and its memory. 0, or -errno without a
 * message; -EOPNOTSUPP: it does not speak virtio 1.
 */
int kvhost_open(struct kvhost *v, const char *path);

/* The kernel lets go of all rings. */
void kvhost_close(struct kvhost *v);

/* A request of kernel_uapi.h. 0 or -errno. */
int kvhost_ask(const struct kvhost *v, unsigned long request, const void *arg);

/*
 * Tell it of the negotiated `features`, the memory `m` and the queues rings[0..nr), all of which
 * are on. `broken` is an eventfd, which is written when a ring turns out to be none. How it is
 * started and stopped is each back end's own. 0 or -errno.
 */
int kvhost_set_up(const struct kvhost *v, struct mem *m, u64 features,
		  const struct vhost_ring *rings, unsigned nr, int broken);

/* System calls that kvhost_set_up() makes. */
extern const struct calls kvhost_calls;

#endif
