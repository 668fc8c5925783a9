/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both backends against real files: data in and out, batches, order of completion, full disks,
 * truncation, discard, drain. disk_threads_test.c is the same with the other backend.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "virtio/disk/disk_file.h"
#include "virtio/disk/disk_ring.h"

#ifdef TEST_THREADS
#define SUITE_NAME "virtio/disk_threads"
#define create disk_threads_create
#else
#define SUITE_NAME "virtio/disk_uring"
#define create disk_uring_create
#endif

#define NR 64u
#define SIZE (16 * MiB)

static struct loop *loop;
static struct disk *disk;
static char path[64];
static unsigned nr_done, nr_batches;
static bool in_submit;
static bool is_blk; /* open_disk(): as if the file were a block device that can discard */

struct req {
	struct disk_req io;
	struct iovec iov[4];
	int err;
	bool is_done;
	struct req *then; /* submit this from done() */
};

static void on_done(struct disk_req *io, int err)
{
	struct req *r = container_of(io, struct req, io);

	ck_assert(!in_submit && !r->is_done && loop_here(loop));
	r->err = err;
	r->is_done = true;
	nr_done++;
	if (r->then)
		disk->ops->submit(disk, &r->then->io);
}

static void on_batch_end(void *arg)
{
	ck_assert_ptr_eq(arg, &nr_batches);
	nr_batches++;
}

/* True if it works here; prints why not. */
static bool open_disk(const char *dir, int flags)
{
	struct disk proto = { .size = SIZE, .block_size = 512, .physical_block_size = 4096 };
	struct disk_file f = { .fd = -1, .buffered_fd = -1 };
	int err;

	snprintf(path, sizeof(path), "%s/lkvm-disk-XXXXXX", dir);
	f.fd = mkstemp(path);
	ck_assert_int_ge(f.fd, 0);
	ck_assert_int_eq(ftruncate(f.fd, SIZE), 0);
	if (flags & O_DIRECT) {
		f.buffered_fd = f.fd;
		f.fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		f.dio_off_align = f.dio_mem_align = 4096;
		if (f.fd < 0) {
			printf("skip: no O_DIRECT in %s\n", dir);
			return false;
		}
	}
	f.is_blk = proto.can_discard = is_blk;
	proto.batch_end = on_batch_end;
	proto.batch_arg = &nr_batches;
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	err = create(&disk, &proto, &f, loop);
	if (err) {
		printf("skip: %s: %s\n", SUITE_NAME, strerror(-err));
		disk_file_close(&f);
		loop_destroy(loop);
	}
	return !err;
}

static void close_disk(void)
{
	disk->ops->destroy(disk);
	loop_destroy(loop);
	unlink(path);
}

static void submit(struct req *r)
{
	r->io.done = on_done;
	in_submit = true;
	disk->ops->submit(disk, &r->io);
	in_submit = false;
}

/* The loop, as it runs in the program, until `n` requests are done. */
static void wait_for(unsigned n)
{
	disk->ops->commit(disk);
	for (int i = 0; nr_done < n; i++) {
		ck_assert_int_lt(i, 1000);
		loop_step(loop, 1000);
	}
	ck_assert_uint_eq(nr_done, n);
	nr_done = 0;
}

static void drain(void)
{
	while (disk->ops->wait(disk))
		;
}

static struct req transfer(enum disk_op op, u64 off, void *buf, size_t len)
{
	struct req r = { .io = { .op = op, .off = off, .len = len } };

	r.iov[0] = (struct iovec){ buf, len };
	return r;
}

/* One request with one buffer, to its end. */
static int do_one(enum disk_op op, u64 off, void *buf, size_t len)
{
	struct req r = transfer(op, off, buf, len);

	r.io.iov = r.iov;
	r.io.nr_iov = 1;
	submit(&r);
	wait_for(1);
	return r.err;
}

static u64 blocks(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (u64)st.st_blocks;
}

