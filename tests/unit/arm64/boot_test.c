/* SPDX-License-Identifier: GPL-2.0 */
/* The loader: formats, placement, and every kind of bad file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "arm64/boot.h"
#include "arm64/image.h"
#include "arm64/memmap.h"
#include "lkvm/le.h"
#include "lkvm/mem.h"
#include "tests/unit/arm64/capture.h"

static char dir[] = "/tmp/lkvm-boot-XXXXXX";
static struct mem *m;
static struct boot_info info;

/* ---- files ---- */

static const char *path(const char *name)
{
	static char buf[8][64];
	static unsigned n;
	char *p = buf[n++ % 8];

	if (strstr(dir, "XXXXXX"))
		ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static const char *file(const char *name, const void *data, size_t len)
{
	const char *p = path(name);
	FILE *f = fopen(p, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	return p;
}

static const char *sparse(const char *name, u64 len)
{
	const char *p = file(name, "x", 1);

	ck_assert_int_eq(truncate(p, (off_t)len), 0);
	return p;
}

static void put64(u8 *p, u64 v)
{
	le64 le = le64_of(v);

	memcpy(p, &le, sizeof(le));
}

static void put32(u8 *p, u32 v)
{
	le32 le = le32_of(v);

	memcpy(p, &le, sizeof(le));
}

/* Bytes that are not zero and differ from page to page. */
static u8 *pattern(size_t len)
{
	u8 *p = malloc(len);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (u8)(1 + (i * 7 + i / 4096) % 251);
	return p;
}

static u8 *image(size_t len, u64 text_offset, u64 image_size)
{
	u8 *p = pattern(len);

	put64(p + 8, text_offset);
	put64(p + 16, image_size);
	memcpy(p + 56, "ARM\x64", 4);
	return p;
}

static u8 *gzip(const u8 *data, size_t len, size_t *out_len)
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

static u8 *zstd(const u8 *data, size_t len, size_t *out_len)
{
	size_t max = ZSTD_compressBound(len);
	u8 *out = malloc(max);

	ck_assert_ptr_nonnull(out);
	*out_len = ZSTD_compress(out, max, data, len, 3);
	ck_assert(!ZSTD_isError(*out_len));
	return out;
}

/* zboot-header.S: "MZ", "zimg" at 4, offset and size of the payload at 8 and 12, its type at 24. */
static const char *zboot(const char *name, const char *type, const u8 *payload, u32 len, u32 claim)
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

static int load(struct boot_conf c, u64 ram_size)
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

static void in_memory(struct boot_span s, const u8 *want, size_t len)
{
	u8 *p = mem_load_ptr(m, s.base, len);

	ck_assert_uint_eq(s.len, len);
	ck_assert_ptr_nonnull(p);
	ck_assert_mem_eq(p, want, len);
}

static void zero_around(struct boot_span s)
{
	struct boot_span pages = boot_pages(s);
	const u8 *p = mem_load_ptr(m, pages.base, pages.len);

	ck_assert_ptr_nonnull(p);
	for (u64 i = 0; i < s.base.a - pages.base.a; i++)
		ck_assert_uint_eq(p[i], 0);
	for (u64 i = s.base.a - pages.base.a + s.len; i < pages.len; i++)
		ck_assert_uint_eq(p[i], 0);
}

static void done(void)
{
	char cmd[64];

	mem_destroy(m);
	m = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* ---- formats ---- */

START_TEST(all_formats_give_the_same_bytes)
{
	const size_t len = 3 * 1024 * 1024 + 77;
	u8 *img = image(len, 0, 4 * MiB);
	size_t gz_len, zst_len;
	u8 *gz = gzip(img, len, &gz_len), *zst = zstd(img, len, &zst_len);
	u8 *multi = calloc(1, gz_len + 512);
	const char *files[7];

	memcpy(multi, gz, gz_len); /* padding after the compressed data is no error */
	files[0] = file("Image", img, len);
	files[1] = file("Image.gz", gz, gz_len);
	files[2] = file("Image.zst", zst, zst_len);
	files[3] = zboot("zboot.gz", "gzip", gz, (u32)gz_len, (u32)gz_len);
	files[4] = zboot("zboot.zst", "zstd", zst, (u32)zst_len, (u32)zst_len);
	files[5] = zboot("zboot.zst22", "zstd22", zst, (u32)zst_len, (u32)zst_len + 4);
	files[6] = file("padded.gz", multi, gz_len + 512);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ck_assert_int_eq(load((struct boot_conf){ .kernel = files[i] }, 64 * MiB), 0);
		ck_assert_uint_eq(info.entry.a, MEMMAP_RAM);
		ck_assert_uint_eq(info.image.base.a, MEMMAP_RAM);
		ck_assert_uint_eq(info.image_mem_len, 4 * MiB);
		in_memory(info.image, img, len);
	}
	free(img);
	free(gz);
	free(zst);
	free(multi);
	done();
}
END_TEST

/* booting.rst: text_offset counts only when image_size is set; else 0x80000. */
START_TEST(text_offset_rule)
{
	u8 *img = image(8192, 0x200000, 0x10000), *old = image(8192, 0x200000, 0);
	u8 *flat = pattern(100);

	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("a", img, 8192) }, 16 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM + 0x200000);
	ck_assert_uint_eq(info.image_mem_len, 0x10000);
	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("b", old, 8192) }, 16 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM + 0x80000);
	ck_assert_uint_eq(info.image_mem_len, 8192);
	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("c", flat, 100) }, 16 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM + 0x80000);
	in_memory(info.image, flat, 100);
	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("d", flat, 4) }, 16 * MiB), 0);
	in_memory(info.image, flat, 4);
	free(img);
	free(old);
	free(flat);
	done();
}
END_TEST

