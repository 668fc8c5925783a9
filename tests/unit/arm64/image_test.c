/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels in all kinds of packing, inside each other, and files that are no kernels at all. */
#include <dlfcn.h>

#include "arm64/image_kind.h"
#include "arm64/unpack.h"
#include "tests/unit/arm64/loader.h"

/* ---- machines without the libraries ---- */

static bool no_libraries;

void *dlopen(const char *name, int mode)
{
	static void *(*real)(const char *, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "dlopen");
	return no_libraries ? NULL : real(name, mode);
}

/* ---- packing ---- */

struct packed {
	u8 *p;
	size_t len;
};

typedef struct packed pack_fn(const u8 *data, size_t len);

static void *fn(const char *lib, const char *name)
{
	void *dl = dlopen(lib, RTLD_LAZY);

	return dl ? dlsym(dl, name) : NULL;
}

static struct packed room(size_t len)
{
	return (struct packed){ calloc(1, len + len / 2 + 4096), len + len / 2 + 4096 };
}

static struct packed pack_gzip(const u8 *data, size_t len)
{
	struct packed r;

	r.p = gzip(data, len, &r.len);
	return r;
}

static struct packed pack_zstd(const u8 *data, size_t len)
{
	struct packed r;

	r.p = zstd(data, len, &r.len);
	return r;
}

static struct packed pack_xz(const u8 *data, size_t len)
{
	int (*encode)(u32 preset, int check, void *alloc, const u8 *in, size_t in_len, u8 *out,
		      size_t *out_pos, size_t out_size) =
		fn("liblzma.so.5", "lzma_easy_buffer_encode");
	struct packed r = room(len);
	size_t pos = 0;

	if (encode)
		ck_assert_int_eq(encode(6, 1, NULL, data, len, r.p, &pos, r.len), 0);
	r.len = pos;
	return r;
}

/* The decoder's stream type will do: its layout is the library's for both. */
static struct packed pack_lzma(const u8 *data, size_t len)
{
	struct {
		const u8 *in;
		size_t in_len;
		u64 in_total;
		u8 *out;
		size_t out_len;
		u64 more[16];
	} s = { 0 };
	char options[512] = { 0 };
	int (*preset)(void *options, u32 preset) = fn("liblzma.so.5", "lzma_lzma_preset");
	int (*encoder)(void *s, void *options) = fn("liblzma.so.5", "lzma_alone_encoder");
	int (*code)(void *s, int action) = fn("liblzma.so.5", "lzma_code");
	void (*end)(void *s) = fn("liblzma.so.5", "lzma_end");
	struct packed r = room(len);

	if (preset) {
		preset(options, 6);
		ck_assert_int_eq(encoder(&s, options), 0);
		s.in = data;
		s.in_len = len;
		s.out = r.p;
		s.out_len = r.len;
		ck_assert_int_eq(code(&s, 3), 1);
		end(&s);
	}
	r.len -= s.out_len;
	return r;
}

static struct packed pack_lz4(const u8 *data, size_t len)
{
	size_t (*frame)(void *dst, size_t dst_len, const void *src, size_t len, const void *) =
		fn("liblz4.so.1", "LZ4F_compressFrame");
	struct packed r = room(len);

	r.len = frame ? frame(r.p, r.len, data, len, NULL) : 0;
	return r;
}

/* `lz4 -l`: blocks of 8 MiB, no mark at the end; Linux puts the unpacked size there. */
static struct packed legacy(const u8 *data, size_t len, bool with_size)
{
	int (*block)(const char *src, char *dst, int len, int size) =
		fn("liblz4.so.1", "LZ4_compress_default");
	struct packed r = room(len);
	size_t pos = 4;