START_TEST(write_flush_read)
{
	static char out[64 * KiB], in[64 * KiB];

	if (!open_disk("/tmp", 0))
		return;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	ck_assert_int_eq(do_one(DISK_WRITE, 512, out, sizeof(out)), 0);
	ck_assert_int_eq(do_one(DISK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(do_one(DISK_READ, 512, in, sizeof(in)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert_uint_ge(nr_batches, 3);
	close_disk();
}
END_TEST

/*
 * A write of which a part is done and the rest fails, when it is the only one that is left: each
 * byte that is written is at its own place.
 */
START_TEST(a_part_of_a_write)
{
	static char out[16 * KiB], in[16 * KiB];
	const struct rlimit limit = { 16 * KiB, RLIM_INFINITY };
	struct req a, b;

	if (!open_disk("/tmp", 0))
		return;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)('a' + i / 4096);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	a = transfer(DISK_WRITE, 0, in, 512);
	b = transfer(DISK_WRITE, 8 * KiB, out, sizeof(out));
	a.io.iov = a.iov;
	b.io.iov = b.iov;
	a.io.nr_iov = b.io.nr_iov = 1;
	submit(&a);
	submit(&b);
	wait_for(2);
	ck_assert_int_eq(a.err, 0);
	ck_assert_int_eq(b.err, -EFBIG);
	ck_assert_int_eq(do_one(DISK_READ, 8 * KiB, in, sizeof(in)), 0);
	ck_assert_mem_eq(in, out, 8 * KiB);
	ck_assert_int_eq(in[8 * KiB], 0);
	close_disk();
}
END_TEST

START_TEST(scattered_buffers)
{
	static char out[4][1024], in[4096];
	struct req r = { .io = { .op = DISK_WRITE, .off = 0, .len = 512 + 1 + 1023 + 512 } };

	if (!open_disk("/tmp", 0))
		return;
	memset(out[0], 'a', 1024);
	memset(out[1], 'b', 1024);
	memset(out[2], 'c', 1024);
	memset(out[3], 'd', 1024);
	r.iov[0] = (struct iovec){ out[0], 512 };
	r.iov[1] = (struct iovec){ out[1], 1 };
	r.iov[2] = (struct iovec){ out[2], 1023 };
	r.iov[3] = (struct iovec){ out[3], 512 };
	r.io.iov = r.iov;
	r.io.nr_iov = 4;
	submit(&r);
	wait_for(1);
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, 2048), 0);
	ck_assert(in[511] == 'a' && in[512] == 'b' && in[513] == 'c' && in[1535] == 'c');
	ck_assert(in[1536] == 'd' && in[2047] == 'd');
	close_disk();
}
END_TEST

/* More than the ring of io_uring holds, and one end-of-batch for many. */
START_TEST(many_at_once)
{
	static struct req r[8 * NR];
	static char buf[8 * NR][512];

	if (!open_disk("/tmp", 0))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		memset(buf[i], (int)i, 512);
		r[i] = transfer(DISK_WRITE, 512 * i, buf[i], 512);
		r[i].io.iov = r[i].iov;
		r[i].io.nr_iov = 1;
		submit(&r[i]);
	}
	wait_for(ARRAY_SIZE(r));
	ck_assert_uint_lt(nr_batches, ARRAY_SIZE(r));
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		char in[512];

		ck_assert_int_eq(r[i].err, 0);
		ck_assert_int_eq(do_one(DISK_READ, 512 * i, in, 512), 0);
		ck_assert_mem_eq(in, buf[i], 512);
	}
	close_disk();
}
END_TEST

START_TEST(done_may_submit)
{
	struct req flush = { .io = { .op = DISK_FLUSH, .done = on_done } };
	char buf[512] = "x";
	struct req r = transfer(DISK_WRITE, 0, buf, sizeof(buf));

	if (!open_disk("/tmp", 0))
		return;
	r.io.iov = r.iov;
	r.io.nr_iov = 1;
	r.then = &flush;
	submit(&r);
	wait_for(2);
	/* The same inside drain(). */
	r = transfer(DISK_WRITE, 0, buf, sizeof(buf));
	r.io.iov = r.iov;
	r.io.nr_iov = 1;
	flush.is_done = r.is_done = false;
	r.then = &flush;
	submit(&r);
	drain();
	ck_assert(r.is_done && flush.is_done);
	close_disk();
}
END_TEST

