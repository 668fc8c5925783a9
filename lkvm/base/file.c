/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a small file into a buffer; holes in files; the standard descriptors.
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
#include <unistd.h>

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

static int read_all(int fd, void *buf, size_t size)
{
	size_t len = 0;
	char more;

	for (;;) {
		bool full = len == size;
		ssize_t n = read(fd, full ? &more : (char *)buf + len, full ? 1 : size - len);

		if (n < 0 && errno == EINTR)
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

int file_read(const char *path, void *buf, size_t size)
{
	int fd, n;

	assert(size <= INT_MAX);
	if (!strcmp(path, "-"))
		return read_all(STDIN_FILENO, buf, size);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read_all(fd, buf, size);
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
