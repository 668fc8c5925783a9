/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block device: virtqueues on one side, a disk (disk.h) on the other.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop.
 * Trust:  descriptors are checked by chain.c; request headers are the guest's, copied once, then
 *         checked; data is the guest's and goes through unseen.
 * Spec:   virtio 1.3 §5.2
 *
 * Life of a request: taken from a queue into a slot; parsed by blk_req.c; answered at once, or
 * given to the disk. When the disk is done: made durable if the driver has no FLUSH, delayed if the
 * user wants slow disks, then, with the others of its group, status byte and used ring. Slots are
 * made once; when all are busy the queue is left alone (`starved`) until some are free.
 *
 * From taking to pushing the pages of a request are pinned, because the kernel reads and writes
 * there meanwhile. Rings are not: publish() visits them once for each group that has finished, and
 * when the driver has taken them back the group ends without a word.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/blk_priv.h"

/* Requests in flight. Their iovecs are touched only as far as they are used. */
#define NR_SLOTS 256u

/* What one kick may do before the loop turns to its other fds. */
#define KICK_BYTES (16 * MiB)

static struct queue *queue_of(struct slot *s)
{
	return &s->b->queues[s->q->index];
}

/* ---- the way back ---- */

static bool stopping(const struct slot *s)
{
	return atomic_load_explicit(&s->b->queues[s->q->index].stopping, memory_order_relaxed);
}

static bool discarded(const struct slot *s)
{
	return stopping(s) || atomic_load_explicit(&s->b->dev.broken, memory_order_relaxed);
}

/* Over, one way or another; the driver hears of it with the rest of the group. */
static void finish(struct slot *s, u8 status)
{
	struct blk *b = s->b;

	s->status = status;
	s->next = NULL;
	*b->finished_tail = s;
	b->finished_tail = &s->next;
}

/* Give back what has finished. */
static void answer_finished(struct blk *b)
{
	bool inside = virtio_enter(&b->dev);
	struct slot *s = b->finished, *next;

	b->finished = NULL;
	b->finished_tail = &b->finished;
	for (; s; s = next) {
		next = s->next;
		if (inside && !discarded(s))
			queue_push(s->q, s->head, blk_req_answer(&s->req, s->status));
		blk_slot_put(&b->slots, s);
	}
	if (!inside)
		return;
	for (unsigned i = 0; i < b->dev.nr_queues; i++) {
		if (queue_unpublished(&b->dev.queues[i]))
			virtio_queue_flush(&b->dev, &b->dev.queues[i]);
	}
	virtio_leave(&b->dev);
}

/* End of a group: tell the driver, wake queues that found no slot. */
static void publish(struct blk *b)
{
	if (b->finished)
		answer_finished(b);
	for (unsigned i = 0; i < b->dev.nr_queues; i++) {
		if (b->queues[i].starved && b->slots.free) {
			b->queues[i].starved = false;
			virtio_notify(&b->dev, i);
		}
	}
}

static void finish_disk(struct slot *s)
{
	/* What it reads into or writes from is not shared, as only the host's kernel could know. */
	if (s->err == -EFAULT)
		virtio_fail_unshared(&s->b->dev);
	if (s->err && !discarded(s))
		guest_err(s->b->dev.name, "%s of %llu bytes at %llu: %s", blk_req_name(&s->req),
			  (unsigned long long)s->req.io.len, (unsigned long long)s->req.io.off,
			  strerror(-s->err));
	finish(s, !s->err ? BLK_S_OK : s->err == -EOPNOTSUPP ? BLK_S_UNSUPP : BLK_S_IOERR);
}

static void end_delays(struct blk *b, u64 until)
{
	while (b->delayed && b->delayed->due <= until) {
		struct slot *s = b->delayed;

		b->delayed = s->next;
		finish_disk(s);
	}
	if (!b->delayed)
		b->delayed_tail = &b->delayed;
	publish(b);
}

void blk_answer_all(void *arg)
{
	end_delays(arg, UINT64_MAX);
}

static void delay_over(void *arg)
{
	struct blk *b = arg;
	u64 now = loop_now_ns();

	end_delays(b, now);
	if (b->delayed)
		loop_timer_arm(b->delay, b->delayed->due - now);
}

/* One delay for all: the list is in order of `due`. */
static void delay_start(struct slot *s)
{
	struct blk *b = s->b;

	s->due = loop_now_ns() + b->delay_ns;
	s->next = NULL;
	*b->delayed_tail = s;
	b->delayed_tail = &s->next;
	if (b->delayed == s)
		loop_timer_arm(b->delay, b->delay_ns);
}