	memcpy(r.p, "\x02\x21\x4c\x18", 4);
	for (size_t at = 0; block && at < len; at += 8 * MiB) {
		int n = (int)MIN(len - at, 8 * MiB);

		n = block((const char *)data + at, (char *)r.p + pos + 4, n,
			  (int)(r.len - pos - 4));
		ck_assert_int_gt(n, 0);
		put32(r.p + pos, (u32)n);
		pos += 4 + (size_t)n;
	}
	if (with_size) {
		put32(r.p + pos, (u32)len);
		pos += 4;
	}
	r.len = block ? pos : 0;
	return r;
}

static struct packed pack_legacy(const u8 *data, size_t len)
{
	return legacy(data, len, false);
}

static struct packed pack_linux_lz4(const u8 *data, size_t len)
{
	return legacy(data, len, true);
}

static struct packed pack_bzip2(const u8 *data, size_t len)
{
	int (*pack)(char *dst, unsigned *dst_len, const char *src, unsigned len, int level,
		    int verbosity, int work) = fn("libbz2.so.1.0", "BZ2_bzBuffToBuffCompress");
	struct packed r = room(len);
	unsigned n = (unsigned)r.len;

	if (pack)
		ck_assert_int_eq(pack((char *)r.p, &n, (const char *)data, (unsigned)len, 9, 0, 0),
				 0);
	r.len = pack ? n : 0;
	return r;
}

/* As pbzip2 does: one stream behind the other. */
static struct packed pack_bzip2_twice(const u8 *data, size_t len)
{
	struct packed a = pack_bzip2(data, len / 3), b = pack_bzip2(data + len / 3, len - len / 3);
	struct packed r = room(a.len + b.len);

	memcpy(r.p, a.p, a.len);
	memcpy(r.p + a.len, b.p, b.len);
	r.len = a.len + b.len;
	free(a.p);
	free(b.p);
	return r;
}

static const struct {
	const char *name, *zboot;
	pack_fn *pack;
} formats[] = {
	{ "gzip", "gzip", pack_gzip },	      { "zstd", "zstd", pack_zstd },
	{ "zstd22", "zstd22", pack_zstd },    { "xz", "xzkern", pack_xz },
	{ "lzma", "lzma", pack_lzma },	      { "lz4", NULL, pack_lz4 },
	{ "legacy lz4", "lz4", pack_legacy }, { "Linux' lz4", "lz4", pack_linux_lz4 },
	{ "bzip2", "bzip2", pack_bzip2 },     { "pbzip2", NULL, pack_bzip2_twice },
};

static void loads(const char *name, const u8 *img, size_t len)
{
	int err = load((struct boot_conf){ .kernel = name }, 64 * MiB);

	ck_assert_msg(!err, "%s: %d, %s", name, err, captured());
	ck_assert_uint_eq(info.image.base.a, 0x80080000);
	in_memory(info.image, img, len);
	ck_assert_str_eq(captured(), "");
}

/* 18 MB: three blocks of the old lz4; and 64 KiB, where the input ends with a read. */
START_TEST(each_format_alone_and_in_zboot)
{
	static const size_t lens[] = { 18000000, 65536, 100 };

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(formats) * ARRAY_SIZE(lens); i++) {
		size_t f = i % ARRAY_SIZE(formats), len = lens[i / ARRAY_SIZE(formats)];
		u8 *img = image(len, 0x80000, len);
		struct packed k = formats[f].pack(img, len);

		if (k.len) {
			loads(file("k", k.p, k.len), img, len);
			if (formats[f].zboot)
				loads(zboot("z", formats[f].zboot, k.p, (u32)k.len, (u32)k.len),
				      img, len);
		}
		free(k.p);
		free(img);
	}
	done();
}
END_TEST

/* Compressed bytes that end where a read of 64 KiB does. */
START_TEST(input_that_ends_with_a_read)
{
	const size_t len = 64 * KiB;
	u8 *img = image(4 * MiB, 0x80000, 4 * MiB);

	capture_start();
	for (size_t i = 1; i < 4 * MiB; i++)
		img[i < 64 ? 63 : i] = (u8)(i * 2654435761u >> 13);
	for (size_t n = 64000; n < 65536; n += 1) {
		struct packed k = legacy(img, n, false);
		bool hit = k.len == len;

		if (hit)
			loads(file("k", k.p, k.len), img, n);
		free(k.p);
		if (hit)
			break;
	}
	free(img);
	done();
}
END_TEST

