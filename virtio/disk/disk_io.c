/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw disk: which system call comes next for a request, and what its answer means. Shared by both
 * backends; makes no system call itself.
 *
 * Thread: the one that has the request.
 * Trust:  requests were checked by blk.c; results come from the kernel.
 * Spec:   virtio 1.3 §5.2.6 (what discard and write-zeroes must leave behind).
 *
 * A request is a sequence of attempts. r->attempt says which way is tried, r->pos how many bytes
 * are finished. Transfers continue after a short count. Zeroes are made by the first way that the
 * file supports: punch a hole (only if the guest allows to deallocate), zero the range, write them.
 *
 * A call is for a piece of what is left, cut where the disk's offset is a multiple of a piece. For
 * that the last element of the iovec is shortened, until the call has answered.
 */
#include <errno.h>
#include <fcntl.h>

#include "virtio/disk/disk_file.h"

#define ZEROES_LEN (32 * KiB)

/* A device that answers "try again" for ever is broken, not busy. */
#define MAX_RETRIES 16u

enum zeroes_attempt { ZEROES_PUNCH, ZEROES_RANGE, ZEROES_WRITE };

static const _Alignas(4096) u8 zeroes[ZEROES_LEN];

void disk_io_begin(struct disk_req *r)
{
	r->next = NULL;
	r->pos = 0;
	r->cut_len = 0;
	r->result = 0;
	r->retries = 0;
	r->attempt = r->op == DISK_WRITE_ZEROES && !r->unmap ? ZEROES_RANGE : 0;
}

static bool is_transfer(const struct disk_req *r)
{
	return r->op == DISK_READ || r->op == DISK_WRITE;
}

u32 disk_io_charge(const struct disk_req *r)
{
	return is_transfer(r) ? (u32)MIN(r->len - r->pos, DISK_PIECE) : DISK_PIECE;
}

/* How much of the `left` bytes from `off` on the next call is for. */
static u32 piece_of(u64 off, u64 left, u32 max)
{
	return (u32)(left <= max ? left : max - off % max);
}

/* The request's iovec without what is behind the piece; how many elements that are. */
static unsigned cut(struct disk_req *r)
{
	u64 n = 0;
	unsigned i = 0;

	while (n < r->piece)
		n += r->iov[i++].iov_len;
	r->cut = &r->iov[i - 1];
	r->cut_len = (u32)(n - r->piece);
	r->cut->iov_len -= r->cut_len;
	return i;
}

static void uncut(struct disk_req *r)
{
	if (r->cut_len)
		r->cut->iov_len += r->cut_len;
	r->cut_len = 0;
}

/* Can O_DIRECT take what is left of the transfer? */
static bool dio_possible(const struct disk_file *f, const struct iovec *iov, unsigned nr, u64 off)
{
	if (!is_aligned(off, f->dio_off_align))
		return false;
	for (unsigned i = 0; i < nr; i++) {
		if (!is_aligned((uintptr_t)iov[i].iov_base, f->dio_mem_align) ||
		    !is_aligned(iov[i].iov_len, f->dio_off_align))
			return false;
	}
	return true;
}

/*
 * The page cache stays coherent with direct transfers: the kernel writes back and drops the range
 * around each of them. So a misaligned transfer may go through the cache.
 */
static int transfer_fd(const struct disk_file *f, const struct disk_req *r,
		       const struct disk_io *io)
{
	if (f->buffered_fd < 0)
		return f->fd;
	if (r->attempt || !dio_possible(f, io->iov, io->nr_iov, io->off))
		return f->buffered_fd;
	return f->fd;
}

