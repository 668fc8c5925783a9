/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--9p DIR[,...]` as plain data. Nothing is opened here. Any thread. */
#ifndef VIRTIO_SHARE_CONF_H
#define VIRTIO_SHARE_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

#define SHARE_TAG_LEN 32u

enum share_map {
	SHARE_MAP_HOST, /* users and groups have the same numbers on both sides */
	SHARE_MAP_ROOT, /* whoever runs lkvm is the guest's root; all others are nobody */
};

struct share_conf {
	char path[PATH_MAX];
	char tag[SHARE_TAG_LEN + 1]; /* the name that the guest mounts it by */
	bool read_only;
	enum share_map map;
};

/*
 * DIR[,TAG][,tag=TAG][,ro][,map=host|root]. A comma in DIR or TAG is written twice. The tag is
 * "kvm_9p" if none is given. 0, or -EINVAL after one log_error() line.
 */
int share_conf_parse(const char *arg, struct share_conf *conf);

/* Can confs[0..nr) be in one guest, which mounts by tag? 0, or -EINVAL after a log_error() line. */
int share_conf_check(const struct share_conf *confs, unsigned nr);

#endif
