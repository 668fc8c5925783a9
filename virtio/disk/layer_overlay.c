/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer over an image that what is written goes to, and that is gone at the end: a file without a
 * name, in blocks of 4 KiB, of which a bit each says whether it has been written.
 *
 * Thread: main for creating and destroying, then the worker of the disk.
 * Trust:  offsets were checked by blk.c. The guest decides how much of the file gets bytes, at most
 *         the size of the disk; of memory it gets a bit for each block, which were reserved before.
 *
 * A block of which a part is written for the first time is filled up from below first. A block
 * whose write failed half-way stays as it was: its bit is set afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/iov.h"
#include "lkvm/base/log.h"
#include "virtio/disk/layer.h"

#define BLOCK 4096u

/* Half a GiB of bits. */
#define MAX_SIZE (16384 * GiB)

struct overlay {
	struct layer layer;
	struct layer *base;
	int fd;
	u64 *written; /* a bit for each block */
	u8 block[BLOCK];
};

static bool is_written(const struct overlay *o, u64 block)
{
	return o->written[block / 64] >> (block % 64) & 1;
}

static void set_written(struct overlay *o, u64 off, u64 len)
{
	for (u64 b = off / BLOCK; b < (off + len + BLOCK - 1) / BLOCK; b++)
		o->written[b / 64] |= UINT64_C(1) << (b % 64);
}

/* How much of [off, off + len) is in the same layer as its first byte. */
static u64 run_of(const struct overlay *o, u64 off, u64 len)
{
	bool first = is_written(o, off / BLOCK);
	u64 end = align_down(off, BLOCK) + BLOCK;

	while (end < off + len && is_written(o, end / BLOCK) == first)
		end += BLOCK;
	return MIN(end - off, len);
}

static ssize_t overlay_read(struct layer *m, const struct iovec *iov, unsigned nr, u64 off)
{
	struct overlay *o = container_of(m, struct overlay, layer);
	struct iovec clip[LAYER_IOV];
	size_t len;
	ssize_t n;

	nr = layer_clip(iov, nr, run_of(o, off, iov_len(iov, nr)), clip, &len);
	if (!is_written(o, off / BLOCK))
		return o->base->ops->read(o->base, clip, nr, off);
	n = preadv(o->fd, clip, (int)nr, (off_t)off);
	return n < 0 ? -errno : n;
}

/* Whole blocks, as many as are written as such. */
static ssize_t write_blocks(struct overlay *o, const struct iovec *iov, unsigned nr, u64 off)
{
	ssize_t n = pwritev(o->fd, iov, (int)nr, (off_t)off);

	if (n < 0)
		return -errno;
	n = (ssize_t)align_down((size_t)n, BLOCK);
	if (!n)
		return -ENOSPC;
	set_written(o, off, (u64)n);
	return n;
}

/* `len` bytes within one block. */
static ssize_t write_part(struct overlay *o, const struct iovec *iov, unsigned nr, u64 off, u64 len)
{
	u64 start = align_down(off, BLOCK);
	size_t at = off - start;
	struct iovec block = { o->block, BLOCK };
	ssize_t n;
	int err =
		is_written(o, start / BLOCK) ? 0 : layer_read_all(o->base, o->block, BLOCK, start);

	if (err)
		return err;
	if (is_written(o, start / BLOCK)) {
		n = pwritev(o->fd, iov, (int)nr, (off_t)off);
		return n < 0 ? -errno : n;
	}
	for (unsigned i = 0; i < nr; i++) {
		memcpy(o->block + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	n = pwritev(o->fd, &block, 1, (off_t)start);
	if (n != BLOCK)
		return n < 0 ? -errno : -ENOSPC;
	set_written(o, start, BLOCK);
	return (ssize_t)len;
}

static ssize_t overlay_write(struct layer *m, const struct iovec *iov, unsigned nr, u64 off)
{
	struct overlay *o = container_of(m, struct overlay, layer);
	struct iovec clip[LAYER_IOV];
	u64 whole = is_aligned(off, BLOCK) ? align_down(iov_len(iov, nr), BLOCK) : 0;
	size_t len;

	nr = layer_clip(iov, nr, whole ? whole : BLOCK - off % BLOCK, clip, &len);
	/* Cut short because of their number. */
	if (len > BLOCK)
		nr = layer_clip(clip, nr, align_down(len, BLOCK), clip, &len);
	return len >= BLOCK ? write_blocks(o, clip, nr, off) : write_part(o, clip, nr, off, len);
}

static int overlay_zero(struct layer *m, u64 off, u64 len)
{
	struct overlay *o = container_of(m, struct overlay, layer);

	/* Parts of blocks are written. The last block may be one. */
	if (!is_aligned(off, BLOCK) || (!is_aligned(len, BLOCK) && off + len != m->size))
		return -EOPNOTSUPP;
	if (fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		      (off_t)align_up(len, BLOCK)) < 0)
		return -errno;
	set_written(o, off, len);
	return 0;
}

static void overlay_destroy(struct layer *m)
{
	struct overlay *o = container_of(m, struct overlay, layer);

	layer_destroy(o->base);
	if (o->fd >= 0)
		close(o->fd);
	free(o->written);
	free(o);
}

static const struct layer_ops overlay_ops = { .read = overlay_read,
					      .write = overlay_write,
					      .zero = overlay_zero,
					      .destroy = overlay_destroy };

/* $TMPDIR; or the folder for large ones, and where a small system has none the other one. */
const char *layer_overlay_folder(void)
{
	const char *dir = getenv("TMPDIR");

	if (dir && *dir)
		return dir;
	return access("/var/tmp", F_OK) ? "/tmp" : "/var/tmp";
}

static int file_without_name(const char *dir)
{
	char name[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	/* Not every file system has such files. */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	snprintf(name, sizeof(name), "%s/lkvm-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

/* As large as the disk, and empty. */
static int make_file(const char *path, u64 size)
{
	const char *dir = layer_overlay_folder();
	int err, fd = file_without_name(dir);

	if (fd >= 0 && ftruncate(fd, (off_t)align_up(size, BLOCK)) == 0)
		return fd;
	err = -errno;
	if (fd >= 0)
		close(fd);
	return log_errno(err, "%s: no temporary file in %s ($TMPDIR) for what is written", path,
			 dir);
}

int layer_overlay_create(struct layer **out, struct layer *base, const char *path)
{
	struct overlay *o = calloc(1, sizeof(*o));
	int err = -ENOMEM;

	if (!o) {
		layer_destroy(base);
		return log_errno(err, "%s", path);
	}
	o->layer = (struct layer){ &overlay_ops, base->size };
	o->base = base;
	o->fd = -1;
	if (base->size > MAX_SIZE) {
		log_error("%s: too large for an ephemeral disk, 16 TiB at most", path);
		err = -EFBIG;
		goto fail;
	}
	o->written = calloc(base->size / BLOCK / 64 + 1, sizeof(*o->written));
	if (!o->written) {
		log_errno(err, "%s", path);
		goto fail;
	}
	o->fd = make_file(path, base->size);
	err = MIN(o->fd, 0);
	if (err)
		goto fail;
	*out = &o->layer;
	return 0;
fail:
	overlay_destroy(&o->layer);
	return err;
}
