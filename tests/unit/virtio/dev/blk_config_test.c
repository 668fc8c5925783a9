/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What virtio-blk tells its driver before the first request, what the driver can switch, and what
 * follows from a bounce pool.
 */
#include "tests/unit/virtio/dev/blk_rig.h"

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

/* ---- durability ---- */

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

/* ---- bounce pools ---- */

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

SUITE_MAIN("virtio/blk_config", features_and_config, topology, features_of_a_read_only_disk,
	   write_through_without_flush, the_driver_switches_the_cache, small_pool,
	   queues_share_the_pool)
