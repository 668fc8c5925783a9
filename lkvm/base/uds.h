/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix sockets with a name in the file system: one to listen on, and connections to others beside
 * it. The directory is opened once, so that paths may be long, and nothing is looked up while a
 * guest runs. One thread at a time.
 */
#ifndef LKVM_UDS_H
#define LKVM_UDS_H

#include <limits.h>
#include <sys/types.h>

#include "lkvm/base/util.h"

#define UDS_NAME_MAX 80u /* of the last part of the path, with the final NUL */

/* A place in the file system. dir and fd are -1 where there is none. */
struct uds {
	int dir;		 /* O_PATH */
	int fd;			 /* listening, non-blocking */
	char name[UDS_NAME_MAX]; /* in `dir` */
	dev_t dev;		 /* of the socket that is listened on */
	ino_t ino;
};

/*
 * Remember `path`, and open its directory. Only connections are made from it, or uds_listen() is
 * next. 0; -ENAMETOOLONG; -EINVAL: it has no last part; -errno of open(2). In each case *u can be
 * given to uds_close().
 */
int uds_open(struct uds *u, const char *path);

/*
 * Listen there, for this user alone. A socket that nobody listens on is replaced. 0, or -errno
 * (-EADDRINUSE: somebody listens, or it is no socket).
 */
int uds_listen(struct uds *u, int backlog);

/* The next who connects, non-blocking; -errno (-EAGAIN: nobody; -ECONNABORTED: gone again). */
int uds_accept(const struct uds *u);

/*
 * Connect to the socket whose name is that of `u` with `suffix` behind it. A descriptor,
 * non-blocking; or -errno (-EAGAIN: its backlog is full). Never waits.
 */
int uds_connect(const struct uds *u, const char *suffix);

/* Close, and remove the socket's name if it is still ours. */
void uds_close(struct uds *u);

#endif
