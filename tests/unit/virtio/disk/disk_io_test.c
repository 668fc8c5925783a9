/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which system call comes next: continuation, fallbacks, alignment, and no way to go on for ever.
 */
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/suite.h"
#include "virtio/disk/disk_file.h"

static const struct disk_file plain = { .fd = 3, .buffered_fd = -1 };
static const struct disk_file direct = {
	.fd = 3, .buffered_fd = 4, .dio_off_align = 512, .dio_mem_align = 4
};
static const struct disk_file block = { .fd = 3, .buffered_fd = -1, .is_blk = true };

static struct disk_io next(const struct disk_file *f, struct disk_req *r)
{
	struct disk_io io;

	disk_io_next(f, r, &io);
	return io;
}

static struct disk_req request(enum disk_op op, u64 off, u64 len)
{
	struct disk_req r = { .op = op, .off = off, .len = len };

	disk_io_begin(&r);
	return r;
}

/* The bytes of iov[0..nr). */
static struct disk_req transfer(enum disk_op op, u64 off, struct iovec *iov, unsigned nr)
{
	u64 len = 0;

	for (unsigned i = 0; i < nr; i++)
		len += iov[i].iov_len;

	struct disk_req r = request(op, off, len);

	r.iov = iov;
	r.nr_iov = nr;
	return r;
}

/* [virtio 1.3 §5.2.6] a request is done when all its bytes are. */
START_TEST(short_transfers_continue)
{
	char a[100], b[412];
	struct iovec iov[] = { { a, 100 }, { b, 412 } };
	struct disk_req r = transfer(DISK_READ, 1024, iov, 2);
	struct disk_io io;

	io = next(&plain, &r);
	ck_assert(io.kind == DISK_IO_READV && io.fd == 3 && io.off == 1024 && io.len == 512);
	ck_assert(io.iov == iov && io.nr_iov == 2);
	ck_assert(!disk_io_finished(&plain, &r, 40));
	io = next(&plain, &r);
	ck_assert(io.off == 1064 && io.iov[0].iov_base == a + 40 && io.iov[0].iov_len == 60);
	/* Exactly to the end of the first element, then one byte, then the rest. */
	ck_assert(!disk_io_finished(&plain, &r, 60));
	io = next(&plain, &r);
	ck_assert(io.off == 1124 && io.nr_iov == 1 && io.iov[0].iov_base == b);
	ck_assert(!disk_io_finished(&plain, &r, 1));
	io = next(&plain, &r);
	ck_assert(io.off == 1125 && io.iov[0].iov_len == 411);
	ck_assert(disk_io_finished(&plain, &r, 411));
	ck_assert_int_eq(r.result, 0);
}
END_TEST

START_TEST(end_of_file_is_an_error)
{
	char a[512];
	struct iovec iov = { a, 512 };
	struct disk_req r = transfer(DISK_READ, 0, &iov, 1);

	ck_assert(!disk_io_finished(&plain, &r, 100));
	ck_assert(!disk_io_finished(&plain, &r, 0));
	ck_assert(disk_io_finished(&plain, &r, 0));
	ck_assert_int_eq(r.result, -EIO);
}
END_TEST

/* preadv2(2) BUGS: with RWF_NOWAIT Linux 5.9 and 5.10 say 0 in the middle of a file. */
START_TEST(no_bytes_once_are_asked_for_again)
{
	char a[512];
	struct iovec iov = { a, 512 };
	struct disk_req r = transfer(DISK_READ, 0, &iov, 1);

	ck_assert(!disk_io_finished(&plain, &r, 0));
	ck_assert_uint_eq(r.retries, 1); /* so that the ring may wait */
	ck_assert(!disk_io_finished(&plain, &r, 100));
	ck_assert(!disk_io_finished(&plain, &r, 0));
	ck_assert(disk_io_finished(&plain, &r, 412));
	ck_assert_int_eq(r.result, 0);
}
END_TEST

