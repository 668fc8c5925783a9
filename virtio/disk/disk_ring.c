/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a ring, and what it may do.
 *
 * Thread: the caller's.
 * Trust:  none needed.
 *
 * A ring makes system calls that no seccomp filter sees. So before it starts it is told which, for
 * good: no file is opened by it, no socket, and nothing is registered any more.
 */
#include "virtio/disk/disk_ring.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lkvm/base/util.h"

#define ENTRIES 128u

/* Kernel threads for what cannot be started without blocking: enough to keep a disk busy. */
#define MAX_KERNEL_WORKERS 8u

/* All that is ever asked for; without the last one, requests run to their end. */
static const u8 calls[] = {
	IORING_OP_NOP,	  IORING_OP_READ,  IORING_OP_WRITE,	IORING_OP_READV,
	IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_ASYNC_CANCEL,
};
#define NR_NEEDED (ARRAY_SIZE(calls) - 1)

/* liburing of Debian 12 has no function for this. 0 or -errno. */
static int ring_register(const struct io_uring *ring, unsigned op, void *arg, unsigned nr)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, op, arg, nr) < 0 ? -errno : 0;
}

static int restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction r[ARRAY_SIZE(calls) + 1] = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		r[i].opcode = IORING_RESTRICTION_SQE_OP;
		r[i].sqe_op = calls[i];
	}
	r[ARRAY_SIZE(calls)].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[ARRAY_SIZE(calls)].sqe_flags = IOSQE_ASYNC;
	return ring_register(ring, IORING_REGISTER_RESTRICTIONS, r, ARRAY_SIZE(r));
}

static int check_calls(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	int err = 0;

	if (!probe)
		return -EOPNOTSUPP;
	for (unsigned i = 0; i < NR_NEEDED; i++) {
		if (!io_uring_opcode_supported(probe, calls[i]))
			err = -EOPNOTSUPP;
	}
	io_uring_free_probe(probe);
	return err;
}

int disk_ring_open(struct io_uring *ring)
{
	unsigned workers[2] = { MAX_KERNEL_WORKERS, MAX_KERNEL_WORKERS };
	int err;

	/* COOP_TASKRUN (Linux 5.19): no interrupt of this thread for each completion. */
	err = io_uring_queue_init(ENTRIES, ring,
				  IORING_SETUP_R_DISABLED | IORING_SETUP_COOP_TASKRUN);
	if (err == -EINVAL)
		err = io_uring_queue_init(ENTRIES, ring, IORING_SETUP_R_DISABLED);
	if (err)
		return err;
	err = check_calls(ring);
	/* Not there before Linux 5.15; the default is only larger. */
	io_uring_register_iowq_max_workers(ring, workers);
	if (!err)
		err = restrict_ring(ring);
	if (!err)
		err = ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (err)
		io_uring_queue_exit(ring);
	return err;
}
