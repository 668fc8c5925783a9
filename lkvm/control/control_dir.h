/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where running guests are found: the directory $HOME/.lkvm, with one socket NAME.sock per guest,
 * as kvmtool has it. The directory is its owner's alone (0700) and so are the sockets (0600).
 * Sockets are reached through the directory's descriptor, so no path is too long and nobody can put
 * another directory in its place.
 *
 * A socket that nobody listens on is what a killed lkvm left behind; whoever meets it removes it,
 * under a lock of the directory, so that two who start at once do not both think a name is free.
 * Main thread.
 */
#ifndef LKVM_CONTROL_DIR_H
#define LKVM_CONTROL_DIR_H

#include "lkvm/base/util.h"

#define CONTROL_NAME_MAX 64u /* of a guest's name, with its NUL: it becomes part of a path */

/*
 * The directory, made if it is not there. A descriptor, or -errno with the reason in `why`: -ENOENT
 * ($HOME is not set or not there), -EPERM (somebody else's), or that of mkdir(2) or open(2).
 */
int control_dir_open(char *why, size_t why_len);

/*
 * A listening socket for guest `name`: descriptor, -EADDRINUSE (it runs), -EEXIST (something that
 * is no socket has its file name), or -errno.
 */
int control_dir_claim(int dir, const char *name);

/* Take the name out, before its socket is closed. */
void control_dir_release(int dir, const char *name);

/* A connection to guest `name`: descriptor, -ENOENT (no such guest runs), or -errno. */
int control_dir_connect(int dir, const char *name);

struct control_names {
	char (*names)[CONTROL_NAME_MAX];
	unsigned nr;
};

/* Names of the guests that have a socket, or of the directories, sorted. -ENOMEM, -errno. */
int control_dir_guests(int dir, struct control_names *out);
int control_dir_rootfs(int dir, struct control_names *out);
void control_names_free(struct control_names *n);

#endif
