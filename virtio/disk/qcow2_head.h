/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of a qcow2 file, and the file that it may name. Main thread. */
#ifndef VIRTIO_QCOW2_HEAD_H
#define VIRTIO_QCOW2_HEAD_H

#include "lkvm/base/util.h"

#define QCOW2_BACKING_LEN 1023u /* [qcow2: backing_file_size] */

struct layer;

/* What of it an image that is read needs; all of it is checked. */
struct qcow2_head {
	unsigned version; /* 2 or 3 */
	unsigned cluster_bits;
	u32 cluster_size; /* 512 bytes to 2 MiB, power of two */
	u64 size;	  /* of the disk, a multiple of 512 */
	u64 l1_off;
	u32 l1_entries;			     /* as many as the size needs: at most 32 MiB of them */
	bool zstd;			     /* compressed clusters are zstd, not deflate */
	char backing[QCOW2_BACKING_LEN + 1]; /* "": none */
	char backing_format[16];	     /* "": not said */
};

/* 0, or -errno after one log_error() line that names `path` and what is wrong or not supported. */
int qcow2_head_read(struct qcow2_head *h, int fd, const char *path);

/*
 * Open the backing file of the image at `path`, if `allowed`; `depth` images are above that one. 0
 * or -errno after one log_error() line.
 */
int qcow2_backing_open(struct layer **out, const struct qcow2_head *h, const char *path,
		       bool allowed, unsigned depth);

#endif
