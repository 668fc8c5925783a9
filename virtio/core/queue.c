/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split virtqueues, device side: indices, barriers and notification suppression.
 *
 * Thread: the queue's owner (queue.h).
 * Trust:  the available ring is the driver's and changes under our eyes: every index and flag is
 *         loaded once, checked, then used. The used ring is written; its index is read once, where
 *         somebody else wrote it before us.
 * Spec:   virtio 1.3 §2.7
 *
 * Ordering. Four pairs with the driver hold this together:
 *
 *	avail->idx	the driver stores entries and descriptors before the index; we load the
 *			index with acquire before them.
 *	used->idx	we store elements and buffer contents before the index, with release.
 *	interrupts	we store used->idx, then look whether an interrupt is wanted; the driver
 *			asks for one, then looks at used->idx. A full fence between store and load
 *			on both sides: one of us sees the other.
 *	kicks		likewise with avail_event (or used->flags) and avail->idx.
 *
 * All indices are free-running 16-bit counters; differences are taken modulo 2^16.
 */
#include "virtio/core/queue.h"

#include <errno.h>
#include <string.h>

#include "virtio/core/account.h"
#include "virtio/core/spec.h"

/* [virtio 1.3 §2.7.6] struct virtq_avail: flags, idx, ring[size], used_event */
#define AVAIL_FLAGS 0u
#define AVAIL_IDX 2u
#define AVAIL_RING 4u
#define AVAIL_F_NO_INTERRUPT 1u

/* [virtio 1.3 §2.7.8] struct virtq_used: flags, idx, ring[size], avail_event */
#define USED_FLAGS 0u
#define USED_IDX 2u
#define USED_RING 4u
#define USED_ELEM_SIZE 8u
#define USED_F_NO_NOTIFY 1u

#define DESC_SIZE 16u

static u32 avail_used_event(const struct virtqueue *q)
{
	return AVAIL_RING + 2u * q->size;
}

static u32 used_avail_event(const struct virtqueue *q)
{
	return USED_RING + USED_ELEM_SIZE * q->size;
}

static bool head_taken(const struct virtqueue *q, u16 head)
{
	return q->taken[head / 64] & BIT(head % 64);
}

static void head_flip(struct virtqueue *q, u16 head)
{
	q->taken[head / 64] ^= BIT(head % 64);
}

/* ---- life cycle ---- */

void queue_reset(struct virtqueue *q)
{
	size_t from = offsetof(struct virtqueue, size);

	/*
	 * [virtio 1.3 §4.1.4.3.1] On reset queue_size is the maximum, all else 0. But for index and
	 * max_size: a doorbell may ring at any time, and the loop finds the device by the index.
	 */
	memset((char *)q + from, 0, sizeof(*q) - from);
	q->size = q->max_size;
}

int queue_check(const struct virtqueue *q)
{
	/* [virtio 1.3 §2.7] Queue Size is a power of 2. */
	if (!is_power_of_2(q->size) || q->size > q->max_size)
		return -EINVAL;
	/* [virtio 1.3 §2.7] Alignment of descriptor table, available ring, used ring. */
	if (!is_aligned(q->desc, 16) || !is_aligned(q->driver, 2) || !is_aligned(q->device, 4))
		return -EINVAL;
	return 0;
}

static int area_open(struct virtqueue *q, u64 addr, u32 len, struct mem_win *w)
{
	int err = mem_win_open(q->mem, gpa(addr), len, w);

	if (err && q->account)
		account_refused(q->account, q->index, addr, len);
	return err;
}

int queue_remap(struct virtqueue *q)
{
	u32 size = q->size;
	int err;

	/*
	 * [virtio 1.3 §2.7] Sizes of the three areas. The event fields belong to them whether or
	 * not EVENT_IDX was negotiated.
	 */
	err = area_open(q, q->desc, DESC_SIZE * size, &q->desc_win);
	if (err)
		return err;
	err = area_open(q, q->driver, AVAIL_RING + 2 * size + 2, &q->avail_win);
	if (err)
		return err;
	return area_open(q, q->device, USED_RING + USED_ELEM_SIZE * size + 2, &q->used_win);
}

int queue_start(struct virtqueue *q, struct mem *m, u64 features)
{
	assert(!q->started);
	assert(q->max_size <= QUEUE_MAX_SIZE);

	int err = queue_check(q);

	if (err)
		return err;
	q->mem = m;
	err = queue_remap(q);
	if (err)
		return err;
	q->event_idx = features & VIRTIO_F_EVENT_IDX;
	q->indirect = features & VIRTIO_F_INDIRECT_DESC;
	q->started = true;
	return 0;
}

