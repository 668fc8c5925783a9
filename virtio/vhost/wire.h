/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to a vhost-user back end and its answers, one at a time. The back end may be anybody:
 * what it answers is bounded, checked and waited for until a deadline, and what it sends unasked is
 * an error. After the first error of a wire nothing more is to be asked: nobody knows which answer
 * would come next.
 */
#ifndef VIRTIO_VHOST_WIRE_H
#define VIRTIO_VHOST_WIRE_H

#include "virtio/vhost/proto.h"

#define WIRE_MAX_FDS VHOST_MAX_REGIONS

struct wire {
	int fd;		 /* a connected stream socket that does not block */
	bool acks;	 /* VHOST_PROTOCOL_F_REPLY_ACK was agreed on */
	u64 deadline_ns; /* loop_now_ns() when patience with the messages to come is over */
};

/*
 * All calls: one thread at a time. 0, or -ETIMEDOUT: no answer in time; -ECONNRESET: it has gone;
 * -EPROTO: what it answers is no answer; -EREMOTEIO: it refuses.
 */

/*
 * Send the request with `size` bytes and the descriptors fds[0..nr_fds), which stay the caller's.
 * With `acks` it waits until the back end has done what it was told.
 */
int wire_tell(struct wire *w, enum vhost_request request, const void *payload, u32 size,
	      const int *fds, unsigned nr_fds);

/* The same with a number; no descriptors. */
int wire_tell_u64(struct wire *w, enum vhost_request request, u64 val);

/* Send the request and wait for its answer, of exactly answer_size bytes. */
int wire_ask(struct wire *w, enum vhost_request request, const void *payload, u32 size,
	     void *answer, u32 answer_size);

#endif
