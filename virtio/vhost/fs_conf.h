/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--fs DIR[,...]` as plain data. Nothing is opened here. Any thread. */
#ifndef VIRTIO_VHOST_FS_CONF_H
#define VIRTIO_VHOST_FS_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

#define FS_TAG_LEN 36u /* [virtio 1.3 §5.11.4] */
#define FS_SOCKET_LEN 107u

/* AUTO: namespace, if the host's root can be changed for another. */
enum fs_sandbox { FS_SANDBOX_AUTO, FS_SANDBOX_NAMESPACE, FS_SANDBOX_CHROOT, FS_SANDBOX_NONE };

struct fs_conf {
	char path[PATH_MAX]; /* the directory; "": `socket` alone says what is shared */
	char tag[FS_TAG_LEN + 1];
	char socket[FS_SOCKET_LEN + 1]; /* of a daemon that runs; "": one is started */
	bool read_only;
	bool one_tree;		 /* the guest is not told where file systems of the host begin */
	enum fs_sandbox sandbox; /* of the daemon that is started */
};

/*
 * DIR[,tag=TAG][,ro][,socket=PATH][,sandbox=namespace|chroot|none], or without DIR if there is
 * socket=. A comma in a value is written twice. The tag is "virtiofs" if none is given. 0, or
 * -EINVAL after one log_error() line.
 */
int fs_conf_parse(const char *arg, struct fs_conf *conf);

/* Can confs[0..nr) be in one guest, which mounts by tag? 0, or -EINVAL after a log_error() line. */
int fs_conf_check(const struct fs_conf *confs, unsigned nr);

#endif
