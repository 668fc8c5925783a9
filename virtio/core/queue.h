/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One split virtqueue, device side [virtio 1.3 §2.7]: indices, barriers, notification suppression.
 * Descriptors are chain.c's business. Only queue.c and chain.c touch ring and descriptor memory.
 *
 * A queue belongs to exactly one thread at a time: before DRIVER_OK to whoever handles the
 * transport's registers (under the device's lock), then to the device's loop.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include "lkvm/vm/mem.h"

struct account;

#define QUEUE_MAX_SIZE 1024u /* the largest ring any device of ours offers */

struct virtqueue {
	/* Constant, read by any thread. */
	u16 index;
	u16 max_size;		 /* offered by the device */
	struct account *account; /* of the device; NULL: nobody wants one */

	/* What the driver set up through the transport; frozen while enabled. */
	u16 size; /* chosen by the driver: power of two, 1..max_size */
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
	u16 in_flight;	/* chains taken and not yet given back, at most size */
	u16 counted;	/* first place of the available ring that queue_took_new() has not seen */
	u64 taken[QUEUE_MAX_SIZE / 64]; /* their heads, one bit each */
};

/*
 * Make the queue what it is after a reset: stopped, not enabled, its registers 0, but size, which
 * becomes max_size. index, max_size and account stay.
 */
void queue_reset(struct virtqueue *q);

/* Transports give desc, driver and device in two 32-bit halves. */
static inline void queue_set_low(u64 *area, u32 val)
{
	*area = (*area & ~(u64)UINT32_MAX) | val;
}

static inline void queue_set_high(u64 *area, u32 val)
{
	*area = (*area & UINT32_MAX) | (u64)val << 32;
}

/*
 * Is what the driver has set up possible [§2.7]? 0; -EINVAL: the size is no power of two, or above
 * max_size, or the areas are not aligned to 16, 2 and 4 bytes.
 */
int queue_check(const struct virtqueue *q);

/*
 * Start the queue with the negotiated `features`, from index 0, as its new owner, with a hold. 0;
 * -EINVAL: as queue_check(); -EFAULT: not all of the three areas is RAM that the guest shares.
 */
int queue_start(struct virtqueue *q, struct mem *m, u64 features);

/* Stop the queue: its rings are left alone, and what was in flight is forgotten. Loop. */
void queue_stop(struct virtqueue *q);

/*
 * Look the rings of a started queue up again, because the guest has taken back some page since they
 * were looked up. 0; -EFAULT: it was one of theirs. device.c does this at the start of a hold, so
 * that nobody below has to expect stale windows.
 */
int queue_remap(struct virtqueue *q);

/*
 * Go on where another process has left off, which served the queue until now: behind its last used
 * element, with the chains that the driver has made available since. That is right if it served
 * them in order. A started queue from which nothing was taken. Owner thread, with a hold.
 */
void queue_adopt(struct virtqueue *q);

/*
 * Everything below: owner thread, with a hold on the memory. A queue that is not started (reset on
 * its own, never enabled) is empty.
 */

/*
 * Next head in *head: 1, or 0 (empty). No head is ever in flight twice, so a head below q->size can
 * index a table of requests. -EBADMSG: avail->idx more than size ahead of what was given back,
 * index out of range, or head still in flight; the device then needs a reset (virtio_fail).
 */
int queue_next_head(struct virtqueue *q, u16 *head);

/* Put a head back as if it had not been taken; of several, the one taken last goes first. */
void queue_untake(struct virtqueue *q, u16 head);

/*
 * Was the head that was taken last not taken before? True once: a head that was put back has the
 * same place in the available ring when it is taken again.
 */
bool queue_took_new(struct virtqueue *q);

/* How many chains the driver has made available, 0 to size; -EBADMSG: as queue_next_head(). */
int queue_available(struct virtqueue *q);

/*
 * Give the chain of this head, which is in flight, back with `len` bytes written. The driver sees
 * it after queue_publish() only.
 */
void queue_push(struct virtqueue *q, u16 head, u32 len);

/* Was anything pushed since the last queue_publish()? */
static inline bool queue_unpublished(const struct virtqueue *q)
{
	return q->next_used != q->used_idx;
}

/* Publish what was pushed. True if the driver wants an interrupt for it [§2.7.7, §2.7.10]. */
bool queue_publish(struct virtqueue *q);

/*
 * Ask the driver not to kick / to kick for the next buffer. Initially it kicks. queue_kick_on()
 * returns true if buffers have come since the ring was last looked at (or it broke): the caller
 * must look again, no kick will tell. Buffers that were seen and left or put back do not count:
 * nobody tells about those either way. virtio_queue_serve() does what a kick handler needs of it.
 */
void queue_kick_off(struct virtqueue *q);
bool queue_kick_on(struct virtqueue *q);

#endif