/*
 * What follows a stream is found wherever a read ends: before what tells of its format, in the
 * middle of that, or behind. pzstd begins with a frame that is to be skipped.
 */
START_TEST(streams_that_end_about_where_a_read_does)
{
	const size_t len = 300000;
	u8 *img = image(len, 0x80000, len), *all = calloc(2, len);
	struct packed k = pack_zstd(img, len);

	capture_start();
	for (u32 first = 65536 - 5; first <= 65536 + 1; first++) {
		const u32 skip = first - 8;

		memset(all, 0, first);
		memcpy(all, "\x50\x2a\x4d\x18", 4);
		memcpy(all + 4, &skip, 4);
		memcpy(all + first, k.p, k.len);
		loads(file("k", all, first + k.len), img, len);
	}
	free(k.p);
	free(all);
	free(img);
	done();
}
END_TEST

START_TEST(packed_in_packed)
{
	const size_t len = 100000;
	u8 *img = image(len, 0x80000, len);
	struct packed k = pack_gzip(img, len), l[5];

	capture_start();
	l[0] = k;
	for (size_t i = 1; i < ARRAY_SIZE(l); i++)
		l[i] = (i & 1 ? pack_zstd : pack_gzip)(l[i - 1].p, l[i - 1].len);
	for (size_t i = 0; i < 4; i++)
		loads(file("k", l[i].p, l[i].len), img, len);
	ck_assert_int_eq(
		load((struct boot_conf){ .kernel = file("k", l[4].p, l[4].len) }, 64 * MiB),
		-ENOEXEC);
	captured_one_error("packed more than 4 times", "/k");
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		free(l[i].p);
	free(img);
	done();
}
END_TEST

/* A distribution's vmlinuz.gz with EFI zboot inside, and with what is cut short there. */
START_TEST(zboot_in_gzip)
{
	const size_t len = 100000;
	u8 *img = image(len, 0x80000, len), buf[200000];
	struct packed k = pack_zstd(img, len), outer;
	FILE *f = fopen(zboot("z", "zstd", k.p, (u32)k.len, (u32)k.len), "rb");
	size_t n = fread(buf, 1, sizeof(buf), f);

	fclose(f);
	capture_start();
	outer = pack_gzip(buf, n);
	loads(file("k", outer.p, outer.len), img, len);
	free(outer.p);
	outer = pack_gzip(buf, 4096 + k.len / 2);
	ck_assert_int_eq(
		load((struct boot_conf){ .kernel = file("k", outer.p, outer.len) }, 64 * MiB),
		-ENOEXEC);
	captured_one_error("/k is corrupt", "truncated");
	free(outer.p);
	outer = pack_gzip(buf, 2000); /* not even to the payload */
	ck_assert_int_eq(
		load((struct boot_conf){ .kernel = file("k", outer.p, outer.len) }, 64 * MiB),
		-ENOEXEC);
	captured_one_error("/k is truncated", "zboot");
	free(outer.p);
	free(k.p);
	free(img);
	done();
}
END_TEST