START_TEST(drain_waits_for_all)
{
	static struct req r[NR];
	static char buf[NR][4096];

	if (!open_disk("/tmp", 0))
		return;
	drain();
	for (unsigned i = 0; i < NR; i++) {
		r[i] = transfer(i % 2 ? DISK_WRITE : DISK_READ, 4096 * i, buf[i], 4096);
		r[i].io.iov = r[i].iov;
		r[i].io.nr_iov = 1;
		submit(&r[i]);
		if (i == NR / 2)
			disk->ops->commit(disk);
	}
	drain();
	ck_assert_uint_eq(nr_done, NR);
	close_disk();
}
END_TEST

START_TEST(truncated_under_us)
{
	char buf[512];

	if (!open_disk("/tmp", 0))
		return;
	ck_assert_int_eq(truncate(path, 4096), 0);
	ck_assert_int_eq(do_one(DISK_READ, 8192, buf, 512), -EIO);
	ck_assert_int_eq(do_one(DISK_READ, 0, buf, 512), 0);
	close_disk();
}
END_TEST

/* Write-zeroes clears exactly its range; discard gives blocks back. */
START_TEST(zeroes_and_discard)
{
	static char out[256 * KiB], in[256 * KiB];
	struct req r;
	u64 before;

	if (!open_disk("/tmp", 0))
		return;
	memset(out, 'x', sizeof(out));
	ck_assert_int_eq(do_one(DISK_WRITE, 0, out, sizeof(out)), 0);
	ck_assert_int_eq(do_one(DISK_FLUSH, 0, NULL, 0), 0);
	before = blocks();
	ck_assert_int_eq(do_one(DISK_WRITE_ZEROES, 512, NULL, 65 * KiB), 0);
	r = transfer(DISK_WRITE_ZEROES, 128 * KiB, NULL, 512);
	r.io.unmap = true;
	submit(&r);
	wait_for(1);
	ck_assert_int_eq(r.err, 0);
	memset(out + 512, 0, 65 * KiB);
	memset(out + 128 * KiB, 0, 512);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert_int_eq(do_one(DISK_DISCARD, 0, NULL, 256 * KiB), 0);
	ck_assert_int_eq(do_one(DISK_FLUSH, 0, NULL, 0), 0);
	ck_assert_uint_lt(blocks(), before);
	close_disk();
}
END_TEST

/* tmpfs: no ZERO_RANGE, so zeroes are written; and full when we say so. */
START_TEST(small_tmpfs)
{
	static char out[256 * KiB], in[256 * KiB];
	char dir[] = "/tmp/lkvm-tmpfs-XXXXXX";
	int err;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=1M") < 0) {
		printf("skip: cannot mount a tmpfs: %s\n", strerror(errno));
		rmdir(dir);
		return;
	}
	if (!open_disk(dir, 0))
		goto out;
	memset(out, 'x', sizeof(out));
	ck_assert_int_eq(do_one(DISK_WRITE, 0, out, sizeof(out)), 0);
	ck_assert_int_eq(do_one(DISK_WRITE_ZEROES, 512, NULL, 100 * KiB), 0);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	memset(out + 512, 0, 100 * KiB);
	ck_assert_mem_eq(in, out, sizeof(in));
	for (u64 off = 0; !(err = do_one(DISK_WRITE, off, out, sizeof(out)));)
		ck_assert_uint_lt(off += sizeof(out), SIZE);
	ck_assert_int_eq(err, -ENOSPC);
	/* What was there before still is, and the disk goes on. */
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert_int_eq(do_one(DISK_DISCARD, 0, NULL, 512 * KiB), 0);
	ck_assert_int_eq(do_one(DISK_WRITE, 2 * MiB, out, sizeof(out)), 0);
	close_disk();
out:
	ck_assert_int_eq(umount(dir), 0);
	rmdir(dir);
}
END_TEST

