/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small files of the user's. Main thread.
 */
#ifndef LKVM_FILE_H
#define LKVM_FILE_H

#include "lkvm/base/util.h"

/*
 * The bytes of a file, pipe or whatever can be read; "-" is the standard input. How many they are,
 * or -errno: -E2BIG if there are more than `size`, of which `size` then are in `buf`. Without a
 * message.
 */
int file_read(const char *path, void *buf, size_t size);

#endif
