/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A doorbell that a vCPU rings by a write over the bus: served by that vCPU, or left to the loop.
 *
 * Thread: vCPU, under d->lock, which is not held while it serves.
 * Trust:  the number of the queue is the guest's.
 * Spec:   none; when a device looks at a queue is its own affair [virtio 1.3 §2.9]
 *
 * A driver that waits for its one small request idles until the answer is there. Whoever else
 * serves it costs the vCPU's way into sleep and back and two changes of threads, most of all on a
 * host CPU that both share. So the vCPU does it itself, as the loop's thread (loop_borrow()), and
 * finds the interrupt pending when it goes on, or has handed it to a worker by then. A driver that
 * has more to do goes on at once, and the loop serves it meanwhile. Which of the two holds is the
 * kind's to say (prompt()). Where it mostly is the second, KVM takes the doorbells, and rings come
 * here in phases (net_phase.c).
 */
#include "virtio/core/device.h"

static bool serve(struct virtio_device *d, struct virtqueue *q)
{
	bool served = false;

	if (!loop_borrow(d->loop))
		return false;
	if (virtio_enter(d)) {
		served = q->started && d->type->prompt(d, q);
		if (served) {
			loop_offer(d->loop);
			d->type->kick(d, q);
		}
		virtio_leave(d);
	}
	loop_give_back(d->loop);
	return served;
}

void virtio_rung(struct virtio_device *d, u32 queue)
{
	bool served = false;

	if (queue >= d->nr_queues)
		return;
	if (d->type->prompt) {
		/* Others ring other queues meanwhile, and go on. Registers are not touched here. */
		pthread_mutex_unlock(&d->lock);
		served = serve(d, &d->queues[queue]);
		pthread_mutex_lock(&d->lock);
	}
	if (!served)
		virtio_notify(d, queue);
}
