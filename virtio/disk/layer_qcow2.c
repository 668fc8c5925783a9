/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images, for reading.
 *
 * Thread: main for opening and destroying, then the worker of the disk.
 * Trust:  the file can be anybody's. Each number of it is checked where it is used: sizes of tables
 *         against limits, offsets by reading from there, which cannot reach anything but this file;
 *         what a compressed cluster expands to against the size of a cluster. Nothing is followed
 *         twice, and there are no loops in it: an image is header -> L1 -> L2 -> cluster. Another
 *         file is opened only if the user allows that.
 * Spec:   qcow2 as documented with QEMU (docs/interop/qcow2.txt), versions 2 and 3
 *
 * The L1 table is kept in memory, L2 tables in slices of 4 KiB, each in the place that its offset
 * says. A compressed cluster is expanded as a whole, and the last one is kept.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/iov.h"
#include "lkvm/base/log.h"
#include "virtio/disk/layer.h"
#include "virtio/disk/qcow2_head.h"
#include "virtio/disk/qcow2_unpack.h"

#define SLICE_ENTRIES 512u
#define NR_SLICES 64u

/* [qcow2: "Cluster mapping"] */
#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define L2_COMPRESSED (UINT64_C(1) << 62)
#define L2_ZERO UINT64_C(1)

struct slice {
	u64 at; /* place in the file; 0: nothing yet */
	u64 entries[SLICE_ENTRIES];
};

struct qcow2 {
	struct layer layer;
	struct qcow2_head head;
	int fd;
	u64 file_size;
	struct layer *backing; /* NULL: zeroes */
	u64 *l1;
	struct slice slices[NR_SLICES];
	struct qcow2_unpacker *unpacker;
	u64 unpacked_entry; /* that `unpacked` is of; 0: none */
	u8 *unpacked, *packed;
};

