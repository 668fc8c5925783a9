/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader and bad files: one line that names the file and says what to do, and an error. */
#include "tests/unit/arm64/loader.h"

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
	captured_one_error("  Fatal: Unable to open kernel _NO_FILE_4Uhere_", "");
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
	c.kernel = zboot("lzo.zboot", "lzo", z, (u32)n, (u32)n);
	refuse(c, 16 * MiB, -ENOEXEC, "'lzo'", "cannot unpack");
	c.kernel = zboot("x.zboot", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", z, (u32)n, (u32)n);
	refuse(c, 16 * MiB, -ENOEXEC, "'?'", "cannot unpack");
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
	/* Tables that lie far outside the file, and outside RAM. */
	img[64 + 6] = img[64 + 7] = 0xff;
	memset(section, 0, len - (size_t)(section - img));
	refuse_kernel("sections", img, len, -ENOEXEC, "truncated");
	put32(img + 60, 0xfffffff0);
	refuse_kernel("header", img, len, -ENOEXEC, "truncated");
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
	c.take = IMAGE_AS_IT_IS;
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

	memset(zeros, 0x1f, 4); /* no file of zeros is unpacked at all */

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
	/* All of RAM below the tree, and four bytes less. */
	c = (struct boot_conf){ .initrd = sparse("rd", 14 * MiB) };
	refuse(c, 16 * MiB, -E2BIG, "initrd too big", "rd");
	c.initrd = sparse("rd", 14 * MiB - 4);
	ck_assert_int_eq(load(c, 16 * MiB), 0);
	ck_assert_uint_eq(info.initrd.base.a, MEMMAP_RAM);
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

SUITE_MAIN("arm64/boot_bad", files_that_cannot_be_opened, missing_kernel_in_kvmtools_words,
	   formats_that_are_no_arm64_kernels, corrupt_and_truncated_gzip, corrupt_zboot,
	   truncated_image, kernels_too_big_for_ram, decompression_bombs, initrds_too_big_for_ram,
	   ram_too_small, firmware_addresses_that_are_none)
