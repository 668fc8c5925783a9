/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats by their magic numbers: each of them, none of them, too short to be one. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "virtio/disk/disk_formats.h"

#define SIZE (64 * KiB)

/* A file of zeroes but for `bytes` at `off`. */
static int file(u64 off, const char *bytes, size_t len)
{
	int fd = memfd_create("image", 0);

	ck_assert_int_eq(ftruncate(fd, SIZE), 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, (off_t)off), (ssize_t)len);
	return fd;
}

static const char *name_of(int fd, u64 size, bool hybrid)
{
	const struct disk_look *f = disk_format_of(fd, size, hybrid);

	ck_assert_ptr_nonnull(f);
	ck_assert(*f->advice);
	return f->name;
}

START_TEST(known)
{
	static const struct {
		const char *name;
		u64 off;
		size_t len;
		const char *bytes;
	} cases[] = {
		{ "qcow", 0, 8, "QFI\xfb\0\0\0\1" },
		{ "qcow2", 0, 8, "QFI\xfb\0\0\0\2" },
		{ "qcow2", 0, 8, "QFI\xfb\0\0\0\3" },
		{ "QED", 0, 4, "QED\0" },
		{ "VHDX", 0, 8, "vhdxfile" },
		{ "VHD", 0, 8, "conectix" },
		{ "VHD", SIZE - 512, 8, "conectix" },
		{ "VMDK", 0, 4, "KDMV" },
		{ "VMDK", 0, 21, "# Disk DescriptorFile" },
		{ "VDI", 64, 4, "\x7f\x10\xda\xbe" },
		{ "Parallels", 0, 16, "WithouFreSpacExt" },
		{ "DMG", SIZE - 512, 4, "koly" },
		{ "gzip", 0, 4, "\x1f\x8b\x08\x08" },
		{ "xz", 0, 6, "\xfd\x37\x7a\x58\x5a\0" },
		{ "zstd", 0, 4, "\x28\xb5\x2f\xfd" },
		{ "bzip2", 0, 10, "BZh91AY&SY" },
		{ "lz4", 0, 4, "\x04\x22\x4d\x18" },
		{ "zip", 0, 4, "PK\3\4" },
		{ "7z", 0, 6, "\x37\x7a\xbc\xaf\x27\x1c" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = file(cases[i].off, cases[i].bytes, cases[i].len);

		ck_assert_str_eq(name_of(fd, SIZE, false), cases[i].name);
		close(fd);
		/* Elsewhere it is data. */
		fd = file(cases[i].off + 512 < SIZE ? cases[i].off + 512 : 512, cases[i].bytes,
			  cases[i].len);
		ck_assert_ptr_null(disk_format_of(fd, SIZE, true));
		close(fd);
	}
}
END_TEST

/* Partition tables and file systems are what disks are made of. */
START_TEST(raw)
{
	int fd = file(510, "\x55\xaa", 2);

	ck_assert_ptr_null(disk_format_of(fd, SIZE, true));
	ck_assert_int_eq(pwrite(fd, "EFI PART", 8, 512), 8);
	ck_assert_ptr_null(disk_format_of(fd, SIZE, true));
	/* With an ISO file system beside, it was made to be read. */
	ck_assert_int_eq(pwrite(fd, "CD001", 5, 32769), 5);
	ck_assert_str_eq(name_of(fd, SIZE, true), "ISO 9660 with partitions");
	ck_assert_ptr_null(disk_format_of(fd, SIZE, false));
	/* An ISO file system alone is one of the things that a disk can have. */
	ck_assert_int_eq(pwrite(fd, "\0\0", 2, 510), 2);
	ck_assert_ptr_null(disk_format_of(fd, SIZE, true));
	close(fd);
}
END_TEST

START_TEST(odd)
{
	int fd = file(0, "QFI\xfb\0\0\0\3", 8);

	ck_assert_ptr_null(disk_format_of(fd, 511, true));
	ck_assert_str_eq(name_of(fd, 512, true), "qcow2");
	/* Larger than it is. */
	ck_assert_ptr_null(disk_format_of(fd, 2 * SIZE, true));
	close(fd);
	ck_assert_ptr_null(disk_format_of(fd, SIZE, true));
}
END_TEST

SUITE_MAIN("virtio/disk_formats", known, raw, odd)