/* ---- placement ---- */

/* realm-vm.md: DTB at 0x8fe00000, or RAM end - 2 MiB below 256 MiB; initrd 4-byte aligned below. */
START_TEST(placement_by_ram_size)
{
	static const struct {
		u64 ram, dtb;
	} t[] = {
		{ 4 * MiB, 0x80200000 },   { 6 * MiB, 0x80400000 },   { 7 * MiB, 0x80600000 },
		{ 64 * MiB, 0x83e00000 },  { 255 * MiB, 0x8fe00000 }, { 256 * MiB, 0x8fe00000 },
		{ 257 * MiB, 0x8fe00000 }, { 512 * MiB, 0x8fe00000 }, { 4 * GiB, 0x8fe00000 },
	};
	u8 *k = pattern(5000), *rd = pattern(70003);
	struct boot_conf c = { .kernel = file("k", k, 5000), .initrd = file("rd", rd, 70003) };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_int_eq(load(c, t[i].ram), 0);
		ck_assert_uint_eq(info.dtb.base.a, t[i].dtb);
		ck_assert_uint_eq(info.dtb.len, 65536);
		ck_assert_ptr_nonnull(mem_load_ptr(m, info.dtb.base, info.dtb.len));
		/* ALIGN_UP(dtb - size - 4, 4) */
		ck_assert_uint_eq(info.initrd.base.a, t[i].dtb - 70004);
		in_memory(info.initrd, rd, 70003);
		zero_around(info.initrd);
		zero_around(info.image);
	}
	free(k);
	free(rd);
	done();
}
END_TEST

START_TEST(initrd_of_every_remainder)
{
	u8 *rd = pattern(4100);
	struct boot_conf c = { .kernel = file("k", rd, 64) };

	for (size_t len = 4093; len < 4100; len++) {
		c.initrd = file("rd", rd, len);
		ck_assert_int_eq(load(c, 8 * MiB), 0);
		ck_assert_uint_eq(info.initrd.base.a, ((info.dtb.base.a - len - 4) + 3) & ~3ull);
		ck_assert_uint_le(info.initrd.base.a + len, info.dtb.base.a);
		in_memory(info.initrd, rd, len);
	}
	free(rd);
	done();
}
END_TEST

