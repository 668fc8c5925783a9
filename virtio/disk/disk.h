/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between virtio-blk and what holds the bytes. Asynchronous: submit() queues, commit()
 * hands the batch to the kernel, done() tells. Everything here runs on the disk's loop (or before
 * it runs).
 */
#ifndef VIRTIO_DISK_H
#define VIRTIO_DISK_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "lkvm/vm/workers.h"
#include "virtio/disk/disk_conf.h"

#define DISK_SECTOR 512u /* the unit of virtio-blk, whatever the block size [virtio 1.3 §5.2.4] */

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_DISCARD,
	DISK_WRITE_ZEROES,
	DISK_SECURE_ERASE
};

struct disk;

/* One request; the submitter's memory, untouched by it between submit() and done(). */
struct disk_req {
	enum disk_op op;
	bool unmap; /* WRITE_ZEROES may deallocate */
	u64 off;    /* bytes; the submitter has checked that [off, off + len) is on the disk */
	u64 len;
	struct iovec *iov; /* READ, WRITE: exactly len bytes in nr_iov >= 1; the disk advances it */
	unsigned nr_iov;
	/*
	 * err: 0 (all of it) or -errno (-EIO, -ENOSPC, -EOPNOTSUPP, ...). A WRITE that is done may
	 * be lost until a FLUSH submitted after that is done. The request is the submitter's again
	 * when this is called, which may submit it or another one; that needs no commit().
	 */
	void (*done)(struct disk_req *r, int err);
	/* True from some time on: the submitter has no use for the request any more; cancel(). */
	const _Atomic bool *cancelled;

	/* The disk's, while submitted. */
	struct disk_req *next;
	struct disk *disk;
	struct worker_job job;
	bool finished; /* no piece of it is left */
	u64 pos;       /* bytes finished */
	u32 piece;     /* bytes that are being worked on */
	u32 charge;    /* what it takes of the disk's budget meanwhile */
	u32 cut_len;   /* bytes taken off the end of *cut for this piece */
	struct iovec *cut;
	int result;
	u32 attempt; /* which way of doing it is being tried */
	u32 retries; /* since the last byte of progress */
	u32 cancels; /* that the kernel had been asked for before */
	struct iovec zero_iov;
};

struct disk_ops {
	/* Queue the request. Always leads to one done(), never from inside submit(). */
	void (*submit)(struct disk *d, struct disk_req *r);
	/*
	 * No more requests in this batch for now: hand them over. May call done() of what is ready.
	 */
	void (*commit)(struct disk *d);
	/*
	 * Some requests have become unwanted (r->cancelled). Those that have not begun end now,
	 * with -ECANCELED; the others when what the kernel has of them is done, which is a few MiB
	 * of the whole disk [disk_file.h]. Calls done().
	 */
	void (*cancel)(struct disk *d);
	/*
	 * Hand over what was submitted, wait until a part of it has moved on and call done() of
	 * what is done. False: nothing was in flight.
	 */
	bool (*wait)(struct disk *d);
	/*
	 * How large the file is by now, as `size`. 0 or -errno; -EOPNOTSUPP: not of this format.
	 * Any thread.
	 */
	int (*measure)(struct disk *d, u64 *size);
	/* Nothing is in flight. */
	void (*destroy)(struct disk *d);
};

struct disk {
	const struct disk_ops *ops;
	const struct calls *calls[2]; /* system calls that requests lead to, beside the loop's */
	u64 size;		      /* bytes, multiple of block_size; the submitter's to change */
	bool read_only;		      /* the submitter sends READ and FLUSH only */
	bool can_discard;	      /* DISCARD and unmapping WRITE_ZEROES have an effect */
	bool can_erase;		      /* SECURE_ERASE: no copy of the bytes stays anywhere */
	u32 block_size;		      /* logical, 512 or 4096. Requests may be smaller */
	u32 physical_block_size;      /* >= block_size, power of two */
	/* Of transfers, as the device likes them best; bytes, 0: it has not said. */
	u32 min_io, opt_io;
	u32 alignment_offset;	      /* bytes from the start to the first physical block */
	char id[DISK_SERIAL_LEN + 1]; /* default serial: derived from the file's name */

	/*
	 * Called after each group of done() calls, so that a group costs the guest one interrupt.
	 * May be NULL.
	 */
	void (*batch_end)(void *arg);
	void *batch_arg;
};

/*
 * Open a regular file or block device. `loop` is where done() runs.
 * 0, or -errno after one log_error() line (directory, missing, smaller than a sector, no
 * permission, in use by another lkvm (lock), mounted block device; it looks like a format that was
 * not named). A file whose size is not a multiple of its blocks is used without the last part,
 * after a warning (as kvmtool did).
 */
int disk_open(struct disk **out, const struct disk_conf *conf, struct loop *loop);

#endif
