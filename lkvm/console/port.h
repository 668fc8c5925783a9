/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands behind a named port of virtio-console: a file, a socket, a pty, or descriptors. Main
 * thread, while the loop does not run.
 */
#ifndef LKVM_PORT_H
#define LKVM_PORT_H

#include "lkvm/base/calls.h"
#include "lkvm/console/port_conf.h"
#include "lkvm/vm/chardev.h"
#include "lkvm/vm/loop.h"

struct port;

/* What a port that is a socket asks of the kernel beside stream_calls. */
extern const struct calls port_calls;

/*
 * Open what `conf` says; it is not kept. A pty's name is printed, a socket is there. 0, or -errno
 * after one log_error() line. Ignores SIGPIPE.
 */
int port_create(struct port **out, const struct port_conf *conf, struct loop *loop);

/* The port as a chardev, which is the port's, on that loop. */
struct chardev *port_chardev(struct port *p);

/* Close it; the socket's name is removed. Takes NULL. */
void port_destroy(struct port *p);

#endif