/* O_DIRECT, with requests that it takes and such that it does not. */
START_TEST(direct_io)
{
	static _Alignas(4096) char out[32 * KiB], in[32 * KiB + 16];

	if (!open_disk("/var/tmp", O_DIRECT))
		return;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 3 + i / 512);
	ck_assert_int_eq(do_one(DISK_WRITE, 0, out, sizeof(out)), 0);
	/* One sector, an odd buffer: through the page cache, and both see the same bytes. */
	ck_assert_int_eq(do_one(DISK_WRITE, 512, out + 7, 512), 0);
	memmove(out + 512, out + 7, 512);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(out)), 0);
	ck_assert_mem_eq(in, out, sizeof(out));
	ck_assert_int_eq(do_one(DISK_READ, 512, in + 3, 31 * KiB), 0);
	ck_assert_mem_eq(in + 3, out + 512, 31 * KiB);
	ck_assert_int_eq(do_one(DISK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(do_one(DISK_WRITE_ZEROES, 1024, NULL, 512), 0);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, 4096), 0);
	ck_assert(in[1023] == out[1023] && !in[1024] && !in[1535] && in[1536] == out[1536]);
	close_disk();
}
END_TEST

/* ---- more than the kernel is given at a time ---- */

/* Elements that end where no piece does, at an offset that is none either. */
START_TEST(pieces)
{
	static char out[3 * DISK_PIECE], in[3 * DISK_PIECE];
	struct req r = transfer(DISK_WRITE, 1536, out, sizeof(out) - 1024);

	if (!open_disk("/tmp", 0))
		return;
	for (unsigned i = 0; i < sizeof(out) / 4; i++)
		((u32 *)(void *)out)[i] = i * 2654435761u;
	r.iov[0] = (struct iovec){ out, 512 };
	r.iov[1] = (struct iovec){ out + 512, DISK_PIECE - 1 };
	r.iov[2] = (struct iovec){ out + 511 + DISK_PIECE, 2 };
	r.iov[3] = (struct iovec){ out + 513 + DISK_PIECE, 2 * DISK_PIECE - 1024 - 513 };
	r.io.iov = r.iov;
	r.io.nr_iov = 4;
	submit(&r);
	wait_for(1);
	ck_assert_int_eq(r.err, 0);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	for (unsigned i = 0; i < 1536; i++)
		ck_assert_int_eq(in[i], 0);
	ck_assert(memcmp(in + 1536, out, sizeof(out) - 1536) == 0);
	ck_assert_int_eq(do_one(DISK_WRITE_ZEROES, 512, NULL, sizeof(in) - 1024), 0);
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	ck_assert(!in[0] && memcmp(in, in + 1, sizeof(in) - 513) == 0);
	ck_assert_mem_eq(in + sizeof(in) - 512, out + sizeof(out) - 2048, 512);
	close_disk();
}
END_TEST

#define HUGE_PIECES 1000u
#define NR_HUGE 128u

/* Reads of almost 4 GiB from a file that is all holes, into the same 4 MiB. */
static struct req huge[NR_HUGE];
static _Atomic bool unwanted;

static void submit_huge(void)
{
	static char buf[DISK_PIECE];
	static struct iovec iov[NR_HUGE][HUGE_PIECES];

	ck_assert_int_eq(truncate(path, (off_t)HUGE_PIECES * DISK_PIECE), 0);
	unwanted = false;
	for (unsigned i = 0; i < NR_HUGE; i++) {
		for (unsigned k = 0; k < HUGE_PIECES; k++)
			iov[i][k] = (struct iovec){ buf, DISK_PIECE };
		huge[i] = transfer(DISK_READ, 0, NULL, (size_t)HUGE_PIECES * DISK_PIECE);
		huge[i].io.iov = iov[i];
		huge[i].io.nr_iov = HUGE_PIECES;
		huge[i].io.cancelled = &unwanted;
		submit(&huge[i]);
	}
	disk->ops->commit(disk);
}

static void cancel_huge(void)
{
	u64 start = loop_now_ns();

	unwanted = true;
	disk->ops->cancel(disk);
	drain();
	for (unsigned i = 0; i < NR_HUGE; i++)
		ck_assert(huge[i].is_done && huge[i].err == -ECANCELED);
	/* All of them would be half a TiB: minutes. */
	ck_assert_uint_lt(loop_now_ns() - start, (u64)scaled(5000) * 1000000u);
}

