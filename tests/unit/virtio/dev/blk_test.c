/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk on a fake disk, driven by the fake driver: every request type, odd framing, bounds,
 * errors, order of flushes, resets in the middle, and the guest's memory let go at the end.
 */
#include "tests/unit/virtio/dev/blk_rig.h"

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

SUITE_MAIN("virtio/blk", write_then_read, odd_framing, bounds, unknown_types_are_answered, get_id,
	   discard_and_write_zeroes, secure_erase, no_more_than_the_limits,
	   segment_behind_the_header, without_unmap_when_the_disk_cannot, disk_full_and_then_not,
	   failed_read_has_no_length, flush_waits_for_earlier_writes, several_flushes,
	   one_interrupt_a_batch, a_kick_is_bounded, slots_run_out, delayed, reset_in_the_middle,
	   reset_of_one_queue, memory_is_let_go, rings_go_while_a_request_is_in_flight,
	   pins_last_until_the_answer, no_room_for_an_answer, more_pieces_than_seg_max, black_book,
	   create_fails_step_by_step)
