/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vsock device tells the guest.
 *
 * Thread: the device's loop.
 * Trust:  a guest that gives no buffers is told nothing: a connection has a bit for each thing that
 *         there may be to say, and of packets that belong to no connection a few are remembered.
 *         With more of them the guest is not listened to until it gives buffers.
 * Spec:   virtio 1.3 §5.10.6
 */
#include <errno.h>

#include "virtio/dev/vsock.h"

void vsock_header(const struct vsock_conn *c, struct vsock_hdr *h, enum vsock_op op, u32 len)
{
	*h = (struct vsock_hdr){
		.src_cid = le64_of(VSOCK_HOST_CID),
		.dst_cid = le64_of(c->v->cid),
		.src_port = le32_of(c->host_port),
		.dst_port = le32_of(c->guest_port),
		.len = le32_of(len),
		.type = le16_of(VSOCK_STREAM),
		.op = le16_of((u16)op),
		.flags = le32_of(op == VSOCK_SHUTDOWN ? c->shut : 0),
		.buf_alloc = le32_of(c->v->buf_size),
		.fwd_cnt = le32_of(c->forwarded),
	};
}

int vsock_take(struct vsock *v, struct chain *c)
{
	struct virtqueue *q = &v->dev.queues[VSOCK_RX];
	int n;

	*c = (struct chain){ .iov = v->iov, .max = VSOCK_MAX_IOV };
	n = chain_take(q, c);
	/* Out of buffers: wait for a kick, unless some came just now. */
	if (n == 0 && queue_kick_on(q))
		n = chain_take(q, c);
	/* [virtio 1.3 §5.10.6.2] Room for a header at least. */
	if (n > 0 && (c->nr_read || c->write_len < sizeof(struct vsock_hdr)))
		return -EBADMSG;
	return n;
}

/* A packet without bytes: 1, 0 (no buffer), -errno. */
static int put(struct vsock *v, const struct vsock_hdr *h)
{
	struct iov_cur w;
	struct chain c;
	int n = vsock_take(v, &c);

	if (n <= 0)
		return n;
	w = chain_writer(&c);
	iov_write(&w, h, sizeof(*h));
	queue_push(&v->dev.queues[VSOCK_RX], c.head, sizeof(*h));
	return 1;
}

/* ---- connections ---- */

void vsock_tell(struct vsock_conn *c, enum vsock_news what)
{
	if (!c->news)
		TAILQ_INSERT_TAIL(&c->v->talk, c, out);
	c->news |= (u8)what;
}

static enum vsock_op op_of(u8 news)
{
	if (news & VSOCK_NEWS_REQUEST)
		return VSOCK_REQUEST;
	if (news & VSOCK_NEWS_RESPONSE)
		return VSOCK_RESPONSE;
	if (news & VSOCK_NEWS_CREDIT)
		return VSOCK_CREDIT_UPDATE;
	return news & VSOCK_NEWS_SHUTDOWN ? VSOCK_SHUTDOWN : VSOCK_RST;
}

static int tell_one(struct vsock_conn *c)
{
	u8 first = c->news & (u8)-c->news;
	struct vsock_hdr h;
	int n;

	vsock_header(c, &h, op_of(c->news), 0);
	n = put(c->v, &h);
	if (n <= 0)
		return n;
	c->told = c->forwarded;
	c->news &= (u8)~first;
	if (!c->news)
		TAILQ_REMOVE(&c->v->talk, c, out);
	if (first == VSOCK_NEWS_RST)
		vsock_free(c);
	return 1;
}

/* ---- packets of no connection ---- */

bool vsock_can_reply(const struct vsock *v)
{
	return v->nr_replies < VSOCK_MAX_REPLIES;
}

void vsock_reply(struct vsock *v, const struct vsock_hdr *h)
{
	unsigned i = (v->first_reply + v->nr_replies) % VSOCK_MAX_REPLIES;

	assert(vsock_can_reply(v));
	v->replies[i] = (struct vsock_reply){
		.guest_port = le32_get(h->src_port),
		.host_port = le32_get(h->dst_port),
		.cid = (u32)le64_get(h->dst_cid),
		.type = le16_get(h->type),
	};
	v->nr_replies++;
}

static int reply_one(struct vsock *v)
{
	const struct vsock_reply *r = &v->replies[v->first_reply];
	const struct vsock_hdr h = {
		.src_cid = le64_of(r->cid),
		.dst_cid = le64_of(v->cid),
		.src_port = le32_of(r->host_port),
		.dst_port = le32_of(r->guest_port),
		.type = le16_of(r->type),
		.op = le16_of(VSOCK_RST),
	};
	int n = put(v, &h);

	if (n <= 0)
		return n;
	v->first_reply = (v->first_reply + 1) % VSOCK_MAX_REPLIES;
	v->nr_replies--;
	return 1;
}

/* ---- all of it ---- */

static int tell_all(struct vsock *v)
{
	struct vsock_conn *c;
	int n = 1;

	while (n > 0 && v->nr_replies)
		n = reply_one(v);
	while (n > 0 && (c = TAILQ_FIRST(&v->talk)))
		n = tell_one(c);
	return n;
}

/* Those that wait for buffers: one packet each, in turn. */
static int feed(struct vsock *v)
{
	unsigned left = v->dev.queues[VSOCK_RX].size;
	struct vsock_conn *c;
	int n;

	while (left-- && (c = TAILQ_FIRST(&v->starved))) {
		TAILQ_REMOVE(&v->starved, c, wait);
		c->starved = false;
		n = vsock_pull(c);
		/* Without a buffer it waits again, and the others with it. */
		if (n < 0 || c->starved)
			return n;
		vsock_update(c);
	}
	return 1;
}

static int flush(struct vsock *v)
{
	int n = tell_all(v);

	if (n > 0)
		n = feed(v);
	return n > 0 ? tell_all(v) : n;
}

void vsock_flush(struct vsock *v)
{
	struct virtqueue *q = &v->dev.queues[VSOCK_RX];
	int n;

	if (!q->started)
		return;
	n = flush(v);
	virtio_queue_flush(&v->dev, q);
	if (n < 0) {
		virtio_fail(&v->dev, "bad buffer for packets", n);
	} else if (v->tx_waits && vsock_can_reply(v)) {
		v->tx_waits = false;
		virtio_notify(&v->dev, VSOCK_TX);
	}
}
