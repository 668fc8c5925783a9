/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device whose queues another process serves, by vhost-user.
 *
 * Thread: create and destroy on main; everything else on the device's own loop, so that a back end
 *         that lets us wait holds up no other device.
 * Trust:  the back end can do to the guest what a device can. Here it can signal (an interrupt for
 *         each, at the price of its own time) and close its connection. The guest's rings are
 *         checked as those of any device before the back end is told of them.
 * Spec:   virtio 1.3 §2.1.2; see virtio/vhost/vhost.c
 *
 * Doorbells are the back end's: the eventfd that KVM writes is the one it reads. Interrupts go the
 * other way alike (vhost_call.c).
 *
 * The end of the back end must not leave the guest waiting for answers that never come. So this
 * device then takes its queues back, goes on behind the last used element, and refuses what is
 * there and what comes. Of a back end that served requests out of order it may refuse one that had
 * been answered; the guest's driver says so and gives the queue up.
 */
#include "virtio/dev/vhost_dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/vhost_call.h"
#include "virtio/vhost/daemon.h"
#include "virtio/vhost/vhost.h"

#define MAX_IOV 1024u /* pieces of a chain that is refused */
#define ENDED_MS 1000u

struct vhost_dev {
	struct virtio_device dev;
	const struct vhost_kind *kind;
	struct loop *loop;
	bool runs; /* the loop */
	struct daemon *daemon;
	struct vhost *vhost;
	bool serving; /* the back end has the rings */
	bool gone;    /* the back end; its queues are ours */
	struct vhost_call calls[VIRTIO_MAX_QUEUES];
	struct iovec iov[MAX_IOV];
};

static struct vhost_dev *vhost_dev(struct virtio_device *d)
{
	return container_of(d, struct vhost_dev, dev);
}

/* ---- interrupts ---- */

static int calls_create(struct vhost_dev *v)
{
	int err = 0;

	for (unsigned i = 0; i < v->dev.nr_queues && !err; i++)
		err = vhost_call_init(&v->calls[i], &v->dev, (u16)i);
	return err;
}

static void calls_start(struct vhost_dev *v)
{
	for (unsigned i = 0; i < v->dev.nr_queues; i++)
		if (v->dev.queues[i].started)
			vhost_call_start(&v->calls[i]);
}

static void calls_stop(struct vhost_dev *v)
{
	for (unsigned i = 0; i < v->dev.nr_queues; i++)
		vhost_call_stop(&v->calls[i]);
}

static void calls_destroy(struct vhost_dev *v)
{
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		vhost_call_fini(&v->calls[i]);
}

/* ---- when the back end has gone ---- */

static int refuse_one(struct virtio_device *d, struct virtqueue *q)
{
	struct vhost_dev *v = vhost_dev(d);
	struct chain c = { .iov = v->iov, .max = MAX_IOV };
	int n = chain_take(q, &c);

	if (n <= 0)
		return n;
	n = v->kind->refuse(d, &c);
	if (n < 0)
		return n;
	queue_push(q, c.head, (u32)n);
	return 1;
}

static void take_over(struct vhost_dev *v)
{
	struct virtio_device *d = &v->dev;

	v->serving = false;
	calls_stop(v);
	if (!virtio_enter(d))
		return;
	for (unsigned i = 0; i < d->nr_queues; i++) {
		if (!d->queues[i].started)
			continue;
		queue_adopt(&d->queues[i]);
		/* For what the back end has answered: its signal may not have come. */
		d->tops->interrupt_queue(d->transport, (u16)i);
		vhost_dev_kick(d, &d->queues[i]);
	}
	virtio_leave(d);
}

static void lost(struct vhost_dev *v)
{
	char how[40];
	int err;

	if (v->gone)
		return;
	v->gone = true;
	log_error("%s: the back end has gone (%s): %s", v->dev.name,
		  v->daemon && daemon_ended(v->daemon, ENDED_MS, how, sizeof(how))
			  ? how
			  : vhost_why(v->vhost),
		  v->kind->then);
	err = virtio_listen(&v->dev);
	if (err)
		virtio_fail(&v->dev, "nobody serves its queues", err);
}

static void on_gone(void *arg)
{
	struct vhost_dev *v = arg;

	lost(v);
	take_over(v);
}

/* ---- the device ---- */

int vhost_dev_start(struct virtio_device *d)
{
	struct vhost_dev *v = vhost_dev(d);
	struct vhost_ring rings[VIRTIO_MAX_QUEUES];

	static_assert(VIRTIO_MAX_QUEUES <= VHOST_MAX_QUEUES, "all can be told of");
	if (v->gone)
		return 0;
	for (unsigned i = 0; i < d->nr_queues; i++) {
		const struct virtqueue *q = &d->queues[i];

		rings[i] =
			(struct vhost_ring){ q->started, q->size,	 q->desc,	q->driver,
					     q->device,	 d->doorbell[i], v->calls[i].fd };
	}
	calls_start(v);
	if (!vhost_start(v->vhost, d->mem, d->features, rings, d->nr_queues)) {
		v->serving = true;
		return 0;
	}
	/* It may have served rings that it was told of. */
	on_gone(v);
	return 0;
}

