/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of virtio-blk share: blk.c has requests, blk_change.c what changes meanwhile. */
#ifndef VIRTIO_BLK_PRIV_H
#define VIRTIO_BLK_PRIV_H

#include "virtio/dev/blk_config.h"
#include "virtio/dev/blk_slots.h"
#include "virtio/dev/kinds.h"

struct queue {
	u64 next_seq;	       /* of the next write */
	unsigned writes;       /* not done yet */
	struct slot *flushes;  /* that wait for earlier writes */
	unsigned on_disk;      /* submitted, not done */
	_Atomic bool stopping; /* its requests end without a word to the driver */
	bool starved;	       /* no slot was free */
};

struct blk {
	struct virtio_device dev;
	struct disk *disk;
	struct blk_config config;
	struct blk_limits limits;
	char serial[DISK_SERIAL_LEN + 1];
	/* A write is durable before the driver hears of it. vCPUs and the loop write it. */
	_Atomic bool write_through;

	struct queue queues[DISK_MAX_QUEUES];
	struct blk_slots slots;
	struct slot *finished, **finished_tail; /* since the last publish(), in this order */
	u64 kick_bytes;				/* that this kick has moved */
	bool to_commit; /* the disk was given requests that it need not have begun */

	u64 delay_ns;
	struct loop_timer *delay;
	struct slot *delayed, **delayed_tail;
};

/*
 * Tell the driver of each request that the disk is done with, also if its delay is not over. `arg`
 * is the struct blk. On the loop.
 */
void blk_answer_all(void *arg);

/* [virtio_type] */
void blk_negotiated(struct virtio_device *d);
void blk_config_written(struct virtio_device *d, u32 off, u32 len);

#endif
