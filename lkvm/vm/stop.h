/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking for the end. Any thread may ask. The first reason wins, except that those of the user and
 * STOP_WATCH replace STOP_RESET, and STOP_ERROR both ends of the guest's own. Only the main thread
 * acts on the request: it kicks and joins the vCPUs and stops the loops. The request is an eventfd,
 * so that a loop can wait for it, too.
 */
#ifndef LKVM_STOP_H
#define LKVM_STOP_H

#include <stdatomic.h>

#include "lkvm/base/ready.h"

enum stop_reason {
	STOP_NONE,
	STOP_POWEROFF, /* the guest: PSCI SYSTEM_OFF */
	STOP_RESET,    /* the guest: PSCI SYSTEM_RESET */
	STOP_USER,     /* lkvm stop */
	STOP_KEYS,     /* Ctrl-a x */
	STOP_SIGNAL,   /* SIGTERM, SIGINT, SIGHUP: stop.signal says which */
	STOP_WATCH,    /* who watches the console has seen enough (lkvm/watch) */
	STOP_CRASH,    /* the guest says that it has crashed */
	STOP_COMMAND,  /* the command of lkvm exec has ended */
	STOP_UNREAD,   /* nobody reads the guest's output any more */
	STOP_ERROR,    /* we cannot go on; the one who asks has told the user why */
};

struct stop {
	struct ready asked;
	int fd;		    /* readable once a stop was asked for; only stop_again() reads it */
	_Atomic int reason; /* whoever asks writes */
	_Atomic int signal; /* of STOP_SIGNAL, likewise */
	_Atomic s64 reset;  /* of STOP_RESET, likewise: which of the two below, or a type */
};

/* STOP_RESET by PSCI SYSTEM_RESET; by SYSTEM_RESET2, whose type only the guest knows. */
#define STOP_RESET_PLAIN (-1)
#define STOP_RESET_UNKNOWN (-2)

/* 0 or -errno of eventfd(2). */
int stop_init(struct stop *s);
/* Takes one whose fd is -1. */
void stop_fini(struct stop *s);

/*
 * Wait until a stop has been asked for, at most `ms` milliseconds (-1: no limit). Any thread.
 */
void stop_wait(const struct stop *s, int ms);

/* Any thread; async-signal-safe. `why` is not STOP_NONE. */
void stop_request(struct stop *s, enum stop_reason why);

/* The same with STOP_SIGNAL for this signal. */
void stop_request_signal(struct stop *s, int signal);

/*
 * The same with STOP_RESET by PSCI SYSTEM_RESET2 of this type [DEN 0022 5.1.13], or
 * STOP_RESET_UNKNOWN.
 */
void stop_request_reset(struct stop *s, s64 type);

/*
 * After STOP_RESET, before the guest starts again: there is no request any more. False: somebody
 * has asked for the end meanwhile, and that stays.
 */
bool stop_again(struct stop *s);

/*
 * Why a guest has ended whose last boot ended by `end`: between two boots nothing runs that could
 * be stopped, so who asks for the end then has ended it.
 */
enum stop_reason stop_last(const struct stop *s, enum stop_reason end);

/* The reason for the stop; STOP_NONE: none was asked for. Any thread. */
static inline enum stop_reason stop_why(const struct stop *s)
{
	return (enum stop_reason)atomic_load_explicit(&s->reason, memory_order_acquire);
}

#endif