void vhost_dev_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct vhost_dev *v = vhost_dev(d);

	/* What was there before the doorbell was given away is rung for once more. */
	if (v->serving)
		virtio_notify(d, q->index);
	else if (v->kind->refused & BIT(q->index))
		virtio_queue_serve(d, q, refuse_one, "a chain that cannot be refused");
}

void vhost_dev_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vhost_dev *v = vhost_dev(d);

	if (!v->serving)
		return;
	/* The protocol can start and stop a ring; no driver is known that would. */
	if (q)
		virtio_fail(d, "its driver stops one queue of a running device", -EOPNOTSUPP);
	v->serving = false;
	if (vhost_stop(v->vhost))
		lost(v);
	calls_stop(v);
}

void vhost_dev_destroy(struct virtio_device *d)
{
	struct vhost_dev *v = vhost_dev(d);

	if (v->runs)
		loop_stop(v->loop);
	vhost_close(v->vhost);
	daemon_stop(v->daemon);
	calls_destroy(v);
	virtio_fini(d);
	loop_destroy(v->loop);
	free(d->config);
	free(v);
}

/* ---- create ---- */

/* The offers that virtio_init() has made and the back end has not are taken back. */
static u64 offer(const struct vhost_dev *v, const struct virtio_env *env)
{
	u64 rings = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;

	/* A table of descriptors would take a place in the guest's pool for each request. */
	if (!env->pool)
		rings |= VIRTIO_F_INDIRECT_DESC;
	return vhost_features(v->vhost) & (rings | v->kind->features);
}

static int reach(struct vhost_dev *v, const struct vhost_dev_conf *conf)
{
	char how[40];
	int sock, err;

	if (conf->socket) {
		err = vhost_connect(&v->vhost, conf->socket);
		if (err)
			log_error("%s: no back end at %s: %s", v->dev.name, conf->socket,
				  vhost_error(err));
		return err;
	}
	err = daemon_start(&v->daemon, conf->argv, &sock);
	if (err)
		return log_errno(err, "cannot start %s", conf->argv[0]);
	err = vhost_open(&v->vhost, sock);
	if (err)
		log_error("%s: %s does not serve: %s", v->dev.name, conf->argv[0],
			  daemon_ended(v->daemon, ENDED_MS, how, sizeof(how)) ? how
									      : vhost_error(err));
	return err;
}

static int enough_queues(const struct vhost_dev *v)
{
	unsigned nr = vhost_nr_queues(v->vhost);

	if (!nr || nr >= v->dev.nr_queues)
		return 0;
	log_error("%s: the back end has %u queues, %u are needed", v->dev.name, nr,
		  v->dev.nr_queues);
	return -ENOSPC;
}

/* The device must have a name before its back end is spoken of. */
static int build(struct vhost_dev *v, const struct virtio_env *env,
		 const struct vhost_dev_conf *conf)
{
	int err = loop_create(&v->loop, "lkvm-vhost");

	if (!err) {
		loop_help(env->loop, v->loop, 0);
		err = virtio_init(&v->dev, conf->kind->type, env->instance, env->mem, v->loop, 0,
				  conf->sizes, conf->nr_queues);
	}
	if (!err)
		err = calls_create(v);
	if (err)
		return log_errno(err, "virtio-%s", conf->kind->type->name);
	err = reach(v, conf);
	if (!err)
		err = enough_queues(v);
	if (err)
		return err;
	v->dev.offered = offer(v, env);
	err = vhost_watch(v->vhost, v->loop, on_gone, v);
	if (!err)
		err = loop_start(v->loop);
	if (err)
		return log_errno(err, "%s", v->dev.name);
	v->runs = true;
	return 0;
}

int vhost_dev_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct vhost_dev_conf *conf)
{
	struct vhost_dev *v = calloc(1, sizeof(*v));
	int err;

	if (!v) {
		free(conf->config);
		return log_errno(-ENOMEM, "virtio-%s", conf->kind->type->name);
	}
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		vhost_call_clear(&v->calls[i]);
	v->kind = conf->kind;
	v->dev.config = conf->config;
	v->dev.config_len = conf->config_len;
	err = build(v, env, conf);
	if (err) {
		vhost_dev_destroy(&v->dev);
		return err;
	}
	v->dev.calls[0] = &vhost_calls;
	v->dev.calls[1] = v->daemon ? &daemon_calls : NULL;
	*out = &v->dev;
	return 0;
}