/* Each byte flipped, each length cut: one error, or (behind the end) the image. */
START_TEST(broken_streams)
{
	const size_t len = 20000;
	u8 *img = image(len, 0x80000, len);

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct packed k = formats[i].pack(img, len);

		for (size_t at = 16; at < k.len; at += 1 + k.len / 37) {
			const char *cut = file("cut", k.p, at);
			int err = load((struct boot_conf){ .kernel = cut }, 64 * MiB);

			/* The old lz4 has no end that could be missing, two streams have two. */
			if (formats[i].pack != pack_legacy && formats[i].pack != pack_linux_lz4 &&
			    formats[i].pack != pack_bzip2_twice)
				ck_assert_msg(err == -ENOEXEC, "%s at %zu: %d", formats[i].name, at,
					      err);
			if (err)
				captured_one_error("/cut", "");
			k.p[at] ^= 0x10;
			err = load((struct boot_conf){ .kernel = file("bad", k.p, k.len) },
				   64 * MiB);
			ck_assert(!err || err == -ENOEXEC || err == -E2BIG);
			if (err)
				captured_one_error("/bad", "");
			k.p[at] ^= 0x10;
			ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
			lseek(capture_fd, 0, SEEK_SET);
		}
		free(k.p);
	}
	free(img);
	done();
}
END_TEST

START_TEST(machines_without_the_library)
{
	static const struct {
		const char *name, *bytes, *library, *package;
		size_t len;
	} t[] = {
		{ "k.xz",
		  "\xfd"
		  "7zXZ\0qqqqqqqqqq",
		  "liblzma.so.5", "liblzma5", 16 },
		{ "k.lzma", "]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xffq", "liblzma.so.5",
		  "unlzma", 14 },
		{ "k.lz4", "\x04\x22\x4d\x18qqqq", "liblz4.so.1", "liblz4-1", 8 },
		{ "k.lz4", "\x02\x21\x4c\x18qqqq", "liblz4.so.1", "lz4 -d", 8 },
		{ "k.bz2", "BZh91AY&SY", "libbz2.so.1.0", "bunzip2", 10 },
	};

	capture_start();
	no_libraries = true;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_int_eq(
			load((struct boot_conf){ .kernel = file(t[i].name, t[i].bytes, t[i].len) },
			     64 * MiB),
			-ENOEXEC);
		captured_one_error(t[i].library, t[i].package);
	}
	done();
}
END_TEST

static void refused(const char *name, const void *data, size_t len, const char *why)
{
	struct boot_conf c = { .kernel = file(name, data, len) };

	ck_assert_int_eq(load(c, 64 * MiB), -ENOEXEC);
	captured_one_error(why, name);
}

/* Unpacked as it is: nothing is started that would be refused as a file. */
START_TEST(what_is_unpacked_is_checked)
{
	static u8 zeros[100000];
	struct packed k = pack_gzip((const u8 *)"\177ELF\2\1\1\0more", 12),
		      l = pack_zstd(k.p, k.len);

	capture_start();
	refused("elf.gz", k.p, k.len, "unpacked is an ELF file");
	refused("elf.gz.zst", l.p, l.len, "unpacked is an ELF file");
	free(k.p);
	free(l.p);
	k = pack_gzip(zeros, sizeof(zeros));
	refused("zeros.gz", k.p, k.len, "unpacked does not start with code");
	free(k.p);
	k = pack_zstd((const u8 *)"#!/bin/sh\necho hello\n", 21);
	refused("script.zst", k.p, k.len, "unpacked is a text file");
	free(k.p);
	done();
}
END_TEST

