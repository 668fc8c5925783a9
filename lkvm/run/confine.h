/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox around lkvm (--confine): from before the guest's first instruction the process can do
 * what the guest's devices need, and nothing else, whatever a guest makes of it.
 *
 * Each room says beside its code which system calls it makes (lkvm/base/calls.h); here they become
 * one filter for all threads. A new device brings its table along and nothing here changes.
 */
#ifndef LKVM_CONFINE_H
#define LKVM_CONFINE_H

#include "lkvm/run/config.h"

struct assign;
struct devices;
struct loop;
struct realm_ops;
struct warden;
struct watch;

/* Who is there, and thus what they need. */
struct confine_env {
	const struct config *c;
	const struct realm_ops *realm;
	const struct devices *devices;
	const struct assign *assign;
	struct warden *warden;
	struct watch *watch; /* NULL: nobody watches */
	struct loop *io_loop;
};

/* What has to be done before there are other threads. Main. */
void confine_prepare(void);

/*
 * The part that each thread gives up by itself: from now on it gains no privileges, has none but
 * what its loop keeps [loop_help()], and opens no files, ports and sockets but what is configured.
 * For main, the warden's thread, the watcher's, and those of the helpers of io_loop. Each thread
 * that one of them starts later is born so; io_loop and the vCPUs have not been started. Says in
 * one line what this host's kernel lacks. Nothing for a process that is confined already. Main.
 * 0, or -errno after one log_error() line.
 */
int confine_threads(const struct confine_env *env);

/*
 * The part that holds for all threads at once: from now on each makes only the system calls that
 * the rooms in use have listed; with --reboot those that set up a machine, too. All threads there
 * will be have been started, and have done what starting takes; no vCPU has run. Nothing for a
 * process that is confined already. Main. 0, or -errno after one log_error() line.
 */
int confine_calls(const struct confine_env *env);

/* What this host's kernel lacks of it, for people; "": nothing. */
#define CONFINE_LACKS_SIZE 200u
void confine_lacks(char buf[CONFINE_LACKS_SIZE]);

#endif
