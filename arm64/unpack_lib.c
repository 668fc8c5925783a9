/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed streams whose libraries are loaded when a file needs them: xz and lzma, lz4, bzip2.
 *
 * Most machines have these libraries and few kernels need them, so lkvm starts without. The types
 * are those of the libraries' stable interfaces (their sonames have been the same for more than ten
 * years); their headers are not needed for eleven functions.
 *
 * Thread: main.
 * Trust:  the data may be anything; the libraries, which are the distribution's, check it.
 * Spec:   the .xz file format 1.1; lzma-file-format.txt of XZ Utils; lz4_Frame_format.md (frames,
 *         and the legacy frames that Linux makes); bzip2 1.0 manual.
 */
#include "arm64/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"

static u32 get_le32(const u8 *p)
{
	le32 v;

	memcpy(&v, p, sizeof(v));
	return le32_get(v);
}

/* ---- xz and lzma: liblzma ---- */

#define LZMA "liblzma.so.5"
/* What a kernel's dictionary may need; Linux packs with one of 128 MiB at most. */
#define LZMA_MEMORY (256 * MiB)
enum { LZMA_OK, LZMA_STREAM_END, LZMA_MEMLIMIT_ERROR = 6, LZMA_BUF_ERROR = 10 };
enum { LZMA_RUN, LZMA_FINISH = 3 };

struct lzma_stream {
	const u8 *next_in;
	size_t avail_in;
	u64 total_in;
	u8 *next_out;
	size_t avail_out;
	u64 total_out;
	const void *allocator;
	void *internal;
	void *reserved_ptr[4];
	u64 reserved_int64[2];
	size_t reserved_size[2];
	int reserved_enum[2];
};

struct lzma {
	struct lzma_stream s;
	int (*code)(struct lzma_stream *s, int action);
	void (*end)(struct lzma_stream *s);
};

static bool xz_is(const u8 *head, size_t len)
{
	return len >= 6 && !memcmp(head,
				   "\xfd"
				   "7zXZ\0",
				   6);
}

/*
 * The format has no magic number: properties (always 0x5d in practice), the size of the dictionary,
 * 2^n or 2^n + 2^(n-1), and the unpacked size, which may be unknown.
 */
static bool lzma_is(const u8 *head, size_t len)
{
	u32 dict, top;
	u64 size;

	if (len < 13 || head[0] != 0x5d)
		return false;
	dict = get_le32(head + 1);
	size = get_le32(head + 5) | (u64)get_le32(head + 9) << 32;
	if (dict < 4096 || (size != UINT64_MAX && size >> 38))
		return false;
	top = 1u << (31 - __builtin_clz(dict));
	return dict == top || dict == top + top / 2 || dict == UINT32_MAX;
}

static int lzma_open(struct unpack *u)
{
	int (*decoder)(struct lzma_stream * s, u64 memory, u32 flags) =
		unpack_function(LZMA, "lzma_auto_decoder");
	struct lzma *l = calloc(1, sizeof(*l));

	u->state = l;
	if (!l)
		return -ENOMEM;
	l->code = unpack_function(LZMA, "lzma_code");
	l->end = unpack_function(LZMA, "lzma_end");
	if (!decoder || !l->code || !l->end)
		return -ENOENT;
	return decoder(&l->s, LZMA_MEMORY, 0) == LZMA_OK ? 0 : -ENOMEM;
}

static const char *lzma_step(struct unpack *u)
{
	struct lzma *l = u->state;
	int ret;

	l->s.next_in = u->in;
	l->s.avail_in = u->in_len;
	l->s.next_out = u->out;
	l->s.avail_out = (size_t)u->out_len;
	ret = l->code(&l->s, LZMA_RUN);
	u->in = l->s.next_in;
	u->in_len = l->s.avail_in;
	u->out = l->s.next_out;
	u->out_len = l->s.avail_out;
	u->done = ret == LZMA_STREAM_END;
	if (u->done || ret == LZMA_OK || ret == LZMA_BUF_ERROR)
		return NULL;
	return ret == LZMA_MEMLIMIT_ERROR ? "its dictionary is larger than 256 MiB" : "lzma";
}

static void lzma_close(struct unpack *u)
{
	struct lzma *l = u->state;

	if (l && l->end)
		l->end(&l->s);
	free(l);
}

const struct unpack_format unpack_xz = { "xz",	"unxz",	   LZMA,      "liblzma5",
					 xz_is, lzma_open, lzma_step, lzma_close };