/* What does not fit below 256 MiB goes to the end of RAM, by the same rule. */
START_TEST(large_payloads_use_the_end_of_ram)
{
	u8 *big = image(4096, 0, 300 * MiB), *fits = image(4096, 0, 0xfe00000), *k = pattern(64);
	struct boot_conf c = { .kernel = file("big", big, 4096) };

	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x9fe00000);
	c.kernel = file("fits", fits, 4096); /* ends where the DTB begins */
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x8fe00000);
	put64(fits + 16, 0xfe00001);
	c.kernel = file("fits", fits, 4096);
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x9fe00000);

	c = (struct boot_conf){ .kernel = file("k", k, 64), .initrd = sparse("rd", 260 * MiB) };
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x9fe00000);
	ck_assert_uint_eq(info.initrd.base.a, 0x9fe00000 - 260 * MiB - 4);
	free(big);
	free(fits);
	free(k);
	done();
}
END_TEST

/* An initrd may end up on the page after the kernel's last one, but not on the same page. */
START_TEST(payloads_do_not_share_pages)
{
	const u64 dtb = 0x80400000, kernel_end = 0x80081000; /* with 6 MiB */
	u8 *k = pattern(4096);
	struct boot_conf c = { .kernel = file("k", k, 4096) };

	capture_start();
	c.initrd = sparse("rd", dtb - kernel_end - 4);
	ck_assert_int_eq(load(c, 6 * MiB), 0);
	ck_assert_uint_eq(info.initrd.base.a, kernel_end);
	c.initrd = sparse("rd", dtb - kernel_end);
	ck_assert_int_eq(load(c, 6 * MiB), -E2BIG);
	captured_one_error("initrd overlaps with kernel image.", "--mem");
	free(k);
	done();
}
END_TEST

START_TEST(six_mib_run_a_flat_payload)
{
	u8 *k = pattern(300000);

	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("k.flat", k, 300000) }, 6 * MiB),
			 0);
	ck_assert_uint_eq(info.image.base.a, 0x80080000);
	ck_assert_uint_eq(info.dtb.base.a, 0x80400000);
	ck_assert_uint_eq(info.initrd.len, 0);
	free(k);
	done();
}
END_TEST

START_TEST(firmware_goes_to_ram_start_or_where_it_is_told)
{
	u8 *fw = image(2 * 1024 * 1024, 0x80000, 2 * MiB); /* KVMTOOL_EFI.fd has such a header */
	u8 *rd = pattern(100);
	struct boot_conf c = { .firmware = file("fw", fw, 2 * 1024 * 1024) };

	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM);
	ck_assert_uint_eq(info.dtb.base.a, 0x8fe00000);
	in_memory(info.image, fw, 2 * 1024 * 1024);

	c.has_firmware_addr = true;
	c.firmware_addr = 0x84000000;
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, 0x84000000);
	c.firmware_addr = 0x8fd00000; /* on the DTB's place */
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x9fe00000);

	capture_start();
	c.has_firmware_addr = false;
	c.initrd = file("rd", rd, 100);
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.initrd.len, 0);
	ck_assert_str_eq(captured(),
			 "  Warning: Ignoring initrd file when loading a firmware image\n");
	free(fw);
	free(rd);
	done();
}
END_TEST

START_TEST(firmware_addresses_that_are_none)
{
	u8 *fw = pattern(8192);
	struct boot_conf c = { .firmware = file("fw", fw, 8192), .has_firmware_addr = true };

	capture_start();
	c.firmware_addr = MEMMAP_RAM - 4;
	ck_assert_int_eq(load(c, 64 * MiB), -EINVAL);
	captured_one_error("Provide --firmware-address an address in RAM", "0x80000000");
	c.firmware_addr = MEMMAP_RAM + 64 * MiB;
	ck_assert_int_eq(load(c, 64 * MiB), -EINVAL);
	captured_one_error("Provide --firmware-address an address in RAM", "0x83ffffff");
	c.firmware_addr = MEMMAP_RAM + 2;
	ck_assert_int_eq(load(c, 64 * MiB), -EINVAL);
	captured_one_error("multiple of 4", "");
	c.firmware_addr = MEMMAP_RAM + 64 * MiB - 4096;
	ck_assert_int_eq(load(c, 64 * MiB), -E2BIG);
	captured_one_error("does not fit", "--mem");
	free(fw);
	done();
}
END_TEST

