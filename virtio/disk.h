/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam between virtio-blk and what holds the bytes. Asynchronous: submit returns at once,
 * done() is called later on the disk's loop, never from inside submit.
 */
#ifndef VIRTIO_DISK_H
#define VIRTIO_DISK_H

#include <sys/uio.h>

#include "lkvm/loop.h"

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_WRITE_ZEROES };

struct disk;

struct disk_req {
	enum disk_op op;
	bool unmap; /* WRITE_ZEROES may deallocate */
	u64 off;    /* bytes; the submitter has checked that [off, off + len) is on the disk */
	u64 len;
	const struct iovec *iov; /* READ, WRITE: exactly len bytes; stays valid until done */
	unsigned nr_iov;
	/* err: 0 (all of it) or -errno (-EIO, -ENOSPC, -EROFS, ...). A WRITE that is done may be lost until a FLUSH is. */
	void (*done)(struct disk_req *r, int err);
	void *backend[4]; /* the implementation's; zero before the first use */
	u64 scratch[6];
};

struct disk_ops {
	/* Queue the request. Always leads to one done(). */
	void (*submit)(struct disk *d, struct disk_req *r);
	/* No more requests in this batch for now: hand them to the kernel. */
	void (*commit)(struct disk *d);
	/* Wait until every request is done (done() runs from inside). */
	void (*drain)(struct disk *d);
	void (*destroy)(struct disk *d);
};

struct disk {
	const struct disk_ops *ops;
	u64 size;	    /* bytes, multiple of 512 */
	bool read_only;
	bool can_discard;   /* DISCARD and unmapping WRITE_ZEROES have an effect */
	u32 block_size;	    /* logical, 512..4096: unit of requests (direct: alignment demanded by the file) */
	char id[21];	    /* default serial, NUL-terminated */
};

enum disk_format { DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };

struct disk_conf {
	const char *path;
	enum disk_format format; /* explicit: a raw image is never probed for another format */
	bool read_only;
	bool direct; /* O_DIRECT */
	bool no_uring; /* use the thread fallback (tests) */
};

/*
 * Open a regular file or block device. `loop` is where done() runs.
 * 0, or -errno after one log_error() line (directory, missing, empty, odd size, no permission, in use
 * by another lkvm (lock), mounted block device, format not available).
 */
int disk_open(struct disk **out, const struct disk_conf *conf, struct loop *loop);

#endif
