/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 9P transport: a virtqueue on one side, a shared directory (virtio/share) on the other.
 *
 * Thread: create and destroy before and after the loop runs; requests are served on workers,
 *         which touch nothing here but their slot; everything else on the loop, which the vCPU that
 *         rings borrows, and the worker that is done.
 * Trust:  descriptors are checked by chain.c; messages are the guest's, virtio/share checks them.
 * Spec:   none in virtio 1.3; <linux/virtio_9p.h>, and what Linux's driver does
 *
 * Life of a request: taken from the queue into a slot, its pages pinned; served by a worker;
 * answered with the others of its group. Slots are made once; when all are busy the queue is left
 * alone (`starved`) until one is free. A Tflush names a request by its tag and is answered after
 * that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/workers.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/share/share.h"

#define RING_SIZE 128u
#define NR_SLOTS 64u
#define NR_WORKERS 4u
#define MAX_IOV 160u /* pieces of a request: pages of SHARE_MAX_MSIZE, and its header and answer */
#define PAGE (4 * KiB)

#define P9_F_MOUNT_TAG BIT(0)

struct p9_config {
	le16 tag_len;
	u8 tag[SHARE_TAG_LEN];
};

struct p9_slot {
	struct worker_job job;
	struct p9 *p;
	struct p9_slot *next;	 /* free, finished, or waiting for the same request */
	struct p9_slot *flushes; /* Tflush that wait for this one */
	bool serving;		 /* a worker has it, or will */
	u16 head;
	u32 answer;   /* its length */
	bool touched; /* the worker has met a page that the guest does not share */
	struct share_req req;
	struct iovec *iov, *pins; /* as in virtio/dev/blk_slots.c: what was pinned */
	unsigned nr_pins;
};

struct p9 {
	struct virtio_device dev;
	struct p9_config config;
	struct share *share;
	struct workers *workers;
	struct p9_slot *free, *finished, **finished_tail;
	bool starved, stopping;
	struct p9_slot slots[NR_SLOTS];
	struct share_scratch scratch[NR_SLOTS];
	struct iovec iovs[NR_SLOTS * MAX_IOV], pins[NR_SLOTS * MAX_IOV];
};

/* ---- slots ---- */

static struct p9_slot *slot_get(struct p9 *p, const struct chain *c)
{
	struct p9_slot *s = p->free;

	p->free = s->next;
	s->flushes = NULL;
	s->head = c->head;
	s->req = (struct share_req){
		.in = chain_reader(c),
		.out = chain_writer(c),
		.scratch = &p->scratch[s - p->slots],
	};
	if (mem_converts(p->dev.mem)) {
		s->nr_pins = (unsigned)c->nr_read + c->nr_write;
		memcpy(s->pins, c->iov, s->nr_pins * sizeof(*s->pins));
		mem_pin(p->dev.mem, s->pins, s->nr_pins);
	}
	return s;
}

static void slot_put(struct p9 *p, struct p9_slot *s)
{
	if (s->nr_pins)
		mem_unpin(p->dev.mem, s->pins, s->nr_pins);
	s->nr_pins = 0;
	s->next = p->free;
	p->free = s;
}

/* ---- the way back ---- */

static void finish(struct p9_slot *s, u32 answer)
{
	struct p9 *p = s->p;

	s->answer = answer;
	s->next = NULL;
	*p->finished_tail = s;
	p->finished_tail = &s->next;
}

/* End of a group: tell the driver. */
static void publish(void *arg)
{
	struct p9 *p = arg;
	struct virtqueue *q = &p->dev.queues[0];
	bool inside = !p->stopping && virtio_enter(&p->dev);
	struct p9_slot *s = p->finished, *next;

	p->finished = NULL;
	p->finished_tail = &p->finished;
	for (; s; s = next) {
		next = s->next;
		if (inside)
			queue_push(q, s->head, s->answer);
		slot_put(p, s);
	}
	if (inside) {
		virtio_queue_flush(&p->dev, q);
		virtio_leave(&p->dev);
	}
	if (p->starved && p->free) {
		p->starved = false;
		virtio_notify(&p->dev, 0);
	}
}

/* On a worker. */
static void serve(struct worker_job *j)
{
	struct p9_slot *s = container_of(j, struct p9_slot, job);

	s->answer = share_serve(s->p->share, &s->req);
	s->touched = mem_touched(s->p->dev.mem);
}

static void served(struct worker_job *j)
{
	struct p9_slot *s = container_of(j, struct p9_slot, job), *f, *next;

	s->serving = false;
	if (s->touched)
		virtio_fail_unshared(&s->p->dev);
	finish(s, s->answer);
	for (f = s->flushes; f; f = next) {
		next = f->next;
		finish(f, share_flushed(&f->req));
	}
}

