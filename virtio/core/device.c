/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a virtio device: status, features, reset; and the doorbells.
 *
 * Thread: the lower half of each section runs on the device's loop, register accesses on vCPU
 *         threads under d->lock; see the table.
 * Trust:  every argument of the transport half comes from the guest.
 * Spec:   virtio 1.3 §2.1 to §2.6, §3.1
 *
 * Who may touch what:
 *
 *	state			registers (vCPU, d->lock)	queues (loop)
 *	reset .. FEATURES_OK	features, queue registers	nothing
 *	.. DRIVER_OK		queue registers			nothing
 *	DRIVER_OK		those of queues not enabled	everything else
 *	needs reset		as before			nothing (virtio_enter() refuses)
 *
 * The hand-over in each direction is a loop_call() made with d->lock held: it is synchronous, so a
 * driver that has written DRIVER_OK or read back 0 after a reset sees it done. This cannot
 * deadlock: nothing on the loop waits for d->lock, neither kicks nor completions nor interrupts.
 *
 * A doorbell is an eventfd that nobody reads: registered edge-triggered, each write to it wakes the
 * loop. Rings before DRIVER_OK are lost; start looks at each queue once instead.
 */
#include "virtio/core/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/msi.h"

/* Bits that a driver may set; NEEDS_RESET is ours. */
#define STATUS_DRIVER_BITS                                                                         \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_DRIVER_OK | VIRTIO_S_FEATURES_OK |      \
	 VIRTIO_S_FAILED)

/* Chains after which the driver learns of them: it can use them again while we go on. */
#define SERVE_PUBLISH 64u

static void doorbell_rang(void *arg, u32 events);

/* ---- create and destroy ---- */

static void interrupt_nobody(void *transport)
{
}

static void interrupt_queue_nobody(void *transport, u16 queue)
{
}

static void interrupt_from_nobody(void *transport, u16 queue, int fd)
{
}

static void doorbell_nowhere(void *transport, u16 queue, bool bound)
{
}

static const struct virtio_transport_ops no_transport = {
	.interrupt_queue = interrupt_queue_nobody,
	.interrupt_config = interrupt_nobody,
	.interrupt_from = interrupt_from_nobody,
	.doorbell = doorbell_nowhere,
};

int virtio_init(struct virtio_device *d, const struct virtio_type *type, unsigned instance,
		struct mem *m, struct loop *loop, u64 features, const u16 *queue_sizes,
		unsigned nr_queues)
{
	int err;

	assert(nr_queues <= VIRTIO_MAX_QUEUES);
	d->type = type;
	d->mem = m;
	d->loop = loop;
	d->tops = &no_transport;
	d->offered = features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
		     VIRTIO_F_RING_RESET;
	d->nr_queues = nr_queues;
	snprintf(d->name, sizeof(d->name), "virtio-%s %u", type->name, instance);
	pthread_mutex_init(&d->lock, NULL);
	for (unsigned i = 0; i < nr_queues; i++) {
		assert(is_power_of_2(queue_sizes[i]) && queue_sizes[i] <= QUEUE_MAX_SIZE);
		d->queues[i] = (struct virtqueue){ .index = (u16)i, .max_size = queue_sizes[i] };
		queue_reset(&d->queues[i]);
		d->doorbell[i] = -1;
	}
	mem_user_add(m, &d->user);
	for (unsigned i = 0; i < nr_queues; i++) {
		d->doorbell[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (d->doorbell[i] < 0) {
			err = -errno;
			goto fail;
		}
	}
	err = type->foreign ? 0 : virtio_listen(d);
	if (!err)
		return 0;
fail:
	virtio_fini(d);
	return err;
}

int virtio_listen(struct virtio_device *d)
{
	int err = 0;

	for (unsigned i = 0; i < d->nr_queues && !err; i++)
		err = loop_fd_add(d->loop, d->doorbell[i], EPOLLIN | EPOLLET, doorbell_rang,
				  &d->queues[i], &d->doorbell_fd[i]);
	return err;
}

void virtio_fini(struct virtio_device *d)
{
	if (!d->type)
		return;
	assert(!d->running);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		loop_fd_del(d->doorbell_fd[i]);
		d->doorbell_fd[i] = NULL;
		if (d->doorbell[i] >= 0)
			close(d->doorbell[i]);
		d->doorbell[i] = -1;
	}
	mem_user_del(&d->user);
	account_destroy(d->account);
	d->account = NULL;
	pthread_mutex_destroy(&d->lock);
	d->type = NULL;
}

