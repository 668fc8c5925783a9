/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Socket device: streams between programs in the guest and Unix sockets of the host. A connection
 * of the guest's to port P goes to the socket PATH_P; programs of the host connect to PATH and say
 * which port they want (vsock_host.c).
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop.
 * Trust:  packets are the guest's: their header is copied, then checked; one that makes no sense
 *         costs its connection. How much a connection may have here is its credit, and how many
 *         there are is bounded.
 * Spec:   virtio 1.3 §5.10
 */
#include "virtio/dev/vsock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/vsock_conf.h"

#define F_STREAM BIT(0) /* [virtio 1.3 §5.10.3] */

#define QUEUE_SIZE 128u
/* Where the guest bounces: Linux fills the receive ring with pages. */
#define SMALL_QUEUE_SIZE 16u
#define EVENT_QUEUE_SIZE 8u
#define BACKLOG 128

/* ---- packets of the guest ---- */

static u32 ports_of(const struct vsock_hdr *h, u32 *host)
{
	*host = le32_get(h->dst_port);
	return le32_get(h->src_port);
}

/* The guest connects. */
static void request(struct vsock *v, const struct vsock_hdr *h)
{
	u32 host, guest = ports_of(h, &host);
	struct vsock_conn *c = NULL;
	char suffix[16];
	int fd;

	snprintf(suffix, sizeof(suffix), "_%u", host);
	fd = uds_connect(&v->uds, suffix);
	if (fd >= 0)
		c = vsock_new(v, fd, VSOCK_OPEN);
	if (!c) {
		vsock_reply(v, h);
		return;
	}
	vsock_name(c, guest, host);
	c->alloc = le32_get(h->buf_alloc);
	c->taken = le32_get(h->fwd_cnt);
	vsock_tell(c, VSOCK_NEWS_RESPONSE);
	vsock_update(c);
}

/* A packet of a connection that there is. */
static int heard(struct vsock_conn *c, const struct vsock_hdr *h, struct iov_cur *body)
{
	int err = 0;

	c->alloc = le32_get(h->buf_alloc);
	c->taken = le32_get(h->fwd_cnt);
	switch (le16_get(h->op)) {
	case VSOCK_RESPONSE:
		if (c->state == VSOCK_CALLING)
			vsock_accepted(c);
		else
			vsock_reset(c);
		break;
	case VSOCK_SHUTDOWN:
		vsock_guest_shuts(c, le32_get(h->flags));
		break;
	case VSOCK_RW:
		if (c->state == VSOCK_CALLING)
			vsock_reset(c);
		else
			err = vsock_push(c, body, le32_get(h->len));
		break;
	case VSOCK_CREDIT_REQUEST:
		if (c->state == VSOCK_OPEN)
			vsock_tell(c, VSOCK_NEWS_CREDIT);
		break;
	case VSOCK_CREDIT_UPDATE:
		break;
	default: /* REQUEST, too: there is this one */
		vsock_reset(c);
		break;
	}
	vsock_update(c);
	return err;
}

static int sort_out(struct vsock *v, const struct vsock_hdr *h, struct iov_cur *body)
{
	u32 host, guest = ports_of(h, &host);
	bool ours = le64_get(h->dst_cid) == VSOCK_HOST_CID;
	struct vsock_conn *c = ours ? vsock_find(v, guest, host) : NULL;
	u16 op = le16_get(h->op);

	/* [virtio 1.3 §5.10.6.1] The guest's number: nobody else is behind this device. */
	if (le64_get(h->src_cid) != v->cid) {
		guest_err(v->dev.name, "a packet says that it comes from %llu",
			  (unsigned long long)le64_get(h->src_cid));
		return 0;
	}
	/* Never answered: two sides could go on for ever. */
	if (op == VSOCK_RST) {
		if (c)
			vsock_free(c);
		return 0;
	}
	/* [virtio 1.3 §5.10.6.4.1] A type that is unknown is answered by RST. */
	if (le16_get(h->type) != VSOCK_STREAM || le32_get(h->len) > body->left) {
		if (c)
			vsock_reset(c);
		else
			vsock_reply(v, h);
		return 0;
	}
	if (c)
		return heard(c, h, body);
	if (ours && op == VSOCK_REQUEST)
		request(v, h);
	else
		vsock_reply(v, h);
	return 0;
}

