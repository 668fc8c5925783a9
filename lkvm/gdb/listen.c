/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where GDB connects to.
 *
 * Thread: main; gdb_accept() on the loop.
 * Trust:  a port of the loopback is open to everybody on this host: the user has asked for it. A
 *         socket is this user's alone.
 */
#include "lkvm/gdb/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

struct gdb_listener {
	int fd;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* "": a port */
};

static int listen_tcp(struct gdb_listener *l, u16 port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
}

static int listen_unix(struct gdb_listener *l, const char *path, size_t len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t old;
	int err;

	if (len >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, len);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	old = umask(077);
	err = bind(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	umask(old);
	if (!err)
		memcpy(l->path, a.sun_path, sizeof(l->path));
	return err;
}

/* What consists of digits is meant as a port. -EINVAL: there is none of that number. */
static int listen_at(struct gdb_listener *l, const char *where, size_t len)
{
	u64 port;

	if (!len || strspn(where, "0123456789") < len)
		return len ? listen_unix(l, where, len) : -EINVAL;
	if (decode_number(&port, UINT16_MAX, NUMBER_DEC, where, len) || !port)
		return -EINVAL;
	return listen_tcp(l, (u16)port);
}

#define WAIT ",wait"

int gdb_listen(struct gdb_listener **out, const char *where, bool *waits)
{
	size_t len = strlen(where), tail = strlen(WAIT);
	struct gdb_listener *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return log_errno(-ENOMEM, "--gdb");
	l->fd = -1;
	*waits = len >= tail && !strcmp(where + len - tail, WAIT);
	if (*waits)
		len -= tail;
	err = listen_at(l, where, len);
	if (!err && listen(l->fd, 1) < 0)
		err = -errno;
	if (!err) {
		*out = l;
		return 0;
	}
	if (err == -EINVAL)
		log_error("--gdb wants a port (1 to 65535) or a path for a socket, not '%s'",
			  where);
	else
		log_errno(err, "--gdb %s: cannot listen there", where);
	gdb_listener_destroy(l);
	return err;
}

void gdb_listener_destroy(struct gdb_listener *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (*l->path)
		unlink(l->path);
	free(l);
}

int gdb_listener_fd(const struct gdb_listener *l)
{
	return l->fd;
}

int gdb_accept(const struct gdb_listener *l)
{
	int on = 1, fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	/* Packets are small, and each waits for the one before. */
	if (!*l->path)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}
