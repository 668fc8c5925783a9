/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk on a fake disk, driven by the fake driver: every request type, odd framing, bounds,
 * errors, order of flushes, resets in the middle, and the guest's memory let go at the end.
 */
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
static void create(u64 mem_flags)
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

static void start(u64 features, u16 size)
{
	ck_assert(fake_negotiate(dev, features | VIRTIO_F_VERSION_1 |
					      (dev->offered & VIRTIO_F_INDIRECT_DESC)));
	for (u16 i = 0; i < conf.nr_queues; i++) {
		fake_ring_init(&ring[i], mem, FAKE_RING(i), size, features & VIRTIO_F_EVENT_IDX);
		fake_queue(dev, i, &ring[i]);
	}
	fake_driver_ok(dev);
}

static void setup(u64 features)
{
	create(0);
	start(features, 256);
}

static void teardown(void)
{
	fake_unplug(dev);
	ck_assert(destroyed);
	disk = NULL;
}

static void kick(unsigned queue)
{
	fake_kick(dev, queue);
}

static void header(unsigned i, u32 type, u64 sector)
{
	le32 t = le32_of(type);
	le64 s = le64_of(sector);

	memset(fake_ptr(mem, HEADER(i), 64), 0, 64);
	memcpy(fake_ptr(mem, HEADER(i), 4), &t, 4);
	memcpy(fake_ptr(mem, HEADER(i) + 8, 8), &s, 8);
	memset(fake_ptr(mem, STATUS(i), 1), NOT_ANSWERED, 1);
}

static u8 status(unsigned i)
{
	return *(u8 *)fake_ptr(mem, STATUS(i), 1);
}

/* Post request `i` on queue `q` through an indirect table, as Linux does; no kick. */
static u16 post(unsigned q, unsigned i, u32 type, u64 sector, u64 data, u32 len)
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

static u16 post_segment(unsigned i, u32 type, u64 sector, u32 nr, u32 flags)
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
static u32 used(unsigned q, u16 head)
{
	u32 id, len;

	ck_assert(fake_ring_used(&ring[q], &id, &len));
	ck_assert_uint_eq(id, head);
	return len;
}

static bool none_used(unsigned q)
{
	u32 id, len;

	return !fake_ring_used(&ring[q], &id, &len);
}

/* One request from post to status, all pending disk work done. */
static u8 run(u32 type, u64 sector, u32 len)
{
	u16 head = post(0, 0, type, sector, BUFFER, len);

	kick(0);
	fake_disk_finish_all(disk);
	used(0, head);
	return status(0);
}

static u8 run_segment(u32 type, u64 sector, u32 nr, u32 flags)
{
	u16 head = post_segment(0, type, sector, nr, flags);

	kick(0);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(used(0, head), 1);
	return status(0);
}

#define ALL_F (BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES)

/* ---- what the driver reads first ---- */

START_TEST(features_and_config)
{
	create(0);
	ck_assert_uint_eq(dev->offered & 0xffffff, BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH |
							   BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE |
							   BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
	ck_assert_uint_eq(virtio_config_read(dev, 0, 8), SECTORS);
	ck_assert_uint_eq(virtio_config_read(dev, 8, 4), 0);
	ck_assert_uint_eq(virtio_config_read(dev, 12, 4), 126); /* seg_max */
	ck_assert_uint_eq(virtio_config_read(dev, 20, 4), 512); /* blk_size */
	ck_assert_uint_eq(virtio_config_read(dev, 24, 1), 3);	/* physical_block_exp */
	ck_assert_uint_eq(virtio_config_read(dev, 34, 2), 1);	/* num_queues */
	ck_assert_uint_eq(virtio_config_read(dev, 40, 4), 1);	/* max_discard_seg */
	ck_assert_uint_eq(virtio_config_read(dev, 44, 4), 8);	/* discard_sector_alignment */
	ck_assert_uint_eq(virtio_config_read(dev, 56, 1), 1);	/* write_zeroes_may_unmap */
	ck_assert_uint_eq(virtio_config_read(dev, 60, 8), 0);	/* secure erase */
	ck_assert_uint_eq(virtio_config_read(dev, 68, 4), 0);
	/* Nothing is writable but the mode of the cache. */
	virtio_config_write(dev, 31, 1, 7);
	virtio_config_write(dev, 33, 1, 7);
	virtio_config_write(dev, 32, 4, 0);
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 1);
	ck_assert_uint_eq(virtio_config_read(dev, 28, 4), 0);
	ck_assert_uint_eq(virtio_config_read(dev, 33, 1), 0);
	teardown();
}
END_TEST

/* [virtio 1.3 §5.2.4] In blocks, whatever they are; more than a field can say is its maximum. */
START_TEST(topology)
{
	disk = fake_disk_create(DISK_SIZE);
	disk->disk.block_size = 512;
	disk->disk.physical_block_size = 4096;
	disk->disk.min_io = 64 * KiB;
	disk->disk.opt_io = 1 * MiB;
	disk->disk.alignment_offset = 3584;
	create(0);
	ck_assert_uint_eq(virtio_config_read(dev, 24, 1), 3);
	ck_assert_uint_eq(virtio_config_read(dev, 25, 1), 7);
	ck_assert_uint_eq(virtio_config_read(dev, 26, 2), 128);
	ck_assert_uint_eq(virtio_config_read(dev, 28, 4), 2048);
	teardown();
	disk = fake_disk_create(DISK_SIZE);
	disk->disk.min_io = UINT32_MAX;
	disk->disk.alignment_offset = 512 * KiB;
	create(0);
	ck_assert_uint_eq(virtio_config_read(dev, 25, 1), 255);
	ck_assert_uint_eq(virtio_config_read(dev, 26, 2), 65535);
	teardown();
}
END_TEST

