/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk on real disks: long random runs against a copy in memory, with both backends, direct
 * and not, and resets in the middle. Each request has its own sectors while it is in flight, as a
 * sane driver sees to; so every byte read is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/le.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/blk_config.h"
#include "virtio/dev/blk_req.h"
#include "virtio/dev/kinds.h"

#define NR_SLOTS 32u
#define SLOT_SECTORS 64u /* each slot owns that many sectors of the disk */
#define SLOT_BYTES (SLOT_SECTORS * 512u)
#define DISK_SIZE ((u64)NR_SLOTS * SLOT_BYTES)
#define NR_QUEUES 2u

/* Guest memory of slot i: header, segment, status, table, then 32 KiB of data. */
#define LINE(i) (FAKE_DATA + 1024u * (i))
#define DATA(i) (FAKE_DATA + 512 * KiB + (u64)SLOT_BYTES * (i))

static struct mem *mem;
static struct loop *loop;
static struct virtio_device *dev;
static struct fake_transport irq;
static struct fake_ring ring[NR_QUEUES];
static char path[64];
static u8 model[DISK_SIZE];

static struct slot {
	bool busy;
	u32 type;
	u32 sector, nr; /* within the slot's own */
	u16 head;
} slots[NR_SLOTS];

static u64 seed = 1;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (u32)(seed >> 33) % n;
}

static void start(void)
{
	u64 f = BLK_F_FLUSH | BLK_F_MQ | BLK_F_WRITE_ZEROES | (dev->offered & BLK_F_DISCARD) |
		VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;

	ck_assert(fake_negotiate(dev, f));
	for (u16 q = 0; q < NR_QUEUES; q++) {
		fake_ring_init(&ring[q], mem, FAKE_RING(q), 256, true);
		fake_queue(dev, q, &ring[q]);
	}
	fake_driver_ok(dev);
}

static void setup(bool threads, bool direct)
{
	struct virtio_blk_conf bc = { .nr_queues = NR_QUEUES };
	struct disk_conf dc = { .no_uring = threads, .direct = direct, .nr_queues = NR_QUEUES };
	struct virtio_env env;
	struct disk *disk;
	int fd;

	strcpy(path, "/var/tmp/lkvm-blk-XXXXXX");
	fd = mkstemp(path);
	ck_assert(fd >= 0 && ftruncate(fd, DISK_SIZE) == 0);
	close(fd);
	strcpy(dc.path, path);
	memset(model, 0, sizeof(model));
	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(disk_open(&disk, &dc, loop), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop };
	ck_assert_int_eq(virtio_blk_create(&dev, &env, disk, &bc), 0);
	fake_transport_attach(&irq, dev);
	start();
}

static void reset(void)
{
	pthread_mutex_lock(&dev->lock);
	virtio_status_set(dev, 0);
	pthread_mutex_unlock(&dev->lock);
}

static void teardown(void)
{
	static u8 file[DISK_SIZE];
	FILE *f = fopen(path, "r");

	reset();
	dev->type->destroy(dev);
	loop_destroy(loop);
	mem_destroy(mem);
	ck_assert_uint_eq(fread(file, 1, sizeof(file), f), sizeof(file));
	fclose(f);
	unlink(path);
	ck_assert_mem_eq(file, model, sizeof(file));
}

static void put(u64 at, u32 a, u64 b)
{
	le32 w = le32_of(a);
	le64 d = le64_of(b);

	memset(fake_ptr(mem, at, 16), 0, 16);
	memcpy(fake_ptr(mem, at, 4), &w, 4);
	memcpy(fake_ptr(mem, at + 8, 8), &d, 8);
}

static void put_segment(u64 at, u64 sector, u32 nr, u32 flags)
{
	u32 raw[4] = { (u32)sector, 0, nr, flags };

	for (unsigned i = 0; i < 4; i++) {
		le32 w = le32_of(raw[i]);

		memcpy(fake_ptr(mem, at + 4 * i, 4), &w, 4);
	}
}

/* The data of slot i, cut into pieces at random. */
static unsigned cut(unsigned i, struct fake_buf *bufs, u32 len, bool write)
{
	u64 at = DATA(i);
	unsigned nr = 0;

	while (len) {
		u32 n = nr == 5 ? len : MIN(len, 1 + rnd(2 * len));

		bufs[nr++] = (struct fake_buf){ at, n, write };
		at += n;
		len -= n;
	}
	return nr;
}

