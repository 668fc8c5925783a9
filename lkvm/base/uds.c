/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix sockets with a name, relative to a directory that is held open.
 *
 * Thread: the caller's; keeps nothing of its own.
 * Trust:  names are the user's; who may connect is up to the file's mode.
 *
 * A socket's address has 108 bytes, and there is no bindat(2): names lead through /proc/self/fd.
 */
#include "lkvm/base/uds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(struct sockaddr_un *a, const struct uds *u, const char *suffix)
{
	size_t size = sizeof(a->sun_path);
	int n;

	a->sun_family = AF_UNIX;
	n = snprintf(a->sun_path, size, "/proc/self/fd/%d/%s%s", u->dir, u->name, suffix);
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int uds_open(struct uds *u, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;

	*u = (struct uds){ .dir = -1, .fd = -1 };
	if (!*name)
		return -EINVAL;
	if (strlen(name) >= sizeof(u->name) || n >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(u->name, name, strlen(name) + 1);
	if (n) {
		memcpy(dir, path, n);
		dir[n] = '\0';
	}
	u->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return u->dir < 0 ? -errno : 0;
}

/* What a process that was killed has left. */
static void remove_stale(const struct uds *u)
{
	struct stat st;
	int fd = uds_connect(u, "");

	if (fd >= 0)
		close(fd);
	else if (fd == -ECONNREFUSED && !fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) &&
		 S_ISSOCK(st.st_mode))
		unlinkat(u->dir, u->name, 0);
}

int uds_listen(struct uds *u, int backlog)
{
	struct sockaddr_un a;
	struct stat st;
	int err = address(&a, u, "");

	if (err)
		return err;
	remove_stale(u);
	u->fd = new_socket();
	if (u->fd < 0)
		return u->fd;
	/* Nobody can connect before listen(2), so nobody sees another mode. */
	if (bind(u->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    fchmodat(u->dir, u->name, 0600, 0) < 0 ||
	    fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || listen(u->fd, backlog) < 0)
		return -errno;
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	return 0;
}

int uds_accept(const struct uds *u)
{
	int fd = accept4(u->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int uds_connect(const struct uds *u, const char *suffix)
{
	struct sockaddr_un a;
	int fd, err = address(&a, u, suffix);

	if (err)
		return err;
	fd = new_socket();
	if (fd < 0)
		return fd;
	/* To a Unix socket it is done at once, or not at all. */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

void uds_close(struct uds *u)
{
	struct stat st;

	if (u->fd >= 0) {
		close(u->fd);
		if (u->ino && !fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) &&
		    st.st_dev == u->dev && st.st_ino == u->ino)
			unlinkat(u->dir, u->name, 0);
	}
	if (u->dir >= 0)
		close(u->dir);
	*u = (struct uds){ .dir = -1, .fd = -1 };
}