int virtio_account(struct virtio_device *d, u8 n)
{
	int err = account_create(&d->account, d->mem, n);

	for (unsigned i = 0; i < d->nr_queues && !err; i++)
		d->queues[i].account = d->account;
	return err;
}

void virtio_attach(struct virtio_device *d, const struct virtio_transport_ops *tops,
		   void *transport)
{
	d->tops = tops;
	d->transport = transport;
}

void virtio_offer(struct virtio_device *d, u64 features)
{
	d->offered |= features;
}

/* ---- the loop's side ---- */

/* Shared pages were taken back somewhere: are the rings still there? */
static bool device_remap(struct virtio_device *d, u64 generation)
{
	for (unsigned i = 0; i < d->nr_queues; i++) {
		struct virtqueue *q = &d->queues[i];
		int err = q->started ? queue_remap(q) : 0;

		if (err) {
			virtio_fail(d, "the driver took back the memory of a ring", err);
			return false;
		}
	}
	/* That of the hold, not a later one: what changes from now on must be seen next time. */
	d->mem_gen = generation;
	return true;
}

/*
 * Each handler of the loop ends with this, and the mark is the loop's own: so it was this device. A
 * device that has workers asks on each of them.
 */
static bool touched(struct virtio_device *d)
{
	if (!d->guarded || !mem_touched(d->mem))
		return false;
	virtio_fail_unshared(d);
	return true;
}

bool virtio_enter(struct virtio_device *d)
{
	u64 generation;

	/* [virtio 1.3 §2.1.2] No buffer is consumed before DRIVER_OK. */
	if (!d->running || atomic_load_explicit(&d->broken, memory_order_relaxed))
		return false;
	if (virtio_deeper(d, 1) > 1)
		return true;
	assert(loop_here(d->loop));
	generation = mem_hold(&d->user);
	if (d->mem_gen == generation || device_remap(d, generation))
		return true;
	virtio_deeper(d, -1);
	mem_release(&d->user);
	return false;
}

void virtio_leave(struct virtio_device *d)
{
	touched(d);
	if (!virtio_deeper(d, -1))
		mem_release(&d->user);
}

static struct virtio_device *queue_device(struct virtqueue *q)
{
	return container_of(q - q->index, struct virtio_device, queues[0]);
}

static void doorbell_rang(void *arg, u32 events)
{
	struct virtqueue *q = arg;
	struct virtio_device *d = queue_device(q);

	if (!virtio_enter(d))
		return;
	if (q->started)
		d->type->kick(d, q);
	virtio_leave(d);
}

/* What the driver queued before the queue started: its doorbells, if any, went unheard. */
static void queue_first_look(struct virtio_device *d, struct virtqueue *q)
{
	if (!virtio_enter(d))
		return;
	/* On an error too: the kind finds it again and reports it in its own words. */
	if (q->started && queue_available(q) != 0)
		d->type->kick(d, q);
	virtio_leave(d);
}

static int queues_start(struct virtio_device *d)
{
	int err = 0;

	d->guarded = mem_is_guarded(d->mem);
	d->mem_gen = mem_hold(&d->user);
	for (unsigned i = 0; i < d->nr_queues && !err; i++)
		if (d->queues[i].enabled)
			err = queue_start(&d->queues[i], d->mem, d->features);
	mem_release(&d->user);
	return err;
}

