/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver that means harm, before virtio-blk on a fake disk: requests of any type, framing and
 * size, interleaved with completions in any order, errors of the disk, and resets of queues and
 * device.
 *
 * Checked besides the sanitizers: the disk gets only what lies on it (tests/fake/disk.c), nothing
 * is in flight after a reset, no request is answered twice, and the memory is let go at the end.
 *
 * Thread: one.
 * Trust:  plays the hostile side itself.
 * Spec:   virtio 1.3 §5.2
 *
 * Input: 1 byte of set-up, then operations of one byte each with their operands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "tests/fake/disk.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/fuzz/input.h"
#include "virtio/core/pool.h"
#include "virtio/dev/blk_config.h"
#include "virtio/dev/kinds.h"

#define DISK_SIZE (64 * KiB)
#define MAX_POSTS 200u
#define NR_QUEUES 2u
#define RING_SIZE 16u

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct fake_disk *disk;
	struct virtio_device *dev;
	struct fake_transport irq;
	struct fake_ring ring[NR_QUEUES];
	u64 features;
	unsigned posts;
	unsigned open[NR_QUEUES]; /* posted, not answered */
};

static void start_queue(struct rig *x, u16 q)
{
	fake_ring_init(&x->ring[q], x->mem, FAKE_RING(q), RING_SIZE,
		       x->features & VIRTIO_F_EVENT_IDX);
	fake_queue(x->dev, q, &x->ring[q]);
	x->open[q] = 0;
}

static void start(struct rig *x)
{
	check(fake_negotiate(x->dev, x->features & x->dev->offered));
	for (u16 q = 0; q < NR_QUEUES; q++)
		start_queue(x, q);
	fake_driver_ok(x->dev);
}

static void reset(struct rig *x)
{
	pthread_mutex_lock(&x->dev->lock);
	virtio_status_set(x->dev, 0);
	pthread_mutex_unlock(&x->dev->lock);
	check(!x->disk->nr_pending);
}

static void collect(struct rig *x)
{
	u32 id, len;

	for (unsigned q = 0; q < NR_QUEUES; q++) {
		while (fake_ring_used(&x->ring[q], &id, &len)) {
			check(id < RING_SIZE && x->open[q]);
			x->open[q]--;
		}
	}
}

/* Header and, behind it, a segment: the first 32 readable bytes, however they are cut. */
static void request(struct rig *x, struct input *i)
{
	static const u32 types[] = { 0, 1, 4, 8, 11, 13 };
	u64 at = FAKE_DATA + in(i, 1) * 64;
	u32 kind = (u32)in(i, 1);
	le32 type = le32_of(kind < 250 ? types[kind % ARRAY_SIZE(types)] : (u32)in(i, 4));
	u64 where = in(i, 1);
	le64 sector = le64_of(where < 200 ? where : where < 230 ? in(i, 8) : in(i, 2));
	le32 nr = le32_of((u32)in(i, 1)), flags = le32_of((u32)in(i, 1));
	struct fake_buf bufs[8];
	unsigned n = 1 + (unsigned)in(i, 1) % 6, nr_read = (unsigned)in(i, 1) % (n + 1);
	unsigned q = (unsigned)in(i, 1) % NR_QUEUES;
	u64 p = at;

	memcpy(fake_ptr(x->mem, at, 4), &type, 4);
	memcpy(fake_ptr(x->mem, at + 8, 8), &sector, 8);
	memcpy(fake_ptr(x->mem, at + 16, 8), &sector, 8);
	memcpy(fake_ptr(x->mem, at + 24, 4), &nr, 4);
	memcpy(fake_ptr(x->mem, at + 28, 4), &flags, 4);
	for (unsigned k = 0; k < n; k++) {
		u32 len = (u32)in(i, 1);

		/* 16 and multiples of 512 are what good drivers post. */
		len = len < 64 ? len : len < 128 ? 16 : len < 250 ? 512 * (len % 8) : (u32)in(i, 4);
		bufs[k] = (struct fake_buf){ p, len, k >= nr_read };
		p += MIN(len, 64 * KiB);
	}
	if (x->open[q] + n > RING_SIZE || x->posts++ >= MAX_POSTS)
		return;
	x->open[q]++;
	if (in(i, 1) & 1)
		fake_ring_add_indirect(&x->ring[q], bufs, n, FAKE_DATA + MiB + 256 * x->posts);
	else
		fake_ring_add(&x->ring[q], bufs, n);
}

