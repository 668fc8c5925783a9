/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors of our own for a console. Main thread.
 */
#ifndef LKVM_CONSOLE_FDS_H
#define LKVM_CONSOLE_FDS_H

#include "lkvm/base/util.h"

/*
 * Open a descriptor of our own for what `fd` is open on, with `mode` (O_RDONLY, O_WRONLY).
 * *blocking: reads and writes of it may block. An `fd` that is open for reading only stays so, and
 * writing fails. Returns the descriptor, or -errno. The caller closes both.
 */
int fds_own(int fd, int mode, bool *blocking);

/* Are two descriptors open on the same file, terminal or pipe? */
bool fds_same(int a, int b);

/*
 * A new pty in raw mode, its name in `name`: two descriptors of the master, and the slave, which
 * stays open, because without one the master would report a hang-up for ever. 0 or -errno; the
 * caller closes what is not -1 (which all three were before), also on error.
 */
int fds_pty(int *in, int *out, int *slave, char *name, size_t size);

#endif
