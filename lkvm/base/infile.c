/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a file of the user's into guest memory.
 *
 * Thread: main.
 * Trust:  the file may change while it is read: only its length matters here.
 *
 * The kernel image is most of what a start costs the host. read(2) copies with the instructions for
 * user memory, 8 bytes at a time on arm64; into a buffer that io_uring has pinned the kernel copies
 * with its own memcpy, which takes 3 of 21 million instructions off (make bench). Whatever keeps
 * the ring from working (a kernel without it, a sandbox, RLIMIT_MEMLOCK, a file system), read(2)
 * does the rest.
 */
#include "lkvm/base/infile.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"

/* What is pinned at a time: half of the usual RLIMIT_MEMLOCK. Less is not worth a ring. */
#define PIECE (4 * MiB)
#define RING_MIN (1 * MiB)

/* One read into the piece, which replaces the one before as the ring's only buffer. */
static ssize_t read_pinned(struct io_uring *ring, int fd, u8 *dst, unsigned len, u64 off)
{
	struct iovec piece = { dst, len };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	ssize_t got;
	int err = io_uring_register_buffers_update_tag(ring, 0, &piece, NULL, 1);

	if (err != 1 || !sqe)
		return -ENOMEM;
	io_uring_prep_read_fixed(sqe, fd, dst, len, off, 0);
	err = io_uring_submit(ring);
	if (err != 1)
		return -EIO;
	/* Until it is done the kernel writes to guest memory: there is no giving up. */
	do
		err = io_uring_wait_cqe(ring, &cqe);
	while (err == -EINTR || err == -EAGAIN);
	if (err)
		return err;
	got = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return got;
}

/* How much was read so; the rest is for read(2), which also knows why. */
static u64 read_by_ring(int fd, u8 *dst, u64 len, u64 off)
{
	struct io_uring ring;
	ssize_t got = 1;
	u64 n = 0;

	if (len < RING_MIN || io_uring_queue_init(1, &ring, 0))
		return 0;
	if (io_uring_register_buffers_sparse(&ring, 1))
		got = 0; /* before Linux 5.19 */
	while (n < len && got > 0) {
		/* Pieces end where huge pages do. */
		u64 room = PIECE - ((uintptr_t)(dst + n) & (PIECE - 1));

		got = read_pinned(&ring, fd, dst + n, (unsigned)MIN(len - n, room), off + n);
		n += (u64)MAX(got, 0);
	}
	/* The exit would also let go of the last piece, but some time later. */
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	return n;
}

int infile_read(int fd, const char *name, void *dst, u64 len, u64 off)
{
	u64 n = read_by_ring(fd, dst, len, off);

	while (n < len) {
		ssize_t got = pread(fd, (u8 *)dst + n, len - n, (off_t)(off + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			log_error("Reading %s: %s", name,
				  got ? strerror(errno) : "the file became shorter meanwhile");
			return -EIO;
		}
		n += (u64)got;
	}
	return 0;
}