START_TEST(features_of_a_read_only_disk)
{
	disk = fake_disk_create(DISK_SIZE);
	disk->disk.read_only = true;
	disk->disk.can_discard = false;
	conf.nr_queues = 2;
	create(0);
	ck_assert_uint_eq(dev->offered & 0xffffff, BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH |
							   BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE |
							   BLK_F_RO | BLK_F_MQ);
	ck_assert_uint_eq(virtio_config_read(dev, 34, 2), 2);
	ck_assert_uint_eq(virtio_config_read(dev, 56, 1), 0);
	start(BLK_F_RO | BLK_F_MQ, 256);
	/* [virtio 1.3 §5.2.6.2] A write to a read-only device fails with IOERR. */
	ck_assert_uint_eq(run(BLK_T_OUT, 0, 512), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_UNSUPP);
	ck_assert_uint_eq(disk->nr_record, 0);
	ck_assert_uint_eq(run(BLK_T_IN, 0, 512), BLK_S_OK);
	teardown();
}
END_TEST

/* ---- data ---- */

START_TEST(write_then_read)
{
	u8 *buf;
	u16 head;

	setup(BLK_F_FLUSH);
	buf = fake_ptr(mem, BUFFER, 4096);
	for (unsigned i = 0; i < 4096; i++)
		buf[i] = (u8)(i * 5);
	head = post(0, 0, BLK_T_OUT, 3, BUFFER, 4096);
	kick(0);
	ck_assert(none_used(0) && status(0) == NOT_ANSWERED);
	ck_assert_uint_eq(disk->commits, 1);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(used(0, head), 1);
	ck_assert_uint_eq(status(0), BLK_S_OK);
	ck_assert_mem_eq(disk->bytes + 3 * 512, buf, 4096);
	memset(buf, 0, 4096);
	head = post(0, 1, BLK_T_IN, 4, BUFFER, 1024);
	kick(0);
	fake_disk_finish_all(disk);
	/* [virtio 1.3 §2.7.8] data and status. */
	ck_assert_uint_eq(used(0, head), 1025);
	ck_assert_mem_eq(buf, disk->bytes + 4 * 512, 1024);
	ck_assert_uint_eq(irq.queue[0], 2);
	teardown();
}
END_TEST

/* [virtio 1.3 §2.7.4] No assumption about where the driver cuts. */
START_TEST(odd_framing)
{
	struct fake_buf one_in[] = { { HEADER(0), 16, false }, { BUFFER, 513, true } };
	struct fake_buf pieces[] = { { HEADER(1), 1, false },	   { HEADER(1) + 1, 10, false },
				     { HEADER(1) + 11, 5, false }, { BUFFER, 100, true },
				     { BUFFER + 1000, 411, true }, { BUFFER + 2000, 1, true },
				     { STATUS(1), 1, true } };
	/* Header and data in one: they follow each other in memory. */
	struct fake_buf one_out[] = { { BUFFER - 16, 16 + 512, false }, { STATUS(2), 1, true } };
	/* The status byte at the end of a larger buffer. */
	struct fake_buf tail[] = { { HEADER(3), 16, false }, { BUFFER, 100, true } };
	u8 *buf;
	u16 head;

	setup(BLK_F_FLUSH);
	disk->at_commit = true;
	memset(disk->bytes + 512, 'd', 512);
	buf = fake_ptr(mem, BUFFER - 16, 4096);
	header(0, BLK_T_IN, 1);
	head = fake_ring_add(&ring[0], one_in, 2);
	kick(0);
	ck_assert_uint_eq(used(0, head), 513);
	ck_assert(buf[16] == 'd' && buf[16 + 511] == 'd' && buf[16 + 512] == BLK_S_OK);

	memset(buf, 0xff, 4096);
	header(1, BLK_T_IN, 1);
	head = fake_ring_add(&ring[0], pieces, 7);
	kick(0);
	ck_assert_uint_eq(used(0, head), 513);
	ck_assert(buf[16] == 'd' && buf[16 + 99] == 'd' && buf[16 + 100] == 0xff);
	ck_assert(buf[16 + 1410] == 'd' && buf[16 + 1411] == 0xff && buf[16 + 2000] == 'd');
	ck_assert_uint_eq(status(1), BLK_S_OK);

	header(2, BLK_T_OUT, 7);
	memcpy(buf, fake_ptr(mem, HEADER(2), 16), 16);
	memset(buf + 16, 'w', 512);
	head = fake_ring_add(&ring[0], one_out, 2);
	kick(0);
	ck_assert_uint_eq(used(0, head), 1);
	ck_assert(disk->bytes[7 * 512 - 1] == 0 && disk->bytes[7 * 512] == 'w');
	ck_assert(disk->bytes[8 * 512 - 1] == 'w' && disk->bytes[8 * 512] == 0);

	header(3, BLK_T_FLUSH, 0);
	buf[16 + 99] = NOT_ANSWERED;
	head = fake_ring_add(&ring[0], tail, 2);
	kick(0);
	/* Nothing contiguous from the start was written. */
	ck_assert_uint_eq(used(0, head), 0);
	ck_assert_uint_eq(buf[16 + 99], BLK_S_OK);
	teardown();
}
END_TEST