void queue_stop(struct virtqueue *q)
{
	q->started = false;
	q->next_avail = q->avail_idx = q->counted = 0;
	q->next_used = q->used_idx = 0;
	q->in_flight = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(q->taken); i++)
		q->taken[i] = 0;
}

void queue_adopt(struct virtqueue *q)
{
	u16 used;

	assert(q->started && !q->in_flight);
	used = mem_win_load16(&q->used_win, USED_IDX);
	q->next_avail = q->avail_idx = q->counted = used;
	q->next_used = q->used_idx = used;
}

/* ---- from the driver ---- */

/* Look at avail->idx again. Entries that can be taken, or -EBADMSG. */
static int avail_reload(struct virtqueue *q)
{
	if (!q->started)
		return 0;

	/* [virtio 1.3 §2.7.13.3.1] Pairs with the driver's barrier before it updates idx. */
	u16 idx = mem_win_load16_acquire(&q->avail_win, AVAIL_IDX);
	u16 fresh = (u16)(idx - q->next_avail);

	/* Chains have a descriptor at least: no more than size of them with us and in the ring. */
	if (fresh + q->in_flight > q->size)
		return -EBADMSG;
	q->avail_idx = idx;
	return fresh;
}

int queue_next_head(struct virtqueue *q, u16 *head)
{
	if (q->next_avail == q->avail_idx) {
		int n = avail_reload(q);

		if (n <= 0)
			return n;
	}

	u32 slot = q->next_avail & (q->size - 1u);
	u16 h = mem_win_load16(&q->avail_win, AVAIL_RING + 2 * slot);

	if (h >= q->size || head_taken(q, h))
		return -EBADMSG;
	head_flip(q, h);
	q->next_avail++;
	q->in_flight++;
	*head = h;
	return 1;
}

void queue_untake(struct virtqueue *q, u16 head)
{
	assert(head < q->size && head_taken(q, head));
	head_flip(q, head);
	q->next_avail--;
	q->in_flight--;
}

bool queue_took_new(struct virtqueue *q)
{
	/* What is put back is what was taken last, and has its old place the next time. */
	if ((u16)(q->next_avail - 1) != q->counted)
		return false;
	q->counted = q->next_avail;
	return true;
}

int queue_available(struct virtqueue *q)
{
	return avail_reload(q);
}

/* ---- to the driver ---- */

void queue_push(struct virtqueue *q, u16 head, u32 len)
{
	assert(head < q->size && head_taken(q, head));
	head_flip(q, head);
	q->in_flight--;

	u32 off = USED_RING + USED_ELEM_SIZE * (q->next_used & (q->size - 1u));

	mem_win_store32(&q->used_win, off, head);
	mem_win_store32(&q->used_win, off + 4, len);
	q->next_used++;
	if (q->account)
		account_written(q->account, len);
}

/* [virtio 1.3 §2.7.10] Does moving an index from `old` to `new` pass the point `event`? */
static bool event_passed(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

bool queue_publish(struct virtqueue *q)
{
	u16 old = q->used_idx, new = q->next_used;

	if (old == new)
		return false;
	/* [virtio 1.3 §2.7.8.2] len and the buffer's contents are there before idx says so. */
	mem_win_store16_release(&q->used_win, USED_IDX, new);
	q->used_idx = new;
	atomic_thread_fence(memory_order_seq_cst);
	/* [virtio 1.3 §2.7.7.2] With EVENT_IDX flags is ignored, otherwise used_event is. */
	if (q->event_idx)
		return event_passed(mem_win_load16(&q->avail_win, avail_used_event(q)), new, old);
	return !(mem_win_load16(&q->avail_win, AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT);
}

void queue_kick_off(struct virtqueue *q)
{
	/*
	 * [virtio 1.3 §2.7.10.1] With EVENT_IDX flags stays 0: avail_event is simply not moved, and
	 * once the driver has passed it there are no more kicks.
	 */
	if (q->started && !q->event_idx)
		mem_win_store16(&q->used_win, USED_FLAGS, USED_F_NO_NOTIFY);
}

bool queue_kick_on(struct virtqueue *q)
{
	if (!q->started)
		return false;

	u16 seen = q->avail_idx;

	/* Not next_avail: for entries that it published before this the driver never kicks. */
	if (q->event_idx)
		mem_win_store16(&q->used_win, used_avail_event(q), seen);
	else
		mem_win_store16(&q->used_win, USED_FLAGS, 0);
	atomic_thread_fence(memory_order_seq_cst);
	return avail_reload(q) < 0 || q->avail_idx != seen;
}
