/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a kernel image: format detection and decompression.
 *
 * Thread: main.
 * Trust:  the file may be anything: every offset and size in it is checked before use, and output
 *         is bounded by the caller's buffer, so a decompression bomb fills RAM at worst.
 * Spec:   Linux booting.rst (Image), zboot-header.S (EFI zboot), RFC 1952 (gzip), RFC 8878 (zstd),
 *         Microsoft PE/COFF 3 (sections).
 */
#include "arm64/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "lkvm/base/infile.h"
#include "lkvm/base/le.h"
#include "lkvm/base/log.h"

#define IN_CHUNK (64 * KiB)
#define OUT_CHUNK (1 * GiB) /* zlib counts in 32 bits */

/* windowBits of inflateInit2(): the largest window, gzip wrapper only. */
#define GZIP_WINDOW_BITS (15 + 16)

/* Offsets in the EFI zboot header. */
#define ZBOOT_MAGIC 4
#define ZBOOT_PAYLOAD_OFFSET 8
#define ZBOOT_PAYLOAD_SIZE 12
#define ZBOOT_TYPE 24
#define ZBOOT_TYPE_LEN 32

enum coding { CODING_PLAIN, CODING_GZIP, CODING_ZSTD };

struct image {
	int fd;
	const char *name;
	u64 pos; /* next byte of the file to read, and where the payload ends */
	u64 end;
	enum coding coding;
	bool done; /* the compressed stream has ended */

	u8 *in; /* compressed bytes that were read but not decoded: in[in_pos..in_len) */
	size_t in_pos, in_len;
	z_stream z;
	bool z_live;
	ZSTD_DStream *zstd;
};

static u32 get_le32(const u8 *p)
{
	le32 v;

	memcpy(&v, p, sizeof(v));
	return le32_get(v);
}

static u64 get_le64(const u8 *p)
{
	le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_get(v);
}

static u32 get_le16(const u8 *p)
{
	return p[0] | (u32)p[1] << 8;
}

/* ---- what is in the file ---- */

/* Formats that people try and that would otherwise be started as if they were code. */
static const struct {
	const char *magic;
	size_t len;
	const char *what;
} refused[] = {
	{ "\177ELF", 4, "is an ELF file (vmlinux?): use arch/arm64/boot/Image" },
	{ "\xfd"
	  "7zXZ",
	  5, "is xz-compressed: unpack it first (unxz)" },
	{ "BZh", 3, "is bzip2-compressed: unpack it first (bunzip2)" },
	{ "\x02\x21\x4c\x18", 4, "is lz4-compressed: unpack it first (lz4 -d)" },
	{ "\x89LZO", 4, "is lzo-compressed: unpack it first (lzop -d)" },
	{ "\x27\x05\x19\x56", 4, "is a U-Boot uImage: use the plain Image" },
	{ "\xd0\x0d\xfe\xed", 4, "is a FIT image or device tree: use the plain Image" },
	{ "MZ", 2, "is an EFI program, but not an arm64 kernel: use an arm64 Image" },
};

static int check_plain(const struct image *im, const u8 *head, size_t len)
{
	if (image_header(head, len).present)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (len >= refused[i].len && !memcmp(head, refused[i].magic, refused[i].len)) {
			log_error("%s %s", im->name, refused[i].what);
			return -ENOEXEC;
		}
	}
	return 0;
}

static bool is_gzip(const u8 *head, size_t len)
{
	return len >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

static bool is_zstd(const u8 *head, size_t len)
{
	return len >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4);
}

static bool is_zboot(const u8 *head, size_t len)
{
	return len >= IMAGE_HEADER_LEN && !memcmp(head, "MZ", 2) &&
	       !memcmp(head + ZBOOT_MAGIC, "zimg", 4);
}

/* A small EFI program that carries the compressed Image; we take the Image out ourselves. */
static int open_zboot(struct image *im, const u8 *head)
{
	const char *type = (const char *)head + ZBOOT_TYPE;
	u64 off = get_le32(head + ZBOOT_PAYLOAD_OFFSET);
	u64 size = get_le32(head + ZBOOT_PAYLOAD_SIZE);

	if (!memchr(type, 0, ZBOOT_TYPE_LEN))
		type = "?";
	if (!strcmp(type, "gzip")) {
		im->coding = CODING_GZIP;
	} else if (!strcmp(type, "zstd") || !strcmp(type, "zstd22")) {
		im->coding = CODING_ZSTD;
	} else {
		log_error(
			"%s is an EFI zboot image compressed with '%.*s': only gzip and zstd work",
			im->name, ZBOOT_TYPE_LEN, type);
		return -ENOEXEC;
	}
	if (!size || !range_within(off, size, im->end)) {
		log_error("%s is truncated: its EFI zboot header promises more than the file holds",
			  im->name);
		return -ENOEXEC;
	}
	im->pos = off;
	im->end = off + size;
	return 0;
}

/* ---- reading ---- */

static int corrupt(const struct image *im, const char *why)
{
	log_error("%s is corrupt (%s): get it again", im->name, why);
	return -ENOEXEC;
}

/* More compressed input. At the end of the file there must be none missing. */
static int refill(struct image *im)
{
	size_t n = (size_t)MIN(im->end - im->pos, IN_CHUNK);
	int err;

	if (im->in_pos < im->in_len)
		return 0;
	if (!n)
		return corrupt(im, "truncated compressed data");
	err = infile_read(im->fd, im->name, im->in, n, im->pos);
	if (err)
		return err;
	im->pos += n;
	im->in_pos = 0;
	im->in_len = n;
	return 0;
}

