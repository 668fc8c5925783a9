/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfers by one system call of the calling thread, which does not wait for a device. On the
 * disk's loop, but for the init.
 */
#ifndef VIRTIO_AT_ONCE_H
#define VIRTIO_AT_ONCE_H

#include "virtio/disk/disk_file.h"

struct at_once {
	enum at_once_how {
		AT_ONCE_NOWAIT, /* as far as the kernel says that it need not wait */
		AT_ONCE_ALWAYS, /* a file in memory */
		AT_ONCE_NEVER	/* around the page cache, or the file system does not know */
	} read,
		write;
	bool thread_writes; /* writes are better off on a thread than with io_uring */
};

/* What is to be had of this file. Before the loop runs. */
void at_once_init(struct at_once *a, const struct disk_file *f);

/* Is a transfer worth a try? */
bool at_once_may(const struct at_once *a, enum disk_op op);

/*
 * Try `io`, which is a transfer. Bytes (as any system call that may be fewer than asked for) or
 * -errno; -EAGAIN: not without waiting, or never of this file, and at_once_may() knows it then.
 */
int at_once_move(struct at_once *a, const struct disk_io *io);

#endif
