/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a virtio device [virtio 1.3 §2.1, §3.1]: status, feature negotiation, configuration
 * space, reset; and the frame around a device's queues. Transports (pci.c, mmio.c) call the upper
 * half, device kinds (net.c, blk.c, ...) are called through struct virtio_type and call the lower.
 *
 * Locking: the transport's register handlers run on vCPU threads under d->lock (taken by bus.c).
 * kick/start/stop and everything a device does with its queues run on d->loop. loop_call() may be
 * made with d->lock held, because no callback on the loop ever waits for d->lock; a callback may
 * try it and come back later (console.c). State that both sides touch is _Atomic.
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <pthread.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "virtio/core/account.h"
#include "virtio/core/chain.h"
#include "virtio/core/spec.h"

#define VIRTIO_MAX_QUEUES 32u
#define VIRTIO_NO_VECTOR 0xffffu

struct virtio_device;

/* A kind of device. Data and five functions; one `static const` per kind. */
struct virtio_type {
	const char *name; /* "net", "blk": also the prefix of instance names */
	u32 id;		  /* virtio device id [§5] */
	u32 pci_class;	  /* 24-bit PCI class code */
	/*
	 * Another process serves the queues: it is given the doorbells, and nobody here hears them
	 * before virtio_listen().
	 */
	bool foreign;

	/*
	 * FEATURES_OK was set: d->features is final, and the configuration may have to follow from
	 * it. vCPU thread, d->lock. May be NULL.
	 */
	void (*negotiated)(struct virtio_device *d);

	/*
	 * DRIVER_OK was set. d->features is final, enabled queues are started. 0, or -errno: the
	 * device needs a reset and there will be no stop(). No hold.
	 */
	int (*start)(struct virtio_device *d);

	/*
	 * The driver rang the doorbell of queue `q`, or `q` had buffers when it started. `q` is
	 * started; with a hold. Bounded, because the driver can post faster than we serve:
	 * virtio_queue_serve() does it.
	 */
	void (*kick)(struct virtio_device *d, struct virtqueue *q);

	/*
	 * Is what is in `q` done sooner than handed over? Then kick() is called on the thread of
	 * the vCPU that rang, which has borrowed the loop. With a hold; `q` is started. NULL:
	 * never, so KVM takes the doorbells and vCPUs go on.
	 */
	bool (*prompt)(struct virtio_device *d, struct virtqueue *q);
	/* With prompt(): KVM takes the doorbells all the same, until doorbell() takes one away. */
	bool prompt_at_times;

	/*
	 * The driver resets the device (q NULL) or one queue (RING_RESET). On return nothing is in
	 * flight from the queue(s), and nothing of it will be touched again. No hold, so
	 * completions that run from inside may virtio_enter(). Also called for a device that needs
	 * a reset.
	 */
	void (*stop)(struct virtio_device *d, struct virtqueue *q);

	/*
	 * The driver wrote [off, off + len) of the writable part of the configuration (already
	 * stored). vCPU thread, d->lock. May be NULL when there is no such part.
	 */
	void (*config_written)(struct virtio_device *d, u32 off, u32 len);

	/* Release everything; loop not running. `d` is embedded in what it frees. */
	void (*destroy)(struct virtio_device *d);
};

/* What a transport does for a device. Any thread, never blocks, never takes d->lock. */
struct virtio_transport_ops {
	void (*interrupt_queue)(void *transport, u16 queue);
	void (*interrupt_config)(void *transport);
	/*
	 * From now on somebody else writes `fd`, an eventfd, to interrupt for `queue`; -1: nobody
	 * does any more. The transport may have the host's kernel hear it, and take what is
	 * written, at such times as it can. The rest of the time it stays in `fd`, and the caller
	 * has to read it and to call interrupt_queue().
	 */
	void (*interrupt_from)(void *transport, u16 queue, int fd);
	/*
	 * KVM takes the doorbell of `queue` (`bound`, as at first), so vCPUs that ring go on; or it
	 * does not, and they come to virtio_rung(). No ring is lost in between. For kinds that are
	 * prompt at times; on the loop, which waits for KVM for 30 to 60 us if not `bound`.
	 */
	void (*doorbell)(void *transport, u16 queue, bool bound);
};

struct virtio_device {
	const struct virtio_type *type;
	char name[24]; /* for messages: "virtio-net 0" */
	struct mem *mem;
	struct loop *loop;
	pthread_mutex_t lock; /* register state; see above */

	const struct virtio_transport_ops *tops; /* set by virtio_attach */
	void *transport;