static void reset_queue(struct rig *x, u16 q)
{
	if (!virtio_has(x->dev, VIRTIO_F_RING_RESET))
		return;
	pthread_mutex_lock(&x->dev->lock);
	virtio_queue_reset(x->dev, &x->dev->queues[q]);
	pthread_mutex_unlock(&x->dev->lock);
	if (!x->dev->broken)
		start_queue(x, q);
}

static void switch_cache(struct rig *x, bool on)
{
	pthread_mutex_lock(&x->dev->lock);
	virtio_config_write(x->dev, offsetof(struct blk_config, writeback), 1, on);
	pthread_mutex_unlock(&x->dev->lock);
}

static void operate(struct rig *x, struct input *i)
{
	static const int errors[] = { 0, 0, -EIO, -ENOSPC, -EOPNOTSUPP };
	u8 op = (u8)in(i, 1);

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		request(x, i);
		break;
	case 3:
		virtio_notify(x->dev, op >> 3);
		loop_step(x->loop, 0);
		break;
	case 4:
		if (x->disk->nr_pending)
			fake_disk_finish(x->disk, (op >> 3) % x->disk->nr_pending);
		break;
	case 5:
		x->disk->err = errors[(op >> 4) % ARRAY_SIZE(errors)];
		x->disk->at_commit = op & 8;
		break;
	case 6:
		if (op & 0x80)
			switch_cache(x, op & 0x40);
		else
			reset_queue(x, (op >> 3) % NR_QUEUES);
		break;
	case 7:
		if (op & 8) {
			reset(x);
			start(x);
		} else {
			fake_disk_finish_all(x->disk);
			loop_step(x->loop, 0);
		}
		break;
	}
	collect(x);
}

static void create(struct rig *x, u8 setup)
{
	const struct virtio_pool_load alone = { .nr_disks = 1 };
	struct virtio_blk_conf conf = { .nr_queues = NR_QUEUES };
	struct virtio_env env;

	x->mem = fake_mem(MEM_PROTECTED);
	check(!mem_set_shared(x->mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true));
	check(!loop_create(&x->loop, "fuzz"));
	x->disk = fake_disk_create(DISK_SIZE);
	x->disk->disk.read_only = setup & 1;
	x->disk->disk.can_discard = !(setup & 3);
	x->disk->disk.can_erase = !(setup & 33);
	env = (struct virtio_env){ .mem = x->mem,
				   .loop = x->loop,
				   .pool = setup & 4 ? virtio_pool_fit(0, &alone) : NULL };
	check(!virtio_blk_create(&x->dev, &env, &x->disk->disk, &conf));
	fake_transport_attach(&x->irq, x->dev);
	x->features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET |
		      BLK_F_DISCARD | BLK_F_WRITE_ZEROES | BLK_F_SECURE_ERASE | BLK_F_MQ |
		      BLK_F_CONFIG_WCE;
	x->features |= setup & 8 ? VIRTIO_F_EVENT_IDX : 0;
	x->features |= setup & 16 ? 0 : BLK_F_FLUSH;
	start(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct rig x = { 0 };

	log_set_level(LOG_ERROR);
	create(&x, (u8)in(&i, 1));
	while (i.left)
		operate(&x, &i);
	reset(&x);
	/* Blocks for ever if a request's hold was forgotten. */
	check(!mem_set_shared(x.mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, false));
	x.dev->type->destroy(x.dev);
	loop_destroy(x.loop);
	mem_destroy(x.mem);
	return 0;
}
