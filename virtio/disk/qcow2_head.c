/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a qcow2 file: what can be read of it, and what cannot, by name.
 *
 * Thread: main, before others run.
 * Trust:  the file can be anybody's: all numbers are checked here. The name of a backing file is
 *         followed only when the user has said backing=on, because it can be that of any file.
 * Spec:   qcow2 as documented with QEMU (docs/interop/qcow2.txt): "Header", "Header extensions"
 */
#include "virtio/disk/qcow2_head.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "virtio/disk/layer.h"

#define MAGIC 0x514649fbu
#define V2_LEN 72u
#define V3_LEN 104u
#define MAX_L1 (32 * MiB)
#define MAX_HEAD 4096u /* header and extensions: more of these is not looked at */
#define MAX_DEPTH 8u

#define EXT_END 0u
#define EXT_BACKING_FORMAT 0xe2792acau

struct header {
	u32 magic, version;
	u64 backing_off;
	u32 backing_size, cluster_bits;
	u64 size;
	u32 crypt, l1_entries;
	u64 l1_off, refcount_off;
	u32 refcount_clusters, nr_snapshots;
	u64 snapshots_off;
	/* version 3 */
	u64 incompatible, compatible, autoclear;
	u32 refcount_order, length;
	u8 compression, padding[7];
};
static_assert(sizeof(struct header) == 112, "qcow2: Header");
static_assert(offsetof(struct header, incompatible) == V2_LEN, "qcow2: Header");
static_assert(offsetof(struct header, compression) == V3_LEN, "qcow2: Header");

#define F_DIRTY BIT(0) /* reference counts may be wrong: nobody who reads needs them */
#define F_COMPRESSION BIT(3)

/* Incompatible features that no reading is right without. */
static const char *const refused[] = {
	[1] = "it is marked as corrupt",
	[2] = "its data is in another file (external data file)",
	[4] = "it has extended L2 entries (subclusters)",
};

static int no(const char *path, const char *why)
{
	log_error("%s: the qcow2 image cannot be read: %s", path, why);
	return -EINVAL;
}

static int check_features(u64 features, const char *path)
{
	features &= ~(F_DIRTY | F_COMPRESSION);
	for (unsigned i = 0; i < 64; i++) {
		if (!(features >> i & 1))
			continue;
		if (i < ARRAY_SIZE(refused) && refused[i])
			return no(path, refused[i]);
		log_error("%s: the qcow2 image cannot be read: it has an unknown feature (bit %u)",
			  path, i);
		return -EINVAL;
	}
	return 0;
}

/* The fields of version 3; of version 2 the disk has others in their place. */
static int check_v3(struct qcow2_head *h, const struct header *raw, const char *path)
{
	u32 length = be32toh(raw->length);
	bool said = length > V3_LEN && raw->compression;

	if (length < V3_LEN || length % 8 || length > MAX_HEAD)
		return no(path, "the length of its header is odd");
	if (said != !!(be64toh(raw->incompatible) & F_COMPRESSION) ||
	    (said && raw->compression > 1))
		return no(path, "it has an unknown kind of compression");
	h->zstd = said;
	return check_features(be64toh(raw->incompatible), path);
}

static int check_size(struct qcow2_head *h, const struct header *raw, const char *path)
{
	u64 size = be64toh(raw->size), per_table, need;

	h->cluster_bits = be32toh(raw->cluster_bits);
	if (h->cluster_bits < 9 || h->cluster_bits > 21)
		return no(path, "the size of its clusters is out of bounds");
	h->cluster_size = 1u << h->cluster_bits;
	per_table = (u64)h->cluster_size * (h->cluster_size / sizeof(u64));
	need = size / per_table + (size % per_table != 0);
	h->l1_off = be64toh(raw->l1_off);
	if (need > MAX_L1 / sizeof(u64) || need > be32toh(raw->l1_entries))
		return no(path, "its table of clusters does not go with its size");
	if (!is_aligned(h->l1_off, h->cluster_size) || h->l1_off > INT64_MAX)
		return no(path, "its table of clusters is at an odd place");
	h->l1_entries = (u32)need;
	h->size = align_down(size, 512);
	return h->size ? 0 : no(path, "it is smaller than a sector");
}

