/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are no arm64 kernels: what they are instead, by their first bytes. Any thread.
 */
#ifndef ARM64_IMAGE_KIND_H
#define ARM64_IMAGE_KIND_H

#include "lkvm/base/util.h"

/* So many bytes are enough to know all kinds. */
#define IMAGE_LOOK_LEN 4096

/*
 * NULL if the `len` bytes may be code. Otherwise what they are and what to use instead, as the rest
 * of a sentence about the file: "is an ELF file (vmlinux?): use arch/arm64/boot/Image".
 */
const char *image_foreign(const u8 *head, size_t len);

#endif
