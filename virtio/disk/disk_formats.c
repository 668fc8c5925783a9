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
	const char *name;
	bool in_tail; /* `off` is in the last 512 bytes of the file, not in the first ones */
	u8 off, len;
	char bytes[22];
};

static const struct magic magics[] = {
	{ "qcow", false, 0, 8, "QFI\xfb\0\0\0\1" },
	{ "qcow2", false, 0, 4, "QFI\xfb" },
	{ "QED", false, 0, 4, "QED\0" },
	{ "VHDX", false, 0, 8, "vhdxfile" },
	{ "VHD", false, 0, 8, "conectix" },
	{ "VHD", true, 0, 8, "conectix" },
	{ "VMDK", false, 0, 4, "KDMV" },
	{ "VMDK", false, 0, 4, "COWD" },
	{ "VMDK", false, 0, 21, "# Disk DescriptorFile" },
	{ "VDI", false, 64, 4, "\x7f\x10\xda\xbe" },
	{ "Parallels", false, 0, 16, "WithoutFreeSpace" },
	{ "Parallels", false, 0, 16, "WithouFreSpacExt" },
	{ "DMG", true, 0, 4, "koly" },
};

static bool is_hybrid(int fd, const u8 *head)
{
	char id[5];

	return head[BOOT_OFF] == 0x55 && head[BOOT_OFF + 1] == 0xaa &&
	       pread(fd, id, sizeof(id), ISO_OFF) == sizeof(id) && !memcmp(id, "CD001", sizeof(id));
}

const char *disk_format_of(int fd, u64 size, bool hybrid)
{
	u8 head[HEAD], tail[TAIL];

	if (size < HEAD || pread(fd, head, HEAD, 0) != HEAD ||
	    pread(fd, tail, TAIL, (off_t)(size - TAIL)) != TAIL)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];

		if (!memcmp((m->in_tail ? tail : head) + m->off, m->bytes, m->len))
			return m->name;
	}
	return hybrid && is_hybrid(fd, head) ? "ISO 9660 with partitions" : NULL;
}