START_TEST(cancelled)
{
	static char out[3 * DISK_PIECE], in[sizeof(out)];
	struct req wanted = transfer(DISK_WRITE, 0, out, sizeof(out));
	struct req zeroes = { .io = { .op = DISK_DISCARD, .len = GiB, .cancelled = &unwanted } };
	struct req early = transfer(DISK_READ, 8 * MiB + DISK_PIECE, in, 512);
	_Atomic bool never = false;

	if (!open_disk("/tmp", 0))
		return;
	memset(out, 'w', sizeof(out));
	submit_huge();
	wanted.io.iov = wanted.iov;
	wanted.io.nr_iov = 1;
	wanted.io.cancelled = &never;
	submit(&zeroes);
	submit(&wanted);
	disk->ops->commit(disk);
	loop_step(loop, 0);
	cancel_huge();
	/* What others want is done all the same. */
	ck_assert(wanted.is_done && !wanted.err && zeroes.is_done);
	nr_done = 0;
	ck_assert_int_eq(do_one(DISK_READ, 0, in, sizeof(in)), 0);
	ck_assert(memcmp(in, out, sizeof(in)) == 0);
	/* Before anything was handed over; and when nothing is left to cancel. */
	early.io.iov = early.iov;
	early.io.nr_iov = 1;
	early.io.cancelled = &unwanted;
	submit(&early);
	disk->ops->cancel(disk);
	ck_assert(early.is_done && early.err == -ECANCELED && in[0] == 'w');
	disk->ops->cancel(disk);
	ck_assert(!disk->ops->wait(disk));
	close_disk();
}
END_TEST

/* Queues that are reset again and again are no fault of a request of another queue. */
START_TEST(cancelled_often)
{
	static char out[3 * DISK_PIECE];
	struct req wanted[8];

	if (!open_disk("/tmp", 0))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		wanted[i] = transfer(DISK_WRITE, 0, out, sizeof(out));
		wanted[i].io.iov = wanted[i].iov;
		wanted[i].io.nr_iov = 1;
		submit(&wanted[i]);
	}
	disk->ops->commit(disk);
	for (unsigned i = 0; i < 1000; i++)
		disk->ops->cancel(disk);
	drain();
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
		ck_assert(wanted[i].is_done && !wanted[i].err);
	close_disk();
}
END_TEST

START_TEST(large_ones_let_others_pass)
{
	static char buf[512];
	struct req small = transfer(DISK_READ, 0, buf, sizeof(buf));

	if (!open_disk("/tmp", 0))
		return;
	submit_huge();
	small.io.iov = small.iov;
	small.io.nr_iov = 1;
	submit(&small);
	disk->ops->commit(disk);
	while (!small.is_done)
		ck_assert(disk->ops->wait(disk));
	ck_assert_uint_eq(nr_done, 1);
	cancel_huge();
	close_disk();
}
END_TEST

/* Requests while the loop runs on its own thread, as in the program. */
static void submit_on_loop(void *arg)
{
	struct req *r = arg;

	submit(&r[0]);
	submit(&r[1]);
	disk->ops->commit(disk);
}

static void drain_on_loop(void *arg)
{
	drain();
}

START_TEST(loop_on_its_thread)
{
	static char buf[2][4096];
	struct req r[2];

	if (!open_disk("/tmp", 0))
		return;
	ck_assert_int_eq(loop_start(loop), 0);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 2; i++) {
			r[i] = transfer(i ? DISK_READ : DISK_WRITE, 4096 * i, buf[i], 4096);
			r[i].io.iov = r[i].iov;
			r[i].io.nr_iov = 1;
		}
		loop_call(loop, submit_on_loop, r);
		loop_call(loop, drain_on_loop, NULL);
		ck_assert(r[0].is_done && r[1].is_done && !r[0].err && !r[1].err);
	}
	loop_stop(loop);
	close_disk();
}
END_TEST

