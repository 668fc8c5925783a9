/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which phase is a transmit queue of virtio-net: does the guest wait for an answer to each frame
 * that it sends, or is it busy sending? Who serves the queue sooner follows from that: the vCPU
 * that rings, or the loop. One for each pair of queues. Knows no queue.
 */
#ifndef VIRTIO_NET_PHASE_H
#define VIRTIO_NET_PHASE_H

#include "lkvm/base/util.h"

#define NET_PHASE_CREDIT 64u	    /* kicks of one frame each, of a guest that waits */
#define NET_PHASE_MISS 16u	    /* what another kick costs of it */
#define NET_PHASE_SMALL 4096u	    /* bytes of question and answer, with their headers: less */
#define NET_PHASE_REST_NS 10000000u /* at least, from one begin of a phase of waiting to the next */

/* Zeroed: the guest does not wait. */
struct net_phase {
	u64 in, out;	 /* bytes to and from the guest since the last kick */
	unsigned frames; /* from it, since then */
	unsigned credit; /* at most NET_PHASE_CREDIT */
	bool waits;	 /* the guest does: vCPUs hear the doorbell */
	u64 not_before;	 /* when that may be next */
};

static inline void net_phase_in(struct net_phase *p, u32 len)
{
	p->in += len;
}

static inline void net_phase_out(struct net_phase *p, u32 len)
{
	p->out += len;
	p->frames++;
}

/*
 * A kick is over; net_phase_in() and net_phase_out() told all that came since the last one. `here`:
 * it was served by the vCPU that rang. True: the phase is over, as far as kicks tell.
 */
bool net_phase_kick(struct net_phase *p, bool here);

/* net_phase_kick() said true, at now_ns. True: `waits` has changed. */
bool net_phase_turn(struct net_phase *p, u64 now_ns);

/* The queue was reset. True: `waits` has changed. */
bool net_phase_reset(struct net_phase *p);

#endif
