/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk without io_uring: one worker thread makes blocking system calls. For hosts where io_uring is
 * missing or forbidden, for the calls that io_uring does not have, and for images (layer.h).
 *
 * Thread: the client's loop; work() on the worker's loop. `lock` guards the two lists between them.
 * Trust:  requests were checked by blk.c.
 *
 * A request is on one list at a time: batch (client's, not handed over yet) -> todo -> the worker's
 * hands -> finished -> done(). One of several pieces goes back to the end of todo after each of
 * them. The eventfds are edge-triggered and only ever written: their count means nothing, the lists
 * do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "virtio/disk/disk_file.h"
#include "virtio/disk/layer.h"

struct list {
	struct disk_req *first, **tail;
};

struct threads {
	struct disk disk;
	struct disk_file file;
	struct loop *loop, *worker;
	int todo_event, finished_event;
	struct loop_fd *todo_fd, *finished_fd;

	/* The client's loop. */
	struct list batch;
	unsigned in_flight;

	pthread_mutex_t lock;
	pthread_cond_t progress; /* finished is not empty any more */
	struct list todo, finished;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->tail = &l->first;
}

static void list_add(struct list *l, struct disk_req *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
}

static struct disk_req *list_take(struct list *l)
{
	struct disk_req *r = l->first;

	if (r) {
		l->first = r->next;
		if (!l->first)
			l->tail = &l->first;
	}
	return r;
}

/* Move all of `from` to the end of `to`; true if `to` was empty and is not any more. */
static bool list_splice(struct list *to, struct list *from)
{
	bool woken = !to->first && from->first;

	if (from->first) {
		*to->tail = from->first;
		to->tail = from->tail;
		list_init(from);
	}
	return woken;
}

static void ring(int event)
{
	u64 one = 1;
	ssize_t n;

	/* EAGAIN: the counter is full, the other side has been told. */
	do
		n = write(event, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

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
	}
	/* A transfer is at most MAX_RW_COUNT, which is below INT_MAX [read(2)]. */
	return n < 0 ? -errno : (int)n;
}

/* What is to be done next, when `r` is finished or, after one of its pieces, not; NULL: nothing. */
static struct disk_req *next_of(struct threads *t, struct disk_req *r, bool finished)
{
	bool tell = finished && !t->finished.first;

	if (r)
		list_add(finished ? &t->finished : &t->todo, r);
	if (finished)
		pthread_cond_signal(&t->progress);
	if (tell)
		ring(t->finished_event);
	return list_take(&t->todo);
}

static void work(void *arg, u32 events)
{
	struct threads *t = arg;
	struct disk_req *r = NULL;
	bool finished = false;

	for (;;) {
		struct disk_io io;

		pthread_mutex_lock(&t->lock);
		r = next_of(t, r, finished);
		pthread_mutex_unlock(&t->lock);
		if (!r)
			return;
		disk_io_next(&t->file, r, &io);
		finished = disk_io_finished(&t->file, r, io.layer ? do_layer(&io) : do_io(&io));
	}
}

/* ---- client's loop ---- */

static void threads_submit(struct disk *d, struct disk_req *r)
{
	struct threads *t = container_of(d, struct threads, disk);

	assert(loop_here(t->loop));
	disk_io_begin(r);
	list_add(&t->batch, r);
	t->in_flight++;
}

static void threads_commit(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);
	bool tell;

	pthread_mutex_lock(&t->lock);
	tell = list_splice(&t->todo, &t->batch);
	pthread_mutex_unlock(&t->lock);
	if (tell)
		ring(t->todo_event);
}

/* `group`: what the worker has finished. done() may submit more. */
static void complete(struct threads *t, struct list *group)
{
	struct disk_req *r = list_take(group);

	if (!r)
		return;
	for (; r; r = list_take(group)) {
		t->in_flight--;
		r->done(r, r->result);
	}
	if (t->disk.batch_end)
		t->disk.batch_end(t->disk.batch_arg);
	threads_commit(&t->disk);
}

static void on_finished(void *arg, u32 events)
{
	struct threads *t = arg;
	struct list group;

	list_init(&group);
	pthread_mutex_lock(&t->lock);
	list_splice(&group, &t->finished);
	pthread_mutex_unlock(&t->lock);
	complete(t, &group);
}

static bool threads_wait(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);
	struct list group;

	assert(loop_here(t->loop));
	threads_commit(d);
	if (!t->in_flight)
		return false;
	list_init(&group);
	pthread_mutex_lock(&t->lock);
	while (!t->finished.first)
		pthread_cond_wait(&t->progress, &t->lock);
	list_splice(&group, &t->finished);
	pthread_mutex_unlock(&t->lock);
	complete(t, &group);
	return true;
}

/* Move those that nobody wants from `from` to `to`. */
static void take_cancelled(struct list *to, struct list *from)
{
	struct list kept;
	struct disk_req *r;

	list_init(&kept);
	while ((r = list_take(from))) {
		if (disk_io_cancelled(r))
			r->result = -ECANCELED;
		list_add(disk_io_cancelled(r) ? to : &kept, r);
	}
	list_splice(from, &kept);
}

/* The worker looks at the one in its hands itself. */
static void threads_cancel(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);
	struct list group;

	assert(loop_here(t->loop));
	list_init(&group);
	take_cancelled(&group, &t->batch);
	pthread_mutex_lock(&t->lock);
	take_cancelled(&group, &t->todo);
	pthread_mutex_unlock(&t->lock);
	complete(t, &group);
}

static int threads_measure(struct disk *d, u64 *size)
{
	struct threads *t = container_of(d, struct threads, disk);

	return disk_file_size(&t->file, d->block_size, size);
}

static void threads_destroy(struct disk *d)
{
	struct threads *t = container_of(d, struct threads, disk);

	assert(!t->in_flight);
	loop_fd_del(t->finished_fd);
	if (t->worker) {
		loop_stop(t->worker);
		loop_fd_del(t->todo_fd);
		loop_destroy(t->worker);
	}
	if (t->todo_event >= 0)
		close(t->todo_event);
	if (t->finished_event >= 0)
		close(t->finished_event);
	pthread_cond_destroy(&t->progress);
	pthread_mutex_destroy(&t->lock);
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
	CALL_RARE(newfstatat, "a disk that grows"),
	CALL_RARE(fstat, "a disk that grows"),
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
	t->file = (struct disk_file){ .fd = -1, .buffered_fd = -1 };
	t->loop = loop;
	list_init(&t->batch);
	list_init(&t->todo);
	list_init(&t->finished);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->progress, NULL);
	t->todo_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->finished_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->todo_event < 0 || t->finished_event < 0) {
		err = -errno;
		goto fail;
	}
	err = loop_create(&t->worker, "lkvm-disk");
	if (err)
		goto fail;
	loop_help(loop, t->worker, 0);
	err = loop_fd_add(t->worker, t->todo_event, EPOLLIN | EPOLLET, work, t, &t->todo_fd);
	if (err)
		goto fail;
	err = loop_fd_add(loop, t->finished_event, EPOLLIN | EPOLLET, on_finished, t,
			  &t->finished_fd);
	if (err)
		goto fail;
	err = loop_start(t->worker);
	if (err)
		goto fail;
	t->file = *file;
	*out = &t->disk;
	return 0;
fail:
	threads_destroy(&t->disk);
	return err;
}
