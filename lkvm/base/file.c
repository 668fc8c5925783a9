/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a small file into a buffer; files to write; holes in files; the standard descriptors.
 *
 * Thread: main reads, any makes holes.
 * Trust:  names are the user's; the content is not looked at.
 */
#include "lkvm/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"

void file_occupy_standard(void)
{
	/* The wrong way round; the lowest that is free is the one. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}

bool file_is_passed(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* ---- files to write ---- */

int file_standard(const char *path)
{
	struct stat st, at;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return -1;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fstat(fd, &at) && at.st_dev == st.st_dev && at.st_ino == st.st_ino &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
			return fd;
	}
	return -1;
}

#define FIFO_WAIT_MS 5000u
#define FIFO_STEP_MS 20u

/*
 * Nobody has the other end of a FIFO yet. True: after a moment it may be tried again. *steps is 0
 * at first.
 */
static bool fifo_wait(const char *path, const char *who, unsigned *steps)
{
	const struct timespec step = { .tv_nsec = FIFO_STEP_MS * 1000000 };

	if (!*steps)
		log_warn("%s is a FIFO that nobody %s yet: lkvm waits %u s for somebody", path, who,
			 FIFO_WAIT_MS / 1000);
	if (++*steps > FIFO_WAIT_MS / FIFO_STEP_MS)
		return false;
	nanosleep(&step, NULL);
	return true;
}

static bool is_fifo(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISFIFO(st.st_mode);
}

int file_open_out(const char *path, int flags, mode_t mode)
{
	int fd = flags & O_APPEND ? -1 : file_standard(path);
	unsigned steps = 0;

	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	do
		fd = open(path, flags | O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	while (fd < 0 && errno == ENXIO && is_fifo(path) && fifo_wait(path, "reads", &steps));
	if (fd < 0)
		return steps ? -ETIMEDOUT : -errno;
	/* It was there for open(2). */
	fcntl(fd, F_SETFL, flags);
	return fd;
}

/* ---- reading ---- */

static int read_all(int fd, void *buf, size_t size)
{
	size_t len = 0;
	char more;

	for (;;) {
		bool full = len == size;
		ssize_t n = read(fd, full ? &more : (char *)buf + len, full ? 1 : size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && !fcntl(fd, F_SETFL, 0))
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return (int)len;
		if (full)
			return -E2BIG;
		len += (size_t)n;
	}
}

/*
 * The same of a descriptor with O_NONBLOCK: of a FIFO that tells whether anybody writes to it. The
 * end (0) is then one that has no writer, EAGAIN one whose writer takes its time.
 */
static int read_begun(int fd, const char *path, void *buf, size_t size)
{
	unsigned steps = 0;
	int n;

	while (!(n = read_all(fd, buf, size)) && is_fifo(path)) {
		if (!fifo_wait(path, "writes to", &steps))
			return -ETIMEDOUT;
	}
	return n;
}

int file_read(const char *path, void *buf, size_t size)
{
	int fd, n;

	assert(size <= INT_MAX);
	if (!strcmp(path, "-"))
		return read_all(STDIN_FILENO, buf, size);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	n = read_begun(fd, path, buf, size);
	close(fd);
	return n;
}

int file_stat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int file_punch(int fd, u64 off, u64 len)
{
	int err;

	do
		err = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
				(off_t)len);
	while (err < 0 && errno == EINTR);
	return err < 0 ? -errno : 0;
}