START_TEST(interruptions_are_bounded)
{
	struct disk_req r = request(DISK_FLUSH, 0, 0);
	int n = 0;

	while (!disk_io_finished(&plain, &r, n % 2 ? -EINTR : -EAGAIN))
		ck_assert_int_lt(++n, 100);
	ck_assert_int_ge(n, 4);
	ck_assert_int_eq(r.result, -EIO);
}
END_TEST

START_TEST(errors_end_a_request)
{
	char a[512];
	struct iovec iov = { a, 512 };
	struct disk_req r = transfer(DISK_WRITE, 0, &iov, 1);

	ck_assert(next(&plain, &r).kind == DISK_IO_WRITEV);
	ck_assert(disk_io_finished(&plain, &r, -ENOSPC));
	ck_assert_int_eq(r.result, -ENOSPC);
	r = request(DISK_FLUSH, 0, 0);
	ck_assert(next(&plain, &r).kind == DISK_IO_FDATASYNC);
	ck_assert(disk_io_finished(&plain, &r, -EIO));
	ck_assert_int_eq(r.result, -EIO);
}
END_TEST

START_TEST(direct_takes_what_is_aligned)
{
	_Alignas(512) char a[2048];
	struct iovec iov[] = { { a, 512 }, { a + 1024, 512 } };
	struct disk_req r = transfer(DISK_WRITE, 512, iov, 2);

	ck_assert_int_eq(next(&direct, &r).fd, 3);
	iov[1].iov_base = a + 1025;
	ck_assert_int_eq(next(&direct, &r).fd, 4);
	iov[1].iov_base = a + 1024;
	r.off = 513;
	ck_assert_int_eq(next(&direct, &r).fd, 4);
	r.off = 512;
	iov[0].iov_len = 100;
	ck_assert_int_eq(next(&direct, &r).fd, 4);
	iov[0].iov_len = 512;
	/* After an odd short count the rest is not aligned any more. */
	ck_assert_int_eq(next(&direct, &r).fd, 3);
	ck_assert(!disk_io_finished(&direct, &r, 700));
	ck_assert_int_eq(next(&direct, &r).fd, 4);
}
END_TEST

START_TEST(direct_falls_back_on_einval_once)
{
	_Alignas(512) char a[512];
	struct iovec iov = { a, 512 };
	struct disk_req r = transfer(DISK_READ, 0, &iov, 1);

	ck_assert(!disk_io_finished(&direct, &r, -EINVAL));
	ck_assert_int_eq(next(&direct, &r).fd, 4);
	ck_assert(disk_io_finished(&direct, &r, -EINVAL));
	ck_assert_int_eq(r.result, -EINVAL);
	/* Nothing to fall back to. */
	r = request(DISK_READ, 0, 512);
	ck_assert(disk_io_finished(&plain, &r, -EINVAL));
}
END_TEST

