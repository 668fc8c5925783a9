/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a kernel image: layers of compression, and the Image header.
 *
 * A file is a stream, and so is what comes out of a stream that is packed. Each is looked at in the
 * same way, whether it is the file or was unpacked from it, until one is not packed: the top, which
 * the caller reads.
 *
 * Thread: main.
 * Trust:  the file may be anything: every offset and size in it is checked before use, and output
 *         is bounded by the caller's buffer, so a decompression bomb fills RAM at worst.
 * Spec:   Linux booting.rst (Image), zboot-header.S (EFI zboot), Microsoft PE/COFF 3 (sections).
 */
#include "arm64/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arm64/image_kind.h"
#include "arm64/unpack.h"
#include "lkvm/base/infile.h"
#include "lkvm/base/le.h"
#include "lkvm/base/log.h"

#define IN_CHUNK (64 * KiB)

/* A compressed file in a compressed file is somebody's mistake; more than this is an attack. */
#define UNPACK_MAX 4
/* What is packed again may not be larger: the end of RAM bounds only what comes out at the end. */
#define PACKED_MAX (1 * GiB)

/* Offsets in the EFI zboot header. */
#define ZBOOT_MAGIC 4
#define ZBOOT_PAYLOAD_OFFSET 8
#define ZBOOT_PAYLOAD_SIZE 12
#define ZBOOT_TYPE 24
#define ZBOOT_TYPE_LEN 32

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

/*
 * Bytes in order: those of the file, or those that come out of another stream. The first ones are
 * looked at before anybody reads them.
 */
struct stream {
	struct stream *from; /* NULL: the file */
	u64 pos, end;	     /* file: next byte to read, and where the contents end */
	u64 left;	     /* others: bytes of `from` that belong to it */
	u64 given;	     /* read so far */
	struct unpack unpack;
	u8 *in;			   /* what unpack.in points into */
	size_t head_pos, head_len; /* head[head_pos..head_len) was not read yet */
	u8 head[IMAGE_LOOK_LEN];   /* last */
};

struct image {
	int fd;
	const char *name;
	struct stream *top, streams[UNPACK_MAX + 1]; /* those up to the top are in use */
};

/* ---- reading ---- */

static int corrupt(const struct image *im, const char *why)
{
	log_error("%s is corrupt (%s): get it again", im->name, why);
	return -ENOEXEC;
}

static int stream_read(struct image *im, struct stream *s, u8 *buf, u64 len, u64 *got);

static int read_file(struct image *im, struct stream *s, u8 *buf, u64 len, u64 *got)
{
	u64 n = MIN(len, s->end - s->pos);
	int err = infile_read(im->fd, im->name, buf, n, s->pos);

	if (err)
		return err;
	s->pos += n;
	*got = n;
	return 0;
}

/* More compressed input, if there is any. */
static int refill(struct image *im, struct stream *s)
{
	u64 want = MIN(s->left, IN_CHUNK), got;
	int err;

	if (s->unpack.in_len || s->unpack.last)
		return 0;
	err = stream_read(im, s->from, s->in, want, &got);
	if (err)
		return err;
	s->left -= got;
	s->unpack.in = s->in;
	s->unpack.in_len = (size_t)got;
	s->unpack.last = got < IN_CHUNK;
	return 0;
}

/* Input up to what tells of a format, although there is some: it may be cut in two. */
static int refill_head(struct image *im, struct stream *s)
{
	struct unpack *u = &s->unpack;
	u64 got = 0;
	int err;

	if (u->last || u->in_len >= IMAGE_HEADER_LEN)
		return 0;
	memmove(s->in, u->in, u->in_len);
	err = stream_read(im, s->from, s->in + u->in_len, MIN(s->left, IN_CHUNK - u->in_len), &got);
	s->left -= got;
	u->in = s->in;
	u->in_len += (size_t)got;
	u->last = u->in_len < IN_CHUNK;
	return err;
}

