/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening Unix sockets.
 *
 * Thread: main, before loops run.
 * Trust:  the user's paths.
 * Spec:   unix(7)
 */
#include "net/unix_sock.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/log.h"

bool unix_sock_addr(struct sockaddr_un *a, const char *path)
{
	size_t len = strlen(path);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(a->sun_path))
		return false;
	memcpy(a->sun_path, path, len);
	return true;
}

static int open_sock(struct sockaddr_un *a, const char *path, int type)
{
	int fd;

	if (!unix_sock_addr(a, path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

/* Is it the name of a socket that nobody has open any more? */
static bool is_stale(const struct sockaddr_un *a, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	/* A file is refused in the same way. */
	bool stale = !lstat(a->sun_path, &st) && S_ISSOCK(st.st_mode) && fd >= 0 &&
		     connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 &&
		     errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

static int bind_here(int fd, const struct sockaddr_un *a, int type)
{
	/* The name gets the mode that the socket has. */
	int err = fchmod(fd, 0700) < 0 || bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0
			  ? -errno
			  : 0;

	if (err == -EADDRINUSE && is_stale(a, type) && !unlink(a->sun_path))
		err = bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
	if (!err && type == SOCK_STREAM && listen(fd, 1) < 0)
		err = -errno;
	return err;
}

int unix_sock_bind(const char *path, int type)
{
	struct sockaddr_un a;
	int fd = open_sock(&a, path, type), err = fd;

	if (fd >= 0)
		err = bind_here(fd, &a, type);
	if (err >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return log_errno(err, "network socket %s", path);
}

int unix_sock_connect(const char *path)
{
	struct sockaddr_un a;
	int fd = open_sock(&a, path, SOCK_STREAM), err = fd;

	if (fd >= 0)
		err = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	if (err == -ENOENT || err == -ECONNREFUSED) {
		log_error("network socket %s: nobody listens there; start the other end first, or "
			  "let this one listen (listen=on)",
			  path);
		return err;
	}
	return log_errno(err, "network socket %s", path);
}
