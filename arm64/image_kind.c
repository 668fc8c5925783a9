/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that people give as a kernel by mistake, and that would be silent if they were started.
 *
 * Thread: any.
 * Trust:  the bytes may be anything; nothing but their beginning is looked at.
 * Spec:   Arm ARM DDI 0487 C6.2 (UDF: what no CPU runs).
 */
#include "arm64/image_kind.h"

#include <string.h>

static const struct {
	const char *magic;
	u16 len, off;
	const char *what;
} kinds[] = {
	{ "\177ELF", 4, 0, "is an ELF file (vmlinux?): use arch/arm64/boot/Image" },
	{ "\x89LZO", 4, 0, "is lzo-compressed: unpack it first (lzop -d)" },
	{ "LZIP", 4, 0, "is lzip-compressed: unpack it first (lzip -d)" },
	{ "\x1f\x9d", 2, 0, "is compressed by compress(1): unpack it first (uncompress)" },
	{ "7z\xbc\xaf\x27\x1c", 6, 0, "is a 7z archive: unpack it first" },
	{ "PK\3\4", 4, 0, "is a zip archive: unpack it first (unzip)" },
	{ "ustar", 5, 257, "is a tar archive: unpack it first (tar -x)" },
	{ "!<arch>\n", 8, 0, "is a package or a library: unpack it first (dpkg-deb -x)" },
	{ "\xed\xab\xee\xdb", 4, 0, "is an RPM package: unpack it first (rpm2cpio)" },
	{ "07070", 5, 0, "is a cpio archive: give it as --initrd" },
	{ "\x27\x05\x19\x56", 4, 0, "is a U-Boot uImage: use the plain Image" },
	{ "\xd0\x0d\xfe\xed", 4, 0, "is a FIT image or device tree: use the plain Image" },
	{ "ANDROID!", 8, 0, "is an Android boot image: take the Image out of it (unpack_bootimg)" },
	{ "\x18\x28\x6f\x01", 4, 36, "is a kernel for 32-bit Arm: use an arm64 Image" },
	{ "RSC\x05", 4, 56, "is a kernel for RISC-V: use an arm64 Image" },
	{ "HdrS", 4, 514, "is a kernel for x86: use an arm64 Image" },
	{ "MZ", 2, 0, "is an EFI program, but not an arm64 kernel: use an arm64 Image" },
	{ "QFI\xfb", 4, 0, "is a qcow2 disk image: give it as --disk" },
	{ "QED\0", 4, 0, "is a QED disk image, not a kernel" },
	{ "KDMV", 4, 0, "is a VMDK disk image, not a kernel" },
	{ "COWD", 4, 0, "is a VMDK disk image, not a kernel" },
	{ "vhdxfile", 8, 0, "is a VHDX disk image, not a kernel" },
	{ "\x7f\x10\xda\xbe", 4, 64, "is a VDI disk image, not a kernel" },
	{ "conectix", 8, 0, "is a VHD disk image, not a kernel" },
	{ "hsqs", 4, 0, "is a squashfs file system: give it as --disk" },
	{ "EFI PART", 8, 512, "is a disk image with partitions: give it as --disk" },
	{ "XFSB", 4, 0, "is an XFS file system: give it as --disk" },
	{ "NTFS    ", 8, 3, "is an NTFS file system, not a kernel" },
	{ "EXFAT   ", 8, 3, "is an exFAT file system, not a kernel" },
	{ "FAT12   ", 8, 54, "is a FAT file system: give it as --disk" },
	{ "FAT16   ", 8, 54, "is a FAT file system: give it as --disk" },
	{ "FAT32   ", 8, 82, "is a FAT file system: give it as --disk" },
	{ "LUKS\xba\xbe", 6, 0, "is an encrypted disk, not a kernel" },
	{ "_FVH", 4, 40, "is UEFI firmware: give it as --firmware" },
	{ "\x01\0\x64\xaa", 4, 0, "is a firmware package (FIP) of TF-A, not a kernel" },
	{ "VNDRBOOT", 8, 0, "is an Android boot image without a kernel" },
	{ "\x3a\xff\x26\xed", 4, 0, "is a sparse Android image: use an arm64 Image" },
	{ "\xcf\xfa\xed\xfe", 4, 0, "is a program for macOS: use an arm64 Image" },
	{ "LRZI", 4, 0, "is lrzip-compressed: unpack it first (lrunzip)" },
	{ "Rar!", 4, 0, "is a rar archive: unpack it first" },
	{ "%PDF-", 5, 0, "is a PDF document: use an arm64 Image" },
};

/*
 * Code has bytes that no text has; a file too short to tell is let through. Text in other scripts
 * (a web page instead of the file) has bytes beyond ASCII, but hardly begins with them.
 */
static bool is_text(const u8 *head, size_t len)
{
	const size_t enough = 16;

	if (len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3)) { /* the mark of UTF-8 */
		head += 3;
		len -= 3;
	}
	for (size_t i = 0; i < len; i++) {
		u8 c = head[i];

		if (c < ' ' ? c != '\n' && c != '\t' && c != '\r' && c != '\f' : c == 0x7f)
			return false;
		if (c > '~' && i < enough)
			return false;
	}
	return len >= enough;
}

/* A boot sector of a PC: its mark, and a table of partitions, each active or not. */
static bool is_mbr(const u8 *head, size_t len)
{
	bool used = false;

	if (len < 512 || head[510] != 0x55 || head[511] != 0xaa)
		return false;
	for (size_t at = 446; at < 510; at += 16) {
		if (head[at] & 0x7f)
			return false;
		used |= head[at + 4] != 0;
	}
	return used;
}

const char *image_foreign(const u8 *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (len >= (size_t)kinds[i].off + kinds[i].len &&
		    !memcmp(head + kinds[i].off, kinds[i].magic, kinds[i].len))
			return kinds[i].what;
	}
	if (is_mbr(head, len))
		return "is a disk image with partitions: give it as --disk";
	/* UDF has zeros in its upper half: the first instruction would be the last. */
	if (len >= 4 && !head[2] && !head[3])
		return "does not start with code, as a kernel does (is it a disk image?): use an arm64 Image";
	if (is_text(head, len))
		return "is a text file: use an arm64 Image";
	return NULL;
}
