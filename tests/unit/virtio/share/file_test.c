/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files: reading, writing, creating, locks; and what a read-only share refuses. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

static struct fake_p9 p;

static void up(void)
{
	fake_p9_up(&p, false);
	fake_p9_host_write(&p, "f", "hello");
	ck_assert_int_eq(mkdir(fake_p9_path(&p, "d"), 0755), 0);
}

static void down(void)
{
	fake_p9_down(&p);
}

static void open_as(u32 fid, const char *path, u32 flags)
{
	ck_assert_int_eq(fake_p9_walk(&p, 0, fid, path), 0);
	ck_assert_int_eq(fake_p9_open(&p, fid, flags), 0);
}

START_TEST(reads_and_writes)
{
	char buf[64];

	open_as(1, "f", 2);
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, buf, sizeof(buf)), 5);
	ck_assert_int_eq(memcmp(buf, "hello", 5), 0);
	ck_assert_int_eq(fake_p9_read(&p, 1, 3, buf, 1), 1);
	ck_assert_int_eq(buf[0], 'l');
	ck_assert_int_eq(fake_p9_read(&p, 1, 5, buf, sizeof(buf)), 0);
	ck_assert_int_eq(fake_p9_read(&p, 1, UINT64_MAX, buf, 1), -EINVAL);
	ck_assert_int_eq(fake_p9_write(&p, 1, 5, " you", 4), 4);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "hello you");
	ck_assert_int_eq(fake_p9_write(&p, 1, 0, "", 0), 0);
	/* It was opened for the one or the other. */
	open_as(2, "f", 0);
	ck_assert_int_eq(fake_p9_write(&p, 2, 0, "x", 1), -EBADF);
	open_as(3, "f", 1);
	ck_assert_int_eq(fake_p9_read(&p, 3, 0, buf, 1), -EBADF);
	/* And must be open. */
	ck_assert_int_eq(fake_p9_walk(&p, 0, 4, "f"), 0);
	ck_assert_int_eq(fake_p9_read(&p, 4, 0, buf, 1), -EBADF);
	ck_assert_int_eq(fake_p9_open(&p, 1, 0), -EINVAL);
	open_as(5, "d", 0);
	ck_assert_int_eq(fake_p9_read(&p, 5, 0, buf, 1), -EISDIR);
}
END_TEST

START_TEST(a_write_of_more_than_was_sent)
{
	open_as(1, "f", 2);
	fake_p9_begin(&p, P9_TWRITE, 1);
	fake_p9_32(&p, 1);
	fake_p9_64(&p, 0);
	fake_p9_32(&p, 6);
	fake_p9_put(&p, "12345", 5);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EINVAL);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "hello");
}
END_TEST

START_TEST(truncates_where_asked)
{
	open_as(1, "f", 1 | P9_O_TRUNC);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "");
}
END_TEST

START_TEST(creates_with_the_guests_mode)
{
	struct stat st;
	mode_t mask = umask(077);
	char buf[8];

	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "d"), 0);
	ck_assert_int_eq(fake_p9_create(&p, 1, "new", 2, 0664), 0);
	umask(mask);
	ck_assert_int_eq(fake_p9_write(&p, 1, 0, "abc", 3), 3);
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, buf, 8), 3);
	ck_assert_int_eq(stat(fake_p9_path(&p, "d/new"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0664);
	/* The fid is the file now, and no directory any more. */
	ck_assert_int_eq(fake_p9_create(&p, 1, "other", 2, 0644), -EINVAL);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "d"), 0);
	ck_assert_int_eq(fake_p9_create(&p, 2, "new", 2, 0600), -EEXIST);
	ck_assert_int_eq(fake_p9_create(&p, 2, "..", 2, 0600), -EINVAL);
	ck_assert_int_eq(fake_p9_create(&p, 2, "../x", 2, 0600), -EINVAL);
}
END_TEST

START_TEST(what_is_no_file_is_not_opened)
{
	ck_assert_int_eq(mkfifo(fake_p9_path(&p, "pipe"), 0600), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "pipe"), 0);
	ck_assert_int_eq(fake_p9_open(&p, 1, 0), -ENXIO);
}
END_TEST

