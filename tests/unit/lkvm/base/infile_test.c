/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files into guest memory, with a ring and without one. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/resource.h>

#include "lkvm/base/infile.h"
#include "tests/unit/arm64/capture.h"

#define SIZE (9 * MiB + 123) /* more than two pieces, and no round number */

static u8 *want, *mem;
static int fd = -1;

static void setup(void)
{
	fd = memfd_create("file", MFD_CLOEXEC);
	want = malloc(SIZE);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(want);
	for (size_t i = 0; i < SIZE; i++)
		want[i] = (u8)((i * 2654435761u) >> 13);
	ck_assert_int_eq(write(fd, want, SIZE), SIZE);
	mem = mmap(NULL, 16 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	capture_start();
}

static void done(void)
{
	ck_assert_str_eq(captured(), "");
	munmap(mem, 16 * MiB);
	free(want);
	close(fd);
}

/* memcmp() and not ck_assert_mem_eq(), which would print megabytes. */
static bool untouched(u64 from, u64 to)
{
	return to == from ||
	       (mem[from] == 0xa5 && memcmp(mem + from, mem + from + 1, to - from - 1) == 0);
}

/* All of it from `off` on, to `at`; what is around it stays. */
static void reads(u64 at, u64 off)
{
	u64 len = SIZE - off;

	memset(mem, 0xa5, 16 * MiB);
	ck_assert_int_eq(infile_read(fd, "file", mem + at, len, off), 0);
	ck_assert(memcmp(mem + at, want + off, len) == 0);
	ck_assert(untouched(0, at));
	ck_assert(untouched(at + len, 16 * MiB));
}

/* What this process read with read(2) and the like; -1: not to be had. */
static long long bytes_read(void)
{
	FILE *f = fopen("/proc/self/io", "re");
	long long n = -1;

	if (f && fscanf(f, "rchar: %lld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

START_TEST(any_place_any_offset)
{
	setup();
	reads(0, 0);
	reads(64, 64); /* behind the header of an Image */
	reads(4 * MiB - 1, 77);
	reads(3, SIZE - 10); /* too little for a ring */
	done();
}
END_TEST

START_TEST(a_large_file_comes_through_the_ring)
{
	long long before;
	struct io_uring ring;

	setup();
	before = bytes_read();
	reads(64, 64);
	if (io_uring_queue_init(1, &ring, 0) || before < 0) {
		printf("skip: arm64/infile: no io_uring here\n");
	} else {
		io_uring_queue_exit(&ring);
		ck_assert_int_lt(bytes_read() - before, MiB);
	}
	done();
}
END_TEST

START_TEST(without_a_ring_it_is_slower_and_the_same)
{
	long long before;
	struct rlimit r;
	rlim_t nr;

	setup();
	before = bytes_read();
	/* No descriptor for a ring. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	nr = r.rlim_cur;
	r.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	reads(64, 64);
	r.rlim_cur = nr;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	if (before >= 0)
		ck_assert_int_gt(bytes_read() - before, 8 * MiB);
	done();
}
END_TEST

START_TEST(a_file_that_became_shorter)
{
	setup();
	ck_assert_int_eq(infile_read(fd, "short", mem, SIZE + 1, 0), -EIO);
	captured_one_error("Reading short", "the file became shorter meanwhile");
	ck_assert_int_eq(infile_read(fd, "short", mem, 2, SIZE - 1), -EIO);
	captured_one_error("Reading short", "the file became shorter meanwhile");
	done();
}
END_TEST

/* The ring fails; what is said is read(2)'s reason. */
START_TEST(a_file_that_cannot_be_read)
{
	int out;

	setup();
	out = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(infile_read(out, "folder", mem, 2 * MiB, 0), -EIO);
	captured_one_error("Reading folder", "Is a directory");
	close(out);
	done();
}
END_TEST

SUITE_MAIN("arm64/infile", any_place_any_offset, a_large_file_comes_through_the_ring,
	   without_a_ring_it_is_slower_and_the_same, a_file_that_became_shorter,
	   a_file_that_cannot_be_read)
