/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk in memory that finishes requests when the test says so, in any order, with any error. It
 * keeps a record of what it was asked.
 */
#ifndef TESTS_FAKE_DISK_H
#define TESTS_FAKE_DISK_H

#include "virtio/disk/disk.h"

#define FAKE_DISK_RECORD 1024u

struct fake_disk {
	struct disk disk;
	u8 *bytes;

	bool at_commit; /* finish in commit(), as a page cache does; else in fake_disk_finish() */
	int err;	/* what requests that finish from now on get */

	struct disk_req *pending[FAKE_DISK_RECORD]; /* submitted, not done; in order */
	unsigned nr_pending, max_pending;
	unsigned commits, cancels;

	struct {
		enum disk_op op;
		bool unmap;
		u64 off, len;
	} record[FAKE_DISK_RECORD];
	unsigned nr_record;

	bool *destroyed; /* set at the end, if not NULL */
};

/* `size` bytes of zeroes. Freed by its destroy. */
struct fake_disk *fake_disk_create(u64 size);

/* Finish the i-th pending request, then end the batch. */
void fake_disk_finish(struct fake_disk *f, unsigned i);

/* Finish all that are pending now as one batch. */
void fake_disk_finish_all(struct fake_disk *f);

#endif
