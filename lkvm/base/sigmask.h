/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What threads besides main block. */
#ifndef LKVM_SIGMASK_H
#define LKVM_SIGMASK_H

#include <signal.h>

/*
 * Fill *set with all signals but those that a thread's own instructions cause. Those, if they were
 * blocked, would end the process without a call of their handlers (mem_guard(), the terminal's,
 * violation_catch()).
 * Any thread.
 */
static inline void signals_of_others(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGFPE);
	sigdelset(set, SIGILL);
	sigdelset(set, SIGSYS);
}

#endif
