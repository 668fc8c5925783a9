/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The C library's fallocate(), with an ear at it. */
#include "tests/fake/punch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int (*fake_punch)(int fd, int mode, off_t off, off_t len);

int fallocate(int fd, int mode, off_t off, off_t len)
{
	int err = fake_punch ? fake_punch(fd, mode, off, len) : 0;

	if (err) {
		errno = -err;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}
