/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What changes about a block device while it runs: the mode of its cache, by its driver, and its
 * size, by its user.
 *
 * Thread: the cache on vCPU threads with d->lock; resizing on any other, as kinds.h says, with a
 *         part on the loop.
 * Trust:  what the driver writes is a flag, whatever its value.
 * Spec:   virtio 1.3 §5.2.5
 */
#include <errno.h>

#include "virtio/dev/blk_priv.h"

/* How long a loop may be busy before a user's wish is refused. */
#define RESIZE_PATIENCE_MS 2000u

/* ---- the cache ---- */

/*
 * [virtio 1.3 §5.2.5.2] The cache begins as the driver can use it: without FLUSH there is none,
 * because completed writes are stable then [§5.2.6.2].
 */
void blk_negotiated(struct virtio_device *d)
{
	struct blk *b = container_of(d, struct blk, dev);

	b->config.writeback = virtio_has(d, BLK_F_FLUSH);
	b->write_through = !b->config.writeback;
}

/* What is in the cache by then becomes stable with the first write that follows, or a FLUSH. */
void blk_config_written(struct virtio_device *d, u32 off, u32 len)
{
	struct blk *b = container_of(d, struct blk, dev);

	if (!(d->status & VIRTIO_S_FEATURES_OK))
		return; /* blk_negotiated() is to come */
	if (virtio_has(d, BLK_F_CONFIG_WCE))
		b->write_through = !b->config.writeback;
	b->config.writeback = !b->write_through;
	if (b->write_through)
		loop_call(d->loop, blk_answer_all, b);
}

/* ---- the size ---- */

struct resize {
	struct blk *b;
	u64 *old, *new;
	int err;
};

/*
 * On the loop: requests for the new part are good from here on, before the driver knows of it. What
 * has become smaller stays as it was: the driver would not expect that.
 */
static void grow(void *arg)
{
	struct resize *r = arg;
	struct disk *disk = r->b->disk;

	*r->old = disk->size;
	r->err = *r->new < disk->size ? -EINVAL : 0;
	if (r->err)
		return;
	disk->size = *r->new;
	r->b->limits.sectors = disk->size / DISK_SECTOR;
}

int virtio_blk_resize(struct virtio_device *d, u64 *old, u64 *new)
{
	struct blk *b = container_of(d, struct blk, dev);
	struct resize r = { .b = b, .old = old, .new = new };
	int err = b->disk->ops->measure(b->disk, new);

	if (!err && !loop_call_within(d->loop, grow, &r, RESIZE_PATIENCE_MS))
		err = -ETIMEDOUT;
	if (!err)
		err = r.err;
	if (err || *old == *new)
		return err;
	/* [virtio 1.3 §5.2.5] The driver reads the capacity again. */
	pthread_mutex_lock(&d->lock);
	b->config.capacity = le64_of(*new / DISK_SECTOR);
	virtio_config_changed(d);
	pthread_mutex_unlock(&d->lock);
	return 0;
}
