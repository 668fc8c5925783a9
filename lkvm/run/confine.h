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

struct devices;
struct realm_ops;
struct warden;
struct watch;

/* Who is there, and thus what they need. */
struct confine_env {
	const struct config *c;
	const struct realm_ops *realm;
	const struct devices *devices;
	struct warden *warden;
	struct watch *watch; /* NULL: nobody watches */
};

/* What has to be done before there are other threads. Main. */
void confine_prepare(void);

/*
 * From now on: no new privileges, no capabilities, no core file, and each thread makes only the
 * system calls that the rooms in use have listed; with --reboot those that set up a machine, too.
 * All threads there will be have been started, and have done what starting takes; no vCPU has run.
 * Says in one line what this host's kernel lacks. Nothing for a process that is confined already.
 * Main. 0, or -errno after one log_error() line.
 */
int confine(const struct confine_env *env);

/* What this host's kernel lacks of it, for people: "" or "seccomp (CONFIG_SECCOMP_FILTER)". */
void confine_lacks(char *buf, size_t size);

#endif