START_TEST(no_kernel_still_places_the_tree)
{
	ck_assert_int_eq(load((struct boot_conf){ 0 }, 512 * MiB), 0);
	ck_assert_uint_eq(info.entry.a, MEMMAP_RAM);
	ck_assert_uint_eq(info.image.len, 0);
	ck_assert_uint_eq(boot_pages(info.image).len, 0);
	ck_assert_uint_eq(info.dtb.base.a, 0x8fe00000);
	done();
}
END_TEST

/* ---- bad files: one line with the name, and an error ---- */

static void refuse(struct boot_conf c, u64 ram, int err, const char *a, const char *b)
{
	ck_assert_int_eq(load(c, ram), err);
	captured_one_error(a, b);
}

static void refuse_kernel(const char *name, const void *data, size_t len, int err, const char *why)
{
	refuse((struct boot_conf){ .kernel = file(name, data, len) }, 16 * MiB, err, name, why);
}

START_TEST(files_that_cannot_be_opened)
{
	const char *what[] = { "kernel", "initrd", "firmware" };
	u8 *k = pattern(64);
	const char *good = file("good", k, 64);

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		struct boot_conf c = { 0 };
		const char **slot = i == 0 ? &c.kernel : i == 1 ? &c.initrd : &c.firmware;

		if (i == 1)
			c.kernel = good;
		*slot = path("_NO_FILE_4Uhere_");
		refuse(c, 16 * MiB, -ENOENT, "_NO_FILE_4Uhere_: No such file or directory",
		       what[i]);
		*slot = dir;
		refuse(c, 16 * MiB, -EISDIR, "Is a directory", what[i]);
		*slot = file("empty", "", 0);
		refuse(c, 16 * MiB, -ENOEXEC, "empty", what[i]);
		*slot = "/dev/null";
		refuse(c, 16 * MiB, -EINVAL, "/dev/null is not a regular file", what[i]);
		*slot = path("fifo"); /* nobody will ever write to it */
		mkfifo(*slot, 0600);
		refuse(c, 16 * MiB, -EINVAL, "not a regular file", what[i]);
		unlink(*slot);
		*slot = file("secret", "x", 1);
		chmod(*slot, 0);
		if (access(*slot, R_OK)) /* root reads everything */
			refuse(c, 16 * MiB, -EACCES, "Permission denied", what[i]);
	}
	free(k);
	done();
}
END_TEST

/* kvm-unit-tests greps for this to tell a missing file from a failing guest. */
START_TEST(missing_kernel_in_kvmtools_words)
{
	capture_start();
	ck_assert_int_eq(load((struct boot_conf){ .kernel = "_NO_FILE_4Uhere_" }, 16 * MiB),
			 -ENOENT);
	captured_one_error("Fatal: Unable to open kernel _NO_FILE_4Uhere_", "");
	done();
}
END_TEST

START_TEST(formats_that_are_no_arm64_kernels)
{
	static const struct {
		const char *name, *bytes, *why;
		size_t len;
	} t[] = {
		{ "vmlinux", "\177ELF\2\1\1", "ELF", 7 },
		{ "k.xz",
		  "\xfd"
		  "7zXZ\0\0",
		  "unxz", 7 },
		{ "k.bz2", "BZh91AY", "bunzip2", 7 },
		{ "k.lz4", "\x02\x21\x4c\x18qqq", "lz4 -d", 7 },
		{ "k.lzo", "\x89LZOqqq", "lzop -d", 7 },
		{ "uImage", "\x27\x05\x19\x56qqq", "uImage", 7 },
		{ "k.itb", "\xd0\x0d\xfe\xedqqq", "FIT", 7 },
		{ "bzImage", "MZ\xeaqqqq", "EFI program", 7 },
	};

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		refuse_kernel(t[i].name, t[i].bytes, t[i].len, -ENOEXEC, t[i].why);
	done();
}
END_TEST