static void disk_done(struct disk_req *io, int err);

static void to_disk(struct slot *s)
{
	s->req.io.done = disk_done;
	s->req.io.cancelled = &queue_of(s)->stopping;
	queue_of(s)->on_disk++;
	s->b->disk->ops->submit(s->b->disk, &s->req.io);
}

/* A write is done: flushes that came after it wait for one less. */
static void write_done(struct slot *s)
{
	struct queue *bq = queue_of(s);

	bq->writes--;
	for (struct slot **p = &bq->flushes; *p;) {
		struct slot *f = *p;

		if (f->seq <= s->seq || --f->waits) {
			p = &f->next;
			continue;
		}
		*p = f->next;
		if (stopping(f))
			finish(f, BLK_S_IOERR);
		else
			to_disk(f);
	}
}

static void disk_done(struct disk_req *io, int err)
{
	struct slot *s = container_of(io, struct slot, req.io);

	queue_of(s)->on_disk--;
	/* [virtio 1.3 §5.2.6.2] Without FLUSH, or if the driver wants it: stable at completion. */
	if (s->write && !err && s->b->write_through && io->op != DISK_FLUSH && !stopping(s)) {
		io->op = DISK_FLUSH;
		to_disk(s);
		return;
	}
	s->err = err;
	if (s->write)
		write_done(s);
	if (s->b->delay_ns && !stopping(s))
		delay_start(s);
	else
		finish_disk(s);
}

static void disk_batch_end(void *arg)
{
	publish(arg);
}

/* ---- the way there ---- */

/*
 * [virtio 1.3 §5.2.6.2] A FLUSH covers the writes that have completed; a driver that does not wait
 * for its writes gets what it means all the same.
 */
static void flush(struct slot *s)
{
	struct queue *bq = queue_of(s);

	s->seq = bq->next_seq;
	s->waits = bq->writes;
	if (!s->waits) {
		to_disk(s);
		return;
	}
	s->next = bq->flushes;
	bq->flushes = s;
}

static void dispatch(struct slot *s)
{
	struct queue *bq = queue_of(s);

	if (s->req.io.op == DISK_FLUSH) {
		flush(s);
		return;
	}
	s->write = s->req.io.op != DISK_READ;
	if (s->write) {
		s->seq = bq->next_seq++;
		bq->writes++;
	}
	to_disk(s);
}

/* One request from `q`: 1, 0 (queue empty), -errno (broken). A slot is free. */
static int take_one(struct blk *b, struct virtqueue *q)
{
	struct slot *s = b->slots.free;
	struct chain c = { .iov = s->iov, .max = b->slots.max_iov };
	u8 status;
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	blk_slot_get(&b->slots, &c);
	n = blk_req_parse(&s->req, &c, &b->limits, &status);
	if (n < 0) {
		blk_slot_put(&b->slots, s);
		return n;
	}
	s->b = b;
	s->q = q;
	s->head = c.head;
	s->write = false;
	b->kick_bytes += s->req.io.len;
	b->to_commit = true;
	if (n)
		dispatch(s);
	else
		finish(s, status);
	return 1;
}

/* What the page cache answers is finished in here, and its slots are free again. */
static void commit(struct blk *b)
{
	if (b->to_commit)
		b->disk->ops->commit(b->disk);
	b->to_commit = false;
}

static int blk_serve(struct virtio_device *d, struct virtqueue *q)
{
	struct blk *b = container_of(d, struct blk, dev);
	int n;

	if (!b->slots.free) {
		commit(b);
		publish(b);
	}
	if (!b->slots.free) {
		b->queues[q->index].starved = true;
		return -EAGAIN;
	}
	if (b->kick_bytes >= KICK_BYTES) {
		virtio_notify(d, q->index);
		return -EAGAIN;
	}
	n = take_one(b, q);
	if (n <= 0)
		commit(b);
	return n;
}

static void blk_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct blk *b = container_of(d, struct blk, dev);

	b->kick_bytes = 0;
	virtio_queue_serve(d, q, blk_serve, "bad request");
	commit(b);
	publish(b);
}

/* One request, and no other: its driver waits for it. */
static bool blk_prompt(struct virtio_device *d, struct virtqueue *q)
{
	const struct blk *b = container_of(d, struct blk, dev);

	return !b->slots.busy && queue_available(q) == 1;
}

