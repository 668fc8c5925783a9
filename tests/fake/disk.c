/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk in memory.
 *
 * Thread: the test's, which plays the loop.
 * Trust:  asserts what disk.h promises about requests.
 */
#include "tests/fake/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/iov.h"

static struct fake_disk *fake(struct disk *d)
{
	return container_of(d, struct fake_disk, disk);
}

static void fake_submit(struct disk *d, struct disk_req *r)
{
	struct fake_disk *f = fake(d);

	assert(f->nr_pending < FAKE_DISK_RECORD && f->nr_record < FAKE_DISK_RECORD);
	assert(range_within(r->off, r->len, d->size) && r->done);
	if (r->op == DISK_READ || (r->op == DISK_WRITE && !d->read_only)) {
		assert(r->len && r->nr_iov && iov_len(r->iov, r->nr_iov) == r->len);
		for (unsigned i = 0; i < r->nr_iov; i++)
			assert(r->iov[i].iov_len);
	} else {
		assert(r->op == DISK_FLUSH || !d->read_only);
	}
	f->record[f->nr_record].op = r->op;
	f->record[f->nr_record].unmap = r->unmap;
	f->record[f->nr_record].off = r->off;
	f->record[f->nr_record++].len = r->len;
	f->pending[f->nr_pending++] = r;
	f->max_pending = MAX(f->max_pending, f->nr_pending);
}

static void move_bytes(struct fake_disk *f, struct disk_req *r)
{
	struct iov_cur c = iov_cur(r->iov, r->nr_iov);

	switch (r->op) {
	case DISK_READ:
		iov_write(&c, f->bytes + r->off, r->len);
		return;
	case DISK_WRITE:
		iov_read(&c, f->bytes + r->off, r->len);
		return;
	case DISK_WRITE_ZEROES:
	case DISK_DISCARD:
	case DISK_SECURE_ERASE:
		memset(f->bytes + r->off, 0, r->len);
		return;
	case DISK_FLUSH:
		return;
	}
}

static void finish(struct fake_disk *f, unsigned i)
{
	struct disk_req *r = f->pending[i];

	assert(i < f->nr_pending);
	f->nr_pending--;
	memmove(f->pending + i, f->pending + i + 1, (f->nr_pending - i) * sizeof(f->pending[0]));
	if (!f->err)
		move_bytes(f, r);
	r->done(r, f->err);
}

static void batch_end(struct fake_disk *f)
{
	if (f->disk.batch_end)
		f->disk.batch_end(f->disk.batch_arg);
}

void fake_disk_finish(struct fake_disk *f, unsigned i)
{
	finish(f, i);
	batch_end(f);
}

void fake_disk_finish_all(struct fake_disk *f)
{
	for (unsigned n = f->nr_pending; n--;)
		finish(f, 0);
	batch_end(f);
}

static void fake_commit(struct disk *d)
{
	struct fake_disk *f = fake(d);

	f->commits++;
	if (!f->at_commit || !f->nr_pending)
		return;
	while (f->nr_pending)
		finish(f, 0);
	batch_end(f);
}

/* As if all of them had not begun. */
static void fake_cancel(struct disk *d)
{
	struct fake_disk *f = fake(d);
	int err = f->err;

	f->cancels++;
	f->err = -ECANCELED;
	for (unsigned i = f->nr_pending; i--;) {
		if (*f->pending[i]->cancelled)
			finish(f, i);
	}
	f->err = err;
	batch_end(f);
}

static bool fake_wait(struct disk *d)
{
	struct fake_disk *f = fake(d);

	if (!f->nr_pending)
		return false;
	finish(f, 0);
	batch_end(f);
	return true;
}

static int fake_measure(struct disk *d, u64 *size)
{
	*size = d->size;
	return 0;
}

static void fake_destroy(struct disk *d)
{
	struct fake_disk *f = fake(d);

	assert(!f->nr_pending);
	if (f->destroyed)
		*f->destroyed = true;
	free(f->bytes);
	free(f);
}

static const struct disk_ops fake_ops = {
	.submit = fake_submit,
	.commit = fake_commit,
	.cancel = fake_cancel,
	.wait = fake_wait,
	.measure = fake_measure,
	.destroy = fake_destroy,
};

struct fake_disk *fake_disk_create(u64 size)
{
	struct fake_disk *f = calloc(1, sizeof(*f));

	assert(f && size % DISK_SECTOR == 0);
	f->bytes = calloc(1, size);
	assert(f->bytes);
	f->disk = (struct disk){ .ops = &fake_ops,
				 .size = size,
				 .can_discard = true,
				 .block_size = 512,
				 .physical_block_size = 4096,
				 .id = "fake.img" };
	return f;
}