START_TEST(bounds)
{
	setup(ALL_F);
	ck_assert_uint_eq(run(BLK_T_IN, SECTORS - 1, 512), BLK_S_OK);
	ck_assert_uint_eq(run(BLK_T_OUT, SECTORS - 1, 512), BLK_S_OK);
	ck_assert_uint_eq(disk->nr_record, 2);
	ck_assert_uint_eq(run(BLK_T_IN, SECTORS, 512), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_IN, SECTORS - 1, 1024), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_OUT, SECTORS - 1, 1024), BLK_S_IOERR);
	/* sector * 512 would wrap round to the disk's first bytes. */
	ck_assert_uint_eq(run(BLK_T_OUT, UINT64_C(1) << 55, 512), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_OUT, UINT64_MAX, 512), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_OUT, 0, 511), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_IN, 0, 513), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, SECTORS, 1, 0), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, UINT64_MAX, 2, 0), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, SECTORS - 1, 2, 0), BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_record, 2);
	/* No data: nothing to do, but an answer. */
	ck_assert_uint_eq(run(BLK_T_IN, 0, 0), BLK_S_OK);
	ck_assert_uint_eq(run(BLK_T_OUT, SECTORS, 0), BLK_S_OK);
	ck_assert_uint_eq(run(BLK_T_OUT, SECTORS + 1, 0), BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_record, 2);
	ck_assert(!dev->broken);
	teardown();
}
END_TEST

START_TEST(unknown_types_are_answered)
{
	static const u32 types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 0x80000000, UINT32_MAX };

	setup(0);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		ck_assert_uint_eq(run(types[i], 0, 512), BLK_S_UNSUPP);
	/* Offered, but not negotiated. */
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 0, 1, 0), BLK_S_UNSUPP);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_UNSUPP);
	ck_assert_uint_eq(disk->nr_record, 0);
	teardown();
}
END_TEST

START_TEST(get_id)
{
	char *buf;
	u16 head;

	conf.serial = "01234567890123456789x";
	setup(0);
	buf = fake_ptr(mem, BUFFER, 64);
	head = post(0, 0, BLK_T_GET_ID, 0, BUFFER, 20);
	kick(0);
	ck_assert_uint_eq(used(0, head), 21);
	ck_assert_mem_eq(buf, "01234567890123456789", 20);
	/* Less room, more room. */
	memset(buf, '-', 64);
	head = post(0, 0, BLK_T_GET_ID, 0, BUFFER, 5);
	kick(0);
	ck_assert_uint_eq(used(0, head), 6);
	ck_assert_mem_eq(buf, "01234-", 6);
	memset(buf, '-', 64);
	head = post(0, 0, BLK_T_GET_ID, 0, BUFFER, 30);
	kick(0);
	ck_assert_uint_eq(used(0, head), 0);
	ck_assert_mem_eq(buf, "01234567890123456789-", 21);
	teardown();
	conf.serial = NULL;
	setup(0);
	ck_assert_uint_eq(run(BLK_T_GET_ID, 0, 20), BLK_S_OK);
	ck_assert_mem_eq(fake_ptr(mem, BUFFER, 20), "fake.img\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	teardown();
}
END_TEST

START_TEST(discard_and_write_zeroes)
{
	setup(ALL_F);
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 8, 16, 0), BLK_S_OK);
	ck_assert(disk->record[0].op == DISK_DISCARD && disk->record[0].off == 4096 &&
		  disk->record[0].len == 8192);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 8, 16, 0), BLK_S_OK);
	ck_assert(disk->record[1].op == DISK_WRITE_ZEROES && !disk->record[1].unmap);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 8, 16, 1), BLK_S_OK);
	ck_assert(disk->record[2].unmap);
	/* [virtio 1.3 §5.2.6.2] unknown flags, and unmap for a discard: UNSUPP. */
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 8, 16, 1), BLK_S_UNSUPP);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 8, 16, 2), BLK_S_UNSUPP);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 8, 16, 0x80000001), BLK_S_UNSUPP);
	/* More than max_*_sectors. */
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 0, BLK_MAX_DISCARD_SECTORS + 1, 0),
			  BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 0, BLK_MAX_ZEROES_SECTORS + 1, 0),
			  BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 0, 0, 0), BLK_S_OK);
	/* No segment, half a segment, two segments. */
	ck_assert_uint_eq(run(BLK_T_DISCARD, 0, 0), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_DISCARD, 0, 8), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_WRITE_ZEROES, 0, 32), BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_record, 3);
	teardown();
}
END_TEST

