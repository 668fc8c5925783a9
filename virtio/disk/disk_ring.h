/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of disk_uring.c. */
#ifndef VIRTIO_DISK_RING_H
#define VIRTIO_DISK_RING_H

#include <liburing.h>

/*
 * A ring that can read, write, flush, allocate and cancel, and nothing else, for good. To be closed
 * with io_uring_queue_exit(). On the thread that will use it, or before that runs. 0, or without a
 * message -errno of io_uring_setup(2), of io_uring_register(2), -EOPNOTSUPP (the kernel lacks one
 * of these); then nothing is open.
 */
int disk_ring_open(struct io_uring *ring);

#endif