static int read_file(int fd, void *buf, size_t len, u64 off)
{
	size_t done = 0;

	while (done < len) {
		struct iovec iov = { (char *)buf + done, len - done };
		ssize_t n = preadv(fd, &iov, 1, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* ---- where a cluster is ---- */

/* The slice of an L2 table at `at`, read if need be; entries in the file's byte order. */
static int slice_get(struct qcow2 *q, u64 at, const u64 **entries)
{
	struct slice *s = &q->slices[at / sizeof(s->entries) % NR_SLICES];
	/* The tables of small clusters have fewer entries. */
	size_t len = MIN(sizeof(s->entries), q->head.cluster_size);
	int err = 0;

	if (s->at != at) {
		s->at = 0;
		err = read_file(q->fd, s->entries, len, at);
	}
	if (err)
		return err;
	s->at = at;
	*entries = s->entries;
	return 0;
}

/* The L2 entry of the cluster at `off`; 0: it is not in this file. */
static int entry_of(struct qcow2 *q, u64 off, u64 *entry)
{
	u64 cluster = off / q->head.cluster_size, nr = q->head.cluster_size / sizeof(u64);
	u64 l2 = be64toh(q->l1[cluster / nr]) & OFFSET_MASK, at;
	const u64 *entries;
	int err;

	*entry = 0;
	if (!l2)
		return 0;
	if (!is_aligned(l2, q->head.cluster_size))
		return -EIO;
	at = l2 + align_down(cluster % nr, SLICE_ENTRIES) * sizeof(u64);
	err = slice_get(q, at, &entries);
	if (!err)
		*entry = be64toh(entries[cluster % nr % SLICE_ENTRIES]);
	return err;
}

/* ---- what is there ---- */

static ssize_t zeroes(const struct iovec *iov, unsigned nr, size_t len)
{
	for (unsigned i = 0; i < nr; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
	return (ssize_t)len;
}

/* [qcow2: "Compressed Clusters Descriptor"] */
static int unpack(struct qcow2 *q, u64 entry)
{
	unsigned bits = 62 - (q->head.cluster_bits - 8);
	u64 off = entry & ((UINT64_C(1) << bits) - 1);
	u64 sectors = (entry & (L2_COMPRESSED - 1)) >> bits;
	/* Sectors behind the first one, which may begin anywhere in its own. */
	size_t len = (size_t)((sectors + 1) * 512 - off % 512);
	struct iovec iov = { q->packed, MIN(len, 2 * (size_t)q->head.cluster_size) };
	ssize_t n;

	if (q->unpacked_entry == entry)
		return 0;
	q->unpacked_entry = 0;
	/* More than that is no compression; and the last one may end with the file. */
	n = preadv(q->fd, &iov, 1, (off_t)off);
	if (n < 0)
		return -errno;
	if (!qcow2_unpack(q->unpacker, q->packed, (size_t)n, q->unpacked, q->head.cluster_size))
		return -EIO;
	q->unpacked_entry = entry;
	return 0;
}

static ssize_t from_packed(struct qcow2 *q, u64 entry, const struct iovec *iov, unsigned nr,
			   u64 off)
{
	const u8 *p = q->unpacked + off % q->head.cluster_size, *start = p;
	int err = unpack(q, entry);

	if (err)
		return err;
	for (unsigned i = 0; i < nr; i++) {
		memcpy(iov[i].iov_base, p, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	return p - start;
}

static ssize_t from_file(struct qcow2 *q, u64 cluster, const struct iovec *iov, unsigned nr,
			 u64 off)
{
	ssize_t n;

	if (!is_aligned(cluster, q->head.cluster_size))
		return -EIO;
	n = preadv(q->fd, iov, (int)nr, (off_t)(cluster + off % q->head.cluster_size));
	/*
	 * The file need not have all of its last cluster: what is not there is zero. What was there
	 * is lost, if somebody has truncated the file since.
	 */
	if (!n && cluster < q->file_size && cluster + off % q->head.cluster_size >= q->file_size)
		return zeroes(iov, nr, iov_len(iov, nr));
	return n < 0 ? -errno : n;
}

/* What lies below may be shorter. */
static ssize_t from_backing(struct qcow2 *q, struct iovec *iov, unsigned nr, size_t len, u64 off)
{
	struct layer *b = q->backing;

	if (!b || off >= b->size)
		return zeroes(iov, nr, len);
	nr = layer_clip(iov, nr, b->size - off, iov, &len);
	return b->ops->read(b, iov, nr, off);
}

static ssize_t qcow2_read(struct layer *m, const struct iovec *iov, unsigned nr, u64 off)
{
	struct qcow2 *q = container_of(m, struct qcow2, layer);
	struct iovec clip[LAYER_IOV];
	size_t len;
	u64 entry;
	int err = entry_of(q, off, &entry);

	if (err)
		return err;
	nr = layer_clip(iov, nr, q->head.cluster_size - off % q->head.cluster_size, clip, &len);
	if (entry & L2_COMPRESSED)
		return from_packed(q, entry, clip, nr, off);
	if (q->head.version >= 3 && (entry & L2_ZERO))
		return zeroes(clip, nr, len);
	if (!(entry & OFFSET_MASK))
		return from_backing(q, clip, nr, len, off);
	return from_file(q, entry & OFFSET_MASK, clip, nr, off);
}

/* ---- life ---- */

static void qcow2_destroy(struct layer *m)
{
	struct qcow2 *q = container_of(m, struct qcow2, layer);

	layer_destroy(q->backing);
	close(q->fd);
	qcow2_unpacker_destroy(q->unpacker);
	free(q->l1);
	free(q->unpacked);
	free(q->packed);
	free(q);
}

static const struct layer_ops qcow2_ops = { .read = qcow2_read, .destroy = qcow2_destroy };

static int read_tables(struct qcow2 *q, const char *path)
{
	const struct qcow2_head *h = &q->head;
	int err = -ENOMEM;

	q->l1 = calloc(h->l1_entries + 1, sizeof(*q->l1));
	q->unpacked = malloc(h->cluster_size);
	q->packed = malloc(2 * (size_t)h->cluster_size);
	if (q->l1 && q->unpacked && q->packed)
		err = qcow2_unpacker_create(&q->unpacker, h->zstd);
	if (!err)
		err = read_file(q->fd, q->l1, h->l1_entries * sizeof(*q->l1), h->l1_off);
	return err ? log_errno(err, "%s: cannot read the qcow2 image's table of clusters", path)
		   : 0;
}

int layer_qcow2_create(struct layer **out, int fd, const char *path, bool backing, unsigned depth)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int err;

	if (!q) {
		close(fd);
		return log_errno(-ENOMEM, "%s", path);
	}
	q->fd = fd;
	q->layer.ops = &qcow2_ops;
	q->file_size = (u64)lseek(fd, 0, SEEK_END);
	err = qcow2_head_read(&q->head, fd, path);
	if (!err)
		err = read_tables(q, path);
	if (!err && *q->head.backing)
		err = qcow2_backing_open(&q->backing, &q->head, path, backing, depth);
	if (err) {
		qcow2_destroy(&q->layer);
		return err;
	}
	q->layer.size = q->head.size;
	*out = &q->layer;
	return 0;
}
