/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw mode of the terminal that lkvm was started on, and its restoration on every way out: by call,
 * at exit(), by fatal signals, and by SIGTSTP as long as lkvm is stopped. There is one such
 * terminal. Main thread, the console's loop, or (restoring it before the process ends) the warden.
 */
#ifndef LKVM_TERMINAL_H
#define LKVM_TERMINAL_H

#include "lkvm/base/calls.h"

/* What a terminal asks of the kernel. */
extern const struct calls terminal_calls;

/*
 * Put the terminal `fd` in raw mode, and remember the modes that it had before the first call. A
 * call more is for a SIGCONT, after which the shell may have changed them. Our log lines end in CR
 * LF from then on. `fd` stays the caller's, and open until terminal_restore(). 1: it is raw now; 0:
 * it is not, because lkvm is a background job of that terminal; or -errno.
 */
int terminal_raw(int fd);

/*
 * Before terminal_raw(): have fatal signals restore the modes, and SIGTSTP, unless that was ignored
 * at the start. After a SIGTSTP comes a SIGCONT, upon which terminal_raw() is called again. Main,
 * before other threads.
 */
void terminal_prepare(void);

/* Put the terminal back in the modes that it had. Nothing happens if it is not raw. */
void terminal_restore(void);

/* The same for signal handlers: async-signal-safe, with all signals blocked. */
void terminal_restore_now(void);

/*
 * The size of the window in characters. False: `fd` is no terminal, or does not know, and nothing
 * is written. Any thread.
 */
bool terminal_size(int fd, u16 *cols, u16 *rows);

#endif