	u64 offered;	     /* constant after create */
	u64 features;	     /* accepted by the driver; final once FEATURES_OK */
	bool refused;	     /* driver asked for a feature beyond word 1; until reset */
	_Atomic u8 status;   /* written under d->lock; never contains NEEDS_RESET */
	_Atomic bool broken; /* needs reset; either side sets, reset clears */

	u8 *config; /* configuration space, little-endian, owned by the kind */
	u32 config_len;
	u32 config_wr_off, config_wr_len; /* the part the driver may write */
	_Atomic u32 config_gen;		  /* virtio_config_changed() writes, under d->lock */

	unsigned nr_queues;
	struct virtqueue queues[VIRTIO_MAX_QUEUES];
	/* System calls that its queues lead to, beside the loop's; set by the kind, may be NULL. */
	const struct calls *calls[6];
	int doorbell[VIRTIO_MAX_QUEUES]; /* eventfds, one per queue; writes to them ring it */
	struct loop_fd *doorbell_fd[VIRTIO_MAX_QUEUES];
	bool running;		 /* loop side: started and not stopped */
	struct mem_user user;	 /* loop side: its holds on the memory */
	_Atomic unsigned inside; /* loop writes: how many virtio_enter() deep it is in one */
	bool guarded;		 /* loop side: mem_touched() has something to say */
	u64 mem_gen; /* loop side: generation of the memory that the queues' windows belong to */
	struct log_site failures; /* lines about needing a reset */
	struct account *account;  /* what it touches, if somebody wants to know */
};

/* ---- for device kinds ---- */

/*
 * Fill `d` (zeroed) for the kind `type`: instance number `instance`, with nr_queues queues (at most
 * VIRTIO_MAX_QUEUES) of these maximum sizes, and an eventfd as the doorbell of each. It offers
 * `features`, VERSION_1, INDIRECT_DESC, EVENT_IDX and RING_RESET. `m` and `loop` outlive it. Main
 * thread, before the loop runs. 0, or -errno without a message.
 */
int virtio_init(struct virtio_device *d, const struct virtio_type *type, unsigned instance,
		struct mem *m, struct loop *loop, u64 features, const u16 *queue_sizes,
		unsigned nr_queues);

/*
 * Undo virtio_init(), also a half-finished one, and virtio_account(); a zeroed `d` is fine. A
 * device that ran has been reset (virtio_status_set(d, 0)) after the vCPUs have ended. The loop
 * does not run.
 */
void virtio_fini(struct virtio_device *d);

/*
 * Keep an account of what the device touches (account.h), in whose events the device is number `n`.
 * The account is the device's. Before vCPUs run. 0 or -ENOMEM.
 */
int virtio_account(struct virtio_device *d, u8 n);

/*
 * Hear the doorbells of a `foreign` kind from now on: kick() is called as for any other. Loop, or
 * before it runs. 0 or -errno.
 */
int virtio_listen(struct virtio_device *d);

/* Has the driver accepted all of these features? Final once FEATURES_OK is set. */
static inline bool virtio_has(const struct virtio_device *d, u64 feature)
{
	return (d->features & feature) == feature;
}

/*
 * Begin a visit to the queues, for instance when a packet arrives; on the loop. True: the device
 * runs and is not broken, and has a hold on the memory until virtio_leave(). False: there is
 * nothing to do, and nothing to leave. Visits nest, in kick() too. A hold is short: nothing in it
 * waits for another thread, see mem_hold(). Memory that the device uses after it has left is pinned
 * [lkvm/vm/mem.h].
 */
bool virtio_enter(struct virtio_device *d);

/* End the visit: lets go of the memory, if it was the outermost one. */
void virtio_leave(struct virtio_device *d);

/* Theirs. The loop alone writes, so no atomic addition is needed. */
static inline unsigned virtio_deeper(struct virtio_device *d, int step)
{
	unsigned level = atomic_load_explicit(&d->inside, memory_order_relaxed) + (unsigned)step;

	atomic_store_explicit(&d->inside, level, memory_order_relaxed);
	return level;
}

/* Is the loop in between these two now? For who wants to know what it does. Any thread. */
static inline bool virtio_at_work(const struct virtio_device *d)
{
	return atomic_load_explicit(&d->inside, memory_order_relaxed) > 0;
}

/* Publish what was pushed to `q`, interrupt the driver if it wants that. Loop, with a hold. */
void virtio_queue_flush(struct virtio_device *d, struct virtqueue *q);

