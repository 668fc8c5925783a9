/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front end of vhost-user: another process serves the queues of a device. It is told where the
 * rings are, is lent the guest's memory (mem_lend), hears the guest's doorbells itself, and signals
 * an eventfd when the guest is to be interrupted. Knows neither queues nor kinds of devices.
 *
 * The back end is not trusted. It can do to the guest what any device can, and nothing to us: each
 * call here ends after VHOST_PATIENCE_MS, and after the first error the connection is closed and
 * all further calls answer -ENOTCONN.
 *
 * Main while the machine is built; then one loop, or nobody when no loop runs.
 */
#ifndef VIRTIO_VHOST_VHOST_H
#define VIRTIO_VHOST_VHOST_H

#include "lkvm/vm/loop.h"

struct mem;
struct vhost;

#define VHOST_PATIENCE_MS 10000u /* for each of the calls below */
#define VHOST_MAX_QUEUES 32u

/* One queue, as its driver has set it up. */
struct vhost_ring {
	bool on;		  /* the others are not told of */
	u16 size;		  /* entries */
	u64 desc, driver, device; /* addresses of the guest */
	int kick, call;		  /* eventfds, the caller's */
};

/*
 * Agree with the back end behind `fd`, a connected stream socket, on the protocol. `fd` is closed
 * by vhost_close(), and in case of an error here. 0, or -errno as wire.h says, without a message;
 * -EOPNOTSUPP: it does not speak virtio 1.
 */
int vhost_open(struct vhost **out, int fd);

/* Connect to the back end that listens at `path`. 0 or -errno, without a message. */
int vhost_connect(struct vhost **out, const char *path);

/* Closes the connection. Takes NULL. */
void vhost_close(struct vhost *v);

/* The features of virtio that the back end offers; how many queues it has, 0: it does not say. */
u64 vhost_features(const struct vhost *v);
unsigned vhost_nr_queues(const struct vhost *v);

/*
 * Start the back end with the negotiated `features`, the memory `m` and rings[0..nr). 0, or -errno
 * as wire.h says; -EOPNOTSUPP: the memory cannot be lent.
 */
int vhost_start(struct vhost *v, struct mem *m, u64 features, const struct vhost_ring *rings,
		unsigned nr);

/* Stop it: if it is honest, its answer comes after its last touch of the rings. 0 or -errno. */
int vhost_stop(struct vhost *v);

/*
 * Call gone(arg) on `loop`, once, when the back end closes the connection, sends something unasked,
 * or has failed in a call. 0 or -errno. Before the loop runs.
 */
int vhost_watch(struct vhost *v, struct loop *loop, void (*gone)(void *arg), void *arg);

/* Why it is no more, for people: "it has closed the connection"; NULL: it is still there. */
const char *vhost_why(const struct vhost *v);

/* What such an error means, for people: "it does not answer". */
const char *vhost_error(int err);

/* System calls that this leads to. */
extern const struct calls vhost_calls;

#endif