static void next_zeroes(const struct disk_file *f, struct disk_req *r, struct disk_io *io)
{
	if (r->attempt != ZEROES_WRITE) {
		io->len = r->piece = piece_of(io->off, io->len, DISK_ERASE_PIECE);
		io->kind = DISK_IO_FALLOCATE;
		io->mode =
			FALLOC_FL_KEEP_SIZE |
			(r->attempt == ZEROES_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
		return;
	}
	r->zero_iov =
		(struct iovec){ .iov_base = (void *)zeroes, .iov_len = MIN(io->len, ZEROES_LEN) };
	io->kind = DISK_IO_WRITEV;
	io->fd = f->buffered_fd >= 0 ? f->buffered_fd : f->fd;
	io->iov = &r->zero_iov;
	io->nr_iov = 1;
	io->slow = true;
}

void disk_io_next(const struct disk_file *f, struct disk_req *r, struct disk_io *io)
{
	*io = (struct disk_io){
		.layer = f->layer, .fd = f->fd, .off = r->off + r->pos, .len = r->len - r->pos
	};
	switch (r->op) {
	case DISK_READ:
	case DISK_WRITE:
		io->kind = r->op == DISK_READ ? DISK_IO_READV : DISK_IO_WRITEV;
		/* More, even copied from the page cache, would keep a loop from its other work. */
		io->slow = io->len > DISK_PIECE;
		io->len = r->piece = piece_of(io->off, io->len, DISK_PIECE);
		io->iov = r->iov;
		io->nr_iov = io->slow ? cut(r) : r->nr_iov;
		io->fd = transfer_fd(f, r, io);
		return;
	case DISK_FLUSH:
		io->kind = DISK_IO_FDATASYNC;
		return;
	case DISK_DISCARD:
		io->len = r->piece = piece_of(io->off, io->len, DISK_ERASE_PIECE);
		io->kind = f->is_blk ? DISK_IO_BLKDISCARD : DISK_IO_FALLOCATE;
		io->mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
		return;
	case DISK_WRITE_ZEROES:
		next_zeroes(f, r, io);
		return;
	case DISK_SECURE_ERASE:
		io->len = r->piece = piece_of(io->off, io->len, DISK_ERASE_PIECE);
		io->kind = DISK_IO_BLKSECDISCARD;
		return;
	}
	assert(false && r->op);
}

/* Drop the first `n` bytes of the request's iovec. */
static void advance(struct disk_req *r, size_t n)
{
	while (r->nr_iov && n >= r->iov->iov_len) {
		n -= r->iov->iov_len;
		r->iov++;
		r->nr_iov--;
	}
	if (n) {
		r->iov->iov_base = (char *)r->iov->iov_base + n;
		r->iov->iov_len -= n;
	}
}

static bool finish(struct disk_req *r, int err)
{
	r->result = err;
	return true;
}

static bool transferred(struct disk_req *r, int res)
{
	/*
	 * Nothing left where the file once had bytes: somebody truncated it under us. Or it is
	 * Linux 5.9 or 5.10 asked not to wait, which say so of what they would have to wait for
	 * [preadv2(2) BUGS]: the second time waiting is allowed.
	 */
	if (!res)
		return r->retries++ ? finish(r, -EIO) : false;
	r->pos += (u64)res;
	r->retries = 0;
	if (r->pos == r->len)
		return true;
	if (r->op != DISK_WRITE_ZEROES)
		advance(r, (size_t)res);
	return false;
}

static bool erased(struct disk_req *r)
{
	r->pos += r->piece;
	return r->pos == r->len;
}

static bool failed(const struct disk_file *f, struct disk_req *r, int err)
{
	/* ECANCELED: meant for others of the disk. */
	if (err == -EINTR || err == -EAGAIN || err == -ECANCELED)
		return r->retries++ == MAX_RETRIES ? finish(r, -EIO) : false;
	switch (r->op) {
	case DISK_READ:
	case DISK_WRITE:
		/* O_DIRECT with an alignment that we could not learn beforehand. */
		if (err == -EINVAL && f->buffered_fd >= 0 && !r->attempt) {
			r->attempt = 1;
			return false;
		}
		break;
	case DISK_WRITE_ZEROES:
		/* EINVAL: a block device, asked with less than its block. */
		if ((err == -EOPNOTSUPP || err == -ENOSYS || err == -EINVAL) &&
		    r->attempt != ZEROES_WRITE) {
			r->attempt++;
			return false;
		}
		break;
	case DISK_DISCARD:
		/*
		 * An image or a device whose blocks the range cuts keeps them: a discard is advice.
		 */
		if ((err == -EOPNOTSUPP && f->layer) || (err == -EINVAL && f->is_blk))
			return erased(r);
		break;
	case DISK_FLUSH:
	case DISK_SECURE_ERASE:
		break;
	}
	return finish(r, err);
}

static bool answered(const struct disk_file *f, struct disk_req *r, int res)
{
	if (res < 0)
		return failed(f, r, res);
	if (is_transfer(r) || (r->op == DISK_WRITE_ZEROES && r->attempt == ZEROES_WRITE))
		return transferred(r, res);
	return r->op == DISK_FLUSH || erased(r);
}

bool disk_io_finished(const struct disk_file *f, struct disk_req *r, int res)
{
	uncut(r);
	if (answered(f, r, res))
		return true;
	return disk_io_cancelled(r) ? finish(r, -ECANCELED) : false;
}
