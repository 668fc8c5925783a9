/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk without io_uring: one worker thread makes blocking system calls. For hosts where io_uring is
 * missing or forbidden, for the calls that io_uring does not have, and for images (layer.h).
 *
 * Thread: the client's loop; work() on the worker's.
 * Trust:  requests were checked by blk.c.
 *
 * A request of several pieces goes back to the end of the line after each of them.
 *
 * Where a vCPU waits for its one request anyway, it makes the call itself, and the thread sleeps
 * (disk_threads_commit_here()). That vCPU comes to nothing else meanwhile, so once a call has taken
 * long the thread makes those of a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "virtio/disk/disk_file.h"
#include "virtio/disk/layer.h"

#define SLOW_NS 1000000u
#define REST_NS 1000000000u

struct threads {
	struct disk disk;
	struct disk_file file;
	struct workers *workers;
	_Atomic u64 rest_until; /* vCPUs make no calls */
};

/* ---- worker ---- */

static int do_layer(const struct disk_io *io)
{
	const struct layer_ops *ops = io->layer->ops;
	ssize_t n = -EOPNOTSUPP;

	switch (io->kind) {
	case DISK_IO_READV:
		n = ops->read(io->layer, io->iov, io->nr_iov, io->off);
		break;
	case DISK_IO_WRITEV:
		if (ops->write)
			n = ops->write(io->layer, io->iov, io->nr_iov, io->off);
		break;
	case DISK_IO_FDATASYNC:
		/* What is written to an image is not there to stay. */
		n = 0;
		break;
	case DISK_IO_FALLOCATE:
		if (ops->zero)
			n = ops->zero(io->layer, io->off, io->len);
		break;
	case DISK_IO_BLKDISCARD:
	case DISK_IO_BLKSECDISCARD:
		break;
	}
	return (int)n;
}

static int do_io(const struct disk_io *io)
{
	u64 range[2] = { io->off, io->len };
	ssize_t n = -1;

	switch (io->kind) {
	case DISK_IO_READV:
		n = preadv(io->fd, io->iov, (int)io->nr_iov, (off_t)io->off);
		break;
	case DISK_IO_WRITEV:
		n = pwritev(io->fd, io->iov, (int)io->nr_iov, (off_t)io->off);
		break;
	case DISK_IO_FDATASYNC:
		n = fdatasync(io->fd);
		break;
	case DISK_IO_FALLOCATE:
		n = fallocate(io->fd, io->mode, (off_t)io->off, (off_t)io->len);
		break;
	case DISK_IO_BLKDISCARD:
		n = ioctl(io->fd, BLKDISCARD, range);
		break;
	case DISK_IO_BLKSECDISCARD:
		n = ioctl(io->fd, BLKSECDISCARD, range);
		break;
	}
	/* A transfer is at most MAX_RW_COUNT, which is below INT_MAX [read(2)]. */
	return n < 0 ? -errno : (int)n;
}

static struct threads *threads_of(const struct disk_req *r)
{
	return container_of(r->disk, struct threads, disk);
}

static void work(struct worker_job *j)
{
	struct disk_req *r = container_of(j, struct disk_req, job);
	const struct disk_file *file = &threads_of(r)->file;
	struct disk_io io;

	disk_io_next(file, r, &io);
	r->finished = disk_io_finished(file, r, io.layer ? do_layer(&io) : do_io(&io));
}

/* ---- client's loop ---- */

static void done(struct worker_job *j)
{
	struct disk_req *r = container_of(j, struct disk_req, job);

	if (r->finished)
		r->done(r, r->result);
	else
		workers_submit(threads_of(r)->workers, j);
}

static void threads_submit(struct disk *d, struct disk_req *r)
{
	struct threads *t = container_of(d, struct threads, disk);

	disk_io_begin(r);
	r->disk = d;
	r->job = (struct worker_job){ .work = work, .done = done };
	workers_submit(t->workers, &r->job);
}

static void threads_commit(struct disk *d)
{
	workers_commit(container_of(d, struct threads, disk)->workers);
}

static void on_vcpu(void *arg)
{
	struct threads *t = arg;
	u64 start = loop_now_ns(), end;

	workers_help(t->workers);
	end = loop_now_ns();
	if (end - start > SLOW_NS)
		t->rest_until = end + REST_NS;
}

void disk_threads_commit_here(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);

	if (loop_now_ns() < t->rest_until || !workers_commit_to_borrower(t->workers, on_vcpu, t))
		workers_commit(t->workers);
}

static void group_end(void *arg)
{
	struct threads *t = arg;

	if (t->disk.batch_end)
		t->disk.batch_end(t->disk.batch_arg);
}

static bool threads_wait(struct disk *d)
{
	return workers_wait(container_of(d, struct threads, disk)->workers);
}

static bool cancelled(struct worker_job *j)
{
	struct disk_req *r = container_of(j, struct disk_req, job);

	if (!disk_io_cancelled(r))
		return false;
	r->result = -ECANCELED;
	r->finished = true;
	return true;
}

/* The worker looks at the one in its hands itself. */
static void threads_cancel(struct disk *d)
{
	workers_cancel(container_of(d, struct threads, disk)->workers, cancelled);
}

static int threads_measure(struct disk *d, u64 *size)
{
	struct threads *t = container_of(d, struct threads, disk);

	return disk_file_size(&t->file, d->block_size, size);
}

static void threads_destroy(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);

	workers_destroy(t->workers);
	disk_file_close(&t->file);
	free(t);
}

/* With layers and measure(). */
static const struct sys_call list[] = {
	CALL(preadv),
	CALL(pwritev),
	CALL(fdatasync),
	CALL_RARE(fallocate, "discard, zeroes"),
	CALL_IOCTL_RARE(BLKDISCARD, "a block device"),
	CALL_IOCTL_RARE(BLKSECDISCARD, "a block device that erases"),
	CALL_RARE(newfstatat, "a disk that grows"),
	CALL_RARE(ftruncate, "a disk that grows"),
	CALL_RARE(lseek, "a file with holes"),
	CALL_IOCTL_RARE(BLKGETSIZE64, "a disk that grows"),
};
static const struct calls threads_calls = CALLS("disk (threads)", list);

static const struct disk_ops threads_ops = {
	.submit = threads_submit,
	.commit = threads_commit,
	.cancel = threads_cancel,
	.wait = threads_wait,
	.measure = threads_measure,
	.destroy = threads_destroy,
};

int disk_threads_create(struct disk **out, const struct disk *proto, const struct disk_file *file,
			struct loop *loop)
{
	struct threads *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->disk = *proto;
	t->disk.ops = &threads_ops;
	t->disk.calls[0] = &threads_calls;
	err = workers_create(&t->workers, loop, 1, "lkvm-disk", 0, group_end, t);
	if (err) {
		free(t);
		return err;
	}
	t->file = *file;
	*out = &t->disk;
	return 0;
}
