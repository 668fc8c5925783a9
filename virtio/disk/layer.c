/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images: how layers are put together for --disk; the raw one; what all kinds need.
 *
 * Thread: main for opening and destroying, then the worker of the disk.
 * Trust:  lengths and offsets were checked by blk.c against the image's size.
 */
#include "virtio/disk/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"

unsigned layer_clip(const struct iovec *iov, unsigned nr, u64 max, struct iovec *out, size_t *len)
{
	unsigned n = 0;

	*len = 0;
	for (; n < nr && n < LAYER_IOV && *len < max; n++) {
		out[n] = iov[n];
		out[n].iov_len = MIN(iov[n].iov_len, max - *len);
		*len += out[n].iov_len;
	}
	return n;
}

int layer_read_all(struct layer *m, void *buf, size_t len, u64 off)
{
	size_t there = off < m->size ? MIN(len, m->size - off) : 0, done = 0;

	while (done < there) {
		struct iovec iov = { (char *)buf + done, there - done };
		ssize_t n = m->ops->read(m, &iov, 1, off + done);

		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (size_t)n;
	}
	memset((char *)buf + there, 0, len - there);
	return 0;
}

/* ---- raw ---- */

struct raw {
	struct layer layer;
	int fd;
};

static ssize_t raw_read(struct layer *m, const struct iovec *iov, unsigned nr, u64 off)
{
	ssize_t n = preadv(container_of(m, struct raw, layer)->fd, iov, (int)nr, (off_t)off);

	return n < 0 ? -errno : n;
}

static void raw_destroy(struct layer *m)
{
	struct raw *r = container_of(m, struct raw, layer);

	close(r->fd);
	free(r);
}

static const struct layer_ops raw_ops = { .read = raw_read, .destroy = raw_destroy };

int layer_raw_create(struct layer **out, int fd, u64 size)
{
	struct raw *r = malloc(sizeof(*r));

	if (!r) {
		close(fd);
		return -ENOMEM;
	}
	*r = (struct raw){ .layer = { &raw_ops, size }, .fd = fd };
	*out = &r->layer;
	return 0;
}

/* ---- put together ---- */

void layer_destroy(struct layer *m)
{
	if (m)
		m->ops->destroy(m);
}

int layer_open(struct layer **out, const struct disk_conf *conf, int fd, u64 file_size)
{
	struct layer *m;
	int err;

	if (conf->format == DISK_FORMAT_QCOW2) {
		err = layer_qcow2_create(&m, fd, conf->path, conf->backing, 0);
	} else {
		err = layer_raw_create(&m, fd, file_size);
		if (err)
			log_errno(err, "%s", conf->path);
	}
	if (!err && conf->ephemeral)
		err = layer_overlay_create(&m, m, conf->path);
	if (err)
		return err;
	*out = m;
	return 0;
}
