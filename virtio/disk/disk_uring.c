/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw disk on io_uring: a batch of requests costs one system call, and what the page cache can
 * answer at once is finished when that call returns. (liburing is included in disk_ring.h and in
 * lkvm/base/infile.c.)
 *
 * Thread: the disk's loop.
 * Trust:  requests were checked by blk.c; completions come from the kernel.
 *
 * The ring's own file descriptor is in the loop: it is readable while completions wait, so nothing
 * has to be read to be woken. `todo` holds requests that have no place in the submission queue yet;
 * pump() moves them there, enters the kernel, and reaps until nothing moves any more.
 *
 * A small transfer that is the only one is not worth the way through the ring: one system call
 * moves it, where the kernel can say at once that it would have to wait (RWF_NOWAIT), or where
 * there is nothing to wait for (tmpfs, of which io_uring makes work for a kernel thread). ext4
 * writes nothing without waiting: a thread of ours does (`aux`), which is nearer than one of
 * io_uring's, or the vCPU that asked, if it waits. What cannot be had at once goes through the
 * ring.
 *
 * The kernel has at most DISK_BUDGET of a disk's requests at a time. They take turns: what is left
 * of a request after a piece goes to the end of `todo`.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/base/log.h"
#include "virtio/disk/at_once.h"
#include "virtio/disk/disk_file.h"
#include "virtio/disk/disk_ring.h"

/* The kernel was short of memory: try again then. */
#define RETRY_NS 1000000u

/* Copied on the loop's own thread. */
#define AT_ONCE_LEN (256 * KiB)

struct uring {
	struct disk disk;
	struct disk_file file;
	struct loop *loop;
	struct loop_fd *ring_fd;
	struct loop_timer *retry;
	struct io_uring ring;
	bool have_ring;

	struct disk_req *todo, **todo_tail;
	unsigned in_flight; /* submitted, done() not called; not those of `aux` */
	unsigned in_kernel; /* entered, not answered; a cancellation too */
	u32 charged;	    /* of DISK_BUDGET, by what is prepared or entered */
	u32 cancels;	    /* that the kernel was asked for */
	bool pumping;
	struct at_once how;

	struct disk *aux; /* a thread for what only ioctls do, or at_once; NULL: there is neither */
};

static void todo_add(struct uring *u, struct disk_req *r)
{
	r->next = NULL;
	*u->todo_tail = r;
	u->todo_tail = &r->next;
}

/* ---- what io_uring cannot do, or a thread does sooner ---- */

static bool pump(struct uring *u);

static void aux_batch_end(void *arg)
{
	struct uring *u = arg;

	/* What done() has submitted meanwhile. */
	pump(u);
	if (u->disk.batch_end)
		u->disk.batch_end(u->disk.batch_arg);
}

/* At the start: a guest's first request must not be what makes a thread. */
static int aux_create(struct uring *u, const struct disk_file *file)
{
	struct disk proto = u->disk;
	struct disk_file aux = { .fd = -1, .buffered_fd = -1, .is_blk = file->is_blk };
	bool ioctls = file->is_blk && (proto.can_discard || proto.can_erase);
	int err;

	if (proto.read_only || !(u->how.thread_writes || ioctls))
		return 0;
	proto.batch_end = aux_batch_end;
	proto.batch_arg = u;
	aux.fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (aux.fd < 0)
		return -errno;
	err = disk_threads_create(&u->aux, &proto, &aux, u->loop);
	if (err)
		disk_file_close(&aux);
	return err;
}

/* ---- submission ---- */

/* By an ioctl, which only a thread can make. */
static bool by_ioctl(const struct uring *u, const struct disk_req *r)
{
	return u->file.is_blk && (r->op == DISK_DISCARD || r->op == DISK_SECURE_ERASE);
}

static void uring_submit(struct disk *d, struct disk_req *r)
{
	struct uring *u = container_of(d, struct uring, disk);

	assert(loop_here(u->loop));
	if (u->aux && by_ioctl(u, r)) {
		u->aux->ops->submit(u->aux, r);
		return;
	}
	disk_io_begin(r);
	todo_add(u, r);
	u->in_flight++;
}

