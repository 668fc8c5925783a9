/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The warden: who is there for the user as long as the command runs, whatever the machine does. It
 * has a thread of its own, with signals, the control socket, and the clock of the end.
 *
 * Of the words of the control socket it answers those that do not need a machine; the others are
 * service.h's, which answers while the machine runs:
 *
 *	status		pid PID, state starting|running|paused|ending
 *	stop		torn WHY, if the last resort was needed; the answer ends with the guest
 *
 * The last resort. Once a stop has been asked for, by whoever it was, the machine has `limit_ms` to
 * come to its end. If it has not, a thread of ours is somewhere where it cannot be reached: in a
 * system call that does not return, or in KVM. Then the warden restores the terminal, takes the
 * socket's name out, says in a line who did not end, and ends the process with EXIT_TORN_DOWN, or
 * with what warden_last_word() says.
 *
 * Main thread.
 */
#ifndef LKVM_WARDEN_H
#define LKVM_WARDEN_H

#include "lkvm/run/service.h"
#include "lkvm/run/signals.h"
#include "lkvm/vm/stop.h"

struct warden;

struct warden_conf {
	const char *name;  /* the guest's; NULL: no control socket */
	u32 limit_ms;	   /* of the end */
	bool reboots;	   /* after STOP_RESET there will be another machine */
	signals_fn signal; /* who gets signals first; NULL: nobody */
	void *arg;
};

/*
 * Claim the name, and start. From here on signals do not end the process. 0, or -errno after one
 * log_error() line.
 */
int warden_create(struct warden **out, const struct warden_conf *conf);

/* The stop of all machines, one after the other: signals and clients ask here, too. */
struct stop *warden_stop(struct warden *w);

/*
 * A machine is being built. Until warden_unwatch() suspect() says who keeps it from ending, as a
 * part of a sentence; it is called on the warden's thread, once, and the process ends after it.
 */
typedef void (*warden_suspect_fn)(void *arg, char *buf, size_t len);
void warden_watch(struct warden *w, warden_suspect_fn suspect, void *arg);
/* Takes NULL. */
void warden_unwatch(struct warden *w);

/*
 * The machine is built: requests can be about it. What `env` names outlives warden_unserve(). 0, or
 * -errno after a line.
 */
int warden_serve(struct warden *w, const struct service_env *env);

/*
 * Somebody who knows why the guest was to end, and has reports to write. fn() is called on the
 * warden's thread, once, after suspect(), whose words it gets as `who`; the process ends after it,
 * so it returns within a few seconds. It returns the exit status, and in `line` (of `len` bytes)
 * what there is to say beside the warden's own line, or "". NULL: nobody.
 */
typedef int (*warden_word_fn)(void *arg, const char *who, char *line, size_t len);
void warden_last_word(struct warden *w, warden_word_fn fn, void *arg);

/* The machine runs: from now on requests are answered. */
void warden_runs(struct warden *w);

/* The machine ends: from now on nobody kicks its vCPUs but the caller. */
void warden_ends(struct warden *w);

/*
 * There are no requests about the machine any more: clients that follow its transfers get the end
 * of their answer. Takes NULL, and a warden that does not serve.
 */
void warden_unserve(struct warden *w);

/* Take the guest's name out of the directory: there will be no other machine. */
void warden_give_back(struct warden *w);

/* After STOP_RESET: the next machine can be built. False: the end has been asked for meanwhile. */
bool warden_again(struct warden *w);

/* Make this call on the warden's thread, and wait for it. */
void warden_call(struct warden *w, loop_call_fn fn, void *arg);

/* What the warden asks of the kernel; it answers for control.h, too. */
extern const struct calls warden_calls;

/* For signal handlers, async-signal-safe: the process ends now, and leaves no socket. */
void warden_leave_now(void *warden);

/* All is over: end the thread; clients that wait for the end learn of it. Takes NULL. */
void warden_destroy(struct warden *w);

#endif