#ifndef TEST_THREADS
/* A file in memory: one request by itself is done when commit() returns. */
START_TEST(alone_and_at_once)
{
	static char out[128 * KiB], in[128 * KiB];
	struct req r = transfer(DISK_WRITE, 4096, out, sizeof(out));

	if (access("/dev/shm", W_OK)) {
		printf("skip: no /dev/shm\n");
		return;
	}
	if (!open_disk("/dev/shm", 0))
		return;
	memset(out, 'x', sizeof(out));
	r.io.iov = r.iov;
	r.io.nr_iov = 1;
	submit(&r);
	ck_assert(!r.is_done);
	disk->ops->commit(disk);
	ck_assert(r.is_done && !r.err && nr_batches == 1);
	r = transfer(DISK_READ, 4096, in, sizeof(in));
	r.io.iov = r.iov;
	r.io.nr_iov = 1;
	submit(&r);
	disk->ops->commit(disk);
	ck_assert(r.is_done && !r.err && nr_batches == 2);
	ck_assert_mem_eq(in, out, sizeof(in));
	/* Errors are those of the ring. */
	ck_assert_int_eq(truncate(path, 8192), 0);
	nr_done = 0;
	ck_assert_int_eq(do_one(DISK_READ, 4096, in, 8192), -EIO);
	close_disk();
}
END_TEST
#else
#define alone_and_at_once loop_on_its_thread
#endif

/* As one of the backends does on behalf of the other. */
static void commit_here(void)
{
#ifdef TEST_THREADS
	disk_threads_commit_here(disk);
#else
	disk->ops->commit(disk);
#endif
}

/* A single request of whoever has borrowed the loop, up to its end. */
static void serve_borrowed(struct req *r, bool offer)
{
	bool is_done = false;

	r->io.iov = r->iov;
	r->io.nr_iov = 1;
	r->then = NULL;
	while (!loop_borrow(loop))
		sched_yield();
	if (offer)
		loop_offer(loop);
	submit(r);
	commit_here();
	loop_give_back(loop);
	while (!is_done) {
		if (!loop_borrow(loop))
			continue;
		is_done = r->is_done;
		loop_give_back(loop);
	}
	ck_assert_int_eq(r->err, 0);
}

/*
 * A vCPU or a worker has the loop: what is there is done or left to the loop's own thread, and in
 * either case done once. The same bytes as ever come out of it.
 */
START_TEST(on_a_borrowed_loop)
{
	static char out[8192], in[8192];
	static const char *const dirs[] = { "/tmp", "/dev/shm", "." };

	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (access(dirs[i], W_OK) || !open_disk(dirs[i], 0))
			continue;
		ck_assert_int_eq(loop_start(loop), 0);
		for (unsigned round = 0; round < 40; round++) {
			bool wr = round % 2 == 0;
			struct req r = transfer(wr ? DISK_WRITE : DISK_READ, 4096 * (round / 2),
						wr ? out : in, sizeof(in));

			memset(wr ? out : in, wr ? (int)round + 1 : 0, sizeof(in));
			serve_borrowed(&r, round % 4 < 2);
			if (!wr)
				ck_assert_mem_eq(in, out, sizeof(in));
		}
		loop_stop(loop);
		close_disk();
	}
}
END_TEST

#ifdef TEST_THREADS
static bool is_slow;
static pthread_t writer;

/* Who writes, and how long that takes. */
ssize_t pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	writer = pthread_self();
	if (is_slow)
		usleep(5000);
	return syscall(SYS_pwritev, fd, iov, nr, off, 0);
}

static void write_offered(void)
{
	static char block[4096];
	struct req r = transfer(DISK_WRITE, 0, block, sizeof(block));

	serve_borrowed(&r, true);
}

/* Whoever offers writes, and does not once that has taken long. */
START_TEST(a_vcpu_writes_while_that_is_quick)
{
	ck_assert(open_disk("/tmp", 0));
	ck_assert_int_eq(loop_start(loop), 0);
	is_slow = true;
	write_offered();
	ck_assert(pthread_equal(writer, pthread_self()));
	is_slow = false;
	write_offered();
	ck_assert(!pthread_equal(writer, pthread_self()));
	loop_stop(loop);
	close_disk();
}
END_TEST
#else
#define a_vcpu_writes_while_that_is_quick loop_on_its_thread
#endif