/* ---- the way there ---- */

/* [flush(5)] The answer comes after that of the request, if this is not answered yet. */
static void flush(struct p9 *p, struct p9_slot *f)
{
	u16 tag = share_flush_tag(&f->req);

	for (unsigned i = 0; i < NR_SLOTS; i++) {
		struct p9_slot *s = &p->slots[i];

		if (s->serving && s->req.tag == tag) {
			f->next = s->flushes;
			s->flushes = f;
			return;
		}
	}
	finish(f, share_flushed(&f->req));
}

static int take_one(struct virtio_device *d, struct virtqueue *q)
{
	struct p9 *p = container_of(d, struct p9, dev);
	struct p9_slot *s;
	struct chain c;
	int n;

	if (!p->free) {
		p->starved = true;
		return -EAGAIN;
	}
	c = (struct chain){ .iov = p->free->iov, .max = MAX_IOV };
	n = chain_take(q, &c);
	if (n <= 0)
		return n;
	s = slot_get(p, &c);
	n = share_take(&s->req);
	if (n) {
		slot_put(p, s);
		return n;
	}
	if (s->req.type == P9_TFLUSH) {
		flush(p, s);
		return 1;
	}
	s->serving = true;
	workers_submit(p->workers, &s->job);
	workers_commit(p->workers);
	return 1;
}

static void p9_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct p9 *p = container_of(d, struct p9, dev);

	virtio_queue_serve(d, q, take_one, "bad message");
	if (p->finished)
		publish(p);
}

/*
 * Always: to take a request and to wake a worker for it is shorter than to wake the loop for both.
 * What may have to wait for the host is done by the worker.
 */
static bool p9_prompt(struct virtio_device *d, struct virtqueue *q)
{
	return true;
}

/* ---- life ---- */

static int p9_start(struct virtio_device *d)
{
	return 0;
}

static void p9_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct p9 *p = container_of(d, struct p9, dev);

	p->stopping = true;
	workers_drain(p->workers);
	publish(p);
	p->starved = false;
	p->stopping = false;
	share_reset(p->share);
}

static void p9_destroy(struct virtio_device *d)
{
	struct p9 *p = container_of(d, struct p9, dev);

	workers_destroy(p->workers);
	virtio_fini(&p->dev);
	share_close(p->share);
	free(p);
}

static const struct virtio_type p9_type = {
	.name = "9p",
	.id = 9,
	.pci_class = 0x00ff00, /* unclassified */
	.start = p9_start,
	.kick = p9_kick,
	.prompt = p9_prompt,
	.stop = p9_stop,
	.destroy = p9_destroy,
};

static void slots_init(struct p9 *p)
{
	for (unsigned i = NR_SLOTS; i--;) {
		struct p9_slot *s = &p->slots[i];

		s->p = p;
		s->job.work = serve;
		s->job.done = served;
		s->iov = &p->iovs[i * MAX_IOV];
		s->pins = &p->pins[i * MAX_IOV];
		s->next = p->free;
		p->free = s;
	}
	p->finished_tail = &p->finished;
}

/*
 * A guest that bounces may have a ring's worth of pages in flight, a descriptor each, and Linux
 * fails a request for which its pool has no room: two of the longest messages fit.
 */
static u32 max_msize(const struct virtio_pool *pool)
{
	return pool ? (u32)((pool->blk / 2u - 2u) * PAGE) : (u32)SHARE_MAX_MSIZE;
}

int virtio_9p_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct share_conf *conf)
{
	struct p9 *p = calloc(1, sizeof(*p));
	u16 size = env->pool ? env->pool->blk : RING_SIZE;
	size_t tag_len = strlen(conf->tag);
	int err = -ENOMEM;

	if (!p)
		return log_errno(err, "virtio-9p");
	slots_init(p);
	err = share_open(&p->share, conf, max_msize(env->pool));
	if (err) {
		free(p);
		return err;
	}
	err = workers_create(&p->workers, env->loop, NR_WORKERS, "lkvm-9p", share_privileges(conf),
			     publish, p);
	if (!err)
		err = virtio_init(&p->dev, &p9_type, env->instance, env->mem, env->loop,
				  P9_F_MOUNT_TAG, &size, 1);
	if (err) {
		p9_destroy(&p->dev);
		return log_errno(err, "virtio-9p");
	}
	if (env->pool)
		p->dev.offered &= ~VIRTIO_F_INDIRECT_DESC;
	p->config.tag_len = le16_of((u16)tag_len);
	memcpy(p->config.tag, conf->tag, tag_len);
	p->dev.config = (u8 *)&p->config;
	p->dev.config_len = (u32)(sizeof(le16) + tag_len);
	p->dev.calls[0] = &share_calls;
	*out = &p->dev;
	return 0;
}
