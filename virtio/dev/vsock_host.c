/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections from the host's side: a client connects to the Unix socket and says "CONNECT port",
 * and when the guest has accepted it is told "OK port", with the number that the guest sees.
 *
 * Thread: the device's loop.
 * Trust:  who may connect is a program of the same user; what it says is checked nevertheless.
 *
 * The line is looked at before it is taken out of the socket (MSG_PEEK): what follows it is the
 * guest's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "virtio/dev/vsock.h"

#define LINE 32u /* more is no greeting */
#define CONNECT "CONNECT "

/* Ours start here: below are those that programs listen at. */
#define FIRST_PORT 0x40000000u

void vsock_on_client(void *arg, u32 events)
{
	struct vsock *v = arg;
	struct vsock_conn *c;
	int fd = uds_accept(&v->uds);

	if (fd < 0) {
		if (fd == -EAGAIN || fd == -ECONNABORTED)
			return;
		guest_err(v->dev.name, "cannot take a connection: %s", strerror(-fd));
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_rest(v->listening);
		return;
	}
	/* Nobody is at home. */
	if (!v->dev.running) {
		close(fd);
		return;
	}
	c = vsock_new(v, fd, VSOCK_GREETING);
	if (c)
		vsock_update(c);
	else
		guest_err(v->dev.name, "there are %u connections: no more", v->max_conns);
}

/* The port that is asked for; false: that is no greeting. */
static bool parse(const char *line, u32 *port)
{
	size_t n = strlen(CONNECT);
	u64 val;

	if (strncmp(line, CONNECT, n) != 0 || options_number(line + n, UINT32_MAX, &val))
		return false;
	*port = (u32)val;
	return true;
}

static void call(struct vsock_conn *c, u32 port)
{
	struct vsock *v = c->v;

	/* There are fewer connections than numbers. */
	do
		v->next_port = MAX(v->next_port + 1, FIRST_PORT);
	while (vsock_find(v, port, v->next_port));
	vsock_name(c, port, v->next_port);
	c->state = VSOCK_CALLING;
	vsock_tell(c, VSOCK_NEWS_REQUEST);
	vsock_update(c);
}

void vsock_greeting(struct vsock_conn *c, bool gone)
{
	char line[LINE];
	ssize_t n = recv(c->fd, line, LINE, MSG_PEEK), len;
	char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	bool begun = (n > 0 && n < (ssize_t)LINE) || (n < 0 && errno == EAGAIN);
	u32 port;

	if (!end && begun && !gone)
		return; /* the rest is still to come */
	len = end ? end - line + 1 : 0;
	if (!end || recv(c->fd, line, (size_t)len, 0) != len) {
		vsock_free(c);
		return;
	}
	line[len - 1] = 0;
	if (parse(line, &port))
		call(c, port);
	else
		vsock_free(c);
}

void vsock_accepted(struct vsock_conn *c)
{
	char line[LINE];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	c->state = VSOCK_OPEN;
	/*
	 * Nothing was sent before, so there is room. A client that has gone, or hears nothing, may
	 * have said something for the guest; that it has gone is found out behind that.
	 */
	if (send(c->fd, line, (size_t)n, MSG_NOSIGNAL) != n && errno != EPIPE)
		vsock_reset(c);
	else
		vsock_update(c);
}
