/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors for consoles: never O_NONBLOCK on an open file that others have, too.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 *
 * Descriptors that can block are opened anew through /proc/self/fd, because O_NONBLOCK belongs to
 * the open file: on stdin itself it would hit the shell and everybody else who has that terminal.
 * Where that fails (sockets, somebody else's tty) they are duplicated and used with care. Regular
 * files keep their file offset, so they are duplicated too. So is what is not open for writing: an
 * output that was closed when lkvm started (lkvm/base/file.h) would be open for it if opened anew,
 * and writing to it has to fail. Input that was closed has no bytes, which is no error.
 */
#include "lkvm/console/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

int fds_own(int fd, int mode, bool *blocking)
{
	struct stat st;
	char path[32];
	int own;

	*blocking = false;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (mode == O_WRONLY && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
		*blocking = true;
	} else if (!S_ISREG(st.st_mode)) {
		text_add_number(path, sizeof(path),
				text_add(path, sizeof(path), 0, "/proc/self/fd/"), (unsigned)fd);
		own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0)
			return own;
		*blocking = true;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

bool fds_same(int a, int b)
{
	struct stat s, t;

	return !fstat(a, &s) && !fstat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

int fds_pty(int *in, int *out, int *slave, char *name, size_t size)
{
	struct termios t;

	*in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (*in < 0 || grantpt(*in) < 0 || unlockpt(*in) < 0)
		return -errno;
	if (ptsname_r(*in, name, size))
		return -errno;
	*out = fcntl(*in, F_DUPFD_CLOEXEC, 0);
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*out < 0 || *slave < 0 || tcgetattr(*slave, &t) < 0)
		return -errno;
	/* The guest's tty does the echoing and line editing. */
	cfmakeraw(&t);
	return tcsetattr(*slave, TCSANOW, &t) < 0 ? -errno : 0;
}
