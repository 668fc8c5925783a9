/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where running guests are found: the directory $HOME/.lkvm, with one socket NAME.sock per guest,
 * as kvmtool has it. The directory is its owner's alone (0700) and so are the sockets (0600).
 * Sockets are reached through the directory's descriptor, so no path is too long and nobody can put
 * another directory in its place.
 *
 * A socket that nobody listens on is what a killed lkvm left behind; whoever meets it removes it,
 * under a lock of the directory, so that two who start at once do not both think a name is free. On
 * the socket of another host nobody listens here, either. So where hosts share the home, as those
 * of a cluster do, each has a directory for itself in there, .host-NODENAME. Main thread.
 */
#ifndef LKVM_CONTROL_DIR_H
#define LKVM_CONTROL_DIR_H

#include "lkvm/base/util.h"

#define CONTROL_NAME_MAX 64u /* of a guest's name, with its NUL: it becomes part of a path */

#define CONTROL_FILE_MAX (CONTROL_NAME_MAX + 8u) /* of its socket's file name */

/*
 * Can a guest (or a root file system of `lkvm setup`) be called that? It is a part of file names,
 * of lines that scripts read and of records between lkvms: 1 to 63 bytes, no dot in front, and
 * nothing in it that a terminal does not print.
 */
bool control_name_ok(const char *name);

/* The file name of guest `name`'s socket in the directory. */
void control_dir_file(char file[CONTROL_FILE_MAX], const char *name);

/*
 * Open the directory of this host's sockets, and make it if it is not there. Returns a descriptor,
 * which is the caller's, or -errno with a sentence in why[0..why_len): -ENOENT ($HOME is not set or
 * not there), -EPERM (the directory is somebody else's), or that of mkdir(2) or open(2).
 */
int control_dir_open(char *why, size_t why_len);

/* The same of root file systems, which are good for all hosts: the directory itself. */
int control_dir_open_rootfs(char *why, size_t why_len);

/*
 * Make a listening socket for the guest `name`, and remove one that a killed lkvm has left. Waits
 * for the lock of the directory. Returns a descriptor, which is the caller's; -EADDRINUSE: such a
 * guest runs; -EEXIST: something that is no socket has its file name; or -errno. Without a message,
 * as the other calls here.
 */
int control_dir_claim(int dir, const char *name);

/* Remove the socket of the guest `name` from the directory, before the socket is closed. */
void control_dir_release(int dir, const char *name);

/*
 * Connect to the guest `name`. Returns a descriptor, which is the caller's; -ENOENT: no such guest
 * runs; or -errno.
 */
int control_dir_connect(int dir, const char *name);

struct control_names {
	char (*names)[CONTROL_NAME_MAX];
	unsigned nr;
};

/*
 * The names of all guests that have a socket (of all directories, which are root file systems of
 * `lkvm setup`), sorted. *out is to be released by control_names_free(). 0, or -errno, after which
 * there is nothing to release.
 */
int control_dir_guests(int dir, struct control_names *out);
int control_dir_rootfs(int dir, struct control_names *out);

/* Release the names. */
void control_names_free(struct control_names *n);

#endif
