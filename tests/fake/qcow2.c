/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A writer of qcow2 files for tests.
 *
 * Thread: the test's.
 * Trust:  none needed.
 * Spec:   qcow2 as documented with QEMU (docs/interop/qcow2.txt)
 */
#include "tests/fake/qcow2.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static void put(int fd, const void *buf, size_t len, u64 off)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)off);

	assert(n == (ssize_t)len);
}

static u64 get64(int fd, u64 off)
{
	u64 raw = 0;
	ssize_t n = pread(fd, &raw, sizeof(raw), (off_t)off);

	assert(n >= 0);
	return be64toh(raw);
}

void fake_qcow2_poke(struct fake_qcow2 *q, u64 off, u64 val, unsigned len)
{
	u64 raw = htobe64(val);

	put(q->fd, (char *)&raw + sizeof(raw) - len, len, off);
}

void fake_qcow2_create(struct fake_qcow2 *q, int fd, unsigned version, unsigned cluster_bits,
		       u64 size)
{
	u64 per_table;

	*q = (struct fake_qcow2){ .fd = fd, .cluster = 1u << cluster_bits };
	per_table = (u64)q->cluster * (q->cluster / 8);
	assert(ftruncate(fd, 0) == 0 && ftruncate(fd, 2 * (off_t)q->cluster) == 0);
	put(fd, "QFI\xfb", 4, 0);
	fake_qcow2_poke(q, QCOW2_VERSION, version, 4);
	fake_qcow2_poke(q, QCOW2_CLUSTER_BITS, cluster_bits, 4);
	fake_qcow2_poke(q, QCOW2_SIZE, size, 8);
	fake_qcow2_poke(q, QCOW2_L1_SIZE, (size + per_table - 1) / per_table, 4);
	fake_qcow2_poke(q, QCOW2_L1_OFF, q->cluster, 8);
	if (version == 3)
		fake_qcow2_poke(q, QCOW2_LENGTH, QCOW2_EXTENSIONS, 4);
	q->end = 2 * (u64)q->cluster;
}

static u64 more(struct fake_qcow2 *q, u64 len)
{
	u64 at = q->end;

	q->end += align_up(len, q->cluster);
	assert(ftruncate(q->fd, (off_t)q->end) == 0);
	return at;
}

void fake_qcow2_entry(struct fake_qcow2 *q, u64 n, u64 entry)
{
	u64 per = q->cluster / 8, l1 = q->cluster + n / per * 8;
	u64 l2 = get64(q->fd, l1) & ~(BIT(63) | 511);

	if (!l2) {
		l2 = more(q, q->cluster);
		fake_qcow2_poke(q, l1, l2 | BIT(63), 8);
	}
	fake_qcow2_poke(q, l2 + n % per * 8, entry, 8);
}

void fake_qcow2_plain(struct fake_qcow2 *q, u64 n, const void *data)
{
	u64 at = more(q, q->cluster);

	put(q->fd, data, q->cluster, at);
	fake_qcow2_entry(q, n, at | BIT(63));
}

void fake_qcow2_zero(struct fake_qcow2 *q, u64 n)
{
	fake_qcow2_entry(q, n, 1);
}

void fake_qcow2_packed(struct fake_qcow2 *q, u64 n, const void *data, bool zstd)
{
	size_t room = 2 * (size_t)q->cluster, len;
	u8 *buf = malloc(room);
	unsigned bits = 62 - ((unsigned)__builtin_ctz(q->cluster) - 8);
	/* Not at the start of a sector, as those that QEMU packs one behind the other. */
	u64 at = more(q, room + 100) + 100;

	assert(buf);
	if (zstd) {
		len = ZSTD_compress(buf, room, data, q->cluster, 3);
		assert(!ZSTD_isError(len));
	} else {
		z_stream z = { .next_in = (Bytef *)data,
			       .avail_in = q->cluster,
			       .next_out = buf,
			       .avail_out = (uInt)room };

		assert(deflateInit2(&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) == Z_OK);
		assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
		len = z.total_out;
		deflateEnd(&z);
	}
	put(q->fd, buf, len, at);
	free(buf);
	fake_qcow2_entry(q, n, at | ((at + len - 1) / 512 - at / 512) << bits | BIT(62));
}

void fake_qcow2_backing(struct fake_qcow2 *q, const char *name, const char *format)
{
	fake_qcow2_poke(q, QCOW2_BACKING_OFF, 256, 8);
	fake_qcow2_poke(q, QCOW2_BACKING_SIZE, strlen(name), 4);
	put(q->fd, name, strlen(name), 256);
	if (!format)
		return;
	fake_qcow2_poke(q, QCOW2_EXTENSIONS, 0xe2792aca, 4);
	fake_qcow2_poke(q, QCOW2_EXTENSIONS + 4, strlen(format), 4);
	put(q->fd, format, strlen(format), QCOW2_EXTENSIONS + 8);
}
