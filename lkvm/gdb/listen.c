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
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/base/uds.h"

#define BACKLOG 1

struct gdb_listener {
	int fd;		/* a port's, or -1 */
	struct uds uds; /* a socket, if it has a descriptor */
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
	return bind(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l->fd, BACKLOG) < 0
		       ? -errno
		       : 0;
}

static int listen_unix(struct gdb_listener *l, const char *where, size_t len)
{
	char path[PATH_MAX];
	int err;

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, where, len);
	path[len] = 0;
	err = uds_open(&l->uds, path);
	return err ? err : uds_listen(&l->uds, BACKLOG);
}

#define WAIT ",wait"

/* What is before ",wait". */
static size_t length(const char *where)
{
	size_t len = strlen(where), tail = strlen(WAIT);

	return len >= tail && !strcmp(where + len - tail, WAIT) ? len - tail : len;
}

/* What consists of digits is meant as a port. */
static bool is_port(const char *where)
{
	return strspn(where, "0123456789") >= length(where);
}

u16 gdb_listen_port(const char *where)
{
	u64 port;

	return is_port(where) && !decode_number(&port, UINT16_MAX, NUMBER_DEC, where, length(where))
		       ? (u16)port
		       : 0;
}

/*
 * What looks like an address or like a flag is no name of a socket (:1234, localhost:1234,
 * 1234,foo, -1): GDB would look for the guest elsewhere. With a '/' it can be anything.
 */
static bool is_path(const char *where)
{
	size_t len = length(where);

	return memchr(where, '/', len) || (*where != '-' && strcspn(where, ":,") >= len);
}

/* -EINVAL: there is no port of that number, or it is neither port nor path. */
static int listen_at(struct gdb_listener *l, const char *where)
{
	u16 port = gdb_listen_port(where);

	if (!is_port(where) && !is_path(where))
		return -EINVAL;
	if (!is_port(where))
		return listen_unix(l, where, length(where));
	return port ? listen_tcp(l, port) : -EINVAL;
}

int gdb_listen(struct gdb_listener **out, const char *where, bool *waits)
{
	struct gdb_listener *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return log_errno(-ENOMEM, "--gdb");
	l->fd = l->uds.dir = l->uds.fd = -1;
	*waits = length(where) < strlen(where);
	err = listen_at(l, where);
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
	uds_close(&l->uds);
	free(l);
}

int gdb_listener_fd(const struct gdb_listener *l)
{
	return l->fd >= 0 ? l->fd : l->uds.fd;
}

int gdb_accept(const struct gdb_listener *l)
{
	int on = 1, fd;

	if (l->fd < 0)
		return uds_accept(&l->uds);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* Packets are small, and each waits for the one before. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}
