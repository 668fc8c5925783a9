/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--disk FILE[,...]` as plain data. Nothing is opened here. Any thread. */
#ifndef VIRTIO_DISK_CONF_H
#define VIRTIO_DISK_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

#define DISK_MAX_QUEUES 16u
#define DISK_SERIAL_LEN 20u /* bytes a guest sees of a serial [virtio 1.3 §5.2.6] */

enum disk_format { DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };

/* One --disk option. */
struct disk_conf {
	char path[PATH_MAX];
	enum disk_format format; /* explicit: a raw image is never probed for another format */
	bool read_only;
	bool direct;			  /* O_DIRECT */
	bool shared;			  /* another disk of the same guest holds the file's lock */
	bool no_uring;			  /* use the thread instead of io_uring */
	unsigned nr_queues;		  /* 1..DISK_MAX_QUEUES */
	char serial[DISK_SERIAL_LEN + 1]; /* "": derived from the file */
};

/*
 * Read FILE[,ro][,direct][,format=raw|qcow2][,serial=TEXT][,queues=N][,io=uring|threads] to *conf,
 * all of which is set. A comma in FILE or TEXT is written twice (",,"). 0, or -EINVAL after one
 * log_error() line.
 */
int disk_conf_parse(const char *arg, struct disk_conf *conf);

#endif
