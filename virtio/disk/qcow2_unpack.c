/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed clusters of qcow2 files: deflate without a header, or zstd.
 *
 * Thread: main for creating and destroying, then the worker of the disk.
 * Trust:  the bytes can be anybody's; the libraries bound what they write by the room they are
 *         given, and zstd's memory is bounded here. A cluster that expands to less, or to more,
 *         than a cluster is broken.
 * Spec:   qcow2 as documented with QEMU (docs/interop/qcow2.txt): compression_type
 */
#include "virtio/disk/qcow2_unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* Log2 of how far back a frame may refer: far more than the largest cluster. */
#define MAX_WINDOW 23

struct qcow2_unpacker {
	z_stream deflate;
	bool has_deflate;
	ZSTD_DStream *zstd; /* NULL: deflate */
};

int qcow2_unpacker_create(struct qcow2_unpacker **out, bool zstd)
{
	struct qcow2_unpacker *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	if (zstd)
		u->zstd = ZSTD_createDStream();
	else /* negative: no header. Larger windows than QEMU's 4 KiB are no harm. */
		u->has_deflate = inflateInit2(&u->deflate, -MAX_WBITS) == Z_OK;
	if ((!u->zstd && !u->has_deflate) ||
	    (zstd &&
	     ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, MAX_WINDOW)))) {
		qcow2_unpacker_destroy(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

void qcow2_unpacker_destroy(struct qcow2_unpacker *u)
{
	if (!u)
		return;
	if (u->has_deflate)
		inflateEnd(&u->deflate);
	ZSTD_freeDStream(u->zstd);
	free(u);
}

static bool unpack_deflate(z_stream *z, const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	int ret;

	if (inflateReset(z) != Z_OK)
		return false;
	z->next_in = (Bytef *)in;
	z->avail_in = (uInt)in_len;
	z->next_out = out;
	z->avail_out = (uInt)out_len;
	ret = inflate(z, Z_FINISH);
	/* The room may be full before the end was seen. */
	return (ret == Z_STREAM_END || ret == Z_BUF_ERROR || ret == Z_OK) && !z->avail_out;
}

static bool unpack_zstd(ZSTD_DStream *z, const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	ZSTD_inBuffer from = { in, in_len, 0 };
	ZSTD_outBuffer to = { out, out_len, 0 };
	size_t ret = 1;

	ZSTD_DCtx_reset(z, ZSTD_reset_session_only);
	/* As a stream, since the frame is shorter than what was read. */
	while (ret && !ZSTD_isError(ret) && to.pos < to.size && from.pos < from.size)
		ret = ZSTD_decompressStream(z, &to, &from);
	return !ZSTD_isError(ret) && to.pos == to.size;
}

bool qcow2_unpack(struct qcow2_unpacker *u, const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
	return u->zstd ? unpack_zstd(u->zstd, in, in_len, out, out_len)
		       : unpack_deflate(&u->deflate, in, in_len, out, out_len);
}
