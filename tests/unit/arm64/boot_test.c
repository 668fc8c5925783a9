/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader: formats and placement. */
#include "lkvm/base/cpio.h"
#include "tests/unit/arm64/loader.h"

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

/* What is appended begins at a multiple of four bytes behind the beginning, with zeros in front. */
START_TEST(files_behind_an_initrd)
{
	u8 *rd = pattern(4100), *want = malloc(8192);
	struct cpio *more = cpio_create();
	struct boot_conf c = { .kernel = file("k", rd, 64), .more = more };

	ck_assert_int_eq(load(c, 8 * MiB), 0);
	ck_assert_uint_eq(info.initrd.len, 0);
	ck_assert_int_eq(cpio_add_bytes(more, "t", "/a", "xyz", 3, 0600), 0);
	ck_assert_int_eq(load(c, 8 * MiB), 0);
	ck_assert_uint_eq(info.initrd.len, cpio_size(more));
	ck_assert_int_eq(cpio_write(more, want), 0);
	in_memory(info.initrd, want, cpio_size(more));
	for (size_t len = 4093; len < 4100; len++) {
		size_t gap = (4 - len % 4) % 4;

		c.initrd = file("rd", rd, len);
		ck_assert_int_eq(load(c, 8 * MiB), 0);
		ck_assert_uint_eq(info.initrd.base.a % 4, 0);
		memset(want, 0, 8192);
		memcpy(want, rd, len);
		ck_assert_int_eq(cpio_write(more, want + len + gap), 0);
		ck_assert_uint_eq(info.initrd.len, len + gap + cpio_size(more));
		in_memory(info.initrd, want, info.initrd.len);
		zero_around(info.initrd);
	}
	capture_start();
	c = (struct boot_conf){ .firmware = file("f", rd, 64), .more = more };
	ck_assert_int_eq(load(c, 8 * MiB), 0);
	ck_assert_uint_eq(info.initrd.len, 0);
	ck_assert_ptr_nonnull(strstr(captured(), "Ignoring initrd file"));
	cpio_destroy(more);
	free(rd);
	free(want);
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
	c.kernel = file("k", k, 100); /* the same page, but no byte of it */
	ck_assert_int_eq(load(c, 6 * MiB), -E2BIG);
	captured_one_error("initrd overlaps with kernel image.", "--mem");
	free(k);
	done();
}
END_TEST

/* realm-vm.md: the log just before 0x90000000 or the end of RAM, the tree as without one. */
START_TEST(a_log_is_behind_the_tree)
{
	static const struct {
		u64 ram, dtb, log;
	} t[] = {
		{ 4 * MiB, 0x80200000, 0x803f0000 },
		{ 64 * MiB, 0x83e00000, 0x83ff0000 },
		{ 256 * MiB, 0x8fe00000, 0x8fff0000 },
		{ 4 * GiB, 0x8fe00000, 0x8fff0000 },
	};
	u8 *k = pattern(5000), *big = image(4096, 0, 256 * MiB);
	struct boot_conf c = { .kernel = file("k", k, 5000), .log = true };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_int_eq(load(c, t[i].ram), 0);
		ck_assert_uint_eq(info.dtb.base.a, t[i].dtb);
		ck_assert_uint_eq(info.log.base.a, t[i].log);
		ck_assert_uint_eq(info.log.len, 65536);
	}
	c.kernel = file("big", big, 4096);
	ck_assert_int_eq(load(c, 512 * MiB), 0);
	ck_assert_uint_eq(info.log.base.a, 0x9fff0000);
	/* Firmware where the log is to be: there is only one place below 256 MiB. */
	c = (struct boot_conf){ .firmware = c.kernel,
				.has_firmware_addr = true,
				.firmware_addr = 0x8fff0000,
				.log = true };
	capture_start();
	ck_assert_int_eq(load(c, 256 * MiB), -E2BIG);
	captured_one_error("measurement log overlaps with kernel image.", "--mem");
	c.log = false;
	ck_assert_int_eq(load(c, 256 * MiB), 0);
	ck_assert_uint_eq(info.log.len, 0);
	free(k);
	free(big);
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

SUITE_MAIN("arm64/boot", all_formats_give_the_same_bytes, text_offset_rule, placement_by_ram_size,
	   files_behind_an_initrd, initrd_of_every_remainder, large_payloads_use_the_end_of_ram,
	   payloads_do_not_share_pages, a_log_is_behind_the_tree, six_mib_run_a_flat_payload,
	   firmware_goes_to_ram_start_or_where_it_is_told, no_kernel_still_places_the_tree)