/* A file that is unlinked while it is open is the guest's until it lets go. */
START_TEST(unlinked_and_open)
{
	char buf[8];

	open_as(1, "f", 2);
	ck_assert_int_eq(unlink(fake_p9_path(&p, "f")), 0);
	ck_assert_int_eq(fake_p9_write(&p, 1, 0, "J", 1), 1);
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, buf, 8), 5);
	fake_p9_begin(&p, P9_TGETATTR, 1);
	fake_p9_32(&p, 1);
	fake_p9_64(&p, 0x7ff);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), 0);
	/* A clone of it, too. */
	ck_assert_int_eq(fake_p9_walk(&p, 1, 2, ""), 0);
	ck_assert_int_eq(fake_p9_open(&p, 2, 0), 0);
	ck_assert_int_eq(fake_p9_read(&p, 2, 0, buf, 8), 5);
	ck_assert_int_eq(memcmp(buf, "Jello", 5), 0);
}
END_TEST

static int sync_of(u32 fid, bool with_flag)
{
	fake_p9_begin(&p, P9_TFSYNC, 1);
	fake_p9_32(&p, fid);
	if (with_flag)
		fake_p9_32(&p, 1);
	fake_p9_end(&p);
	return fake_p9_send(&p);
}

START_TEST(syncs)
{
	open_as(1, "f", 2);
	ck_assert_int_eq(sync_of(1, true), 0);
	ck_assert_int_eq(sync_of(1, false), 0);
	ck_assert_int_eq(sync_of(0, true), -EBADF);
}
END_TEST

/* The status of a lock, or -errno. */
static int lock(u32 fid, u8 type, u64 start, u64 len)
{
	int err;

	fake_p9_begin(&p, P9_TLOCK, 1);
	fake_p9_32(&p, fid);
	fake_p9_8(&p, type);
	fake_p9_32(&p, 1); /* wait */
	fake_p9_64(&p, start);
	fake_p9_64(&p, len);
	fake_p9_32(&p, 4711);
	fake_p9_str(&p, "client");
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	return err ? err : wire_get8(&p.in);
}

static int get_lock(u32 fid, u8 type, u64 start, u64 len)
{
	int err;

	fake_p9_begin(&p, P9_TGETLOCK, 1);
	fake_p9_32(&p, fid);
	fake_p9_8(&p, type);
	fake_p9_64(&p, start);
	fake_p9_64(&p, len);
	fake_p9_32(&p, 4711);
	fake_p9_str(&p, "client");
	fake_p9_end(&p);
	err = fake_p9_send(&p);
	return err ? err : wire_get8(&p.in);
}

START_TEST(locks_are_real)
{
	struct flock host = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10 };
	int fd = open(fake_p9_path(&p, "f"), O_RDWR | O_CLOEXEC);

	open_as(1, "f", 2);
	open_as(2, "f", 2);
	ck_assert_int_eq(lock(1, P9_LOCK_WRLCK, 0, 10), P9_LOCK_SUCCESS);
	/* Of another fid, and of the host. */
	ck_assert_int_eq(lock(2, P9_LOCK_RDLCK, 5, 1), P9_LOCK_BLOCKED);
	ck_assert_int_eq(lock(2, P9_LOCK_WRLCK, 10, 0), P9_LOCK_SUCCESS);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &host), -1);
	ck_assert_int_eq(get_lock(2, P9_LOCK_WRLCK, 0, 1), P9_LOCK_WRLCK);
	ck_assert_uint_eq(wire_get64(&p.in), 0);
	ck_assert_uint_eq(wire_get64(&p.in), 10);
	ck_assert_int_eq(get_lock(1, P9_LOCK_WRLCK, 0, 10), P9_LOCK_UNLCK);
	ck_assert_int_eq(lock(1, P9_LOCK_UNLCK, 0, 10), P9_LOCK_SUCCESS);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &host), 0);
	ck_assert_int_eq(lock(1, P9_LOCK_RDLCK, 0, 1), P9_LOCK_BLOCKED);
	close(fd);
	/* Letting go of the file unlocks. */
	ck_assert_int_eq(lock(1, P9_LOCK_WRLCK, 0, 10), P9_LOCK_SUCCESS);
	ck_assert_int_eq(fake_p9_clunk(&p, 1), 0);
	ck_assert_int_eq(lock(2, P9_LOCK_WRLCK, 0, 10), P9_LOCK_SUCCESS);
	/* Nonsense. */
	ck_assert_int_eq(lock(2, 3, 0, 1), -EINVAL);
	ck_assert_int_eq(lock(2, 0, UINT64_MAX, 1), -EINVAL);
	ck_assert_int_eq(lock(2, 0, 1, INT64_MAX), -EINVAL);
	ck_assert_int_eq(lock(0, 0, 0, 1), -EBADF);
}
END_TEST

