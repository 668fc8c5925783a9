/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a large file of the user's into memory that is there already. Main thread.
 */
#ifndef LKVM_INFILE_H
#define LKVM_INFILE_H

#include "lkvm/base/util.h"

/*
 * Read exactly `len` bytes at `off` of the regular file `fd` (without O_NONBLOCK) to `dst`. `name`
 * is for the message. -EIO after one log_error(): a file that shrinks under us is as bad as a disk
 * error.
 */
int infile_read(int fd, const char *name, void *dst, u64 len, u64 off);

#endif