static void prepare(struct uring *u, struct io_uring_sqe *sqe, struct disk_req *r)
{
	struct disk_io io;

	disk_io_next(&u->file, r, &io);
	switch (io.kind) {
	case DISK_IO_READV:
		if (io.nr_iov == 1)
			io_uring_prep_read(sqe, io.fd, io.iov->iov_base, (unsigned)io.iov->iov_len,
					   io.off);
		else
			io_uring_prep_readv(sqe, io.fd, io.iov, io.nr_iov, io.off);
		break;
	case DISK_IO_WRITEV:
		if (io.nr_iov == 1)
			io_uring_prep_write(sqe, io.fd, io.iov->iov_base, (unsigned)io.iov->iov_len,
					    io.off);
		else
			io_uring_prep_writev(sqe, io.fd, io.iov, io.nr_iov, io.off);
		break;
	case DISK_IO_FDATASYNC:
		io_uring_prep_fsync(sqe, io.fd, IORING_FSYNC_DATASYNC);
		break;
	case DISK_IO_FALLOCATE:
		io_uring_prep_fallocate(sqe, io.fd, io.mode, (off_t)io.off, (off_t)io.len);
		break;
	case DISK_IO_BLKDISCARD:
	case DISK_IO_BLKSECDISCARD:
		/* The disk cannot, so it offered neither; that is the answer, too: see reap(). */
		io_uring_prep_nop(sqe);
		break;
	}
	/* In a kernel thread: what takes long, and what was told to come back later. */
	if (io.slow || r->retries)
		sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data(sqe, r);
}

static void fill(struct uring *u)
{
	struct io_uring_sqe *sqe;

	while (u->todo) {
		struct disk_req *r = u->todo;

		/* The first one always may: none is charged more than there is. */
		r->charge = disk_io_charge(r);
		if (u->charged + r->charge > DISK_BUDGET)
			return;
		sqe = io_uring_get_sqe(&u->ring);
		if (!sqe)
			return;
		u->charged += r->charge;
		u->todo = r->next;
		if (!u->todo)
			u->todo_tail = &u->todo;
		r->cancels = u->cancels;
		prepare(u, sqe, r);
	}
}

/* Enter the kernel with what is prepared; true if it took something. */
static bool enter(struct uring *u, unsigned wait_for)
{
	int n = io_uring_submit_and_wait(&u->ring, wait_for);

	if (n > 0)
		u->in_kernel += (unsigned)n;
	else if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY)
		guest_err(u->disk.id, "io_uring_enter: %s", strerror(-n));
	return n > 0;
}

/* ---- completion ---- */

/* True if there was a completion; *finished is set if done() was called. */
static bool reap(struct uring *u, bool *finished)
{
	struct io_uring_cqe *cqe;
	bool any = false;

	while (io_uring_peek_cqe(&u->ring, &cqe) == 0) {
		struct disk_req *r = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		any = true;
		u->in_kernel--;
		if (!r) /* a cancellation; what it did, the requests tell */
			continue;
		u->charged -= r->charge;
		/* Meant for others: it is not the request that makes no progress. */
		if (res == -ECANCELED && r->cancels != u->cancels)
			r->retries = 0;
		if (by_ioctl(u, r))
			res = -EOPNOTSUPP;
		if (!disk_io_finished(&u->file, r, res)) {
			todo_add(u, r);
			continue;
		}
		u->in_flight--;
		r->done(r, r->result);
		*finished = true;
	}
	return any;
}

/* ---- without the ring ---- */

/* The only request there is, if it is a small transfer; else NULL. */
static struct disk_req *only_one(const struct uring *u)
{
	struct disk_req *r = u->todo;

	if (!r || r->next || u->in_kernel || r->len > AT_ONCE_LEN || r->retries ||
	    (r->op != DISK_READ && r->op != DISK_WRITE))
		return NULL;
	return r;
}

static void only_one_taken(struct uring *u)
{
	u->todo = NULL;
	u->todo_tail = &u->todo;
	u->in_flight--;
}

static void on_thread(struct uring *u)
{
	struct disk_req *r = only_one(u);

	/* One that the ring has begun ends there: the thread would begin it again. */
	if (!r || r->op != DISK_WRITE || r->pos || !u->how.thread_writes)
		return;
	only_one_taken(u);
	u->aux->ops->submit(u->aux, r);
	disk_threads_commit_here(u->aux);
}

/* The only request, if it can be had at once. True: done() was called. */
static bool at_once(struct uring *u)
{
	struct disk_req *r = only_one(u);
	struct disk_io io;
	int res;

	if (!r || !at_once_may(&u->how, r->op))
		return false;
	disk_io_next(&u->file, r, &io);
	res = at_once_move(&u->how, &io);
	/* What is left, or could not be had, goes on through the ring. */
	if (res == -EAGAIN || !disk_io_finished(&u->file, r, res))
		return false;
	only_one_taken(u);
	r->done(r, r->result);
	return true;
}

/* True if the kernel took something. */
static bool to_ring(struct uring *u)
{
	fill(u);
	return io_uring_sq_ready(&u->ring) && enter(u, 0);
}

/*
 * True if done() was called. The kernel tells the submitter of what goes through the ring, even in
 * the middle of a guest, so none but the loop's own thread submits.
 */
