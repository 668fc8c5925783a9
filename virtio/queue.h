/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One split virtqueue, device side [virtio 1.3 §2.7]: indices, barriers, notification suppression.
 * Descriptors are chain.c's business. Only queue.c and chain.c touch ring and descriptor memory.
 *
 * A queue belongs to exactly one thread at a time: before DRIVER_OK to whoever handles the
 * transport's registers (under the device's lock), then to the device's loop.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include "lkvm/mem.h"

#define QUEUE_MAX_SIZE 1024u /* the largest ring any device of ours offers */

struct virtqueue {
	/* What the driver set up through the transport; frozen while enabled. */
	u16 index;
	u16 max_size; /* offered by the device */
	u16 size;     /* chosen by the driver: power of two, 1..max_size */
	bool enabled;
	u64 desc;   /* descriptor area */
	u64 driver; /* driver area: available ring */
	u64 device; /* device area: used ring */

	/* Valid while started (queue_start .. queue_stop). */
	bool started;
	bool event_idx;
	bool indirect;
	struct mem *mem;
	struct mem_win desc_win, avail_win, used_win;
	u16 next_avail; /* next available entry to take */
	u16 avail_idx;	/* avail->idx as last loaded */
	u16 next_used;	/* next used entry to fill */
	u16 used_idx;	/* used->idx as last published */
	u16 in_flight;	/* chains taken and not yet given back */
};

/* Registers as after reset; keeps index and max_size, offers size = max_size. */
void queue_reset(struct virtqueue *q);

/*
 * The queue goes live with the negotiated `features`. Checks alignment (16/2/4 [§2.7]) and that all
 * three areas are shared RAM. -EINVAL, -EFAULT.
 */
int queue_start(struct virtqueue *q, struct mem *m, u64 features);
void queue_stop(struct virtqueue *q);

/*
 * Everything below: owner thread, with a hold on the memory, queue started. -EFAULT when the driver
 * has taken the ring's memory back, -EBADMSG when the ring makes no sense: the device then needs a
 * reset (virtio_fail).
 */

/* Next head in *head. 1, 0 (empty), -EBADMSG (avail->idx more than size ahead, index out of range), -EFAULT. */
int queue_next_head(struct virtqueue *q, u16 *head);

/* Put the last `n` heads back, latest first, as if not taken. */
void queue_untake(struct virtqueue *q, u16 n);

/* Chains available right now, at most QUEUE_MAX_SIZE; or -EBADMSG, -EFAULT. */
int queue_available(struct virtqueue *q);

/* Give a chain back with `len` bytes written. Seen by the driver only after queue_publish(). */
int queue_push(struct virtqueue *q, u16 head, u32 len);

/* Publish what was pushed. True if the driver wants an interrupt for it [§2.7.7, §2.7.10]. */
bool queue_publish(struct virtqueue *q);

/*
 * Ask the driver not to kick / to kick for the next buffer. queue_kick_on() returns true if buffers
 * have become available meanwhile: the caller must look again, no kick will tell.
 */
void queue_kick_off(struct virtqueue *q);
bool queue_kick_on(struct virtqueue *q);

#endif
