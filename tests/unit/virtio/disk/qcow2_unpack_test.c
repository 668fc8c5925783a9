/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed clusters: both kinds, what is behind them, what is none. */
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/suite.h"
#include "virtio/disk/qcow2_unpack.h"

#define LEN 65536u

static u8 data[LEN], packed[2 * LEN], out[LEN + 1];

static size_t pack(bool zstd, size_t len)
{
	z_stream z = {
		.next_in = data, .avail_in = (uInt)len, .next_out = packed, .avail_out = LEN
	};

	for (unsigned i = 0; i < LEN; i++)
		data[i] = (u8)(i / 100 * 37);
	/* What is behind it in the file: another one, or anything. */
	memset(packed, 0xa5, sizeof(packed));
	if (zstd)
		return ZSTD_compress(packed, LEN, data, len, 3);
	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

START_TEST(both_kinds)
{
	for (unsigned zstd = 0; zstd < 2; zstd++) {
		struct qcow2_unpacker *u;
		size_t n = pack(zstd, LEN);

		ck_assert_int_eq(qcow2_unpacker_create(&u, zstd), 0);
		for (unsigned i = 0; i < 3; i++) {
			memset(out, 0, sizeof(out));
			ck_assert(qcow2_unpack(u, packed, i ? n + 500 : n, out, LEN));
			ck_assert_mem_eq(out, data, LEN);
			ck_assert_uint_eq(out[LEN], 0);
			/* An error leaves nothing behind. */
			ck_assert(!qcow2_unpack(u, packed, n / 2, out, LEN));
			ck_assert(!qcow2_unpack(u, packed + 1, n, out, LEN));
			ck_assert(!qcow2_unpack(u, packed, 0, out, LEN));
		}
		n = pack(zstd, LEN - 1);
		ck_assert(!qcow2_unpack(u, packed, n, out, LEN));
		qcow2_unpacker_destroy(u);
	}
	qcow2_unpacker_destroy(NULL);
}
END_TEST

/* A frame of 64 KiB of one byte is good, unless it asks for 128 MiB to look back into. */
START_TEST(memory_is_bounded)
{
	static u8 frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0, 0x03, 0x00, 0x08, 'x' };
	struct qcow2_unpacker *u;

	ck_assert_int_eq(qcow2_unpacker_create(&u, true), 0);
	frame[5] = 6 << 3; /* 64 KiB */
	ck_assert(qcow2_unpack(u, frame, sizeof(frame), out, LEN));
	ck_assert(out[0] == 'x' && out[LEN - 1] == 'x');
	frame[5] = 17 << 3; /* 128 MiB */
	ck_assert(!qcow2_unpack(u, frame, sizeof(frame), out, LEN));
	qcow2_unpacker_destroy(u);
}
END_TEST

SUITE_MAIN("virtio/qcow2_unpack", both_kinds, memory_is_bounded)
