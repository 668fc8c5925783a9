/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which phase is a transmit queue of virtio-net?
 *
 * Thread: the device's loop.
 * Trust:  numbers of frames and bytes are the guest's doing.
 * Spec:   none; when a device looks at a queue is its own affair [virtio 1.3 §2.9]
 *
 * A guest that asks, waits for the answer and asks again sends one small frame for each that it
 * gets. What it waits for is sooner there if the vCPU, which has nothing else to do, serves its
 * queue itself: no thread is woken, and none comes between. A guest that sends much, or gets much,
 * has more to do than to serve, and KVM rings for it. So kicks are counted. Those of a dialogue add
 * to a credit, any other takes many times as much; KVM gives the doorbell away when the credit is
 * full, and has it back when it is used up.
 *
 * The loop is not always free when a vCPU rings. Such a kick took the longer way round, and takes
 * from the credit as much as one that was served there has added: if half of them are late, there
 * is nothing to win.
 *
 * KVM waits for all vCPUs that look for a doorbell before it has given one away, 30 to 60 us long,
 * and does not wait when it gets one back. So a guest cannot have the loop do that as often as it
 * likes: phases of waiting begin a hundred times a second at most.
 */
#include "virtio/dev/net_phase.h"

bool net_phase_kick(struct net_phase *p, bool here)
{
	bool small = p->in + p->out < NET_PHASE_SMALL;
	unsigned loss = 0;

	if (p->frames != 1 || !p->in || !small)
		loss = NET_PHASE_MISS;
	else if (p->waits && !here)
		loss = 1;
	else if (p->credit < NET_PHASE_CREDIT)
		p->credit++;
	p->credit -= MIN(p->credit, loss);
	p->in = p->out = 0;
	p->frames = 0;
	return p->waits ? !p->credit : p->credit == NET_PHASE_CREDIT;
}

bool net_phase_turn(struct net_phase *p, u64 now_ns)
{
	if (!p->waits && now_ns < p->not_before)
		return false;
	p->waits = !p->waits;
	if (p->waits)
		p->not_before = now_ns + NET_PHASE_REST_NS;
	return true;
}

bool net_phase_reset(struct net_phase *p)
{
	bool waited = p->waits;

	*p = (struct net_phase){ .not_before = p->not_before };
	return waited;
}
