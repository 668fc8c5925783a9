/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A transport that counts interrupts and does not send them: devices without PCI or MMIO. */
#ifndef TESTS_FAKE_TRANSPORT_H
#define TESTS_FAKE_TRANSPORT_H

#include "virtio/core/device.h"

struct fake_transport {
	_Atomic unsigned queue[VIRTIO_MAX_QUEUES]; /* interrupts of each queue */
	_Atomic unsigned config;
	_Atomic int from[VIRTIO_MAX_QUEUES];	 /* who else interrupts for the queue, or -1 */
	_Atomic bool unbound[VIRTIO_MAX_QUEUES]; /* doorbells that KVM would not take */
	_Atomic unsigned nr_doorbell;		 /* changes of these */
};

/* Zero `t` and attach it to `d`. */
void fake_transport_attach(struct fake_transport *t, struct virtio_device *d);

/*
 * What a driver does with a device, without registers: reset, ACKNOWLEDGE, DRIVER, `features`,
 * FEATURES_OK. True if the device kept FEATURES_OK.
 */
struct fake_ring;
bool fake_negotiate(struct virtio_device *d, u64 features);
/* Tell the device where ring `r` of queue `index` lies, and enable it. */
void fake_queue(struct virtio_device *d, u16 index, const struct fake_ring *r);
void fake_driver_ok(struct virtio_device *d);
/*
 * All of it: each queue of the device gets a new ring in rings[], of `size` entries or as many as
 * the device allows. False, and no queue: the device does not keep the features.
 */
bool fake_start(struct virtio_device *d, struct fake_ring *rings, u16 size, u64 features);
/* Reset the device; on return it has let go of everything. */
void fake_reset(struct virtio_device *d);
/* Ring the doorbell of a queue, and let the loop hear it. */
void fake_kick(struct virtio_device *d, u32 queue);
/* Does the device need a reset? */
bool fake_broken(struct virtio_device *d);
/* The end of a test: reset and release the device, then its loop and its memory. */
void fake_unplug(struct virtio_device *d);

#endif
