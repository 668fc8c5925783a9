/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small things that are done with files.
 */
#ifndef LKVM_FILE_H
#define LKVM_FILE_H

#include "lkvm/base/util.h"

/*
 * The bytes of a file, pipe or whatever can be read; "-" is the standard input. How many they are,
 * or -errno: -E2BIG if there are more than `size`, of which `size` then are in `buf`. Without a
 * message. Main thread.
 */
int file_read(const char *path, void *buf, size_t size);

/*
 * Give [off, off + len) of a file back to the host: it reads as zeros, and the file stays as long
 * as it is. 0 or -errno, never -EINTR. Any thread.
 */
int file_punch(int fd, u64 off, u64 len);

#endif
