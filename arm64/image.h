/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a kernel image: what format a file has, and its bytes, decompressed, in order.
 *
 * Plain files, compressed ones (unpack.h), EFI zboot, and each of them inside another. Nothing is
 * buffered as a whole: the decompressed bytes go straight to where the caller wants them. Main
 * thread: it waits for the disk.
 */
#ifndef ARM64_IMAGE_H
#define ARM64_IMAGE_H

#include "lkvm/base/util.h"

struct image;

/* The header of an arm64 Image. [Linux Documentation/arch/arm64/booting.rst] */
#define IMAGE_HEADER_LEN 64
#define IMAGE_TEXT_OFFSET_DEFAULT 0x80000

struct image_header {
	bool present;	 /* otherwise a flat binary */
	u64 text_offset; /* resolved: never "see the rule for image_size 0" */
	u64 image_size;	 /* memory it wants from text_offset on, or 0: unknown */
	u32 page_size;	 /* that the kernel was built for; 0: unknown. It runs with no other */
	bool big_endian;
};

/* What a file without an Image header is taken for. */
enum image_take {
	IMAGE_OR_FLAT,	/* a flat binary */
	IMAGE_WANTED,	/* a flat binary, but probably by mistake: the loader warns */
	IMAGE_AS_IT_IS, /* any file is a flat binary: nothing in it is looked at */
};

/*
 * Open the image in the file `fd` of `size` bytes, which is the image's own from then on, also
 * after an error. `name` is for messages and outlives the image. 0; -ENOEXEC after one log_error()
 * line: a format that cannot be booted; -ENOMEM.
 */
int image_open(struct image **out, int fd, u64 size, const char *name, enum image_take take);

/* Close the file. Takes NULL. */
void image_close(struct image *im);

/*
 * Read the next `len` bytes of the contents to `buf`: *got bytes, fewer than `len` at the end only.
 * 0; after one log_error() line -ENOEXEC (corrupt, truncated) or -EIO.
 */
int image_read(struct image *im, void *buf, u64 len, u64 *got);

/* Look at the first `len` bytes of the contents; `len` may be less than IMAGE_HEADER_LEN. */
struct image_header image_header(const void *first, u64 len);

/*
 * Does an Image of `len` bytes hold all the sections that its EFI header lists? True without one.
 * Only a file that was cut short, by a full disk or a broken download, answers false.
 */
bool image_is_whole(const void *data, u64 len);

#endif
