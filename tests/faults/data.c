/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices at work: a failure is the guest's as an error of its device, or nobody's. What a
 * completed flush covers is in the file.
 *
 * Thread: main is the driver; the loop of the device.
 * Trust:  none needed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/log.h"
#include "tests/fake/disk_rig.h"
#include "tests/faults/faults.h"
#include "virtio/dev/blk_req.h"

#define BLOCKS 16u /* of the file */

static bool prepare(void)
{
	int fd = open("disk", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	bool good = fd >= 0 && !ftruncate(fd, BLOCKS * DISK_RIG_BLOCK);

	close(fd);
	return good;
}

/* What the driver knows of a block: what it holds, or that it may hold anything. */
struct block {
	u8 value;
	bool known;
};

static bool wrong(const char *what, unsigned block)
{
	fprintf(stderr, "faults: block %u: %s\n", block, what);
	return false;
}

static bool refused; /* a flush */

/* Write a batch, flush. What was acknowledged by both is known, of all others nothing is. */
static bool write_batch(struct disk_rig *r, struct block *blocks, unsigned first, u8 value)
{
	u8 status[4], flushed;

	for (unsigned i = 0; i < 4; i++) {
		blocks[first + i] = (struct block){ .value = (u8)(value + i) };
		memset(disk_rig_data(r, i), value + (u8)i, DISK_RIG_BLOCK);
		disk_rig_post(r, i, BLK_T_OUT, first + i);
	}
	for (unsigned i = 0; i < 4; i++)
		status[i] = disk_rig_wait(r, i);
	disk_rig_post(r, 4, BLK_T_FLUSH, 0);
	flushed = disk_rig_wait(r, 4);
	for (unsigned i = 0; i < 4; i++) {
		if (status[i] == DISK_RIG_LOST || flushed == DISK_RIG_LOST)
			return wrong("no answer", first + i);
		blocks[first + i].known = status[i] == BLK_S_OK && flushed == BLK_S_OK;
	}
	refused |= flushed != BLK_S_OK;
	return true;
}

static bool read_back(struct disk_rig *r, const struct block *b, unsigned n)
{
	u8 status, *data = disk_rig_data(r, 0);

	memset(data, 0xee, DISK_RIG_BLOCK);
	disk_rig_post(r, 0, BLK_T_IN, n);
	status = disk_rig_wait(r, 0);
	if (status == DISK_RIG_LOST)
		return wrong("no answer", n);
	if (status == BLK_S_OK && b->known && (data[0] != b->value || data[4095] != b->value))
		return wrong("the guest reads something else than it wrote", n);
	return true;
}

static bool file_has(const struct block *blocks)
{
	u8 data[DISK_RIG_BLOCK];
	int fd = open("disk", O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0;

	for (unsigned n = 0; n < BLOCKS && good; n++) {
		if (pread(fd, data, sizeof(data), n * DISK_RIG_BLOCK) != sizeof(data) ||
		    (blocks[n].known &&
		     (data[0] != blocks[n].value || data[4095] != blocks[n].value)))
			good = wrong("what was synced is lost", n);
	}
	close(fd);
	return good;
}

static bool work(struct disk_rig *r)
{
	struct block blocks[BLOCKS] = { 0 };
	bool good = true;

	for (unsigned round = 0; round < 3 && good; round++) {
		for (unsigned first = 0; first < BLOCKS && good; first += 4)
			good = write_batch(r, blocks, first, (u8)(1 + round * BLOCKS + first));
	}
	for (unsigned n = 0; n < BLOCKS && good; n++)
		good = read_back(r, &blocks[n], n);
	faults_hold(true);
	/* The file has it all the same: it is the page cache that this process looks at. */
	if (faults_happened("fdatasync") && !refused)
		good = wrong("a flush has failed, and the guest was told that it had not", 0);
	return file_has(blocks) && good;
}

static int disk(bool no_uring, bool direct)
{
	const struct disk_conf conf = {
		.path = "disk", .nr_queues = 1, .no_uring = no_uring, .direct = direct
	};
	struct disk_rig r;
	bool good;

	faults_hold(true);
	log_set_level(LOG_WARNING);
	if (disk_rig_up(&r, &conf))
		return EXIT_DIE;
	faults_hold(false);
	good = work(&r);
	disk_rig_down(&r);
	if (!good)
		abort();
	return 0;
}

static int ring(void)
{
	return disk(false, false);
}

static int threads(void)
{
	return disk(true, false);
}

static int direct(void)
{
	return disk(false, true);
}

const struct scenario scenarios_data[] = {
	{ "a disk on io_uring is at work", prepare, ring, true },
	{ "a disk on threads is at work", prepare, threads, true },
	{ "a disk without the page cache is at work", prepare, direct, true },
};
const unsigned nr_scenarios_data = ARRAY_SIZE(scenarios_data);