/* What Linux's client makes of flock(2), which asks for no right to write. */
START_TEST(locks_of_the_whole_file)
{
	struct flock host = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd = open(fake_p9_path(&p, "f"), O_RDWR | O_CLOEXEC);

	open_as(1, "f", 0);
	open_as(2, "f", 2);
	open_as(3, "f", 1);
	for (unsigned i = 0; i < 2; i++) {
		u32 a = 1 + i, b = 2 - i;

		ck_assert_int_eq(lock(a, P9_LOCK_WRLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(b, P9_LOCK_WRLCK, 0, 0), P9_LOCK_BLOCKED);
		ck_assert_int_eq(lock(b, P9_LOCK_RDLCK, 0, 0), P9_LOCK_BLOCKED);
		ck_assert_int_eq(lock(3, P9_LOCK_RDLCK, 0, 0), P9_LOCK_BLOCKED);
		ck_assert_int_eq(flock(fd, LOCK_SH | LOCK_NB), -1);
		/* Others may share it from here on. */
		ck_assert_int_eq(lock(a, P9_LOCK_RDLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(b, P9_LOCK_WRLCK, 0, 0), P9_LOCK_BLOCKED);
		ck_assert_int_eq(lock(b, P9_LOCK_RDLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(3, P9_LOCK_RDLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(a, P9_LOCK_UNLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(b, P9_LOCK_UNLCK, 0, 0), P9_LOCK_SUCCESS);
		ck_assert_int_eq(lock(3, P9_LOCK_UNLCK, 0, 0), P9_LOCK_SUCCESS);
	}
	/* One that is refused leaves nothing behind. */
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(lock(2, P9_LOCK_WRLCK, 0, 0), P9_LOCK_BLOCKED);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &host), 0);
	host.l_type = F_UNLCK;
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &host), 0);
	ck_assert_int_eq(flock(fd, LOCK_UN), 0);
	/* Piece by piece, as fcntl(2) can: nothing is locked then. */
	ck_assert_int_eq(lock(2, P9_LOCK_WRLCK, 0, 0), P9_LOCK_SUCCESS);
	ck_assert_int_eq(lock(2, P9_LOCK_UNLCK, 0, 10), P9_LOCK_SUCCESS);
	ck_assert_int_eq(lock(2, P9_LOCK_UNLCK, 10, 0), P9_LOCK_SUCCESS);
	ck_assert_int_eq(lock(1, P9_LOCK_WRLCK, 0, 0), P9_LOCK_SUCCESS);
	/* A part is not to be had for writing by who may not. */
	ck_assert_int_eq(lock(1, P9_LOCK_WRLCK, 0, 10), -EBADF);
	close(fd);
}
END_TEST

START_TEST(read_only_is_read_only)
{
	char buf[8];

	fake_p9_down(&p);
	fake_p9_up(&p, true);
	fake_p9_host_write(&p, "f", "hello");
	open_as(1, "f", 0);
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, buf, 8), 5);
	ck_assert_int_eq(fake_p9_write(&p, 1, 0, "x", 1), -EROFS);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 2, "f"), 0);
	ck_assert_int_eq(lock(1, P9_LOCK_WRLCK, 0, 0), P9_LOCK_SUCCESS);
	ck_assert_int_eq(fake_p9_open(&p, 2, 1), -EROFS);
	ck_assert_int_eq(fake_p9_open(&p, 2, 2), -EROFS);
	ck_assert_int_eq(fake_p9_open(&p, 2, P9_O_TRUNC), -EROFS);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 3, ""), 0);
	ck_assert_int_eq(fake_p9_create(&p, 3, "new", 0, 0644), -EROFS);
	ck_assert_str_eq(fake_p9_host_read(&p, "f"), "hello");
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/file", up, down, reads_and_writes, a_write_of_more_than_was_sent,
		   truncates_where_asked, creates_with_the_guests_mode,
		   what_is_no_file_is_not_opened, unlinked_and_open, syncs, locks_are_real,
		   locks_of_the_whole_file, read_only_is_read_only)