START_TEST(zeroes_without_unmap_never_punch)
{
	struct disk_req r = request(DISK_WRITE_ZEROES, 4096, 40 * KiB);
	struct disk_io io = next(&plain, &r);

	ck_assert(io.kind == DISK_IO_FALLOCATE && io.off == 4096 && io.len == 40 * KiB);
	ck_assert_int_eq(io.mode, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	ck_assert(!disk_io_finished(&plain, &r, -EOPNOTSUPP));
	/* Then by writing, piece by piece, not on the loop. */
	io = next(&plain, &r);
	ck_assert(io.kind == DISK_IO_WRITEV && io.slow && io.nr_iov == 1);
	ck_assert_uint_eq(io.iov[0].iov_len, 32 * KiB);
	for (unsigned i = 0; i < io.iov[0].iov_len; i++)
		ck_assert_int_eq(((const char *)io.iov[0].iov_base)[i], 0);
	ck_assert(!disk_io_finished(&plain, &r, 32 * KiB));
	io = next(&plain, &r);
	ck_assert(io.off == 4096 + 32 * KiB && io.iov[0].iov_len == 8 * KiB);
	ck_assert(disk_io_finished(&plain, &r, 8 * KiB));
	ck_assert_int_eq(r.result, 0);
}
END_TEST

START_TEST(zeroes_with_unmap)
{
	struct disk_req r = request(DISK_WRITE_ZEROES, 0, 4096);

	r.unmap = true;
	disk_io_begin(&r);
	ck_assert_int_eq(next(&plain, &r).mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	ck_assert(!disk_io_finished(&plain, &r, -EOPNOTSUPP));
	ck_assert_int_eq(next(&plain, &r).mode, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	ck_assert(!disk_io_finished(&plain, &r, -ENOSYS));
	ck_assert(next(&plain, &r).kind == DISK_IO_WRITEV);
	ck_assert(disk_io_finished(&plain, &r, -ENOSPC));
	ck_assert_int_eq(r.result, -ENOSPC);
	/* Direct: zeroes are written through the cache. */
	r = request(DISK_WRITE_ZEROES, 0, 512);
	ck_assert(!disk_io_finished(&direct, &r, -EINVAL));
	ck_assert_int_eq(next(&direct, &r).fd, 4);
}
END_TEST

START_TEST(discards)
{
	struct disk_req r = request(DISK_DISCARD, 8192, 4096);
	struct disk_io io = next(&plain, &r);

	ck_assert(io.kind == DISK_IO_FALLOCATE && io.off == 8192 && io.len == 4096);
	ck_assert_int_eq(io.mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	ck_assert(next(&block, &r).kind == DISK_IO_BLKDISCARD);
	ck_assert(disk_io_finished(&block, &r, -EOPNOTSUPP));
	ck_assert_int_eq(r.result, -EOPNOTSUPP);
	/* Half a block of the device (blocksize=512): what it will not drop stays. */
	r = request(DISK_DISCARD, 4096, DISK_ERASE_PIECE + (u64)4096);
	next(&block, &r);
	ck_assert(!disk_io_finished(&block, &r, -EINVAL));
	ck_assert_uint_eq(next(&block, &r).off, DISK_ERASE_PIECE);
	ck_assert(disk_io_finished(&block, &r, -EINVAL));
	ck_assert_int_eq(r.result, 0);
	r = request(DISK_DISCARD, 0, 4096);
	next(&block, &r);
	ck_assert(disk_io_finished(&block, &r, -EIO));
	ck_assert_int_eq(r.result, -EIO);
}
END_TEST

/* A hole in a file is no erasure: there is one way, and no other in its place. */
START_TEST(secure_erasures)
{
	struct disk_req r = request(DISK_SECURE_ERASE, 8192, 4096);
	struct disk_io io = next(&block, &r);

	ck_assert(io.kind == DISK_IO_BLKSECDISCARD && io.off == 8192 && io.len == 4096);
	ck_assert(next(&plain, &r).kind == DISK_IO_BLKSECDISCARD);
	ck_assert(disk_io_finished(&block, &r, -EOPNOTSUPP));
	ck_assert_int_eq(r.result, -EOPNOTSUPP);
}
END_TEST

START_TEST(big_transfers_are_slow)
{
	static char a[512];
	struct iovec iov = { a, 4 * MiB };
	struct disk_req r = transfer(DISK_READ, 0, &iov, 1);

	ck_assert(!next(&plain, &r).slow);
	r.len += 512;
	iov.iov_len += 512;
	ck_assert(next(&plain, &r).slow);
}
END_TEST

/* However long the request, the kernel has a piece of it, cut where the disk's offset is round. */
START_TEST(a_call_is_for_a_piece)
{
	static char a[512];
	struct iovec iov[] = { { a, DISK_PIECE }, { a, DISK_PIECE } };
	struct disk_req r = transfer(DISK_WRITE, 1024, iov, 2);
	struct disk_io io;

	io = next(&plain, &r);
	ck_assert(io.slow && io.nr_iov == 1 && io.len == DISK_PIECE - 1024);
	ck_assert_uint_eq(io.iov[0].iov_len, DISK_PIECE - 1024);
	ck_assert_uint_eq(disk_io_charge(&r), DISK_PIECE);
	/* A short count, and the rest of that piece. */
	ck_assert(!disk_io_finished(&plain, &r, 512));
	ck_assert_uint_eq(iov[0].iov_len, DISK_PIECE - 512);
	io = next(&plain, &r);
	ck_assert(io.off == 1536 && io.iov[0].iov_len == DISK_PIECE - 1536);
	ck_assert(!disk_io_finished(&plain, &r, DISK_PIECE - 1536));
	io = next(&plain, &r);
	ck_assert(io.off == DISK_PIECE && io.nr_iov == 2 && io.len == DISK_PIECE);
	ck_assert(io.iov[0].iov_len == 1024 && io.iov[1].iov_len == DISK_PIECE - 1024);
	ck_assert(!disk_io_finished(&plain, &r, DISK_PIECE));
	io = next(&plain, &r);
	ck_assert(!io.slow && io.len == 1024 && io.nr_iov == 1 && io.iov[0].iov_len == 1024);
	ck_assert_uint_eq(disk_io_charge(&r), 1024);
	ck_assert(disk_io_finished(&plain, &r, 1024));
	ck_assert_int_eq(r.result, 0);
}
END_TEST

START_TEST(erasing_in_pieces)
{
	static const enum disk_op ops[] = { DISK_DISCARD, DISK_WRITE_ZEROES, DISK_SECURE_ERASE };

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct disk_req r = request(ops[i], 4096, 2 * (u64)DISK_ERASE_PIECE);
		struct disk_io io = next(&plain, &r);

		ck_assert(io.off == 4096 && io.len == DISK_ERASE_PIECE - 4096);
		ck_assert(!disk_io_finished(&plain, &r, 0));
		io = next(&plain, &r);
		ck_assert(io.off == DISK_ERASE_PIECE && io.len == DISK_ERASE_PIECE);
		ck_assert(!disk_io_finished(&plain, &r, 0));
		ck_assert_uint_eq(next(&plain, &r).len, 4096);
		ck_assert(disk_io_finished(&plain, &r, 0));
		ck_assert_int_eq(r.result, 0);
	}
}
END_TEST

/* Between two pieces; one that was finished all the same is. */
START_TEST(cancelled_between_pieces)
{
	static char a[512];
	struct iovec iov = { a, 2 * DISK_PIECE };
	struct disk_req r = request(DISK_READ, 0, 2 * DISK_PIECE);
	_Atomic bool cancelled = false;

	r.iov = &iov;
	r.nr_iov = 1;
	r.cancelled = &cancelled;
	next(&plain, &r);
	/* For somebody else: it is tried again. */
	ck_assert(!disk_io_finished(&plain, &r, -ECANCELED));
	next(&plain, &r);
	cancelled = true;
	ck_assert(disk_io_finished(&plain, &r, DISK_PIECE));
	ck_assert_int_eq(r.result, -ECANCELED);
	iov = (struct iovec){ a, 512 };
	r.len = 512;
	disk_io_begin(&r);
	next(&plain, &r);
	ck_assert(disk_io_finished(&plain, &r, 512));
	ck_assert_int_eq(r.result, 0);
	disk_io_begin(&r);
	next(&plain, &r);
	ck_assert(disk_io_finished(&plain, &r, -ECANCELED));
	ck_assert_int_eq(r.result, -ECANCELED);
}
END_TEST

SUITE_MAIN("virtio/disk_io", short_transfers_continue, end_of_file_is_an_error,
	   no_bytes_once_are_asked_for_again, interruptions_are_bounded, errors_end_a_request,
	   direct_takes_what_is_aligned, direct_falls_back_on_einval_once,
	   zeroes_without_unmap_never_punch, zeroes_with_unmap, discards, secure_erasures,
	   big_transfers_are_slow, a_call_is_for_a_piece, erasing_in_pieces,
	   cancelled_between_pieces)
