/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--vsock CID[,...]` as plain data. Nothing is opened here. Any thread. */
#ifndef VIRTIO_VSOCK_CONF_H
#define VIRTIO_VSOCK_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

struct vsock_conf {
	u32 cid; /* of the guest; 0: there is no device */
	char uds[PATH_MAX];
	bool vhost; /* the host's kernel serves it */
};

#define VSOCK_KERNEL_PATH "/dev/vhost-vsock"

/*
 * CID[,uds=PATH][,vhost=on|off]. A comma in PATH is written twice; without it `uds` is empty, as it
 * is with vhost=on. 0, or -EINVAL after one log_error() line.
 */
int vsock_conf_parse(const char *arg, struct vsock_conf *conf);

#endif
