/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition root: builds one VM from a config in one visible order, and takes it down in
 * reverse. The only room with all the keys. Main thread.
 */
#ifndef LKVM_MACHINE_H
#define LKVM_MACHINE_H

#include "lkvm/run/config.h"
#include "lkvm/vm/stop.h"

struct machine;
struct warden;
struct watch;

/*
 * Build the VM. `c`, `warden` and `watch` stay the caller's and outlive the machine; `watch` sees
 * its consoles, NULL: nobody does. 0, or -errno after a line that says what to do; -EINTR, without
 * a line, when the end was asked for meanwhile.
 */
int machine_create(struct machine **out, const struct config *c, struct warden *warden,
		   struct watch *watch);

/* Start vCPUs, wait for the end, stop everything. Says why it ended. May be called once. */
enum stop_reason machine_run(struct machine *m);

/* machine_run() has returned, or was not called. Takes NULL. */
void machine_destroy(struct machine *m);

/*
 * Write the device tree that machine_create() would give the guest to c->dump_dtb, without KVM. 0,
 * or -errno after one line.
 */
int machine_dump_dtb(const struct config *c);

#endif