/*
 * What kick() does: serve the chains of `q` one after the other and tell the driver, who need not
 * kick for those that come meanwhile. About q->size of them, then the doorbell rings again, so that
 * a driver that never stops cannot keep the loop from its other fds. Loop, with a hold; `q` is
 * started.
 *
 * one() takes and serves a chain. 1: done. 0: `q` is empty. -EAGAIN: the chain, if there was any,
 * is back in `q`, and somebody rings when one() is worth another try. Other -errno: virtio_fail()
 * with that and `bad`.
 */
void virtio_queue_serve(struct virtio_device *d, struct virtqueue *q,
			int (*one)(struct virtio_device *d, struct virtqueue *q), const char *bad);

/*
 * The guest broke the rules: DEVICE_NEEDS_RESET, configuration interrupt, one rate-limited line,
 * and the queues are left alone until the driver resets [§2.1.2]. `why` is static. Any thread.
 */
void virtio_fail(struct virtio_device *d, const char *why, int err);

/* The same where it turned out only by use that memory is not shared: see mem_guard(). */
void virtio_fail_unshared(struct virtio_device *d);

/* The kind changed d->config (under d->lock if vCPUs run): new generation, and an interrupt. */
void virtio_config_changed(struct virtio_device *d);

/* The same on the loop, and without an interrupt: what the driver itself has asked for. */
void virtio_config_put(struct virtio_device *d, u32 off, const u8 *bytes, u32 len);

/* ---- for transports; vCPU thread under d->lock (or before vCPUs run) ---- */

/* Does KVM take the doorbells at first? Any thread. */
static inline bool virtio_binds_doorbells(const struct virtio_device *d)
{
	return !d->type->prompt || d->type->prompt_at_times;
}

/*
 * The device hangs on this transport from now on; *tops, which gets `transport`, outlives it.
 * Before vCPUs run, once.
 */
void virtio_attach(struct virtio_device *d, const struct virtio_transport_ops *tops,
		   void *transport);

/*
 * Offer these features, too, which the transport or the machine adds (ACCESS_PLATFORM). Before
 * vCPUs run.
 */
void virtio_offer(struct virtio_device *d, u64 features);

/* The status register, with NEEDS_RESET if the device is broken [§2.1]. */
u8 virtio_status_get(struct virtio_device *d);

/*
 * Write of the status register: reset on 0, FEATURES_OK only if the driver's features are a subset
 * of the offer and contain VERSION_1, start on DRIVER_OK; bits cannot be cleared one by one.
 * Synchronous: on return from a reset the loop has let go of all queues.
 */
void virtio_status_set(struct virtio_device *d, u8 status);

/*
 * 32-bit feature words. Words without features read 0; a non-zero write to one makes FEATURES_OK
 * fail. Writes after FEATURES_OK are ignored.
 */
u32 virtio_features_word(const struct virtio_device *d, u32 word);
u32 virtio_driver_features_word(const struct virtio_device *d, u32 word);
void virtio_driver_features_set(struct virtio_device *d, u32 word, u32 val);

/*
 * Read and write the configuration space: `len` is 1, 2, 4 or 8 bytes at any `off`. Bytes past the
 * end read 0; writes of others than the writable part are ignored.
 */
u64 virtio_config_read(struct virtio_device *d, u32 off, unsigned len);
void virtio_config_write(struct virtio_device *d, u32 off, unsigned len, u64 val);

/* Queue number `index`, which is the device's; NULL: there is no such queue. */
struct virtqueue *virtio_queue(struct virtio_device *d, u32 index);

/*
 * queue_enable := 1: checks what the driver has set up, virtio_fail() if it is wrong, and starts
 * the queue if DRIVER_OK is set already (after RING_RESET). The transport changes size, desc,
 * driver and device only while !q->enabled.
 */
void virtio_queue_enable(struct virtio_device *d, struct virtqueue *q);

/* queue_reset := 1 [§2.6.1]: synchronous. Ignored unless RING_RESET was negotiated. */
void virtio_queue_reset(struct virtio_device *d, struct virtqueue *q);

/* QueueReady := 0 of virtio-mmio [§4.2.2.2]: the same, without a feature. */
void virtio_queue_disable(struct virtio_device *d, struct virtqueue *q);

/*
 * The driver has rung the doorbell of `queue` by a write that came over the bus: kick() here, if
 * the kind is prompt and the loop has nothing to do, or ring. vCPU thread, with d->lock, which is
 * let go in between [doorbell.c].
 */
void virtio_rung(struct virtio_device *d, u32 queue);

/*
 * Ring the doorbell: a notification that did not come through an ioeventfd, or a kind that has more
 * to do and lets others go first. Any thread, no lock needed; nothing happens for no such queue.
 */
void virtio_notify(struct virtio_device *d, u32 queue);

#endif
