/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for the loader to read, and a guest memory for it to fill. */
#ifndef TESTS_UNIT_ARM64_LOADER_H
#define TESTS_UNIT_ARM64_LOADER_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "arm64/boot.h"
#include "arm64/image.h"
#include "arm64/memmap.h"
#include "lkvm/base/le.h"
#include "lkvm/vm/mem.h"
#include "tests/unit/arm64/capture.h"

static char dir[] = "/tmp/lkvm-boot-XXXXXX";
static struct mem *m;
static struct boot_info info;

/* ---- files ---- */

static inline const char *path(const char *name)
{
	static char buf[8][64];
	static unsigned n;
	char *p = buf[n++ % 8];

	if (strstr(dir, "XXXXXX"))
		ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static inline const char *file(const char *name, const void *data, size_t len)
{
	const char *p = path(name);
	FILE *f = fopen(p, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	return p;
}

static inline const char *sparse(const char *name, u64 len)
{
	const char *p = file(name, "x", 1);

	ck_assert_int_eq(truncate(p, (off_t)len), 0);
	return p;
}

static inline void put64(u8 *p, u64 v)
{
	le64 le = le64_of(v);

	memcpy(p, &le, sizeof(le));
}

static inline void put32(u8 *p, u32 v)
{
	le32 le = le32_of(v);

	memcpy(p, &le, sizeof(le));
}

/* Bytes that are not zero and differ from page to page. */
static inline u8 *pattern(size_t len)
{
	u8 *p = malloc(len);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (u8)(1 + (i * 7 + i / 4096) % 251);
	return p;
}

static inline u8 *image(size_t len, u64 text_offset, u64 image_size)
{
	u8 *p = pattern(len);

	put64(p + 8, text_offset);
	put64(p + 16, image_size);
	memcpy(p + 56, "ARM\x64", 4);
	return p;
}

static inline u8 *gzip(const u8 *data, size_t len, size_t *out_len)
{
	size_t max = len + len / 8 + 256;
	u8 *out = malloc(max);
	z_stream z = { .next_in = (u8 *)data, .avail_in = (uInt)len };

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = out;
	z.avail_out = (uInt)max;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static inline u8 *zstd(const u8 *data, size_t len, size_t *out_len)
{
	size_t max = ZSTD_compressBound(len);
	u8 *out = malloc(max);

	ck_assert_ptr_nonnull(out);
	*out_len = ZSTD_compress(out, max, data, len, 3);
	ck_assert(!ZSTD_isError(*out_len));
	return out;
}

/* zboot-header.S: "MZ", "zimg" at 4, offset and size of the payload at 8 and 12, its type at 24. */
static inline const char *zboot(const char *name, const char *type, const u8 *payload, u32 len,
				u32 claim)
{
	const u32 off = 4096;
	u8 *p = calloc(1, off + len + 512);
	const char *f;

	memcpy(p, "MZ", 2);
	memcpy(p + 4, "zimg", 4);
	put32(p + 8, off);
	put32(p + 12, claim);
	strcpy((char *)p + 24, type);
	memcpy(p + off, payload, len);
	f = file(name, p, off + len + 512);
	free(p);
	return f;
}

/* ---- running the loader ---- */

static inline int load(struct boot_conf c, u64 ram_size)
{
	int err;

	c.ram_base = MEMMAP_RAM;
	c.ram_size = ram_size;
	mem_destroy(m);
	m = NULL;
	ck_assert_int_eq(mem_create(&m), 0);
	ck_assert_int_eq(mem_add_ram(m, gpa(c.ram_base), ram_size, 0, NULL), 0);
	err = boot_load(m, &c, &info);
	return err;
}

static inline void in_memory(struct boot_span s, const u8 *want, size_t len)
{
	u8 *p = mem_load_ptr(m, s.base, len);

	ck_assert_uint_eq(s.len, len);
	ck_assert_ptr_nonnull(p);
	ck_assert_mem_eq(p, want, len);
}

static inline void zero_around(struct boot_span s)
{
	struct boot_span pages = boot_pages(s);
	const u8 *p = mem_load_ptr(m, pages.base, pages.len);

	ck_assert_ptr_nonnull(p);
	for (u64 i = 0; i < s.base.a - pages.base.a; i++)
		ck_assert_uint_eq(p[i], 0);
	for (u64 i = s.base.a - pages.base.a + s.len; i < pages.len; i++)
		ck_assert_uint_eq(p[i], 0);
}

static inline void done(void)
{
	char cmd[64];

	mem_destroy(m);
	m = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

#endif
