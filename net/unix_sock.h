/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix sockets that carry frames: opened at the start, by names of the user's. Main thread. Each
 * call: a descriptor that does not block, or -errno after one log_error() line that names the path.
 */
#ifndef NET_UNIX_SOCK_H
#define NET_UNIX_SOCK_H

#include <sys/socket.h>
#include <sys/un.h>

#include "lkvm/base/calls.h"

/*
 * A socket of that `type` (SOCK_STREAM: it listens) whose name is `path`, for this user alone. A
 * name that nobody listens at any more is taken over. The caller removes the name in the end.
 */
int unix_sock_bind(const char *path, int type);

/* A stream that is connected to `path`. */
int unix_sock_connect(const char *path);

/* What unlink(2) is as a system call, for the tables of those who remove the name. */
#ifdef __NR_unlink
#define UNIX_SOCK_UNLINK CALL_RARE(unlink, "the end that has made the name")
#else
#define UNIX_SOCK_UNLINK CALL_RARE(unlinkat, "the end that has made the name")
#endif

/* The address that is `path`. False: it is too long. */
bool unix_sock_addr(struct sockaddr_un *a, const char *path);

#endif
