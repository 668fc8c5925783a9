/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed streams: which format one has, gzip and zstd.
 *
 * Thread: main.
 * Trust:  the data may be anything. The libraries check it; how much comes out of it is the
 *         caller's to bound.
 * Spec:   RFC 1952 (gzip), RFC 8878 (zstd), Linux scripts/Makefile.lib and zboot-header.S (names).
 */
#include "arm64/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "lkvm/base/log.h"

#define STEP_MAX (1 * GiB) /* zlib counts in 32 bits */

/* windowBits of inflateInit2(): the largest window, gzip wrapper only. */
#define GZIP_WINDOW_BITS (15 + 16)

/* ---- gzip ---- */

static bool gzip_is(const u8 *head, size_t len)
{
	return len >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

static int gzip_open(struct unpack *u)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && inflateInit2(z, GZIP_WINDOW_BITS) != Z_OK) {
		free(z);
		z = NULL;
	}
	u->state = z;
	return z ? 0 : -ENOMEM;
}

static const char *gzip_step(struct unpack *u)
{
	z_stream *z = u->state;
	uInt in_room = (uInt)MIN(u->in_len, STEP_MAX);
	uInt out_room = (uInt)MIN(u->out_len, STEP_MAX);
	int ret;

	z->next_in = (u8 *)u->in;
	z->avail_in = in_room;
	z->next_out = u->out;
	z->avail_out = out_room;
	ret = inflate(z, Z_NO_FLUSH);
	u->in += in_room - z->avail_in;
	u->in_len -= in_room - z->avail_in;
	u->out += out_room - z->avail_out;
	u->out_len -= out_room - z->avail_out;
	u->done = ret == Z_STREAM_END;
	if (u->done || ret == Z_OK || ret == Z_BUF_ERROR)
		return NULL;
	return z->msg ? z->msg : "gzip";
}

static void gzip_close(struct unpack *u)
{
	if (u->state)
		inflateEnd(u->state);
	free(u->state);
}

static const struct unpack_format gzip = { "gzip",  "gunzip",  NULL,	  NULL,
					   gzip_is, gzip_open, gzip_step, gzip_close };

/* ---- zstd ---- */

/* A frame, or one to be skipped, with which pzstd begins [RFC 8878 3.1.2]. */
static bool zstd_is(const u8 *head, size_t len)
{
	return len >= 4 && (!memcmp(head, "\x28\xb5\x2f\xfd", 4) ||
			    ((head[0] & 0xf0) == 0x50 && !memcmp(head + 1, "\x2a\x4d\x18", 3)));
}

static int zstd_open(struct unpack *u)
{
	u->state = ZSTD_createDStream();
	return u->state ? 0 : -ENOMEM;
}

static const char *zstd_step(struct unpack *u)
{
	ZSTD_inBuffer in = { u->in, u->in_len, 0 };
	ZSTD_outBuffer out = { u->out, (size_t)u->out_len, 0 };
	size_t ret = ZSTD_decompressStream(u->state, &out, &in);

	if (ZSTD_isError(ret))
		return ZSTD_getErrorName(ret);
	u->in += in.pos;
	u->in_len -= in.pos;
	u->out += out.pos;
	u->out_len -= out.pos;
	u->done = !ret;
	return NULL;
}

static void zstd_close(struct unpack *u)
{
	ZSTD_freeDStream(u->state);
}

static const struct unpack_format zstd = { "zstd",  "unzstd",  NULL,	  NULL,
					   zstd_is, zstd_open, zstd_step, zstd_close };

/* ---- all formats ---- */

const struct unpack_format *unpack_find(const u8 *head, size_t len)
{
	static const struct unpack_format *const all[] = {
		&gzip,	       &zstd, &unpack_xz, &unpack_lzma, &unpack_lz4, &unpack_lz4_legacy,
		&unpack_bzip2,
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i]->is(head, len))
			return all[i];
	}
	return NULL;
}

const struct unpack_format *unpack_of_zboot(const char *type)
{
	static const struct {
		const char *type;
		const struct unpack_format *format;
	} types[] = {
		{ "gzip", &gzip },
		{ "zstd", &zstd },
		{ "zstd22", &zstd },
		{ "xzkern", &unpack_xz },
		{ "xz", &unpack_xz },
		{ "lzma", &unpack_lzma },
		{ "lz4", &unpack_lz4_legacy },
		{ "bzip2", &unpack_bzip2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(type, types[i].type))
			return types[i].format;
	}
	return NULL;
}

int unpack_open(struct unpack *u, const struct unpack_format *f, const char *name)
{
	int err;

	*u = (struct unpack){ .format = f };
	err = f->open(u);
	if (err == -ENOENT) {
		log_error(
			"%s is %s-compressed, and this machine has no %s: install %s, or unpack it first (%s)",
			name, f->name, f->library, f->package, f->tool);
		err = -ENOEXEC;
	} else if (err) {
		log_errno(err, "cannot unpack %s", name);
	}
	return err;
}

void unpack_close(struct unpack *u)
{
	if (u->format)
		u->format->close(u);
	*u = (struct unpack){ 0 };
}
