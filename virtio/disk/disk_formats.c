/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which format does a file seem to be in?
 *
 * Thread: any.
 * Trust:  the file may be a guest's own work. So the answer never makes anybody read it in that
 *         format, it only keeps lkvm from taking it for raw without being told: a guest that writes
 *         such a number onto its disk gets a line at its next start.
 */
#include "virtio/disk/disk_formats.h"

#include <string.h>
#include <unistd.h>

#define HEAD 512u
#define TAIL 512u

/* Boot sector of a PC, and first volume descriptor of ISO 9660. */
#define BOOT_OFF 510u
#define ISO_OFF 32769u

struct magic {
	struct disk_look format;
	bool in_tail; /* `off` is in the last 512 bytes of the file, not in the first ones */
	u8 off, len;
	char bytes[22];
};

#define CONVERT "convert it (qemu-img)"

static const struct disk_look iso = { "ISO 9660 with partitions",
				      "'ro' keeps the guest from writing to it" };

/* clang-format off */
static const struct magic magics[] = {
	{ { "qcow", CONVERT }, false, 0, 8, "QFI\xfb\0\0\0\1" },
	{ { "qcow2", "'format=qcow2' reads it" }, false, 0, 4, "QFI\xfb" },
	{ { "QED", CONVERT }, false, 0, 4, "QED\0" },
	{ { "VHDX", CONVERT }, false, 0, 8, "vhdxfile" },
	{ { "VHD", CONVERT }, false, 0, 8, "conectix" },
	{ { "VHD", CONVERT }, true, 0, 8, "conectix" },
	{ { "VMDK", CONVERT }, false, 0, 4, "KDMV" },
	{ { "VMDK", CONVERT }, false, 0, 4, "COWD" },
	{ { "VMDK", CONVERT }, false, 0, 21, "# Disk DescriptorFile" },
	{ { "VDI", CONVERT }, false, 64, 4, "\x7f\x10\xda\xbe" },
	{ { "Parallels", CONVERT }, false, 0, 16, "WithoutFreeSpace" },
	{ { "Parallels", CONVERT }, false, 0, 16, "WithouFreSpacExt" },
	{ { "DMG", CONVERT }, true, 0, 4, "koly" },
	/* As images are handed out. */
	{ { "gzip", "unpack it (gzip -d)" }, false, 0, 3, "\x1f\x8b\x08" },
	{ { "xz", "unpack it (xz -d)" }, false, 0, 6, "\xfd" "7zXZ\0" },
	{ { "zstd", "unpack it (zstd -d)" }, false, 0, 4, "\x28\xb5\x2f\xfd" },
	{ { "bzip2", "unpack it (bzip2 -d)" }, false, 4, 6, "1AY&SY" },
	{ { "lz4", "unpack it (lz4 -d)" }, false, 0, 4, "\x04\x22\x4d\x18" },
	{ { "zip", "unpack it (unzip)" }, false, 0, 4, "PK\3\4" },
	{ { "7z", "unpack it (7z x)" }, false, 0, 6, "7z\xbc\xaf\x27\x1c" },
};
/* clang-format on */

static bool is_hybrid(int fd, const u8 *head)
{
	char id[5];

	return head[BOOT_OFF] == 0x55 && head[BOOT_OFF + 1] == 0xaa &&
	       pread(fd, id, sizeof(id), ISO_OFF) == sizeof(id) && !memcmp(id, "CD001", sizeof(id));
}

const struct disk_look *disk_format_of(int fd, u64 size, bool hybrid)
{
	u8 head[HEAD], tail[TAIL];

	if (size < HEAD || pread(fd, head, HEAD, 0) != HEAD ||
	    pread(fd, tail, TAIL, (off_t)(size - TAIL)) != TAIL)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];

		if (!memcmp((m->in_tail ? tail : head) + m->off, m->bytes, m->len))
			return &m->format;
	}
	return hybrid && is_hybrid(fd, head) ? &iso : NULL;
}