const struct unpack_format unpack_lzma = { "lzma",  "unlzma",  LZMA,	  "liblzma5",
					   lzma_is, lzma_open, lzma_step, lzma_close };

/* ---- lz4: frames ---- */

#define LZ4 "liblz4.so.1"
#define LZ4F_VERSION 100 /* of the interface, not of the library */

struct lz4 {
	void *context;
	size_t (*decompress)(void *context, void *dst, size_t *dst_len, const void *src,
			     size_t *src_len, const void *options);
	size_t (*destroy)(void *context);
	unsigned (*is_error)(size_t code);
	const char *(*error_name)(size_t code);
};

static bool lz4_is(const u8 *head, size_t len)
{
	return len >= 4 && !memcmp(head, "\x04\x22\x4d\x18", 4);
}

static int lz4_open(struct unpack *u)
{
	size_t (*create)(void **context, unsigned version) =
		unpack_function(LZ4, "LZ4F_createDecompressionContext");
	struct lz4 *l = calloc(1, sizeof(*l));

	u->state = l;
	if (!l)
		return -ENOMEM;
	l->decompress = unpack_function(LZ4, "LZ4F_decompress");
	l->destroy = unpack_function(LZ4, "LZ4F_freeDecompressionContext");
	l->is_error = unpack_function(LZ4, "LZ4F_isError");
	l->error_name = unpack_function(LZ4, "LZ4F_getErrorName");
	if (!create || !l->decompress || !l->destroy || !l->is_error || !l->error_name)
		return -ENOENT;
	return l->is_error(create(&l->context, LZ4F_VERSION)) ? -ENOMEM : 0;
}

static const char *lz4_step(struct unpack *u)
{
	struct lz4 *l = u->state;
	size_t in = u->in_len, out = (size_t)u->out_len;
	size_t ret = l->decompress(l->context, u->out, &out, u->in, &in, NULL);

	if (l->is_error(ret))
		return l->error_name(ret);
	u->in += in;
	u->in_len -= in;
	u->out += out;
	u->out_len -= out;
	u->done = !ret;
	return NULL;
}

static void lz4_close(struct unpack *u)
{
	struct lz4 *l = u->state;

	if (l && l->destroy)
		l->destroy(l->context);
	free(l);
}

const struct unpack_format unpack_lz4 = { "lz4",  "lz4 -d", LZ4,      "liblz4-1",
					  lz4_is, lz4_open, lz4_step, lz4_close };

/* ---- lz4: the legacy frames of `lz4 -l`, which Linux makes ---- */

#define BLOCK_MAX (8 * MiB) /* unpacked; all blocks but the last are so large */
/* The longest that a block can be packed (LZ4_compressBound()). */
#define PACKED_MAX (BLOCK_MAX + BLOCK_MAX / 255 + 16)

struct lz4_block {
	int (*decompress)(const char *src, char *dst, int src_len, int room);
	u8 word[4]; /* the magic number at first, then the size of each block */
	unsigned word_len;
	bool begun;		     /* the magic number was read */
	u32 packed_len, packed_want; /* a block; want is 0: its size is to be read */
	u32 plain_pos, plain_len;
	u8 *packed, *plain;
};

static bool lz4_legacy_is(const u8 *head, size_t len)
{
	return len >= 4 && !memcmp(head, "\x02\x21\x4c\x18", 4);
}

static void lz4_legacy_close(struct unpack *u)
{
	struct lz4_block *b = u->state;

	if (b) {
		free(b->packed);
		free(b->plain);
	}
	free(b);
}

static int lz4_legacy_open(struct unpack *u)
{
	struct lz4_block *b = calloc(1, sizeof(*b));

	u->state = b;
	if (!b)
		return -ENOMEM;
	b->packed = malloc(PACKED_MAX);
	b->plain = malloc(BLOCK_MAX);
	if (!b->packed || !b->plain)
		return -ENOMEM;
	b->decompress = unpack_function(LZ4, "LZ4_decompress_safe");
	return b->decompress ? 0 : -ENOENT;
}

/* Up to `want` bytes in all. True once they are there. */
static bool gather(struct unpack *u, u8 *to, u32 *have, u32 want)
{
	u32 n = (u32)MIN(u->in_len, (size_t)(want - *have));

	memcpy(to + *have, u->in, n);
	*have += n;
	u->in += n;
	u->in_len -= n;
	return *have == want;
}

