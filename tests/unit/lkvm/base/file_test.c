/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files: whole, too large, in pieces, and what cannot be read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "tests/unit/suite.h"

static char path[] = "/tmp/lkvm-file-XXXXXX";
static char buf[8];

START_TEST(sizes)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_read(path, buf, sizeof(buf)), 0);
	ck_assert_int_eq(write(fd, "12345678", 8), 8);
	ck_assert_int_eq(file_read(path, buf, sizeof(buf)), 8);
	ck_assert_mem_eq(buf, "12345678", 8);
	memset(buf, 0, sizeof(buf));
	ck_assert_int_eq(file_read(path, buf, 7), -E2BIG);
	ck_assert_mem_eq(buf, "1234567\0", 8);
	close(fd);
	unlink(path);
	ck_assert_int_eq(file_read(path, buf, sizeof(buf)), -ENOENT);
	ck_assert_int_eq(file_read("/", buf, sizeof(buf)), -EISDIR);
}
END_TEST

/* A pipe gives what it has, and then the rest. */
START_TEST(in_pieces)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[0], STDIN_FILENO);
	if (!fork()) {
		for (unsigned i = 0; i < 4; i++) {
			usleep(2000);
			if (write(fds[1], "ab", 2) != 2)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	ck_assert_int_eq(file_read("-", buf, sizeof(buf)), 8);
	ck_assert_mem_eq(buf, "abababab", 8);
}
END_TEST

/* Each set of those that are closed; what is opened next is none of the three. */
START_TEST(standard_descriptors)
{
	for (unsigned closed = 0; closed < 8; closed++) {
		pid_t pid = fork();
		int status, fd;
		char c = 0;

		if (!pid) {
			close_range(3, ~0u, 0);
			for (fd = 0; fd < 3; fd++) {
				if (closed & BIT(fd))
					close(fd);
			}
			file_occupy_standard();
			if (open("/", O_RDONLY) != 3)
				_exit(1);
			for (fd = 0; fd < 3; fd++) {
				if (closed & BIT(fd) &&
				    (fd ? write(fd, &c, 1) : read(fd, &c, 1)) != -1)
					_exit(2);
			}
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(what_a_descriptor_is)
{
	struct stat st;
	int fd = memfd_create("x", MFD_CLOEXEC);

	ck_assert(!ftruncate(fd, 5) && !file_stat(fd, &st));
	ck_assert(S_ISREG(st.st_mode) && st.st_size == 5);
	close(fd);
	ck_assert_int_eq(file_stat(fd, &st), -EBADF);
}
END_TEST

START_TEST(whose_a_descriptor_is)
{
	int theirs = open("/dev/null", O_RDONLY), ours = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert(file_is_passed(theirs));
	ck_assert(!file_is_passed(ours));
	close(theirs);
	ck_assert(!file_is_passed(theirs));
}
END_TEST

SUITE_MAIN("lkvm/file", sizes, in_pieces, standard_descriptors, what_a_descriptor_is,
	   whose_a_descriptor_is)