/* [qcow2: "Header extensions"] Between the header and, at most, the end of the first cluster. */
static void read_extensions(struct qcow2_head *h, const u8 *buf, size_t len, size_t at)
{
	while (at + 8 <= len) {
		u32 type, n;

		memcpy(&type, buf + at, 4);
		memcpy(&n, buf + at + 4, 4);
		type = be32toh(type);
		n = be32toh(n);
		at += 8;
		if (type == EXT_END || n > len - at)
			return;
		if (type == EXT_BACKING_FORMAT && n < sizeof(h->backing_format))
			memcpy(h->backing_format, buf + at, n);
		at += align_up(n, 8);
	}
}

static int read_backing(struct qcow2_head *h, const struct header *raw, int fd, const char *path)
{
	u64 off = be64toh(raw->backing_off);
	u32 n = be32toh(raw->backing_size);

	if (!off)
		return 0;
	if (!n || n > QCOW2_BACKING_LEN || off > INT64_MAX ||
	    pread(fd, h->backing, n, (off_t)off) != n || strnlen(h->backing, n) != n)
		return no(path, "the name of its backing file is odd");
	return 0;
}

int qcow2_head_read(struct qcow2_head *h, int fd, const char *path)
{
	_Alignas(8) u8 buf[MAX_HEAD];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	struct header raw;
	int err = 0;

	*h = (struct qcow2_head){ 0 };
	if (n < 0)
		return log_errno(-errno, "%s: cannot be read", path);
	memset(buf + n, 0, sizeof(buf) - (size_t)n);
	memcpy(&raw, buf, sizeof(raw));
	if (be32toh(raw.magic) != MAGIC)
		return no(path, "it is not one");
	h->version = be32toh(raw.version);
	if (h->version != 2 && h->version != 3)
		return no(path, "it is of another version than 2 or 3");
	if (raw.crypt)
		return no(path, "it is encrypted");
	if (h->version == 3)
		err = check_v3(h, &raw, path);
	if (!err)
		err = check_size(h, &raw, path);
	if (!err)
		err = read_backing(h, &raw, fd, path);
	if (!err)
		read_extensions(h, buf, (size_t)n, h->version == 3 ? be32toh(raw.length) : V2_LEN);
	return err;
}

/* ---- the backing file ---- */

/* Its name is relative to the folder of the image. */
static int open_beside(const char *path, const char *name, char *full, size_t size)
{
	const char *slash = strrchr(path, '/');
	int dir = slash && *name != '/' ? (int)(slash - path) + 1 : 0;
	struct stat st;

	if (snprintf(full, size, "%.*s%s", dir, path, name) >= (int)size)
		return -ENAMETOOLONG;
	if (stat(full, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;

	int fd = open(full, O_RDONLY | O_CLOEXEC);
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES)) {
		close(fd);
		return -EBUSY;
	}
	return fd;
}

int qcow2_backing_open(struct layer **out, const struct qcow2_head *h, const char *path,
		       bool allowed, unsigned depth)
{
	char full[PATH_MAX];
	struct stat st;
	int fd, err;

	if (!allowed) {
		log_error("%s: the qcow2 image needs the file '%s' (backing=on lets it have that)",
			  path, h->backing);
		return -EPERM;
	}
	if (depth >= MAX_DEPTH)
		return no(path, "there are too many images below each other");
	if (strcmp(h->backing_format, "raw") && strcmp(h->backing_format, "qcow2"))
		return no(path, "it does not say of its backing file that it is raw or qcow2");
	fd = open_beside(path, h->backing, full, sizeof(full));
	if (fd < 0)
		return log_errno(fd, "%s: cannot open its backing file '%s'", path, h->backing);
	if (!strcmp(h->backing_format, "qcow2"))
		return layer_qcow2_create(out, fd, full, allowed, depth + 1);
	if (fstat(fd, &st) < 0) {
		err = -errno;
		close(fd);
	} else {
		err = layer_raw_create(out, fd, align_down((u64)st.st_size, 512));
	}
	return err ? log_errno(err, "%s", full) : 0;
}
