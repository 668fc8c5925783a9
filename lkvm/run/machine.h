/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition root: builds one VM from a config in one visible order, and takes it down in
 * reverse. The only room with all the keys. Main thread.
 */
#ifndef LKVM_MACHINE_H
#define LKVM_MACHINE_H

#include "lkvm/run/config.h"
#include "lkvm/vm/stop.h"

struct control;
struct machine;

/*
 * `control` is where it is asked for things until machine_destroy(), or NULL; the caller's. 0 or
 * -errno after a line that says what to do; -EINTR, without a line, after a signal that asks for
 * the end.
 */
int machine_create(struct machine **out, const struct config *c, struct control *control);

/* Start vCPUs, wait for the end, stop everything. Says why it ended. May be called once. */
enum stop_reason machine_run(struct machine *m);

void machine_destroy(struct machine *m);

/* The device tree that machine_create() would give the guest, without KVM. 0 or -errno. */
int machine_dump_dtb(const struct config *c);

#endif