static void post(unsigned i)
{
	static const u32 types[] = { BLK_T_IN,	BLK_T_IN,    BLK_T_OUT,		 BLK_T_OUT,
				     BLK_T_OUT, BLK_T_FLUSH, BLK_T_WRITE_ZEROES, BLK_T_DISCARD };
	struct fake_buf bufs[16] = { { LINE(i), 16, false } };
	struct slot *s = &slots[i];
	u64 first = (u64)i * SLOT_SECTORS;
	unsigned nr = 1;

	*s = (struct slot){ .busy = true, .type = types[rnd(ARRAY_SIZE(types))] };
	if (s->type == BLK_T_DISCARD && !virtio_has(dev, BLK_F_DISCARD))
		s->type = BLK_T_IN;
	s->sector = rnd(SLOT_SECTORS);
	s->nr = 1 + rnd(SLOT_SECTORS - s->sector);
	put(LINE(i), s->type, first + s->sector);
	if (s->type == BLK_T_OUT) {
		u32 *data = fake_ptr(mem, DATA(i), SLOT_BYTES);

		for (u32 w = 0; w < s->nr * 512 / 4; w++)
			data[w] = rnd(UINT32_MAX);
	}
	if (s->type == BLK_T_IN || s->type == BLK_T_OUT) {
		nr += cut(i, bufs + nr, s->nr * 512, s->type == BLK_T_IN);
	} else if (s->type != BLK_T_FLUSH) {
		put_segment(LINE(i) + 32, first + s->sector, s->nr,
			    s->type == BLK_T_WRITE_ZEROES ? rnd(2) : 0);
		bufs[nr++] = (struct fake_buf){ LINE(i) + 32, 16, false };
	}
	*(u8 *)fake_ptr(mem, LINE(i) + 64, 1) = 0xee;
	bufs[nr++] = (struct fake_buf){ LINE(i) + 64, 1, true };
	s->head = fake_ring_add_indirect(&ring[i % NR_QUEUES], bufs, nr, LINE(i) + 128);
}

static void check(unsigned i)
{
	struct slot *s = &slots[i];
	u8 *disk = model + (size_t)i * SLOT_BYTES + s->sector * 512u;
	size_t len = s->nr * 512u;

	ck_assert(s->busy);
	s->busy = false;
	ck_assert_uint_eq(*(u8 *)fake_ptr(mem, LINE(i) + 64, 1), BLK_S_OK);
	switch (s->type) {
	case BLK_T_IN:
		ck_assert_mem_eq(fake_ptr(mem, DATA(i), len), disk, len);
		break;
	case BLK_T_OUT:
		memcpy(disk, fake_ptr(mem, DATA(i), len), len);
		break;
	case BLK_T_WRITE_ZEROES:
	case BLK_T_DISCARD: /* of a file: reads as zeroes */
		memset(disk, 0, len);
		break;
	}
}

/* Take what was used; how many. */
static unsigned take(void)
{
	unsigned n = 0;
	u32 id, len;

	for (unsigned q = 0; q < NR_QUEUES; q++) {
		while (fake_ring_used(&ring[q], &id, &len)) {
			unsigned i = 0;

			while (i < NR_SLOTS &&
			       !(slots[i].busy && slots[i].head == id && i % NR_QUEUES == q))
				i++;
			ck_assert_uint_lt(i, NR_SLOTS);
			check(i);
			n++;
		}
		fake_ring_interrupts(&ring[q], true);
	}
	return n;
}

static void wait_for(unsigned *busy)
{
	for (unsigned round = 0; *busy; round++) {
		ck_assert_uint_lt(round, 10000);
		loop_step(loop, 100);
		*busy -= take();
	}
}

