/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--console-port NAME,...` as plain data. Nothing is opened here. Any thread. */
#ifndef LKVM_PORT_CONF_H
#define LKVM_PORT_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

#define PORT_NAME_MAX 64u /* with the final NUL */

enum port_kind {
	PORT_FILE,   /* output, behind what is in `path` already */
	PORT_SOCKET, /* a Unix socket at `path`: one client at a time */
	PORT_PTY,
	PORT_FDS, /* descriptors of this process's: no option, for commands */
};

struct port_conf {
	char name[PORT_NAME_MAX]; /* what the guest finds it by */
	enum port_kind kind;
	char path[PATH_MAX];
	int in, out; /* PORT_FDS; -1: none. They stay the caller's, and are opened anew */
};

/*
 * NAME,file=PATH or NAME,socket=PATH or NAME,pty. A comma in NAME or PATH is written twice. 0, or
 * -EINVAL after one log_error() line.
 */
int port_conf_parse(const char *arg, struct port_conf *conf);

/* Can confs[0..nr) be in one guest, which finds them by name? 0, or -EINVAL, as above. */
int port_conf_check(const struct port_conf *confs, unsigned nr);

#endif