/* Offered where it is true, and otherwise not a discard in its place. */
START_TEST(secure_erase)
{
	setup(ALL_F);
	ck_assert(!(dev->offered & BLK_F_SECURE_ERASE));
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, 8, 16, 0), BLK_S_UNSUPP);
	ck_assert_uint_eq(disk->nr_record, 0);
	teardown();

	disk = fake_disk_create(DISK_SIZE);
	disk->disk.can_erase = true;
	setup(ALL_F | BLK_F_SECURE_ERASE);
	ck_assert_uint_eq(virtio_config_read(dev, 60, 4), BLK_MAX_DISCARD_SECTORS);
	ck_assert_uint_eq(virtio_config_read(dev, 64, 4), 1);
	ck_assert_uint_eq(virtio_config_read(dev, 68, 4), 8);
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, 8, 16, 0), BLK_S_OK);
	ck_assert(disk->record[0].op == DISK_SECURE_ERASE && disk->record[0].off == 4096 &&
		  disk->record[0].len == 8192);
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, 8, 16, 1), BLK_S_UNSUPP);
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, SECTORS - 1, 2, 0), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, UINT64_MAX, 2, 0), BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_SECURE_ERASE, 0, BLK_MAX_DISCARD_SECTORS + 1, 0),
			  BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_SECURE_ERASE, 0, 8), BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_record, 1);
	teardown();
}
END_TEST

/* Also where the disk is large enough for more. */
START_TEST(no_more_than_the_limits)
{
	disk = fake_disk_create(DISK_SIZE);
	disk->disk.size = 4 * GiB;
	setup(ALL_F);
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 0, BLK_MAX_DISCARD_SECTORS + 1, 0),
			  BLK_S_IOERR);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 0, BLK_MAX_ZEROES_SECTORS + 1, 0),
			  BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_record, 0);
	teardown();
}
END_TEST

/* The segment lies in the same descriptor as the header. */
START_TEST(segment_behind_the_header)
{
	struct fake_buf bufs[] = { { HEADER(0), 32, false }, { STATUS(0), 1, true } };

	setup(ALL_F);
	post_segment(0, BLK_T_DISCARD, 5, 6, 0);
	kick(0);
	fake_ring_add(&ring[0], bufs, 2);
	kick(0);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(disk->record[1].off, 5 * 512);
	ck_assert_uint_eq(disk->record[1].len, 6 * 512);
	teardown();
}
END_TEST

START_TEST(without_unmap_when_the_disk_cannot)
{
	disk = fake_disk_create(DISK_SIZE);
	disk->disk.can_discard = false;
	create(0);
	ck_assert(!(dev->offered & BLK_F_DISCARD));
	start(BLK_F_WRITE_ZEROES | BLK_F_FLUSH, 256);
	ck_assert_uint_eq(run_segment(BLK_T_WRITE_ZEROES, 0, 8, 1), BLK_S_OK);
	ck_assert(!disk->record[0].unmap);
	teardown();
}
END_TEST

/* ---- errors of the disk ---- */

START_TEST(disk_full_and_then_not)
{
	setup(ALL_F);
	disk->err = -ENOSPC;
	for (unsigned i = 0; i < 20; i++)
		ck_assert_uint_eq(run(BLK_T_OUT, i, 512), BLK_S_IOERR);
	ck_assert(!dev->broken);
	disk->err = -EIO;
	ck_assert_uint_eq(run(BLK_T_IN, 0, 512), BLK_S_IOERR);
	ck_assert_uint_eq(run(BLK_T_FLUSH, 0, 0), BLK_S_IOERR);
	disk->err = -EOPNOTSUPP;
	ck_assert_uint_eq(run_segment(BLK_T_DISCARD, 0, 8, 0), BLK_S_UNSUPP);
	disk->err = 0;
	ck_assert_uint_eq(run(BLK_T_OUT, 0, 512), BLK_S_OK);
	teardown();
}
END_TEST

