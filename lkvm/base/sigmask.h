/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What threads besides main block. */
#ifndef LKVM_SIGMASK_H
#define LKVM_SIGMASK_H

#include <signal.h>

/*
 * All signals but those that the thread's own instructions cause: blocked, those would end the
 * process past their handlers (mem_guard(), the terminal's).
 */
static inline void signals_of_others(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGFPE);
	sigdelset(set, SIGILL);
}

#endif
