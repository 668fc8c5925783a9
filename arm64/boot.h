/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader: files of the user into guest memory, before the first vCPU runs.
 *
 * Where things go (the rule of kvmtool and of the public Realm-VM layout):
 *
 *   kernel    RAM start + text_offset of the Image header; 0x80000 without a header, or when its
 *             image_size is 0
 *   firmware  RAM start, or the address the user gives
 *   window    the first min(RAM, 256 MiB) of RAM
 *   DTB       64 KiB, zero-padded, at ALIGN_UP(window end - 64 KiB - 2 MiB, 2 MiB):
 *             0x8fe00000 for 256 MiB and more
 *   initrd    ALIGN_UP(DTB - length - 4, 4): 4-byte aligned, directly below the DTB
 *   log       if asked for: the last 64 KiB of the window, and the DTB below it by the same rule
 *
 * If kernel, initrd and DTB do not fit into the window, the window is all of RAM. The bytes around
 * the initrd are zero up to page boundaries, and no two of them share a 4 KiB page: a Realm is
 * populated with whole pages, and the verifiers expect the initrd at its 4-byte aligned place
 * inside them. `struct boot_info` gives both views.
 *
 * What --add-file has put together is appended to the initrd, at the next multiple of four bytes:
 * the kernel unpacks one archive after the other, whatever the first is compressed with.
 *
 * Kernel formats: Image, also compressed (gzip, zstd, xz, lzma, lz4, bzip2), EFI zboot, and what
 * may be code: a flat binary.
 */
#ifndef ARM64_BOOT_H
#define ARM64_BOOT_H

#include "arm64/image.h"
#include "lkvm/base/gpa.h"

struct cpio;
struct mem;

#define BOOT_DTB_SIZE (64 * KiB)
#define BOOT_LOG_SIZE (64 * KiB)
#define BOOT_PAGE (4 * KiB)

struct boot_conf {
	const char *kernel;	 /* file, or NULL: nothing, or firmware */
	enum image_take take;	 /* what the kernel may be */
	const char *firmware;	 /* file, or NULL; not together with kernel */
	const char *initrd;	 /* file, or NULL; ignored with a warning when there is firmware */
	const struct cpio *more; /* behind it, or alone; NULL or empty: nothing. Likewise ignored */
	bool has_firmware_addr;
	u64 firmware_addr; /* where, if has_firmware_addr */
	bool aarch32;	   /* a 32-bit kernel: 32 KiB into RAM [Linux arm/booting.rst] */
	u64 ram_base;
	u64 ram_size;
	bool log; /* leave room for a measurement log */
};

struct boot_span {
	gpa_t base;
	u64 len; /* 0: absent */
};

struct boot_info {
	gpa_t entry;		/* pc of vCPU 0; its x0 is dtb.base */
	struct boot_span image; /* kernel or firmware: bytes of the file, decompressed */
	u64 image_mem_len;	/* with the zero tail its header asks for; >= image.len */
	u32 page_size;		/* that the kernel was built for; 0: not known */
	bool big_endian;	/* so is the kernel */
	bool headless;		/* the kernel is a flat binary */
	struct boot_span initrd;
	struct boot_span dtb; /* always BOOT_DTB_SIZE; filled by the caller */
	struct boot_span log; /* BOOT_LOG_SIZE or absent; filled by the caller */
};

/*
 * Load the files through mem_load_ptr() and say where everything is. Without kernel and firmware
 * only the DTB is placed (entry = RAM start). Main thread, before mem_seal(). On error one
 * log_error names the file and what to do, and the result is -errno: -ENOENT, -EACCES, ... of
 * open(2), -EISDIR, -ENOEXEC (empty, corrupt, unsupported compression), -E2BIG (does not fit),
 * -EINVAL (firmware address), -EIO. `*out` is then undefined.
 */
int boot_load(struct mem *m, const struct boot_conf *c, struct boot_info *out);

/*
 * The pages that `s` touches: its base rounded down and its end rounded up to BOOT_PAGE. Any
 * thread.
 */
struct boot_span boot_pages(struct boot_span s);

#endif