/* A read that fails must not claim that the buffer was filled. */
START_TEST(failed_read_has_no_length)
{
	u16 head;

	setup(0);
	head = post(0, 0, BLK_T_IN, SECTORS, BUFFER, 512);
	kick(0);
	ck_assert_uint_eq(used(0, head), 0);
	ck_assert_uint_eq(status(0), BLK_S_IOERR);
	disk->err = -EIO;
	head = post(0, 0, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(used(0, head), 0);
	teardown();
}
END_TEST

/* ---- order ---- */

START_TEST(flush_waits_for_earlier_writes)
{
	u16 w1, w2, f, w3, r;

	setup(BLK_F_FLUSH);
	w1 = post(0, 0, BLK_T_OUT, 0, BUFFER, 512);
	w2 = post(0, 1, BLK_T_OUT, 1, BUFFER, 512);
	r = post(0, 2, BLK_T_IN, 1, BUFFER, 512);
	f = post(0, 3, BLK_T_FLUSH, 0, 0, 0);
	w3 = post(0, 4, BLK_T_OUT, 2, BUFFER, 512);
	kick(0);
	/* Pending: w1 w2 r w3. The flush is not at the disk yet. */
	ck_assert_uint_eq(disk->nr_pending, 4);
	fake_disk_finish(disk, 3);
	used(0, w3);
	ck_assert_uint_eq(disk->nr_pending, 3);
	fake_disk_finish(disk, 1);
	used(0, w2);
	ck_assert_uint_eq(disk->nr_pending, 2);
	fake_disk_finish(disk, 0);
	used(0, w1);
	/* Now it is: reads do not matter. */
	ck_assert_uint_eq(disk->nr_pending, 2);
	ck_assert(disk->pending[1]->op == DISK_FLUSH && status(3) == NOT_ANSWERED);
	fake_disk_finish(disk, 1);
	used(0, f);
	fake_disk_finish(disk, 0);
	used(0, r);
	ck_assert_uint_eq(status(3), BLK_S_OK);
	teardown();
}
END_TEST

START_TEST(several_flushes)
{
	u16 w1, f1, w2, f2;

	setup(BLK_F_FLUSH);
	w1 = post(0, 0, BLK_T_OUT, 0, BUFFER, 512);
	f1 = post(0, 1, BLK_T_FLUSH, 0, 0, 0);
	w2 = post(0, 2, BLK_T_OUT, 1, BUFFER, 512);
	f2 = post(0, 3, BLK_T_FLUSH, 0, 0, 0);
	kick(0);
	ck_assert_uint_eq(disk->nr_pending, 2);
	/* An error is done, too. */
	disk->err = -EIO;
	fake_disk_finish(disk, 0);
	disk->err = 0;
	used(0, w1);
	ck_assert_uint_eq(disk->nr_pending, 2);
	fake_disk_finish(disk, 1);
	used(0, f1);
	fake_disk_finish(disk, 0);
	used(0, w2);
	fake_disk_finish(disk, 0);
	used(0, f2);
	ck_assert(status(0) == BLK_S_IOERR && status(3) == BLK_S_OK);
	teardown();
}
END_TEST

/* [virtio 1.3 §5.2.6.2] A driver without FLUSH gets stable writes. */
START_TEST(write_through_without_flush)
{
	u16 head;

	setup(BLK_F_WRITE_ZEROES);
	head = post(0, 0, BLK_T_OUT, 0, BUFFER, 512);
	kick(0);
	fake_disk_finish(disk, 0);
	ck_assert(none_used(0) && status(0) == NOT_ANSWERED);
	ck_assert(disk->nr_pending == 1 && disk->pending[0]->op == DISK_FLUSH);
	fake_disk_finish(disk, 0);
	ck_assert_uint_eq(used(0, head), 1);
	ck_assert_uint_eq(status(0), BLK_S_OK);
	head = post_segment(0, BLK_T_WRITE_ZEROES, 0, 8, 0);
	kick(0);
	fake_disk_finish(disk, 0);
	ck_assert(disk->nr_pending == 1 && disk->pending[0]->op == DISK_FLUSH);
	disk->err = -EIO;
	fake_disk_finish(disk, 0);
	used(0, head);
	ck_assert_uint_eq(status(0), BLK_S_IOERR);
	/* A write that failed needs no flush, a read neither. */
	ck_assert_uint_eq(run(BLK_T_OUT, 0, 512), BLK_S_IOERR);
	ck_assert_uint_eq(disk->nr_pending, 0);
	teardown();
}
END_TEST

/* A write is answered after the flush that follows it, or at once. */
static void expect_write_through(bool on)
{
	u16 head = post(0, 0, BLK_T_OUT, 0, BUFFER, 512);

	kick(0);
	fake_disk_finish(disk, 0);
	ck_assert((status(0) == NOT_ANSWERED) == on);
	ck_assert_uint_eq(disk->nr_pending, on);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(used(0, head), 1);
}

/* [virtio 1.3 §5.2.5.2, §5.2.6.2] */
START_TEST(the_driver_switches_the_cache)
{
	setup(ALL_F | BLK_F_CONFIG_WCE);
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 1);
	expect_write_through(false);
	virtio_config_write(dev, 32, 1, 0);
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 0);
	expect_write_through(true);
	virtio_config_write(dev, 32, 1, 0x80); /* odd, but not 0 */
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 1);
	expect_write_through(false);
	virtio_config_write(dev, 32, 1, 0);
	virtio_status_set(dev, 0);
	start(ALL_F | BLK_F_CONFIG_WCE, 256);
	expect_write_through(false);
	/* Without FLUSH it begins without a cache. */
	virtio_status_set(dev, 0);
	start(BLK_F_CONFIG_WCE, 256);
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 0);
	expect_write_through(true);
	/* A driver that has not negotiated it switches nothing. */
	virtio_status_set(dev, 0);
	start(ALL_F, 256);
	virtio_config_write(dev, 32, 1, 0);
	ck_assert_uint_eq(virtio_config_read(dev, 32, 1), 1);
	expect_write_through(false);
	teardown();
}
END_TEST

/* ---- batches ---- */

START_TEST(one_interrupt_a_batch)
{
	u32 id, len;

	setup(BLK_F_FLUSH);
	disk->at_commit = true;
	for (unsigned i = 0; i < 50; i++)
		post(0, i, BLK_T_IN, i, BUFFER, 512);
	kick(0);
	ck_assert_uint_eq(disk->commits, 1);
	for (unsigned i = 0; i < 50; i++)
		ck_assert(fake_ring_used(&ring[0], &id, &len));
	ck_assert_uint_eq(irq.queue[0], 1);
	disk->at_commit = false;
	for (unsigned i = 0; i < 50; i++)
		post(0, i, BLK_T_IN, i, BUFFER, 512);
	kick(0);
	fake_disk_finish_all(disk);
	ck_assert_uint_eq(irq.queue[0], 2);
	teardown();
}
END_TEST

