/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks that are more than one file: a qcow2 image, a file with a layer over it that what is
 * written goes to. All calls are blocking: they are made on the worker of disk_threads.c, but for
 * opening and destroying. Errors are as those of preadv(2) and pwritev(2); bytes moved can be fewer
 * than asked for, as theirs.
 */
#ifndef VIRTIO_DISK_LAYER_H
#define VIRTIO_DISK_LAYER_H

#include <sys/types.h>
#include <sys/uio.h>

#include "virtio/disk/disk_conf.h"

struct layer;

struct layer_ops {
	/* [off, off + the iovec's length) is on the image. */
	ssize_t (*read)(struct layer *m, const struct iovec *iov, unsigned nr, u64 off);
	/* NULL: it can only be read. So the next one. */
	ssize_t (*write)(struct layer *m, const struct iovec *iov, unsigned nr, u64 off);
	/* Zeroes there, without taking space. 0 or -errno (-EOPNOTSUPP: write them). */
	int (*zero)(struct layer *m, u64 off, u64 len);
	void (*destroy)(struct layer *m);
};

struct layer {
	const struct layer_ops *ops;
	u64 size; /* bytes */
};

/*
 * The image of `conf`, with its file open for reading as `fd`, which is taken over, also on error;
 * `file_size` is that of the file. 0 or -errno after one log_error() line. Main thread.
 */
int layer_open(struct layer **out, const struct disk_conf *conf, int fd, u64 file_size);
/* NULL is fine. */
void layer_destroy(struct layer *m);

/* ---- kinds; each takes over what it is given, also on error ---- */

/* The bytes of a file. 0 or -ENOMEM. */
int layer_raw_create(struct layer **out, int fd, u64 size);

/*
 * A qcow2 file of version 2 or 3, for reading. `path` is its name, for messages and for finding the
 * backing file (relative to its folder), which is opened only if `backing`, in the format that the
 * header names. `depth`: so many images are above it. 0 or -errno after one log_error() line: what
 * it needs that is not there is named. Memory is a bounded part of the file's size.
 */
int layer_qcow2_create(struct layer **out, int fd, const char *path, bool backing, unsigned depth);

/*
 * `base`, and over it a file without a name in $TMPDIR (or /var/tmp, or /tmp) that all writes go
 * to. 0 or -errno after one log_error() line; `path` is what messages call the disk.
 */
int layer_overlay_create(struct layer **out, struct layer *base, const char *path);

/* Where the file without a name is made. Any thread. */
const char *layer_overlay_folder(void);

/* ---- for kinds ---- */

#define LAYER_IOV 64u

/*
 * The first `max` bytes of an iovec (at most LAYER_IOV elements of it) as one of its own in `out`;
 * how many elements. *len: their bytes.
 */
unsigned layer_clip(const struct iovec *iov, unsigned nr, u64 max, struct iovec *out, size_t *len);

/* All of [off, off + len) into `buf`; what is behind the end of the image is zero. 0 or -errno. */
int layer_read_all(struct layer *m, void *buf, size_t len, u64 off);

#endif
