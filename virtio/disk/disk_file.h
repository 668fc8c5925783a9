/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the raw disk share: disk_raw.c opens the file, disk_io.c says which system call
 * comes next for a request, disk_uring.c and disk_threads.c make it.
 */
#ifndef VIRTIO_DISK_FILE_H
#define VIRTIO_DISK_FILE_H

#include "virtio/disk/disk.h"

struct layer;

struct disk_file {
	struct layer *layer; /* more than a file: there are no descriptors then; else NULL */
	int fd;		     /* with O_DIRECT if asked for */
	int buffered_fd;     /* without O_DIRECT, for what O_DIRECT does not take; else -1 */
	bool is_blk;
	u32 dio_off_align; /* O_DIRECT: of offsets and lengths; power of two */
	u32 dio_mem_align; /* O_DIRECT: of buffers; power of two */
};

/*
 * A request can be of 4 GiB, and 256 of them can be waiting when the driver resets the device. So
 * the kernel never has more than a piece of one, nor more than a budget of all; with what is left
 * the disk can stop. Both are far beyond what a guest's kernel asks for at a time.
 */
#define DISK_PIECE ((u32)(4 * MiB))
#define DISK_BUDGET (8 * DISK_PIECE)
/* Of what is erased, not moved. At multiples of that, whatever the granularity of the disk. */
#define DISK_ERASE_PIECE ((u32)(64 * MiB))

/* One system call. */
struct disk_io {
	enum {
		DISK_IO_READV,
		DISK_IO_WRITEV,
		DISK_IO_FDATASYNC,
		DISK_IO_FALLOCATE,
		DISK_IO_BLKDISCARD, /* ioctls: io_uring has none for them that old kernels know */
		DISK_IO_BLKSECDISCARD,
	} kind;
	struct layer *layer; /* NULL: `fd` */
	int fd;
	const struct iovec *iov; /* lives as long as the request */
	unsigned nr_iov;
	int mode;  /* of fallocate(2) */
	bool slow; /* not on a thread that has other things to do */
	u64 off, len;
};

/* Before the first disk_io_next() of a request. */
void disk_io_begin(struct disk_req *r);

/* What the next system call for `r` takes of DISK_BUDGET; at most DISK_PIECE. */
u32 disk_io_charge(const struct disk_req *r);

/* Does nobody want the request any more? Any thread. */
static inline bool disk_io_cancelled(const struct disk_req *r)
{
	return r->cancelled && atomic_load_explicit(r->cancelled, memory_order_relaxed);
}

/* The next system call for `r`, for a piece of it. Once before each disk_io_finished(). */
void disk_io_next(const struct disk_file *f, struct disk_req *r, struct disk_io *io);

/*
 * The system call answered `res` (bytes, 0, or -errno). True: the request is finished, with
 * r->result. That is so between two pieces if it was cancelled.
 * False: make the next one.
 */
bool disk_io_finished(const struct disk_file *f, struct disk_req *r, int res);

/*
 * Backends. `proto` is the disk as disk_open() found it (its ops are set here), `file` its file
 * descriptors, which pass to the backend on success only. -errno, without a message.
 */
int disk_uring_create(struct disk **out, const struct disk *proto, const struct disk_file *file,
		      struct loop *loop);
/*
 * As commit() of disk_threads: a single request is served by the vCPU that asked for it, where that
 * has borrowed the loop and offers to, unless such a service was slow a short while ago.
 */
void disk_threads_commit_here(struct disk *d);
int disk_threads_create(struct disk **out, const struct disk *proto, const struct disk_file *file,
			struct loop *loop);

/* How large the file is by now, as struct disk has it. -errno; -EOPNOTSUPP: not of this format. */
int disk_file_size(const struct disk_file *f, u32 block_size, u64 *size);

/* Close what is open. */
void disk_file_close(struct disk_file *f);

#endif
