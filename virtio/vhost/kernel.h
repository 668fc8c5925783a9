/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network back end in the host's kernel (vhost-net): it moves frames between the queues of a
 * card and a tap, in a thread of the kernel's own. It follows rings and descriptors by itself and
 * reaches all memory that it was told of, so it is for guests whose whole RAM devices may touch.
 *
 * Main while the machine is built; then one loop.
 */
#ifndef VIRTIO_VHOST_KERNEL_H
#define VIRTIO_VHOST_KERNEL_H

#include "virtio/vhost/vhost.h"

struct kvhost {
	int fd; /* of /dev/vhost-net */
	u64 features;
	unsigned running; /* queues that have a back end */
};

/*
 * Open it, for the calling process and its memory. 0, or -errno without a message; -EOPNOTSUPP: it
 * does not speak virtio 1.
 */
int kvhost_open(struct kvhost *v);

/* Takes one that was not opened, if its fd is -1. */
void kvhost_close(struct kvhost *v);

/*
 * Start the queues rings[0..nr), all of which are on, with the negotiated `features`, the memory
 * `m` and the tap `tap`. Rings have been checked (queue_start). `broken` is an eventfd, which is
 * written when a ring turns out to be none. 0 or -errno: nothing runs.
 */
int kvhost_start(struct kvhost *v, struct mem *m, u64 features, const struct vhost_ring *rings,
		 unsigned nr, int tap, int broken);

/* On return the kernel has let go of all rings. */
void kvhost_stop(struct kvhost *v);

/* System calls that this leads to. */
extern const struct calls kvhost_calls;

#endif
