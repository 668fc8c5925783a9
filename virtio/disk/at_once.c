/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the page cache answers without waiting.
 *
 * Thread: see at_once.h.
 * Trust:  none needed: where the data goes was checked by chain.c.
 *
 * RWF_NOWAIT is a question that a file system may not know; it says so in its answer to the first
 * transfer. ext4 takes no write without waiting, though a write hardly ever waits there, and
 * io_uring hands each of them to a kernel thread. A thread of ours is nearer to who waits for the
 * answer. It has to be made at the start, before anything is written, so ext4 goes by its name.
 */
#include "virtio/disk/at_once.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>

void at_once_init(struct at_once *a, const struct disk_file *f)
{
	struct statfs fs;

	*a = (struct at_once){ .read = AT_ONCE_NEVER, .write = AT_ONCE_NEVER };
	if (f->is_blk || f->buffered_fd >= 0 || fstatfs(f->fd, &fs) < 0)
		return;
	a->read = a->write = fs.f_type == TMPFS_MAGIC ? AT_ONCE_ALWAYS : AT_ONCE_NOWAIT;
	if (fs.f_type == EXT4_SUPER_MAGIC) {
		a->write = AT_ONCE_NEVER;
		a->thread_writes = true;
	}
}

bool at_once_may(const struct at_once *a, enum disk_op op)
{
	return (op == DISK_READ ? a->read : a->write) != AT_ONCE_NEVER;
}

int at_once_move(struct at_once *a, const struct disk_io *io)
{
	enum at_once_how *how = io->kind == DISK_IO_READV ? &a->read : &a->write;
	int flags = *how == AT_ONCE_NOWAIT ? RWF_NOWAIT : 0;
	ssize_t n = io->kind == DISK_IO_READV
			    ? preadv2(io->fd, io->iov, (int)io->nr_iov, (off_t)io->off, flags)
			    : pwritev2(io->fd, io->iov, (int)io->nr_iov, (off_t)io->off, flags);

	if (n >= 0)
		return (int)n;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	*how = AT_ONCE_NEVER;
	return -EAGAIN;
}