static void device_start(void *arg)
{
	struct virtio_device *d = arg;
	const char *what = "a ring lies outside shared memory";
	int err = queues_start(d);

	if (!err) {
		what = "the device cannot start";
		d->running = true;
		err = d->type->start(d);
	}
	if (err) {
		d->running = false;
		for (unsigned i = 0; i < d->nr_queues; i++)
			queue_stop(&d->queues[i]);
		virtio_fail(d, what, err);
		return;
	}
	for (unsigned i = 0; i < d->nr_queues; i++)
		queue_first_look(d, &d->queues[i]);
}

static void device_stop(void *arg)
{
	struct virtio_device *d = arg;

	if (!d->running)
		return;
	d->type->stop(d, NULL);
	d->running = false;
	for (unsigned i = 0; i < d->nr_queues; i++)
		queue_stop(&d->queues[i]);
}

static void queue_start_late(void *arg)
{
	struct virtqueue *q = arg;
	struct virtio_device *d = queue_device(q);
	int err;

	if (!virtio_enter(d))
		return;
	err = queue_start(q, d->mem, d->features);
	virtio_leave(d);
	if (err)
		virtio_fail(d, "a ring lies outside shared memory", err);
	else
		queue_first_look(d, q);
}

static void queue_stop_early(void *arg)
{
	struct virtqueue *q = arg;
	struct virtio_device *d = queue_device(q);

	if (q->started)
		d->type->stop(d, q);
	queue_reset(q);
}

void virtio_queue_flush(struct virtio_device *d, struct virtqueue *q)
{
	bool wanted = !touched(d) && queue_publish(q);

	if (!touched(d) && wanted)
		d->tops->interrupt_queue(d->transport, q->index);
}

void virtio_queue_serve(struct virtio_device *d, struct virtqueue *q,
			int (*one)(struct virtio_device *d, struct virtqueue *q), const char *bad)
{
	unsigned left = q->size;
	int n;

	/* A driver that flips its index finds kick_on() true for ever: that costs budget too. */
	do {
		queue_kick_off(q);
		while ((n = one(d, q)) > 0 && --left)
			if (left % SERVE_PUBLISH == 0)
				virtio_queue_flush(d, q);
	} while (left && n == 0 && queue_kick_on(q) && --left);

	/* What a kind has given back on the way is out. */
	if (queue_unpublished(q))
		virtio_queue_flush(d, q);
	if (n < 0 && n != -EAGAIN)
		virtio_fail(d, bad, n);
	else if (!left)
		virtio_notify(d, q->index);
}

/* ---- either side ---- */

void virtio_fail(struct virtio_device *d, const char *why, int err)
{
	if (atomic_exchange(&d->broken, true))
		return;
	/* Of its own budget: the failures of one device must not hide those of another. */
	guest_err_msg(&d->failures, d->name, "%s (%s); it needs a reset", why, strerror(-err));
	/* [virtio 1.3 §2.1.2] A configuration change notification, but only after DRIVER_OK. */
	if (d->status & VIRTIO_S_DRIVER_OK)
		d->tops->interrupt_config(d->transport);
}

void virtio_fail_unshared(struct virtio_device *d)
{
	virtio_fail(d, "it was given memory that the guest does not share", -EFAULT);
}

void virtio_notify(struct virtio_device *d, u32 queue)
{
	if (queue >= d->nr_queues)
		return;
	/*
	 * Who serves the queue may have made its doorbell a file that blocks, and filled it: room
	 * first. What is taken is rung for all the same.
	 */
	if (d->type->foreign)
		eventfd_take(d->doorbell[queue]);
	eventfd_write(d->doorbell[queue], 1);
}

/* ---- registers: status and features ---- */

u8 virtio_status_get(struct virtio_device *d)
{
	return d->status | (d->broken ? VIRTIO_S_NEEDS_RESET : 0);
}