static bool pump(struct uring *u)
{
	bool finished = false, own = !loop_is_borrowed(u->loop), moved;

	/* done() may submit and commit: the outer pump does it. */
	if (u->pumping)
		return false;
	u->pumping = true;
	do {
		moved = reap(u, &finished);
		if (at_once(u))
			finished = moved = true;
		on_thread(u);
		moved |= own && to_ring(u);
	} while (moved);
	u->pumping = false;
	if (!own && u->todo)
		loop_timer_arm(u->retry, 0);
	else if (io_uring_sq_ready(&u->ring))
		loop_timer_arm(u->retry, RETRY_NS);
	if (finished && u->disk.batch_end)
		u->disk.batch_end(u->disk.batch_arg);
	return finished;
}

static void uring_commit(struct disk *d)
{
	struct uring *u = container_of(d, struct uring, disk);

	pump(u);
	if (u->aux)
		u->aux->ops->commit(u->aux);
}

static void on_ring(void *arg, u32 events)
{
	pump(arg);
}

static void on_retry(void *arg)
{
	pump(arg);
}

static bool uring_wait(struct disk *d)
{
	struct uring *u = container_of(d, struct uring, disk);
	bool waited;

	assert(loop_here(u->loop) && !u->pumping);
	if (pump(u))
		return true;
	waited = u->in_flight;
	if (u->in_kernel) {
		enter(u, 1);
		pump(u);
	}
	return (u->aux && u->aux->ops->wait(u->aux)) || waited;
}

/* Requests that wait for their turn, or for the next of their pieces. */
static bool end_cancelled(struct uring *u)
{
	struct disk_req *r = u->todo;
	bool any = false;

	u->todo = NULL;
	u->todo_tail = &u->todo;
	while (r) {
		struct disk_req *next = r->next;

		if (disk_io_cancelled(r)) {
			u->in_flight--;
			r->done(r, -ECANCELED);
			any = true;
		} else {
			todo_add(u, r);
		}
		r = next;
	}
	return any;
}

/*
 * Of what the kernel has, most may be waiting for one of its threads: it lets go of that, of all
 * clients. Those who are still wanted are begun again [disk_io.c]. A kernel before Linux 5.19 does
 * not know this request, and the pieces come to their end.
 */
static void cancel_in_kernel(struct uring *u)
{
	struct io_uring_sqe *sqe = u->in_kernel ? io_uring_get_sqe(&u->ring) : NULL;

	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
	io_uring_sqe_set_data(sqe, NULL);
	u->cancels++;
}

static void uring_cancel(struct disk *d)
{
	struct uring *u = container_of(d, struct uring, disk);

	assert(loop_here(u->loop) && !u->pumping);
	if (u->aux)
		u->aux->ops->cancel(u->aux);
	if (end_cancelled(u) && u->disk.batch_end)
		u->disk.batch_end(u->disk.batch_arg);
	cancel_in_kernel(u);
	pump(u);
}

/* ---- life ---- */

static int uring_measure(struct disk *d, u64 *size)
{
	struct uring *u = container_of(d, struct uring, disk);

	return disk_file_size(&u->file, d->block_size, size);
}

static void uring_destroy(struct disk *d)
{
	struct uring *u = container_of(d, struct uring, disk);

	assert(!u->in_flight);
	loop_fd_del(u->ring_fd);
	loop_timer_del(u->retry);
	if (u->have_ring)
		io_uring_queue_exit(&u->ring);
	if (u->aux)
		u->aux->ops->destroy(u->aux);
	disk_file_close(&u->file);
	free(u);
}

/* With measure() of disk_raw.c. */
static const struct sys_call list[] = {
	CALL(io_uring_enter),
	CALL(preadv2),
	CALL_RARE(pwritev2, "a disk that can be written"),
	CALL_RARE(newfstatat, "a disk that grows"),
	CALL_IOCTL_RARE(BLKGETSIZE64, "a disk that grows"),
};
static const struct calls uring_calls = CALLS("disk (io_uring)", list);

static const struct disk_ops uring_ops = {
	.submit = uring_submit,
	.commit = uring_commit,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.measure = uring_measure,
	.destroy = uring_destroy,
};

int disk_uring_create(struct disk **out, const struct disk *proto, const struct disk_file *file,
		      struct loop *loop)
{
	struct uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->disk = *proto;
	u->disk.ops = &uring_ops;
	u->file = (struct disk_file){ .fd = -1, .buffered_fd = -1 };
	u->loop = loop;
	u->todo_tail = &u->todo;
	at_once_init(&u->how, file);
	err = disk_ring_open(&u->ring);
	if (err)
		goto fail;
	u->have_ring = true;
	err = aux_create(u, file);
	if (err)
		goto fail;
	err = loop_timer_add(loop, on_retry, u, &u->retry);
	if (err)
		goto fail;
	err = loop_fd_add(loop, u->ring.ring_fd, EPOLLIN, on_ring, u, &u->ring_fd);
	if (err)
		goto fail;
	u->disk.calls[0] = &uring_calls;
	u->disk.calls[1] = u->aux ? u->aux->calls[0] : NULL;
	u->file = *file;
	*out = &u->disk;
	return 0;
fail:
	uring_destroy(&u->disk);
	return err;
}