static int transmit_one(struct virtio_device *d, struct virtqueue *q)
{
	struct vsock *v = container_of(d, struct vsock, dev);
	struct chain c = { .iov = v->iov, .max = VSOCK_MAX_IOV };
	struct iov_cur r;
	struct vsock_hdr h;
	int n;

	if (!vsock_can_reply(v)) {
		v->tx_waits = true;
		return -EAGAIN; /* until vsock_flush() has sent some */
	}
	n = chain_take(q, &c);
	if (n <= 0)
		return n;
	r = chain_reader(&c);
	if (iov_read(&r, &h, sizeof(h)) < sizeof(h))
		return -EBADMSG;
	n = sort_out(v, &h, &r);
	if (n < 0)
		return n;
	queue_push(q, c.head, 0);
	return 1;
}

/* ---- life ---- */

static void vsock_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct vsock *v = container_of(d, struct vsock, dev);

	if (q->index == VSOCK_TX)
		virtio_queue_serve(d, q, transmit_one, "bad packet");
	else
		queue_kick_off(q); /* there are no events: a guest's number never changes */
	vsock_flush(v);
}

static int vsock_start(struct virtio_device *d)
{
	return 0;
}

static void vsock_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct vsock *v = container_of(d, struct vsock, dev);

	if (q)
		return;
	for (unsigned i = 0; i < v->max_conns; i++)
		if (v->conns[i].state != VSOCK_FREE)
			vsock_free(&v->conns[i]);
	v->nr_replies = 0;
	v->tx_waits = false;
}

static void vsock_destroy(struct virtio_device *d)
{
	struct vsock *v = container_of(d, struct vsock, dev);

	loop_fd_del(v->listening);
	uds_close(&v->uds);
	virtio_fini(&v->dev);
	free(v->conns);
	free(v);
}

static const struct virtio_type vsock_type = {
	.name = "vsock",
	.id = 19,
	.pci_class = 0x078000, /* communication controller, other */
	.start = vsock_start,
	.kick = vsock_kick,
	.stop = vsock_stop,
	.destroy = vsock_destroy,
};

/* A half of the descriptors that the process may have; the rest is for the others. */
static unsigned most_conns(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return VSOCK_MAX_CONNS / 2;
	return (unsigned)MIN(r.rlim_cur / 2, (rlim_t)VSOCK_MAX_CONNS);
}

static int table_init(struct vsock *v)
{
	TAILQ_INIT(&v->free);
	TAILQ_INIT(&v->closed);
	TAILQ_INIT(&v->talk);
	TAILQ_INIT(&v->starved);
	for (unsigned i = 0; i < VSOCK_BUCKETS; i++)
		LIST_INIT(&v->buckets[i]);
	v->max_conns = most_conns();
	v->conns = calloc(v->max_conns, sizeof(*v->conns));
	if (!v->conns)
		return -ENOMEM;
	for (unsigned i = 0; i < v->max_conns; i++) {
		v->conns[i].v = v;
		v->conns[i].fd = -1;
		TAILQ_INSERT_TAIL(&v->free, &v->conns[i], place);
	}
	return 0;
}

static int vsock_init(struct vsock *v, const struct virtio_env *env, const char *path)
{
	const u16 size = env->pool ? SMALL_QUEUE_SIZE : QUEUE_SIZE;
	const u16 sizes[] = { size, size, EVENT_QUEUE_SIZE };
	int err = uds_open(&v->uds, path);

	v->buf_size = env->pool ? VSOCK_SMALL_BUF : VSOCK_BUF;
	if (!err)
		err = uds_listen(&v->uds, BACKLOG);
	if (!err)
		err = table_init(v);
	if (!err)
		err = loop_fd_add(env->loop, v->uds.fd, EPOLLIN, vsock_on_client, v, &v->listening);
	if (!err)
		err = virtio_init(&v->dev, &vsock_type, env->instance, env->mem, env->loop,
				  F_STREAM, sizes, VSOCK_NR_QUEUES);
	return err;
}

int virtio_vsock_create(struct virtio_device **out, const struct virtio_env *env,
			const struct vsock_conf *conf)
{
	struct vsock *v = calloc(1, sizeof(*v));
	int err = -ENOMEM;

	if (v) {
		v->cid = conf->cid;
		v->config = le64_of(conf->cid);
		v->uds = (struct uds){ .dir = -1, .fd = -1 };
		err = vsock_init(v, env, conf->uds);
	}
	if (err) {
		if (v)
			vsock_destroy(&v->dev);
		return log_errno(err, "--vsock: cannot listen at %s", conf->uds);
	}
	if (env->pool)
		v->dev.offered &= ~VIRTIO_F_INDIRECT_DESC;
	v->dev.config = (u8 *)&v->config;
	v->dev.config_len = sizeof(v->config);
	v->dev.calls[0] = &vsock_calls;
	*out = &v->dev;
	return 0;
}