static void run(bool threads, bool direct)
{
	unsigned busy = 0;

	setup(threads, direct);
	for (unsigned round = 0; round < 150; round++) {
		for (unsigned i = 0; i < NR_SLOTS; i++) {
			if (!slots[i].busy && rnd(3) == 0) {
				post(i);
				busy++;
			}
		}
		for (unsigned q = 0; q < NR_QUEUES; q++) {
			if (fake_ring_wants_kick(&ring[q]))
				virtio_notify(dev, q);
		}
		loop_step(loop, 0);
		busy -= take();
		if (round % 50 == 49)
			wait_for(&busy);
	}
	wait_for(&busy);
	teardown();
}

START_TEST(uring)
{
	run(false, false);
}
END_TEST

START_TEST(uring_direct)
{
	run(false, true);
}
END_TEST

START_TEST(threads)
{
	run(true, false);
}
END_TEST

START_TEST(threads_direct)
{
	run(true, true);
}
END_TEST

/* A reset returns with everything at rest; what was written is there or not, but nothing else. */
static void run_resets(bool no_uring)
{
	setup(no_uring, false);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < NR_SLOTS; i++)
			post(i);
		virtio_notify(dev, 0);
		virtio_notify(dev, 1);
		if (round % 2)
			loop_step(loop, 0);
		reset();
		memset(slots, 0, sizeof(slots));
		/* Nobody writes there any more: the driver may use its memory for other things. */
		memset(fake_ptr(mem, FAKE_DATA, 1 * MiB), 0, 1 * MiB);
		start();
		loop_step(loop, 0);
	}

	const u8 *data = fake_ptr(mem, FAKE_DATA, 1 * MiB);
	FILE *f = fopen(path, "r");

	ck_assert(!data[0] && memcmp(data, data + 1, 1 * MiB - 1) == 0);

	ck_assert_uint_eq(fread(model, 1, sizeof(model), f), sizeof(model));
	fclose(f);
	teardown();
}

START_TEST(resets)
{
	run_resets(false);
	run_resets(true);
}
END_TEST

/* A read of one sector: its status. */
static u8 read_at(u64 sector)
{
	const struct fake_buf bufs[] = { { LINE(0), 16, false },
					 { DATA(0), 512, true },
					 { LINE(0) + 64, 1, true } };
	u8 *status = fake_ptr(mem, LINE(0) + 64, 1);
	u32 id, len;

	put(LINE(0), BLK_T_IN, sector);
	*status = 0xee;
	fake_ring_add_indirect(&ring[0], bufs, 3, LINE(0) + 128);
	virtio_notify(dev, 0);
	for (unsigned round = 0; !fake_ring_used(&ring[0], &id, &len); round++) {
		ck_assert_uint_lt(round, 1000);
		loop_step(loop, 100);
	}
	return *status;
}

/* [virtio 1.3 §5.2.5] Larger: the capacity changes, with a notification, and requests reach it. */
START_TEST(grows)
{
	u64 old, new, sectors = DISK_SIZE / 512;

	setup(false, false);
	ck_assert_int_eq(virtio_blk_resize(dev, &old, &new), 0);
	ck_assert(old == DISK_SIZE && new == DISK_SIZE && !irq.config);
	ck_assert_uint_eq(read_at(sectors), BLK_S_IOERR);
	ck_assert_int_eq(truncate(path, DISK_SIZE + 4096 + 511), 0);
	ck_assert_uint_eq(read_at(sectors), BLK_S_IOERR);
	ck_assert_int_eq(virtio_blk_resize(dev, &old, &new), 0);
	ck_assert(old == DISK_SIZE && new == DISK_SIZE + 4096);
	ck_assert(irq.config == 1 && dev->config_gen == 1);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 8), sectors + 8);
	ck_assert_uint_eq(read_at(sectors + 7), BLK_S_OK);
	ck_assert_uint_eq(read_at(sectors + 8), BLK_S_IOERR);
	/* It does not shrink under its driver: there are errors where the file has nothing. */
	ck_assert_int_eq(truncate(path, DISK_SIZE), 0);
	ck_assert_int_eq(virtio_blk_resize(dev, &old, &new), -EINVAL);
	ck_assert(irq.config == 1 && virtio_config_read(dev, 0, 8) == sectors + 8);
	ck_assert_uint_eq(read_at(sectors + 7), BLK_S_IOERR);
	teardown();
}
END_TEST

SUITE_MAIN("virtio/blk_disk", uring, uring_direct, threads, threads_direct, resets, grows)
