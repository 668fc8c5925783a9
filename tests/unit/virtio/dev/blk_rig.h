/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk on a fake disk, and a driver that posts requests. */
#ifndef TESTS_UNIT_VIRTIO_BLK_RIG_H
#define TESTS_UNIT_VIRTIO_BLK_RIG_H

#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "tests/fake/disk.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"
#include "virtio/core/pool.h"
#include "virtio/dev/blk_config.h"
#include "virtio/dev/blk_req.h"
#include "virtio/dev/kinds.h"

#define DISK_SIZE (1 * MiB)
#define SECTORS (DISK_SIZE / 512)
#define NOT_ANSWERED 0xee

/* Where the test's guest keeps things; each request has its own line of 64 bytes. */
#define HEADER(i) (FAKE_DATA + 64u * (i))
#define STATUS(i) (FAKE_DATA + 64u * (i) + 48)
#define SEGMENT(i) (FAKE_DATA + 64u * (i) + 16)
#define TABLE(i) (FAKE_DATA + 128 * KiB + 64u * (i))
#define BUFFER (FAKE_DATA + 512 * KiB)

static struct mem *mem;
static struct loop *loop;
static struct fake_disk *disk;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[2];
static bool destroyed;

static struct virtio_blk_conf conf = { .nr_queues = 1 };

/* A device on a fake disk; not negotiated. */
static inline void create(u64 mem_flags)
{
	struct virtio_env env;

	mem = fake_mem(mem_flags);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	if (!disk)
		disk = fake_disk_create(DISK_SIZE);
	disk->destroyed = &destroyed;
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_blk_create(&dev, &env, &disk->disk, &conf), 0);
	fake_transport_attach(&irq, dev);
}

static inline void start(u64 features, u16 size)
{
	ck_assert(fake_negotiate(dev, features | VIRTIO_F_VERSION_1 |
					      (dev->offered & VIRTIO_F_INDIRECT_DESC)));
	for (u16 i = 0; i < conf.nr_queues; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), size, features & VIRTIO_F_EVENT_IDX);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
}

static inline void setup(u64 features)
{
	create(0);
	start(features, 256);
}

static inline void teardown(void)
{
	fake_unplug(dev);
	ck_assert(destroyed);
	disk = NULL;
}

static inline void kick(unsigned queue)
{
	fake_kick(dev, queue);
}

static inline void header(unsigned i, u32 type, u64 sector)
{
	le32 t = le32_of(type);
	le64 s = le64_of(sector);

	memset(fake_ptr(mem, HEADER(i), 64), 0, 64);
	memcpy(fake_ptr(mem, HEADER(i), 4), &t, 4);
	memcpy(fake_ptr(mem, HEADER(i) + 8, 8), &s, 8);
	memset(fake_ptr(mem, STATUS(i), 1), NOT_ANSWERED, 1);
}

static inline u8 status(unsigned i)
{
	return *(u8 *)fake_ptr(mem, STATUS(i), 1);
}

/* Post request `i` on queue `q` through an indirect table, as Linux does; no kick. */
static inline u16 post(unsigned q, unsigned i, u32 type, u64 sector, u64 data, u32 len)
{
	struct fake_buf bufs[3] = { { HEADER(i), 16, false } };
	unsigned nr = 1;

	header(i, type, sector);
	if (len)
		bufs[nr++] =
			(struct fake_buf){ data, len, type == BLK_T_IN || type == BLK_T_GET_ID };
	bufs[nr++] = (struct fake_buf){ STATUS(i), 1, true };
	if (!(dev->offered & VIRTIO_F_INDIRECT_DESC))
		return fake_ring_add(&ring[q], bufs, nr);
	return fake_ring_add_indirect(&ring[q], bufs, nr, TABLE(i));
}

static inline u16 post_segment(unsigned i, u32 type, u64 sector, u32 nr, u32 flags)
{
	struct fake_buf bufs[3] = { { HEADER(i), 16, false },
				    { SEGMENT(i), 16, false },
				    { STATUS(i), 1, true } };
	u32 raw[4] = { (u32)sector, (u32)(sector >> 32), nr, flags };

	header(i, type, 0);
	for (unsigned w = 0; w < 4; w++) {
		le32 v = le32_of(raw[w]);

		memcpy(fake_ptr(mem, SEGMENT(i) + 4 * w, 4), &v, 4);
	}
	return fake_ring_add_indirect(&ring[0], bufs, 3, TABLE(i));
}

/* Exactly one used element of queue `q`, for `head`; its length. */
static inline u32 used(unsigned q, u16 head)
{
	u32 id, len;

	ck_assert(fake_ring_used(&ring[q], &id, &len));
	ck_assert_uint_eq(id, head);
	return len;
}

static inline bool none_used(unsigned q)
{
	u32 id, len;

	return !fake_ring_used(&ring[q], &id, &len);
}

/* One request from post to status, all pending disk work done. */
static inline u8 run(u32 type, u64 sector, u32 len)
{
	u16 head = post(0, 0, type, sector, BUFFER, len);

	kick(0);
	fake_disk_finish_all(disk);
	used(0, head);
	return status(0);
}

static inline u8 run_segment(u32 type, u64 sector, u32 nr, u32 flags)
{
	u16 head = post_segment(0, type, sector, nr, flags);

	kick(0);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(used(0, head), 1);
	return status(0);
}

#define ALL_F (BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES)

#endif
