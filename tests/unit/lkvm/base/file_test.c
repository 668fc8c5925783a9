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
#include "tests/unit/arm64/capture.h"
#include "tests/unit/suite.h"

static char path[] = "/tmp/lkvm-file-XXXXXX";
static char dir[] = "/tmp/lkvm-file-XXXXXX", fifo[64];
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

/* For FIFOs: its name, and a child that does `late` with it after a moment. */
static char *make_fifo(void (*late)(void))
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	if (late && !fork()) {
		usleep(100000);
		late();
		_exit(0);
	}
	return fifo;
}

static void remove_fifo(void)
{
	unlink(fifo);
	rmdir(dir);
}

static void come_to_read(void)
{
	int fd = open(fifo, O_RDONLY);
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

static void come_to_write(void)
{
	int fd = open(fifo, O_WRONLY);

	usleep(100000);
	if (write(fd, "late", 4) != 4)
		_exit(1);
}

/* Neither end comes: it is said, and waited for as long as was said. */
START_TEST(a_fifo_that_nobody_has)
{
	const char *name = make_fifo(NULL);

	capture_start();
	ck_assert_int_eq(file_open_out(name, O_CREAT | O_TRUNC, 0600), -ETIMEDOUT);
	ck_assert_ptr_nonnull(
		strstr(captured(), "/fifo is a FIFO that nobody reads yet: lkvm waits 5 s"));
	capture_start();
	ck_assert_int_eq(file_read(name, buf, sizeof(buf)), -ETIMEDOUT);
	ck_assert_ptr_nonnull(
		strstr(captured(), "/fifo is a FIFO that nobody writes to yet: lkvm waits 5 s"));
	remove_fifo();
}
END_TEST

START_TEST(a_fifo_somebody_comes_to_read)
{
	int fd;

	capture_start();
	fd = file_open_out(make_fifo(come_to_read), O_APPEND, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
			 O_WRONLY | O_APPEND);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	remove_fifo();
}
END_TEST

/* A writer that takes its time is waited for without a limit. */
START_TEST(a_fifo_somebody_comes_to_write)
{
	capture_start();
	ck_assert_int_eq(file_read(make_fifo(come_to_write), buf, sizeof(buf)), 4);
	ck_assert_mem_eq(buf, "late", 4);
	remove_fifo();
}
END_TEST

/*
 * In a child whose stdout is a file: text before and behind what goes to that file by its name. In
 * one that appends anew the position of stdout stays, as with any two programs.
 */
START_TEST(standard_output_that_is_a_file)
{
	char back[32] = "";
	int fd = mkstemp(path), out;
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(fd, STDOUT_FILENO);
		if (write(STDOUT_FILENO, "ab", 2) != 2)
			_exit(1);
		out = file_open_out("/dev/stdout", O_CREAT | O_TRUNC, 0600);
		if (out < 0 || !(fcntl(out, F_GETFD) & FD_CLOEXEC) || write(out, "cd", 2) != 2 ||
		    close(out) || write(STDOUT_FILENO, "ef", 2) != 2)
			_exit(2);
		out = file_open_out(path, O_APPEND, 0600);
		if (file_standard(path) != STDOUT_FILENO || !(fcntl(out, F_GETFL) & O_APPEND) ||
		    fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND)
			_exit(3);
		_exit(file_standard("/dev/null") != -1 || file_standard("/nothing") != -1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(pread(fd, back, sizeof(back), 0), 6);
	ck_assert_str_eq(back, "abcdef");
	close(fd);
	unlink(path);
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

SUITE_MAIN("lkvm/file", sizes, in_pieces, standard_descriptors, a_fifo_that_nobody_has,
	   a_fifo_somebody_comes_to_read, a_fifo_somebody_comes_to_write,
	   standard_output_that_is_a_file, what_a_descriptor_is, whose_a_descriptor_is)