/* Some formats (bzip2 of several threads) are one stream behind the other. */
static int next_member(struct image *im, struct stream *s)
{
	struct unpack old;
	int err = refill_head(im, s);

	if (err)
		return err;
	old = s->unpack;
	if (!old.format->is(old.in, old.in_len))
		return 0; /* padding or a signature is no business of ours */
	old.format->close(&old);
	err = unpack_open(&s->unpack, old.format, im->name);
	s->unpack.in = old.in;
	s->unpack.in_len = old.in_len;
	s->unpack.last = old.last;
	return err;
}

static int unpack_some(struct image *im, struct stream *s)
{
	struct unpack *u = &s->unpack;
	size_t in_len;
	u64 out_len = u->out_len;
	const char *why;
	int err = refill(im, s);

	if (err)
		return err;
	in_len = u->in_len;
	why = u->format->step(u);
	if (why)
		return corrupt(im, why);
	if (!u->done && u->in_len == in_len && u->out_len == out_len)
		return corrupt(im, "truncated compressed data");
	return 0;
}

static int read_unpacked(struct image *im, struct stream *s, u8 *buf, u64 len, u64 *got)
{
	u64 left = len;
	int err = 0;

	while (left && !s->unpack.done && !err) {
		s->unpack.out = buf + (len - left);
		s->unpack.out_len = left;
		err = unpack_some(im, s);
		left = s->unpack.out_len;
		if (!err && s->unpack.done)
			err = next_member(im, s);
	}
	*got = len - left;
	return err;
}

static int stream_read(struct image *im, struct stream *s, u8 *buf, u64 len, u64 *got)
{
	u64 head = MIN(len, (u64)(s->head_len - s->head_pos)), more = 0;
	int err;

	memcpy(buf, s->head + s->head_pos, head);
	s->head_pos += head;
	if (s->from)
		err = read_unpacked(im, s, buf + head, len - head, &more);
	else
		err = read_file(im, s, buf + head, len - head, &more);
	*got = head + more;
	s->given += *got;
	if (!err && s != im->top && s->given > PACKED_MAX && s->from)
		err = corrupt(im, "more than 1 GiB that is packed again");
	return err;
}

int image_read(struct image *im, void *buf, u64 len, u64 *got)
{
	return stream_read(im, im->top, buf, len, got);
}

/* ---- what is in the file ---- */

static bool is_zboot(const u8 *head, size_t len)
{
	return len >= IMAGE_HEADER_LEN && !memcmp(head, "MZ", 2) &&
	       !memcmp(head + ZBOOT_MAGIC, "zimg", 4);
}

static int too_short_zboot(const struct image *im)
{
	log_error("%s is truncated: its EFI zboot header promises more than the file holds",
		  im->name);
	return -ENOEXEC;
}

/* Leave out the next `len` bytes of a stream. */
static int skip(struct image *im, struct stream *s, u64 len)
{
	u8 buf[4096];
	u64 got = 1;
	int err = 0;

	for (; len && got && !err; len -= got)
		err = stream_read(im, s, buf, MIN(len, (u64)sizeof(buf)), &got);
	return !err && len ? too_short_zboot(im) : err;
}

/*
 * A small EFI program that carries the compressed Image; we take the Image out ourselves. *left is
 * its packed size.
 */
static int open_zboot(struct image *im, const struct unpack_format **format, u64 *left)
{
	struct stream *s = im->top;
	const char *type = (const char *)s->head + ZBOOT_TYPE;
	u64 off = get_le32(s->head + ZBOOT_PAYLOAD_OFFSET);
	u64 size = get_le32(s->head + ZBOOT_PAYLOAD_SIZE);

	if (!memchr(type, 0, ZBOOT_TYPE_LEN))
		type = "?";
	*format = unpack_of_zboot(type);
	if (!*format) {
		log_error(
			"%s is an EFI zboot image compressed with '%.*s', which lkvm cannot unpack: use the Image that it was made from",
			im->name, ZBOOT_TYPE_LEN, type);
		return -ENOEXEC;
	}
	if (!size || off > PACKED_MAX || (!s->from && !range_within(off, size, s->end)))
		return too_short_zboot(im);
	*left = size;
	return skip(im, s, off);
}