static void device_reset(struct virtio_device *d)
{
	/* Without DRIVER_OK the loop has nothing of ours. */
	if (d->status & VIRTIO_S_DRIVER_OK)
		loop_call(d->loop, device_stop, d);
	d->features = 0;
	d->refused = false;
	d->status = 0;
	d->broken = false;
	for (unsigned i = 0; i < d->nr_queues; i++)
		queue_reset(&d->queues[i]);
}

/* [virtio 1.3 §2.2.2, §6.1] A subset of the offer, and VERSION_1: legacy is not spoken here. */
static bool features_acceptable(const struct virtio_device *d)
{
	return !d->refused && !(d->features & ~d->offered) && virtio_has(d, VIRTIO_F_VERSION_1);
}

void virtio_status_set(struct virtio_device *d, u8 status)
{
	u8 old = d->status;
	u8 set = status & STATUS_DRIVER_BITS & (u8)~old;

	if (!status) {
		device_reset(d);
		return;
	}
	if ((set & VIRTIO_S_FEATURES_OK) && !features_acceptable(d)) {
		/* [virtio 1.3 §3.1.1] The driver reads the status again to see the refusal. */
		guest_err(d->name, "the driver wants features %#llx%s, offered are %#llx",
			  (unsigned long long)d->features, d->refused ? " and more" : "",
			  (unsigned long long)d->offered);
		set &= (u8)~VIRTIO_S_FEATURES_OK;
	}
	if ((set & VIRTIO_S_DRIVER_OK) && !((old | set) & VIRTIO_S_FEATURES_OK)) {
		guest_err(d->name, "DRIVER_OK without FEATURES_OK");
		set &= (u8)~VIRTIO_S_DRIVER_OK;
	}
	d->status = old | set;
	if ((set & VIRTIO_S_FEATURES_OK) && d->type->negotiated)
		d->type->negotiated(d);
	if (!(set & VIRTIO_S_DRIVER_OK))
		return;
	if (d->broken) /* since queue_enable; now the driver may be told */
		d->tops->interrupt_config(d->transport);
	else
		loop_call(d->loop, device_start, d);
}

static u32 word_of(u64 features, u32 word)
{
	return word < 2 ? (u32)(features >> (32 * word)) : 0;
}

u32 virtio_features_word(const struct virtio_device *d, u32 word)
{
	return word_of(d->offered, word);
}

u32 virtio_driver_features_word(const struct virtio_device *d, u32 word)
{
	return word_of(d->features, word);
}

void virtio_driver_features_set(struct virtio_device *d, u32 word, u32 val)
{
	/* [virtio 1.3 §3.1.1] No new features after FEATURES_OK. */
	if (d->status & VIRTIO_S_FEATURES_OK)
		return;
	if (word == 0)
		d->features = (d->features & ~(u64)UINT32_MAX) | val;
	else if (word == 1)
		d->features = (d->features & UINT32_MAX) | (u64)val << 32;
	else if (val)
		d->refused = true;
}

/* ---- registers: queues ---- */

struct virtqueue *virtio_queue(struct virtio_device *d, u32 index)
{
	return index < d->nr_queues ? &d->queues[index] : NULL;
}

void virtio_queue_enable(struct virtio_device *d, struct virtqueue *q)
{
	if (q->enabled || d->broken)
		return;

	int err = queue_check(q);

	if (err) {
		virtio_fail(d, "the driver enabled a queue of odd size or alignment", err);
		return;
	}
	q->enabled = true;
	if (d->status & VIRTIO_S_DRIVER_OK)
		loop_call(d->loop, queue_start_late, q);
}

void virtio_queue_disable(struct virtio_device *d, struct virtqueue *q)
{
	/* [virtio 1.3 §2.6.1.1] All of the queue's state goes back to that after a reset. */
	if (d->status & VIRTIO_S_DRIVER_OK)
		loop_call(d->loop, queue_stop_early, q);
	else
		queue_reset(q);
}

void virtio_queue_reset(struct virtio_device *d, struct virtqueue *q)
{
	if (virtio_has(d, VIRTIO_F_RING_RESET))
		virtio_queue_disable(d, q);
}