/* More bytes than one kick may move: the rest follows by itself. */
START_TEST(a_kick_is_bounded)
{
	u32 id, len;
	unsigned n = 0;

	setup(BLK_F_FLUSH | VIRTIO_F_EVENT_IDX);
	disk->at_commit = true;
	for (unsigned i = 0; i < 20; i++)
		post(0, i, BLK_T_IN, 0, BUFFER, 1 * MiB);
	kick(0);
	while (fake_ring_used(&ring[0], &id, &len))
		n++;
	ck_assert_uint_eq(n, 16);
	loop_step(loop, 0);
	while (fake_ring_used(&ring[0], &id, &len))
		n++;
	ck_assert_uint_eq(n, 20);
	teardown();
}
END_TEST

/* Two full queues share the slots: none is lost, none waits for ever. */
START_TEST(slots_run_out)
{
	u32 id, len;
	unsigned n = 0;

	conf.nr_queues = 2;
	setup(BLK_F_FLUSH | BLK_F_MQ);
	for (unsigned i = 0; i < 256; i++) {
		post(0, i, BLK_T_IN, 0, BUFFER, 512);
		post(1, 256 + i, BLK_T_OUT, 0, BUFFER, 512);
	}
	kick(0);
	kick(1);
	ck_assert_uint_eq(disk->nr_pending, 256);
	for (unsigned round = 0; n < 512 && round < 1000; round++) {
		if (disk->nr_pending)
			fake_disk_finish(disk, 0);
		loop_step(loop, 0);
		while (fake_ring_used(&ring[0], &id, &len))
			n++;
		while (fake_ring_used(&ring[1], &id, &len))
			n++;
	}
	ck_assert_uint_eq(n, 512);
	ck_assert_uint_eq(disk->max_pending, 256);
	teardown();
}
END_TEST