static unsigned nr_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* What a discard needs is there before the guest runs: no driver makes us start a thread. */
START_TEST(a_discard_makes_no_thread)
{
	unsigned before;

	is_blk = true;
	if (!open_disk("/tmp", 0))
		return;
	before = nr_threads();
	/* The file is no block device, so the kernel refuses; that it was asked is enough. */
	do_one(DISK_DISCARD, 0, NULL, 64 * KiB);
	ck_assert_uint_eq(nr_threads(), before);
	close_disk();
}
END_TEST

static u64 erased[2], discarded[2];

/* The file plays a device that can erase: what it is asked for is noted. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request != BLKSECDISCARD && request != BLKDISCARD)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	memcpy(request == BLKDISCARD ? discarded : erased, arg, sizeof(erased));
	return 0;
}

START_TEST(a_secure_erase_is_no_discard)
{
	is_blk = true;
	if (!open_disk("/tmp", 0))
		return;
	ck_assert_int_eq(do_one(DISK_SECURE_ERASE, 4096, NULL, 64 * KiB), 0);
	ck_assert(erased[0] == 4096 && erased[1] == 64 * KiB && !discarded[1]);
	ck_assert_int_eq(do_one(DISK_DISCARD, 8192, NULL, 4096), 0);
	ck_assert(erased[0] == 4096 && discarded[0] == 8192);
	close_disk();
}
END_TEST

/*
 * Where there is a ring it does what it was restricted to: to register anything with it, which is
 * not on its list, is refused; so are system calls that are not.
 */
START_TEST(a_ring_is_restricted)
{
	struct {
		u8 bytes[16 + 256 * 8]; /* struct io_uring_probe */
	} probe = { { 0 } };
	unsigned rings = 0;
	struct dirent *e;
	DIR *d;

	if (!open_disk("/tmp", 0))
		return;
	d = opendir("/proc/self/fd");
	while ((e = readdir(d))) {
		char name[300], target[64] = "";

		snprintf(name, sizeof(name), "/proc/self/fd/%s", e->d_name);
		if (readlink(name, target, sizeof(target) - 1) < 0 ||
		    strcmp(target, "anon_inode:[io_uring]") != 0)
			continue;
		rings++;
		ck_assert_int_eq(syscall(SYS_io_uring_register, atoi(e->d_name),
					 8 /* IORING_REGISTER_PROBE */, &probe, 1),
				 -1);
		ck_assert_int_eq(errno, EACCES);
	}
	closedir(d);
	close_disk();
#ifndef TEST_THREADS
	ck_assert_uint_eq(rings, 1);
#else
	ck_assert_uint_eq(rings, 0);
#endif
}
END_TEST

/* It opens no file, which no seccomp filter would see. */
START_TEST(a_ring_opens_no_file)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	if (disk_ring_open(&ring))
		return;
	sqe = io_uring_get_sqe(&ring);
	ck_assert_ptr_nonnull(sqe);
	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	ck_assert_int_eq(io_uring_submit_and_wait(&ring, 1), 1);
	ck_assert_int_eq(io_uring_peek_cqe(&ring, &cqe), 0);
	ck_assert_int_eq(cqe->res, -EACCES);
	io_uring_queue_exit(&ring);
}
END_TEST

SUITE_MAIN(SUITE_NAME, a_ring_is_restricted, a_ring_opens_no_file, write_flush_read,
	   a_part_of_a_write, scattered_buffers, many_at_once, done_may_submit, drain_waits_for_all,
	   truncated_under_us, zeroes_and_discard, small_tmpfs, direct_io, pieces, cancelled,
	   cancelled_often, large_ones_let_others_pass, loop_on_its_thread, on_a_borrowed_loop,
	   alone_and_at_once, a_vcpu_writes_while_that_is_quick, a_discard_makes_no_thread,
	   a_secure_erase_is_no_discard)
