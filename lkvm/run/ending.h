/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a machine has come on its way from being built to being gone, and from that and what its
 * threads do, who keeps it from coming further. For the line of the last resort [warden.h].
 */
#ifndef LKVM_ENDING_H
#define LKVM_ENDING_H

#include <pthread.h>

#include "lkvm/base/util.h"

struct devices;
struct loop;
struct vcpu;

enum ending_step {
	ENDING_BUILD,	/* it is still being built */
	ENDING_VCPUS,	/* vCPUs run, or are waited for */
	ENDING_DEVICES, /* queues are taken back, what is in flight is waited for */
	ENDING_IO,	/* the devices' loop is waited for */
	ENDING_CLOSE,	/* threads are gone; files, memory and the VM are given back */
};

/* Main writes, under the lock from ENDING_VCPUS on. */
struct ending {
	pthread_mutex_t lock;
	enum ending_step step;
	struct vcpu **vcpus;
	unsigned nr_vcpus;
	struct loop *io_loop;
	const struct devices *devices;
};

/* At ENDING_BUILD; the end of it. Main thread. */
void ending_init(struct ending *e);
void ending_fini(struct ending *e);

/*
 * Main is at `step` now. From ENDING_VCPUS to ENDING_IO what the struct points to exists. Waits for
 * ever once ending_suspect() was called: then the process ends.
 */
void ending_at(struct ending *e, enum ending_step step);

/* For warden_watch(), with the struct: "lkvm-io does not answer, it is at virtio-blk 0". */
void ending_suspect(void *ending, char *buf, size_t len);

#endif