START_TEST(delayed)
{
	u64 t = loop_now_ns();
	u16 head;

	conf.delay_ms = 30;
	setup(BLK_F_FLUSH);
	head = post(0, 0, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	fake_disk_finish_all(disk);
	ck_assert(none_used(0));
	while (fake_ring_used_idx(&ring[0]) == 0)
		loop_step(loop, 1000);
	used(0, head);
	ck_assert_uint_ge(loop_now_ns() - t, 30000000u);
	/* A reset does not wait for it. */
	post(0, 0, BLK_T_IN, 0, BUFFER, 512);
	post(0, 1, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	fake_disk_finish(disk, 0);
	teardown();
}
END_TEST

/* ---- stopping ---- */

static void reset_with(unsigned pending, bool flushes)
{
	setup(BLK_F_FLUSH);
	for (unsigned i = 0; i < pending; i++)
		post(0, i, i % 2 ? BLK_T_OUT : BLK_T_IN, i, BUFFER, 512);
	if (flushes)
		post(0, pending, BLK_T_FLUSH, 0, 0, 0);
	kick(0);
	fake_reset(dev);
	ck_assert_uint_eq(disk->cancels, 1);
	ck_assert_uint_eq(disk->nr_pending, 0);
	ck_assert_uint_eq(fake_ring_used_idx(&ring[0]), 0);
	ck_assert_uint_eq(status(0), NOT_ANSWERED);
	/* And it works again. */
	start(BLK_F_FLUSH, 128);
	ck_assert_uint_eq(run(BLK_T_IN, 0, 512), BLK_S_OK);
	teardown();
}

START_TEST(reset_in_the_middle)
{
	reset_with(10, false);
	reset_with(10, true);
	reset_with(255, true);
}
END_TEST

START_TEST(reset_of_one_queue)
{
	u16 other;

	conf.nr_queues = 2;
	setup(BLK_F_FLUSH | BLK_F_MQ | VIRTIO_F_RING_RESET);
	post(0, 0, BLK_T_OUT, 0, BUFFER, 512);
	post(0, 1, BLK_T_FLUSH, 0, 0, 0);
	other = post(1, 2, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	kick(1);
	ck_assert_uint_eq(disk->nr_pending, 2);
	pthread_mutex_lock(&dev->lock);
	virtio_queue_reset(dev, &dev->queues[0]);
	pthread_mutex_unlock(&dev->lock);
	ck_assert(none_used(0));
	/* The other queue's request goes on. */
	ck_assert_uint_eq(disk->nr_pending, 1);
	ck_assert(none_used(1));
	fake_disk_finish_all(disk);
	used(1, other);
	ck_assert_uint_eq(status(2), BLK_S_OK);
	ck_assert_uint_eq(irq.queue[1], 1);
	fake_ring_init(&ring[0], mem, FAKE_RING(0), 64, false);
	fake_queue(dev, 0, &ring[0]);
	ck_assert_uint_eq(run(BLK_T_IN, 0, 512), BLK_S_OK);
	teardown();
}
END_TEST

static int take_back(u64 addr)
{
	return mem_set_shared(mem, gpa(addr & ~UINT64_C(4095)), 4096, false);
}

/* In flight, the guest cannot take a page of a request back; afterwards, and others, it can. */
START_TEST(memory_is_let_go)
{
	create(MEM_PROTECTED);
	ck_assert_int_eq(mem_set_shared(mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	start(BLK_F_FLUSH, 256);
	disk->at_commit = true;
	ck_assert_uint_eq(run(BLK_T_OUT, 0, 512), BLK_S_OK);
	ck_assert_uint_eq(run(99, 0, 512), BLK_S_UNSUPP);
	disk->at_commit = false;
	ck_assert_uint_eq(run(BLK_T_IN, 0, 512), BLK_S_OK);
	for (unsigned i = 0; i < 20; i++)
		post(0, i, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	ck_assert_int_eq(take_back(BUFFER), -EAGAIN);
	ck_assert_int_eq(take_back(HEADER(0)), -EAGAIN);
	ck_assert_int_eq(take_back(BUFFER + 4096), 0);
	fake_disk_finish(disk, 5);
	ck_assert_int_eq(take_back(BUFFER), -EAGAIN);
	fake_disk_finish_all(disk);
	ck_assert_int_eq(take_back(BUFFER), 0);
	/* A buffer that is not shared any more. */
	post(0, 0, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	ck_assert(dev->broken);
	ck_assert_int_eq(mem_set_shared(mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, false), 0);
	teardown();
}
END_TEST

/* The rings are no part of a request: without them it ends, and nobody is told. */
START_TEST(rings_go_while_a_request_is_in_flight)
{
	create(MEM_PROTECTED | MEM_SPLIT_VIEW);
	ck_assert_int_eq(mem_set_shared(mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	start(BLK_F_FLUSH, 64);
	post(0, 0, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	ck_assert_int_eq(take_back(FAKE_RING(0)), 0);
	fake_disk_finish_all(disk);
	ck_assert(dev->broken);
	ck_assert_uint_eq(irq.queue[0], 0);
	ck_assert_int_eq(take_back(BUFFER), 0);
	teardown();
}
END_TEST

/* A write that is followed by a FLUSH of ours is in flight all the time. */
START_TEST(pins_last_until_the_answer)
{
	create(MEM_PROTECTED);
	ck_assert_int_eq(mem_set_shared(mem, gpa(FAKE_RAM), FAKE_RAM_SIZE, true), 0);
	start(0, 64);
	post(0, 0, BLK_T_OUT, 0, BUFFER, 512);
	kick(0);
	fake_disk_finish(disk, 0);
	ck_assert_uint_eq(disk->nr_pending, 1);
	ck_assert_int_eq(take_back(BUFFER), -EAGAIN);
	fake_disk_finish(disk, 0);
	ck_assert_int_eq(take_back(BUFFER), 0);
	/* A reset finishes what is in flight, and lets go of it. */
	post(0, 1, BLK_T_OUT, 0, BUFFER + 4096, 512);
	kick(0);
	ck_assert_int_eq(take_back(BUFFER + 4096), -EAGAIN);
	virtio_status_set(dev, 0);
	ck_assert_int_eq(take_back(BUFFER + 4096), 0);
	teardown();
}
END_TEST

/* ---- drivers that break the rules ---- */

static void post_bufs(const struct fake_buf *bufs, unsigned nr)
{
	setup(BLK_F_FLUSH);
	/* One good request is in flight meanwhile. */
	post(0, 9, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	header(0, BLK_T_IN, 0);
	fake_ring_add(&ring[0], bufs, nr);
	kick(0);
	ck_assert(virtio_status_get(dev) & VIRTIO_S_NEEDS_RESET);
	ck_assert_uint_eq(irq.config, 1);
	fake_disk_finish_all(disk);
	ck_assert(none_used(0));
	kick(0);
	teardown();
}

START_TEST(no_room_for_an_answer)
{
	struct fake_buf no_status[] = { { HEADER(0), 16, false } };
	struct fake_buf no_header[] = { { STATUS(0), 1, true } };
	struct fake_buf short_header[] = { { HEADER(0), 15, false }, { STATUS(0), 1, true } };

	post_bufs(no_status, 1);
	post_bufs(no_header, 1);
	post_bufs(short_header, 2);
}
END_TEST

START_TEST(more_pieces_than_seg_max)
{
	static struct fake_buf bufs[200];
	u16 head;

	setup(BLK_F_FLUSH);
	disk->at_commit = true;
	header(0, BLK_T_IN, 0);
	bufs[0] = (struct fake_buf){ HEADER(0), 16, false };
	for (unsigned i = 1; i < 127; i++)
		bufs[i] = (struct fake_buf){ BUFFER + 4096 * (i % 16), 512, true };
	bufs[127] = (struct fake_buf){ STATUS(0), 1, true };
	head = fake_ring_add_indirect(&ring[0], bufs, 128, TABLE(0));
	kick(0);
	used(0, head);
	ck_assert_uint_eq(status(0), BLK_S_OK);
	bufs[127] = bufs[126];
	bufs[128] = (struct fake_buf){ STATUS(0), 1, true };
	fake_ring_add_indirect(&ring[0], bufs, 129, TABLE(0));
	kick(0);
	ck_assert(dev->broken);
	teardown();
}
END_TEST

START_TEST(black_book)
{
	for (unsigned i = 0; i < nr_fake_bad; i++) {
		setup(BLK_F_FLUSH);
		fake_bad[i].post(&ring[0], BUFFER);
		kick(0);
		ck_assert_msg(dev->broken, "%s", fake_bad[i].name);
		ck_assert_uint_eq(disk->nr_record, 0);
		teardown();
	}
}
END_TEST

/* ---- life ---- */

static int create_and_destroy(void)
{
	struct virtio_env env = { .mem = mem, .loop = loop };
	int err;

	destroyed = false;
	disk = fake_disk_create(DISK_SIZE);
	disk->destroyed = &destroyed;
	err = virtio_blk_create(&dev, &env, &disk->disk, &conf);
	if (!err)
		dev->type->destroy(dev);
	ck_assert(destroyed);
	return err;
}

START_TEST(create_fails_step_by_step)
{
	mem = fake_mem(0);
	conf.nr_queues = 4;
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	fds_exhaust(create_and_destroy);
	loop_destroy(loop);
	mem_destroy(mem);
}
END_TEST

static const struct virtio_pool_load alone = { .nr_disks = 1 };

static void create_with_pool(const struct virtio_pool *pool, unsigned nr_queues)
{
	struct virtio_env env;

	disk = fake_disk_create(DISK_SIZE);
	disk->destroyed = &destroyed;
	mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	env = (struct virtio_env){ .mem = mem, .loop = loop, .pool = pool };
	conf.nr_queues = nr_queues;
	ck_assert_int_eq(virtio_blk_create(&dev, &env, &disk->disk, &conf), 0);
	fake_transport_attach(&irq, dev);
}

/* The ring is the limit of what is in flight, and the largest request fits into it. */
START_TEST(small_pool)
{
	const struct virtio_pool *pool = virtio_pool_fit(256 * KiB, &alone);
	unsigned nr = pool->blk / 3u;

	create_with_pool(pool, 1);
	ck_assert(dev->offered & BLK_F_SIZE_MAX);
	ck_assert(!(dev->offered & VIRTIO_F_INDIRECT_DESC));
	ck_assert_uint_eq(virtio_config_read(dev, 8, 4), 4 * KiB);
	ck_assert_uint_eq(virtio_config_read(dev, 12, 4), pool->blk_segs);
	ck_assert_uint_eq(dev->queues[0].max_size, pool->blk);
	ck_assert_uint_le(pool->blk_segs + 2u, pool->blk);
	start(BLK_F_FLUSH, pool->blk);
	for (unsigned i = 0; i < nr; i++)
		post(0, i, BLK_T_IN, 0, BUFFER, 512);
	kick(0);
	ck_assert_uint_eq(disk->nr_pending, nr);
	teardown();
}
END_TEST

START_TEST(queues_share_the_pool)
{
	static const struct {
		unsigned nr_queues;
		u16 size;
	} cases[] = { { 1, 64 }, { 2, 32 }, { 3, 16 }, { 4, 16 }, { 5, 8 }, { 16, 4 } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		create_with_pool(virtio_pool_fit(512 * KiB, &alone), cases[i].nr_queues);
		ck_assert_uint_eq(dev->queues[cases[i].nr_queues - 1].max_size, cases[i].size);
		ck_assert_uint_eq(virtio_config_read(dev, 12, 4), MIN(cases[i].size - 2u, 32u));
		teardown();
	}
	create_with_pool(virtio_pool_fit(256 * KiB, &alone), 16);
	ck_assert_uint_eq(dev->queues[15].max_size, 4); /* EDK2 wants three */
	teardown();
	create_with_pool(virtio_pool_fit(16 * MiB, &alone), 1);
	ck_assert_uint_eq(virtio_config_read(dev, 8, 4), 64 * KiB);
	teardown();
	create_with_pool(NULL, 1);
	ck_assert(!(dev->offered & BLK_F_SIZE_MAX));
	ck_assert(dev->offered & VIRTIO_F_INDIRECT_DESC);
	ck_assert_uint_eq(virtio_config_read(dev, 12, 4), 126);
	teardown();
}
END_TEST

SUITE_MAIN("virtio/blk", features_and_config, topology, features_of_a_read_only_disk,
	   write_then_read, odd_framing, bounds, unknown_types_are_answered, get_id,
	   discard_and_write_zeroes, secure_erase, no_more_than_the_limits,
	   segment_behind_the_header, without_unmap_when_the_disk_cannot, disk_full_and_then_not,
	   failed_read_has_no_length, flush_waits_for_earlier_writes, several_flushes,
	   write_through_without_flush, the_driver_switches_the_cache, one_interrupt_a_batch,
	   a_kick_is_bounded, slots_run_out, delayed, reset_in_the_middle, reset_of_one_queue,
	   memory_is_let_go, rings_go_while_a_request_is_in_flight, pins_last_until_the_answer,
	   no_room_for_an_answer, more_pieces_than_seg_max, black_book, create_fails_step_by_step,
	   small_pool, queues_share_the_pool)
