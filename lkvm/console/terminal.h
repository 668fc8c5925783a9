/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw mode of the terminal that lkvm was started on, and its restoration on every way out: by call,
 * at exit(), and by fatal signals. There is one such terminal. Main thread, the console's loop, or
 * (restoring it before the process ends) the warden.
 */
#ifndef LKVM_TERMINAL_H
#define LKVM_TERMINAL_H

#include "lkvm/base/util.h"

/*
 * Put `fd` in raw mode (again: after a SIGCONT the shell may have changed it) and remember how it
 * was at the first time. `fd` stays open until terminal_restore(). 1: raw now, 0: not, because lkvm
 * is a background job of that terminal; or -errno.
 */
int terminal_raw(int fd);

/* Back to how it was. No-op if it is not raw. */
void terminal_restore(void);

/* Window size in characters; false if `fd` is no terminal or does not know. Any thread. */
bool terminal_size(int fd, u16 *cols, u16 *rows);

#endif