/*
 * Nothing marks the end of the stream. Linux may append the unpacked size; larger than a block can
 * be, or the last four bytes, it cannot be the size of one.
 */
static void lz4_legacy_size(struct unpack *u, struct lz4_block *b)
{
	u32 n = get_le32(b->word);

	b->word_len = 0;
	if (!b->begun)
		b->begun = true;
	else if (!n || n > PACKED_MAX || (u->last && !u->in_len))
		u->done = true;
	else
		b->packed_want = n;
}

static const char *lz4_legacy_block(struct lz4_block *b)
{
	int n = b->decompress((const char *)b->packed, (char *)b->plain, (int)b->packed_len,
			      (int)BLOCK_MAX);

	if (n < 0)
		return "lz4";
	b->packed_len = b->packed_want = 0;
	b->plain_pos = 0;
	b->plain_len = (u32)n;
	return NULL;
}

static const char *lz4_legacy_step(struct unpack *u)
{
	struct lz4_block *b = u->state;
	u32 n = (u32)MIN(u->out_len, (u64)(b->plain_len - b->plain_pos));

	if (n) {
		memcpy(u->out, b->plain + b->plain_pos, n);
		b->plain_pos += n;
		u->out += n;
		u->out_len -= n;
		return NULL;
	}
	if (!b->packed_want) {
		if (u->last && !u->in_len && !b->word_len)
			u->done = true;
		else if (gather(u, b->word, &b->word_len, sizeof(b->word)))
			lz4_legacy_size(u, b);
		return NULL;
	}
	if (!gather(u, b->packed, &b->packed_len, b->packed_want))
		return NULL;
	return lz4_legacy_block(b);
}

const struct unpack_format unpack_lz4_legacy = {
	"lz4",		 "lz4 -d",	   LZ4, "liblz4-1", lz4_legacy_is, lz4_legacy_open,
	lz4_legacy_step, lz4_legacy_close,
};

/* ---- bzip2 ---- */

#define BZ2 "libbz2.so.1.0"
enum { BZ_OK, BZ_STREAM_END = 4 };

struct bz_stream {
	const u8 *next_in;
	unsigned avail_in, total_in[2];
	u8 *next_out;
	unsigned avail_out, total_out[2];
	void *state;
	void *alloc, *free, *opaque;
};

struct bzip2 {
	struct bz_stream s;
	int (*decompress)(struct bz_stream *s);
	int (*end)(struct bz_stream *s);
};

static bool bzip2_is(const u8 *head, size_t len)
{
	return len >= 4 && !memcmp(head, "BZh", 3) && head[3] >= '1' && head[3] <= '9';
}

static int bzip2_open(struct unpack *u)
{
	int (*init)(struct bz_stream * s, int verbosity, int small) =
		unpack_function(BZ2, "BZ2_bzDecompressInit");
	struct bzip2 *b = calloc(1, sizeof(*b));

	u->state = b;
	if (!b)
		return -ENOMEM;
	b->decompress = unpack_function(BZ2, "BZ2_bzDecompress");
	b->end = unpack_function(BZ2, "BZ2_bzDecompressEnd");
	if (!init || !b->decompress || !b->end)
		return -ENOENT;
	return init(&b->s, 0, 0) == BZ_OK ? 0 : -ENOMEM;
}

static const char *bzip2_step(struct unpack *u)
{
	struct bzip2 *b = u->state;
	unsigned in = (unsigned)MIN(u->in_len, GiB), out = (unsigned)MIN(u->out_len, GiB);
	int ret;

	b->s.next_in = u->in;
	b->s.avail_in = in;
	b->s.next_out = u->out;
	b->s.avail_out = out;
	ret = b->decompress(&b->s);
	u->in += in - b->s.avail_in;
	u->in_len -= in - b->s.avail_in;
	u->out += out - b->s.avail_out;
	u->out_len -= out - b->s.avail_out;
	u->done = ret == BZ_STREAM_END;
	return u->done || ret == BZ_OK ? NULL : "bzip2";
}

static void bzip2_close(struct unpack *u)
{
	struct bzip2 *b = u->state;

	if (b && b->end)
		b->end(&b->s);
	free(b);
}

const struct unpack_format unpack_bzip2 = { "bzip2",  "bunzip2",  BZ2,	      "libbz2-1.0",
					    bzip2_is, bzip2_open, bzip2_step, bzip2_close };