/* ---- life ---- */

static int blk_start(struct virtio_device *d)
{
	struct blk *b = container_of(d, struct blk, dev);

	b->limits.discard = virtio_has(d, BLK_F_DISCARD);
	b->limits.write_zeroes = virtio_has(d, BLK_F_WRITE_ZEROES);
	b->limits.secure_erase = virtio_has(d, BLK_F_SECURE_ERASE);
	return 0;
}

/*
 * What the driver was not told of is given up, as when the power fails: it may have asked for more
 * than the disk can do in the time that anybody waits for a reset. Delays end for all queues.
 */
static void blk_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct blk *b = container_of(d, struct blk, dev);
	unsigned first = q ? q->index : 0, end = q ? first + 1 : d->nr_queues;

	for (unsigned i = first; i < end; i++)
		b->queues[i].stopping = true;
	b->disk->ops->cancel(b->disk);
	for (unsigned i = first; i < end; i++) {
		while (b->queues[i].on_disk && b->disk->ops->wait(b->disk))
			;
		assert(!b->queues[i].on_disk && !b->queues[i].flushes);
	}
	blk_answer_all(b);
	assert(q || !b->slots.busy);
	for (unsigned i = first; i < end; i++)
		b->queues[i] = (struct queue){ 0 };
}

static void blk_destroy(struct virtio_device *d)
{
	struct blk *b = container_of(d, struct blk, dev);

	loop_timer_del(b->delay);
	virtio_fini(&b->dev);
	b->disk->ops->destroy(b->disk);
	blk_slots_fini(&b->slots);
	free(b);
}

static const struct virtio_type blk_type = {
	.name = "blk",
	.id = 2,
	.pci_class = 0x018000, /* mass storage, other */
	.negotiated = blk_negotiated,
	.config_written = blk_config_written,
	.start = blk_start,
	.kick = blk_kick,
	.prompt = blk_prompt,
	.stop = blk_stop,
	.destroy = blk_destroy,
};

int virtio_blk_create(struct virtio_device **out, const struct virtio_env *env, struct disk *disk,
		      const struct virtio_blk_conf *conf)
{
	struct blk *b = calloc(1, sizeof(*b));
	u32 seg_bytes = env->pool ? env->pool->blk_seg : 0;
	u16 sizes[DISK_MAX_QUEUES], size = blk_queue_size(env->pool, conf->nr_queues);
	u16 max_iov = blk_max_iov(env->pool, size);
	int err = -ENOMEM;

	assert(conf->nr_queues >= 1 && conf->nr_queues <= DISK_MAX_QUEUES);
	if (!b) {
		disk->ops->destroy(disk);
		goto fail;
	}
	b->disk = disk;
	b->delay_ns = (u64)conf->delay_ms * 1000000u;
	b->delayed_tail = &b->delayed;
	b->finished_tail = &b->finished;
	for (unsigned i = 0; i < conf->nr_queues; i++)
		sizes[i] = size;
	disk->batch_end = disk_batch_end;
	disk->batch_arg = b;
	snprintf(b->serial, sizeof(b->serial), "%s", conf->serial ? conf->serial : disk->id);
	err = blk_slots_init(&b->slots, env->mem,
			     env->pool ? size / 2u * conf->nr_queues : NR_SLOTS, max_iov);
	if (!err)
		err = loop_timer_add(env->loop, delay_over, b, &b->delay);
	if (!err)
		err = virtio_init(&b->dev, &blk_type, env->instance, env->mem, env->loop,
				  blk_features(disk, conf->nr_queues, seg_bytes), sizes,
				  conf->nr_queues);
	if (err) {
		blk_destroy(&b->dev);
		goto fail;
	}
	if (env->pool)
		b->dev.offered &= ~VIRTIO_F_INDIRECT_DESC;
	blk_config_init(&b->config, disk, seg_bytes, max_iov - 2u, conf->nr_queues);
	b->dev.config = (u8 *)&b->config;
	b->dev.config_len = sizeof(b->config);
	b->dev.config_wr_off = offsetof(struct blk_config, writeback);
	b->dev.config_wr_len = sizeof(b->config.writeback);
	memcpy(b->dev.calls, disk->calls, sizeof(disk->calls));
	blk_limits_init(&b->limits, disk, b->dev.name, b->serial);
	*out = &b->dev;
	return 0;
fail:
	return log_errno(err, "virtio-blk");
}