START_TEST(files_that_are_no_kernels)
{
	static const struct {
		size_t off;
		const char *magic, *why;
	} t[] = {
		{ 257, "ustar", "tar archive" },
		{ 36, "\x18\x28\x6f\x01", "32-bit Arm" },
		{ 56, "RSC\x05", "RISC-V" },
		{ 514, "HdrS", "x86" },
		{ 512, "EFI PART", "partitions" },
		{ 82, "FAT32   ", "FAT" },
		{ 0, "QFI\xfb", "qcow2" },
		{ 0, "070701", "--initrd" },
		{ 0, "!<arch>\n", "package" },
		{ 0, "ANDROID!", "Android" },
		{ 0, "LZIP", "lzip -d" },
		{ 0, "PK\3\4", "zip" },
		{ 0, "vhdxfile", "VHDX" },
		{ 64, "\x7f\x10\xda\xbe", "VDI" },
		{ 0, "COWD", "VMDK" },
		{ 0, "XFSB", "XFS" },
		{ 3, "NTFS    ", "NTFS" },
		{ 54, "FAT12   ", "FAT" },
		{ 40, "_FVH", "--firmware" },
		{ 0, "VNDRBOOT", "Android" },
		{ 0, "\xcf\xfa\xed\xfe", "macOS" },
		{ 0, "%PDF-", "PDF" },
	};
	static u8 zeros[10000];
	static const char page[] = "<!DOCTYPE html>\n<title>Nicht gefunden: \xc3\xbc</title>\n";
	u8 *mbr = pattern(8192);

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u8 *p = pattern(8192);

		memcpy(p + t[i].off, t[i].magic, strlen(t[i].magic));
		refused("what", p, 8192, t[i].why);
		free(p);
	}
	refused("zeros", zeros, sizeof(zeros), "does not start with code");
	refused("config", "CONFIG_ARM64=y\nCONFIG_64BIT=y\n", 30, "text file");
	refused("page", page, sizeof(page) - 1, "text file");
	memset(mbr + 446, 0, 64);
	memcpy(mbr + 510, "\x55\xaa", 2);
	mbr[446] = 0x80;
	mbr[450] = 0x83;
	refused("mbr", mbr, 8192, "disk image with partitions");
	free(mbr);
	done();
}
END_TEST

START_TEST(a_flat_binary_is_warned_of_or_asked_for)
{
	static u8 zeros[8192];
	u8 *p = pattern(8192);
	struct boot_conf c = { .kernel = file("flat", p, 8192), .take = IMAGE_WANTED };

	capture_start();
	ck_assert_int_eq(load(c, 64 * MiB), 0);
	ck_assert_ptr_nonnull(strstr(captured(), "  Warning: "));
	ck_assert_ptr_nonnull(strstr(captured(), "/flat has no arm64 Image header"));
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
	c.take = IMAGE_OR_FLAT;
	ck_assert_int_eq(load(c, 64 * MiB), 0);
	c.take = IMAGE_AS_IT_IS;
	c.kernel = file("zeros", zeros, 8192);
	ck_assert_int_eq(load(c, 64 * MiB), 0);
	in_memory(info.image, zeros, 8192);
	ck_assert_str_eq(captured(), "");
	free(p);
	p = image(8192, 0x200000, 8192); /* the header does not count either */
	c.kernel = file("image", p, 8192);
	ck_assert_int_eq(load(c, 64 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM + 0x80000);
	ck_assert_uint_eq(info.page_size, 0);
	free(p);
	done();
}
END_TEST

/* booting.rst: flags, bit 0 endianness, bits 1-2 page size. */
START_TEST(page_size_and_endianness_of_the_header)
{
	static const u32 sizes[] = { 0, 4096, 16384, 65536 };
	u8 *img = image(4096, 0, 4096);

	for (u8 i = 0; i < 8; i++) {
		img[24] = i;
		ck_assert_uint_eq(image_header(img, 4096).page_size, sizes[i >> 1]);
		ck_assert_uint_eq(image_header(img, 4096).big_endian, i & 1);
		ck_assert_int_eq(
			load((struct boot_conf){ .kernel = file("k", img, 4096) }, 64 * MiB), 0);
		ck_assert_uint_eq(info.page_size, sizes[i >> 1]);
		ck_assert_uint_eq(info.big_endian, i & 1);
	}
	free(img);
	done();
}
END_TEST

SUITE_MAIN("arm64/image", each_format_alone_and_in_zboot, input_that_ends_with_a_read,
	   streams_that_end_about_where_a_read_does, packed_in_packed, zboot_in_gzip,
	   broken_streams, machines_without_the_library, what_is_unpacked_is_checked,
	   files_that_are_no_kernels, a_flat_binary_is_warned_of_or_asked_for,
	   page_size_and_endianness_of_the_header)
