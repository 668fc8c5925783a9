/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a large file of the user's into memory that is there already. Main thread: it waits for
 * the disk.
 */
#ifndef LKVM_INFILE_H
#define LKVM_INFILE_H

#include "lkvm/base/util.h"

/*
 * Read exactly the bytes [off, off + len) of the regular file `fd` (without O_NONBLOCK) to `dst`.
 * The file's own position stays where it is. `name` is for the message. 0, or -EIO after one
 * log_error() line, also when the file has become shorter. After an error `dst` may have been
 * written to.
 */
int infile_read(int fd, const char *name, void *dst, u64 len, u64 off);

#endif
