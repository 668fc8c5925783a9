/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked of a memory balloon from outside: its size, and what the guest says of its memory.
 * The thread of each call is said there; none of them is made with d->lock held.
 */
#ifndef VIRTIO_DEV_BALLOON_H
#define VIRTIO_DEV_BALLOON_H

#include "virtio/core/device.h"

/* What a driver tells [virtio 1.3 §5.5.6.4], by tag; bytes or events. */
enum balloon_stat {
	BALLOON_SWAP_IN,
	BALLOON_SWAP_OUT,
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE,
	BALLOON_TOTAL,
	BALLOON_AVAILABLE,
	BALLOON_CACHES,
	BALLOON_HUGE_ALLOCS,
	BALLOON_HUGE_FAILURES,
	BALLOON_NR_STATS,
};

struct balloon_stats {
	bool known[BALLOON_NR_STATS]; /* the driver tells this one */
	u64 value[BALLOON_NR_STATS];
	u64 reported; /* bytes of free pages that the driver has reported, since the start */
};

/* In bytes: what the host wants, and what the driver says that it has given. Any thread. */
void virtio_balloon_size(struct virtio_device *d, u64 *wanted, u64 *actual);

/*
 * Want `wanted` bytes (whole pages of 4 KiB) of the guest from now on, and tell the driver, if it
 * is there. Any thread but the loop.
 */
void virtio_balloon_want(struct virtio_device *d, u64 wanted);

/*
 * Ask the driver for its statistics. 0: virtio_balloon_stats() will have them once the driver has
 * answered, which is the guest's to decide. -ENODEV: there is no driver; -EOPNOTSUPP: it has none.
 * Loop.
 */
int virtio_balloon_ask(struct virtio_device *d);

/* Those of the last answer. True: no question is open. Loop. */
bool virtio_balloon_stats(const struct virtio_device *d, struct balloon_stats *out);

#endif