/* The first bytes of the top stream, for everybody who wants to know what it is. */
static int look(struct image *im)
{
	struct stream *s = im->top;
	u64 got;
	int err = stream_read(im, s, s->head, sizeof(s->head), &got);

	s->head_pos = 0;
	s->head_len = (size_t)got;
	s->given = 0;
	return err;
}

/* An empty one; its head comes later. */
static struct stream *add_stream(struct image *im)
{
	im->top = im->top ? im->top + 1 : im->streams;
	memset(im->top, 0, offsetof(struct stream, head));
	return im->top;
}

/* Put a decoder on top of what is there. */
static int push(struct image *im, const struct unpack_format *format, u64 left)
{
	struct stream *from = im->top, *s;
	int err;

	if (from == im->streams + UNPACK_MAX) {
		log_error("%s is packed more than %d times: unpack it first", im->name, UNPACK_MAX);
		return -ENOEXEC;
	}
	s = add_stream(im);
	s->from = from;
	s->left = left;
	s->in = malloc(IN_CHUNK);
	if (!s->in)
		return log_errno(-ENOMEM, "cannot unpack %s", im->name);
	err = unpack_open(&s->unpack, format, im->name);
	return err ? err : look(im);
}

/* True, in *format and *left, if the top stream is packed. */
static int packed(struct image *im, const struct unpack_format **format, u64 *left)
{
	const struct stream *s = im->top;

	*left = UINT64_MAX;
	if (is_zboot(s->head, s->head_len))
		return open_zboot(im, format, left);
	*format = unpack_find(s->head, s->head_len);
	return 0;
}

static int open_streams(struct image *im)
{
	const struct unpack_format *format;
	u64 left;
	int err = look(im);

	while (!err) {
		err = packed(im, &format, &left);
		if (err || !format)
			break;
		err = push(im, format, left);
	}
	return err;
}

/* What is no arm64 kernel must not be started as if it were code. */
static int check_kind(const struct image *im)
{
	const struct stream *s = im->top;
	const char *what;

	if (image_header(s->head, s->head_len).present)
		return 0;
	what = image_foreign(s->head, s->head_len);
	if (what) {
		log_error("%s %s%s", im->name, im->top->from ? "unpacked " : "", what);
		return -ENOEXEC;
	}
	return 0;
}

int image_open(struct image **out, int fd, u64 size, const char *name, enum image_take take)
{
	struct image *im = alloc_headed(sizeof(*im), offsetof(struct image, streams));
	int err = -ENOMEM;

	if (!im) {
		close(fd);
		return err;
	}
	im->fd = fd;
	im->name = name;
	add_stream(im)->end = size;
	err = take == IMAGE_AS_IT_IS ? look(im) : open_streams(im);
	if (!err && take != IMAGE_AS_IT_IS)
		err = check_kind(im);
	if (err) {
		image_close(im);
		return err;
	}
	*out = im;
	return 0;
}

void image_close(struct image *im)
{
	if (!im)
		return;
	for (struct stream *s = im->streams; s <= im->top; s++) {
		unpack_close(&s->unpack);
		free(s->in);
	}
	close(im->fd);
	free(im);
}

/* ---- the Image itself ---- */

struct image_header image_header(const void *first, u64 len)
{
	static const u32 page_sizes[] = { 0, 4 * KiB, 16 * KiB, 64 * KiB };
	const u8 *p = first;
	struct image_header h = { .text_offset = IMAGE_TEXT_OFFSET_DEFAULT };

	if (len < IMAGE_HEADER_LEN || memcmp(p + 56, "ARM\x64", 4) != 0)
		return h;
	h.present = true;
	h.big_endian = p[24] & 1;
	h.page_size = page_sizes[p[24] >> 1 & 3];
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
