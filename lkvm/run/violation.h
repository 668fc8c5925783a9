/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of lkvm by a system call that is not allowed.
 */
#ifndef LKVM_VIOLATION_H
#define LKVM_VIOLATION_H

#include <stdbool.h>

/*
 * From now on such a call (a SIGSYS of seccomp(2)) restores the terminal, calls `fn` if there is
 * one, says which call it was, and ends the process with EXIT_VIOLATION. `fn` is
 * async-signal-safe and removes what the process would leave behind. A thread that asks for its
 * number is on its way through abort(3): the status is what a shell says of SIGABRT then. Of SIGBUS
 * a line says what a host does to cause it; the status is the shell's, too. Main. 0 or -errno.
 */
int violation_catch(void (*fn)(void *arg), void *arg);

/* violation_catch() has been called: this process is confined. */
bool violation_is_caught(void);

/* The name of a system call; "?" if it has none. */
const char *violation_name(int nr);

#endif
