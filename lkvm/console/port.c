/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of a named port.
 *
 * Thread: main for creation and destruction, everything else on the loop.
 * Trust:  who connects is a program of the same user; what it sends is for the guest.
 *
 * A socket has one client at a time: while there is one nobody listens for the next, who waits in
 * the backlog, so no number of clients costs anything here. A program in the guest that served one
 * client may need a moment to see its end and close the port; what the next client sent meanwhile
 * would be lost with it. So the next one waits for that. But a program may as well keep the port
 * open from one client to the next: when a wait was in vain there are no more, until it closes.
 */
#include "lkvm/console/port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/base/uds.h"
#include "lkvm/console/fds.h"
#include "lkvm/console/stream.h"

static const struct sys_call list[] = {
	CALL_RARE(accept4, "only when somebody connects"),
	CALL(newfstatat), /* removing its name at the end */
	CALL(unlinkat),
	CALL_IF_RARE(fcntl, 1, UINT32_MAX, F_DUPFD_CLOEXEC, "only when somebody connects"),
};

const struct calls port_calls = CALLS("sockets of console ports", list);

#define BACKLOG 8
#define CLOSING_NS 5000000000u

struct port {
	struct stream *stream;
	char name[PORT_NAME_MAX];
	struct uds uds;
	struct loop_fd *listening;
	struct loop_timer *closing; /* until the next client is let in */
	bool keeps;		    /* the guest leaves the port open when a client goes */
	int slave;		    /* of a pty */
};

/* ---- a socket ---- */

static void on_client(void *arg, u32 events)
{
	struct port *p = arg;
	int fd = uds_accept(&p->uds), out, err;

	if (fd < 0) {
		if (fd == -EAGAIN || fd == -ECONNABORTED)
			return;
		guest_err("console port", "%s: cannot take a connection: %s", p->name,
			  strerror(-fd));
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_rest(p->listening);
		return;
	}
	out = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	err = out < 0 ? -errno : stream_attach(p->stream, fd, out, STREAM_CONNECTION);
	if (out < 0)
		close(fd);
	if (err)
		guest_err("console port", "%s: %s", p->name, strerror(-err));
	else
		loop_fd_mod(p->listening, 0);
}

static void next_client(struct port *p)
{
	loop_timer_disarm(p->closing);
	loop_fd_mod(p->listening, EPOLLIN);
}

static void waited(void *arg)
{
	struct port *p = arg;

	p->keeps = true;
	next_client(p);
}

static void on_closed(void *arg)
{
	struct port *p = arg;
	bool open = stream_open(p->stream);

	if (!p->listening)
		return;
	p->keeps &= open;
	if (open && !p->keeps)
		loop_timer_arm(p->closing, CLOSING_NS);
	else
		next_client(p);
}

/* A full disk, for instance. The guest is told that its port is closed, which hides the reason. */
static void on_failed(void *arg, int err)
{
	struct port *p = arg;

	guest_err("console port", "%s: what the guest writes is lost from now on: %s", p->name,
		  strerror(-err));
}

static int open_socket(struct port *p, const char *path, struct loop *loop)
{
	int err = uds_open(&p->uds, path);

	if (!err)
		err = uds_listen(&p->uds, BACKLOG);
	if (!err)
		err = loop_timer_add(loop, waited, p, &p->closing);
	if (!err)
		err = loop_fd_add(loop, p->uds.fd, EPOLLIN, on_client, p, &p->listening);
	return err;
}

/* ---- the others ---- */

static int open_file(struct port *p, const char *path)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : stream_attach(p->stream, -1, fd, STREAM_PERSISTS);
}

static int open_pty(struct port *p)
{
	char name[64];
	int in = -1, out = -1;
	int err = fds_pty(&in, &out, &p->slave, name, sizeof(name));

	if (!err) {
		log_info("Assigned console port %s to pty %s", p->name, name);
		return stream_attach(p->stream, in, out, STREAM_PERSISTS);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return err;
}

static int open_fds(struct port *p, int in, int out)
{
	bool careful = false;
	int own_in = in < 0 ? -1 : fds_own(in, O_RDONLY, &careful);
	int own_out = out < 0 ? -1 : fds_own(out, O_WRONLY, &careful);

	if ((in < 0 || own_in >= 0) && (out < 0 || own_out >= 0))
		return stream_attach(p->stream, own_in, own_out, careful ? STREAM_MAY_BLOCK : 0);
	if (own_in >= 0)
		close(own_in);
	if (own_out >= 0)
		close(own_out);
	return MIN(own_in, own_out);
}

/* ---- life ---- */

static int open_port(struct port *p, const struct port_conf *conf, struct loop *loop)
{
	switch (conf->kind) {
	case PORT_FILE:
		return open_file(p, conf->path);
	case PORT_SOCKET:
		return open_socket(p, conf->path, loop);
	case PORT_PTY:
		return open_pty(p);
	case PORT_FDS:
		return open_fds(p, conf->in, conf->out);
	}
	return -EINVAL;
}

int port_create(struct port **out, const struct port_conf *conf, struct loop *loop)
{
	struct port *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (p) {
		const struct stream_user user = { .closed = on_closed,
						  .failed = on_failed,
						  .arg = p };

		memcpy(p->name, conf->name, sizeof(p->name));
		p->uds = (struct uds){ .dir = -1, .fd = -1 };
		p->slave = -1;
		/* A reader that goes away is an error of write(2), not the end of the guest. */
		signal(SIGPIPE, SIG_IGN);
		err = stream_create(&p->stream, loop, &user);
	}
	if (!err)
		err = open_port(p, conf, loop);
	if (err) {
		log_errno(err, "cannot open console port %s%s%s", conf->name,
			  *conf->path ? " at " : "", conf->path);
		port_destroy(p);
		return err;
	}
	*out = p;
	return 0;
}

struct chardev *port_chardev(struct port *p)
{
	return stream_chardev(p->stream);
}

void port_destroy(struct port *p)
{
	if (!p)
		return;
	stream_destroy(p->stream);
	loop_fd_del(p->listening);
	loop_timer_del(p->closing);
	uds_close(&p->uds);
	if (p->slave >= 0)
		close(p->slave);
	free(p);
}
