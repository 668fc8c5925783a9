/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transport that only counts interrupts.
 *
 * Thread: interrupts from any, the rest from the test's, which plays a vCPU and takes d->lock.
 * Trust:  none needed.
 * Spec:   virtio 1.3 §3.1.1
 */
#include "tests/fake/transport.h"

#include <string.h>

#include "tests/fake/driver.h"

static void count_queue(void *transport, u16 queue)
{
	struct fake_transport *t = transport;

	t->queue[queue]++;
}

static void count_config(void *transport)
{
	struct fake_transport *t = transport;

	t->config++;
}

static void interrupt_from(void *transport, u16 queue, int fd)
{
	struct fake_transport *t = transport;

	/* A descriptor is taken back before there is another one. */
	assert((fd < 0) != (t->from[queue] < 0));
	t->from[queue] = fd;
}

static void doorbell(void *transport, u16 queue, bool bound)
{
	struct fake_transport *t = transport;

	assert(t->unbound[queue] == bound);
	t->unbound[queue] = !bound;
	t->nr_doorbell++;
}

static const struct virtio_transport_ops fake_ops = { count_queue, count_config, interrupt_from,
						      doorbell };

void fake_transport_attach(struct fake_transport *t, struct virtio_device *d)
{
	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		t->from[i] = -1;
	virtio_attach(d, &fake_ops, t);
}

bool fake_negotiate(struct virtio_device *d, u64 features)
{
	u8 status = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;

	pthread_mutex_lock(&d->lock);
	virtio_status_set(d, 0);
	virtio_status_set(d, VIRTIO_S_ACKNOWLEDGE);
	virtio_status_set(d, status);
	virtio_driver_features_set(d, 0, (u32)features);
	virtio_driver_features_set(d, 1, (u32)(features >> 32));
	virtio_status_set(d, status | VIRTIO_S_FEATURES_OK);
	status = virtio_status_get(d);
	pthread_mutex_unlock(&d->lock);
	return status & VIRTIO_S_FEATURES_OK;
}

void fake_queue(struct virtio_device *d, u16 index, const struct fake_ring *r)
{
	struct virtqueue *q = virtio_queue(d, index);

	assert(q && !q->enabled);
	pthread_mutex_lock(&d->lock);
	q->size = r->size;
	q->desc = r->desc;
	q->driver = r->avail;
	q->device = r->used;
	virtio_queue_enable(d, q);
	pthread_mutex_unlock(&d->lock);
}

void fake_driver_ok(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	virtio_status_set(d, virtio_status_get(d) | VIRTIO_S_DRIVER_OK);
	pthread_mutex_unlock(&d->lock);
}

bool fake_start(struct virtio_device *d, struct fake_ring *rings, u16 size, u64 features)
{
	fake_reset(d); /* nobody looks at the old rings any more */
	for (u16 q = 0; q < d->nr_queues; q++)
		fake_ring_init(&rings[q], d->mem, FAKE_RING(q),
			       (u16)MIN(size, virtio_queue(d, q)->max_size),
			       features & VIRTIO_F_EVENT_IDX);
	if (!fake_negotiate(d, features))
		return false;
	for (u16 q = 0; q < d->nr_queues; q++)
		fake_queue(d, q, &rings[q]);
	fake_driver_ok(d);
	return true;
}

void fake_reset(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	virtio_status_set(d, 0);
	pthread_mutex_unlock(&d->lock);
}

void fake_kick(struct virtio_device *d, u32 queue)
{
	virtio_notify(d, queue);
	loop_step(d->loop, 0);
}

bool fake_broken(struct virtio_device *d)
{
	return virtio_status_get(d) & VIRTIO_S_NEEDS_RESET;
}

void fake_unplug(struct virtio_device *d)
{
	struct loop *loop = d->loop;
	struct mem *m = d->mem;

	fake_reset(d);
	d->type->destroy(d);
	loop_destroy(loop);
	mem_destroy(m);
}
