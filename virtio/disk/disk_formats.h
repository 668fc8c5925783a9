/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are more than the bytes of a disk, told by their magic numbers. */
#ifndef VIRTIO_DISK_FORMATS_H
#define VIRTIO_DISK_FORMATS_H

#include "lkvm/base/util.h"

/* What a file looks like. */
struct disk_look {
	const char *name;
	const char *advice; /* what to do: "convert it (qemu-img)" */
};

/*
 * The format that the file of `size` bytes seems to be in, or NULL. Only numbers at
 * fixed places are compared, nothing is followed. What cannot be read is no format. With `hybrid`
 * an ISO image with a partition table, which is meant to be read and not to be written, counts,
 * too. Any thread; `fd` without O_DIRECT.
 */
const struct disk_look *disk_format_of(int fd, u64 size, bool hybrid);

#endif