START_TEST(corrupt_and_truncated_gzip)
{
	const size_t len = 300000;
	u8 *img = image(len, 0, len);
	size_t gz_len;
	u8 *gz = gzip(img, len, &gz_len);

	capture_start();
	refuse_kernel("two.gz", gz, 2, -ENOEXEC, "truncated");
	refuse_kernel("half.gz", gz, gz_len / 2, -ENOEXEC, "truncated");
	refuse_kernel("short.gz", gz, gz_len - 1, -ENOEXEC, "truncated"); /* inside the checksum */
	gz[gz_len / 2] ^= 0x40;
	refuse_kernel("bad.gz", gz, gz_len, -ENOEXEC, "corrupt");
	gz[gz_len / 2] ^= 0x40;
	gz[gz_len - 5] ^= 1; /* CRC */
	refuse_kernel("crc.gz", gz, gz_len, -ENOEXEC, "corrupt");
	free(gz);
	gz = gzip(img, 0, &gz_len);
	refuse_kernel("nothing.gz", gz, gz_len, -ENOEXEC, "empty after decompression");
	free(gz);
	free(img);
	done();
}
END_TEST

START_TEST(corrupt_zboot)
{
	const size_t len = 300000;
	u8 *img = image(len, 0, len);
	size_t n;
	u8 *z = zstd(img, len, &n);
	struct boot_conf c = { 0 };

	capture_start();
	c.kernel = zboot("half.zboot", "zstd", z, (u32)n / 2, (u32)n / 2);
	refuse(c, 16 * MiB, -ENOEXEC, "half.zboot", "truncated");
	z[n / 2] ^= 0x40;
	z[n / 2 + 1] ^= 0x40;
	c.kernel = zboot("bad.zboot", "zstd", z, (u32)n, (u32)n);
	refuse(c, 16 * MiB, -ENOEXEC, "bad.zboot", "corrupt");
	c.kernel = zboot("magic.zboot", "zstd", img, 4096, 4096);
	refuse(c, 16 * MiB, -ENOEXEC, "magic.zboot", "corrupt");
	c.kernel = zboot("long.zboot", "gzip", z, (u32)n, (u32)n + 513);
	refuse(c, 16 * MiB, -ENOEXEC, "long.zboot", "promises more");
	c.kernel = zboot("wrap.zboot", "gzip", z, (u32)n, 0xffffffff);
	refuse(c, 16 * MiB, -ENOEXEC, "wrap.zboot", "promises more");
	c.kernel = zboot("zero.zboot", "gzip", z, (u32)n, 0);
	refuse(c, 16 * MiB, -ENOEXEC, "zero.zboot", "promises more");
	c.kernel = zboot("lz4.zboot", "lz4", z, (u32)n, (u32)n);
	refuse(c, 16 * MiB, -ENOEXEC, "'lz4'", "gzip and zstd");
	c.kernel = zboot("x.zboot", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", z, (u32)n, (u32)n);
	refuse(c, 16 * MiB, -ENOEXEC, "'?'", "gzip and zstd");
	free(z);
	free(img);
	done();
}
END_TEST

/* The EFI header of an Image says how long the file must be. */
START_TEST(truncated_image)
{
	const size_t len = 65536;
	u8 *img = image(len, 0, 2 * len);
	u8 *section = img + 64 + 24 + 240;

	memcpy(img, "MZ", 2);
	put32(img + 60, 64);
	memcpy(img + 64, "PE\0\0", 4);
	img[64 + 6] = 2; /* sections */
	img[64 + 7] = 0;
	img[64 + 20] = 240; /* optional header */
	img[64 + 21] = 0;
	put32(section + 16, 0x8000);
	put32(section + 20, 0x1000);
	put32(section + 40 + 16, 0x7000);
	put32(section + 40 + 20, 0x9000);
	ck_assert_int_eq(load((struct boot_conf){ .kernel = file("ok", img, len) }, 16 * MiB), 0);

	capture_start();
	refuse_kernel("cut1", img, len - 1, -ENOEXEC, "truncated");
	refuse_kernel("cut2", img, 0x2000, -ENOEXEC, "truncated");
	refuse_kernel("cut3", img, 64 + 24 + 240 + 41, -ENOEXEC, "truncated");
	refuse_kernel("cut4", img, 80, -ENOEXEC, "truncated");
	free(img);
	done();
}
END_TEST

START_TEST(kernels_too_big_for_ram)
{
	u8 *img = image(4096, 0, 17 * MiB), *far = image(4096, BIT(63), 4096);
	u8 *last = image(4096, 16 * MiB - 64, 64);
	struct boot_conf c = { .kernel = file("img", img, 4096) };

	capture_start();
	refuse(c, 16 * MiB, -E2BIG, "kernel image too big to contain in guest memory.", "--mem");
	put64(img + 16, UINT64_MAX);
	refuse_kernel("max", img, 4096, -E2BIG, "kernel image too big");
	refuse_kernel("far", far, 4096, -E2BIG, "guest memory too small to contain the kernel");
	refuse_kernel("last", last, 4096, -E2BIG, "kernel image too big");
	c.kernel = sparse("huge", 40 * GiB);
	refuse(c, 16 * MiB, -E2BIG, "kernel image too big", "huge");
	/* Fits to the byte, but then there is no room for the tree. */
	c.kernel = sparse("full", 16 * MiB - 0x80000);
	refuse(c, 16 * MiB, -E2BIG, "fdt overlaps with kernel image.", "full");
	c.kernel = sparse("full+1", 16 * MiB - 0x80000 + 1);
	refuse(c, 16 * MiB, -E2BIG, "kernel image too big", "full+1");
	free(img);
	free(far);
	free(last);
	done();
}
END_TEST

/* A few KiB that want to become a gigabyte stop at the end of RAM. */
START_TEST(decompression_bombs)
{
	const size_t len = 64 * MiB;
	u8 *zeros = calloc(1, len);
	size_t gz_len, zst_len;
	u8 *gz = gzip(zeros, len, &gz_len), *zst = zstd(zeros, len, &zst_len);

	capture_start();
	refuse_kernel("bomb.gz", gz, gz_len, -E2BIG, "kernel image too big");
	refuse_kernel("bomb.zst", zst, zst_len, -E2BIG, "kernel image too big");
	free(zeros);
	free(gz);
	free(zst);
	done();
}
END_TEST

START_TEST(initrds_too_big_for_ram)
{
	u8 *k = pattern(4096);
	struct boot_conf c = { .kernel = file("k", k, 4096) };

	capture_start();
	c.initrd = sparse("rd", 16 * MiB);
	refuse(c, 16 * MiB, -E2BIG, "initrd too big to contain in guest memory.", "rd");
	c.initrd = sparse("rd", 4096 * GiB);
	refuse(c, 16 * MiB, -E2BIG, "initrd too big", "rd");
	free(k);
	done();
}
END_TEST

START_TEST(ram_too_small)
{
	u8 *k = pattern(4096), *img = image(4096, 0, 8192);
	struct boot_conf c = { .kernel = file("k", k, 4096) };

	capture_start();
	refuse(c, 512 * KiB, -E2BIG, "guest memory too small to contain the kernel", "--mem");
	refuse(c, 2 * MiB, -E2BIG, "no room for the device tree", "--mem");
	ck_assert_int_eq(load(c, 4 * MiB), 0);
	c.kernel = file("img", img, 4096); /* wants to lie where the DTB must */
	refuse(c, 2 * MiB + 64 * KiB, -E2BIG, "fdt overlaps with kernel image.", "--mem");
	free(k);
	free(img);
	done();
}
END_TEST

SUITE_MAIN("arm64/boot", all_formats_give_the_same_bytes, text_offset_rule, placement_by_ram_size,
	   initrd_of_every_remainder, large_payloads_use_the_end_of_ram,
	   payloads_do_not_share_pages, six_mib_run_a_flat_payload,
	   firmware_goes_to_ram_start_or_where_it_is_told, firmware_addresses_that_are_none,
	   no_kernel_still_places_the_tree, files_that_cannot_be_opened,
	   missing_kernel_in_kvmtools_words, formats_that_are_no_arm64_kernels,
	   corrupt_and_truncated_gzip, corrupt_zboot, truncated_image, kernels_too_big_for_ram,
	   decompression_bombs, initrds_too_big_for_ram, ram_too_small)
