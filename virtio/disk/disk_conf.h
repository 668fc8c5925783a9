/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--disk FILE[,...]` as plain data. Nothing is opened here. Any thread. */
#ifndef VIRTIO_DISK_CONF_H
#define VIRTIO_DISK_CONF_H

#include <limits.h>

#include "lkvm/base/util.h"

#define DISK_MAX_QUEUES 16u
#define DISK_SERIAL_LEN 20u /* bytes a guest sees of a serial [virtio 1.3 §5.2.6] */

enum disk_format {
	DISK_FORMAT_NONE, /* not said: raw, if it does not look like anything else */
	DISK_FORMAT_RAW,
	DISK_FORMAT_QCOW2
};

/* One --disk option. */
struct disk_conf {
	char path[PATH_MAX];
	enum disk_format format; /* an image is never read in a format that was not named */
	bool read_only;
	bool ephemeral; /* what is written is gone at the end; the file is only read */
	bool backing;	/* qcow2: the file that it names may be opened */
	u32 block_size; /* that the guest is told, 512 or 4096; 0: the device's, of a file 512 */
	bool direct;	/* O_DIRECT */
	bool shared;	/* another disk of the same guest holds the file's lock */
	bool no_uring;	/* use the thread instead of io_uring */
	unsigned nr_queues;		  /* 1..DISK_MAX_QUEUES */
	char serial[DISK_SERIAL_LEN + 1]; /* "": derived from the file */
};

/* The guest does not write to the file itself. */
static inline bool disk_conf_only_reads(const struct disk_conf *conf)
{
	return conf->read_only || conf->ephemeral;
}

/*
 * Read FILE and its flags to *conf, all of which is set:
 *
 *	FILE[,ro|,ephemeral][,direct][,format=raw|qcow2][,backing=on|off][,blocksize=512|4096]
 *	[,serial=TEXT][,queues=N][,io=uring|threads]
 *
 * A comma in FILE or TEXT is written twice (",,"). 0, or -EINVAL after one log_error() line. What
 * makes no sense together is an error, too: qcow2 is only read, and not with O_DIRECT.
 */
int disk_conf_parse(const char *arg, struct disk_conf *conf);

#endif