static int gzip_step(struct image *im, u8 *out, u64 room, u64 *got)
{
	uInt in_room = (uInt)(im->in_len - im->in_pos);
	uInt out_room = (uInt)MIN(room, OUT_CHUNK);

	im->z.next_in = im->in + im->in_pos;
	im->z.avail_in = in_room;
	im->z.next_out = out;
	im->z.avail_out = out_room;

	int ret = inflate(&im->z, Z_NO_FLUSH);

	im->in_pos += in_room - im->z.avail_in;
	*got = out_room - im->z.avail_out;
	if (ret == Z_STREAM_END)
		im->done = true; /* what follows, padding or a signature, is no business of ours */
	else if (ret != Z_OK && ret != Z_BUF_ERROR)
		return corrupt(im, im->z.msg ? im->z.msg : "gzip");
	return 0;
}

static int zstd_step(struct image *im, u8 *out, u64 room, u64 *got)
{
	ZSTD_inBuffer in = { im->in, im->in_len, im->in_pos };
	ZSTD_outBuffer dst = { out, (size_t)room, 0 };
	size_t ret = ZSTD_decompressStream(im->zstd, &dst, &in);

	if (ZSTD_isError(ret))
		return corrupt(im, ZSTD_getErrorName(ret));
	im->in_pos = in.pos;
	*got = dst.pos;
	if (!ret)
		im->done = true; /* end of the frame; zboot has the unpacked size behind it */
	return 0;
}

static int read_plain(struct image *im, void *buf, u64 len, u64 *got)
{
	u64 n = MIN(len, im->end - im->pos);
	int err = infile_read(im->fd, im->name, buf, n, im->pos);

	if (err)
		return err;
	im->pos += n;
	*got = n;
	return 0;
}

int image_read(struct image *im, void *buf, u64 len, u64 *got)
{
	u64 total = 0;

	if (im->coding == CODING_PLAIN)
		return read_plain(im, buf, len, got);
	while (total < len && !im->done) {
		u64 n = 0;
		int err = refill(im);

		if (!err && im->coding == CODING_GZIP)
			err = gzip_step(im, (u8 *)buf + total, len - total, &n);
		else if (!err)
			err = zstd_step(im, (u8 *)buf + total, len - total, &n);
		if (err)
			return err;
		total += n;
	}
	*got = total;
	return 0;
}

static int open_decoder(struct image *im)
{
	if (im->coding == CODING_PLAIN)
		return 0;
	im->in = malloc(IN_CHUNK);
	if (!im->in)
		return -ENOMEM;
	if (im->coding == CODING_GZIP) {
		im->z_live = inflateInit2(&im->z, GZIP_WINDOW_BITS) == Z_OK;
		return im->z_live ? 0 : -ENOMEM;
	}
	im->zstd = ZSTD_createDStream();
	return im->zstd ? 0 : -ENOMEM;
}

int image_open(struct image **out, int fd, u64 size, const char *name)
{
	struct image *im = calloc(1, sizeof(*im));
	size_t head_len = (size_t)MIN(size, (u64)IMAGE_HEADER_LEN);
	u8 head[IMAGE_HEADER_LEN];
	int err = -ENOMEM;

	if (!im) {
		close(fd);
		return err;
	}
	im->fd = fd;
	im->name = name;
	im->end = size;
	err = infile_read(im->fd, im->name, head, head_len, 0);
	if (err)
		goto fail;
	if (is_gzip(head, head_len))
		im->coding = CODING_GZIP;
	else if (is_zstd(head, head_len))
		im->coding = CODING_ZSTD;
	else if (is_zboot(head, head_len))
		err = open_zboot(im, head);
	else
		err = check_plain(im, head, head_len);
	if (!err)
		err = open_decoder(im);
	if (err)
		goto fail;
	*out = im;
	return 0;
fail:
	image_close(im);
	return err;
}

void image_close(struct image *im)
{
	if (!im)
		return;
	if (im->z_live)
		inflateEnd(&im->z);
	ZSTD_freeDStream(im->zstd);
	free(im->in);
	close(im->fd);
	free(im);
}

/* ---- the Image itself ---- */

struct image_header image_header(const void *first, u64 len)
{
	const u8 *p = first;
	struct image_header h = { .text_offset = IMAGE_TEXT_OFFSET_DEFAULT };

	if (len < IMAGE_HEADER_LEN || memcmp(p + 56, "ARM\x64", 4) != 0)
		return h;
	h.present = true;
	h.image_size = get_le64(p + 16);
	/* Before 3.17: no image_size, and a text_offset of no defined endianness. */
	if (h.image_size)
		h.text_offset = get_le64(p + 8);
	return h;
}

bool image_is_whole(const void *data, u64 len)
{
	const u8 *p = data;
	u64 pe, sections;
	u32 nr;

	if (len < IMAGE_HEADER_LEN || memcmp(p, "MZ", 2) != 0 || !image_header(p, len).present)
		return true;
	pe = get_le32(p + 60);
	if (!range_within(pe, 24, len))
		return false;
	if (memcmp(p + pe, "PE\0\0", 4) != 0)
		return true;
	/* COFF header: section count at 2, size of the optional header at 16; 20 bytes in all. */
	nr = get_le16(p + pe + 4 + 2);
	sections = pe + 24 + get_le16(p + pe + 4 + 16);
	if (!range_within(sections, nr * UINT64_C(40), len))
		return false;
	for (u32 i = 0; i < nr; i++) {
		const u8 *s = p + sections + i * UINT64_C(40);

		if (!range_within(get_le32(s + 20), get_le32(s + 16), len))
			return false;
	}
	return true;
}
