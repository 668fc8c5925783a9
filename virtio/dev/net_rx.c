/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of a netif into receive queues of virtio-net.
 *
 * Thread: the device's loop.
 * Trust:  chains are validated by chain.c; only the sizes of the buffers are the guest's.
 * Spec:   virtio 1.3 §5.1.6.3, §5.1.6.4
 *
 * A frame that finds too few receive buffers makes receive() return -EAGAIN, and the driver's next
 * kick leads to rx_ready(). Kicks of a receive queue are wanted only then.
 *
 * A netif that makes its frames in place (reserve, commit) makes them for this guest alone, so what
 * the driver's filter says is asked of the others only.
 */
#include <errno.h>

#include "virtio/dev/net_priv.h"

/*
 * The next receive buffer into *c, whose first bytes (`skip`) stay free for the header.
 * 1, 0 (none), -errno.
 */
static int take_buffer(struct virtqueue *q, struct chain *c, struct iov_cur *cur, size_t skip)
{
	int err = chain_take(q, c);

	if (err <= 0)
		return err;
	*cur = chain_writer(c);
	/* [§5.1.6.3.1]: buffers are writable and hold at least the header. */
	if (c->nr_read || iov_skip(cur, skip) != skip)
		return -EBADMSG;
	return 1;
}

/*
 * Copy `frame` into as many buffers as it takes; *nr of them are noted in rx_heads/rx_lens.
 * 1: all of it. 0: not enough buffers. -errno: bad buffers.
 */
static int fill_buffers(struct net *n, struct virtqueue *q, struct iov_cur *frame,
			struct chain *first, unsigned *nr)
{
	struct chain c = { .iov = n->s->rx_iov, .max = ARRAY_SIZE(n->s->rx_iov) };
	struct iov_cur to;
	int err = 1;

	for (*nr = 0; frame->left && *nr < (n->mergeable ? q->size : 1u); (*nr)++) {
		size_t skip = *nr ? 0 : sizeof(struct net_hdr);
		struct chain *into = *nr ? &c : first;

		err = take_buffer(q, into, &to, skip);
		if (err <= 0)
			return err;
		n->s->rx_heads[*nr] = into->head;
		n->s->rx_lens[*nr] = (u32)(skip + iov_copy(&to, frame, SIZE_MAX));
	}
	return !frame->left;
}

static void untake(struct net *n, struct virtqueue *q, unsigned nr)
{
	while (nr)
		queue_untake(q, n->s->rx_heads[--nr]);
}

/*
 * The driver is to kick for the next buffer; one that came meanwhile rings the bell just as well.
 */
static int wait_for_buffers(struct net *n, struct virtqueue *q)
{
	if (queue_kick_on(q))
		virtio_notify(&n->dev, q->index);
	return -EAGAIN;
}

/*
 * While frames flow nobody needs kicks, but for another netif that has the same queue and waits for
 * more buffers than there are.
 */
static void flow(const struct net_pair *p, struct virtqueue *q)
{
	struct net *n = p->net;

	for (unsigned i = 0; i < n->nr_pairs; i++) {
		struct net_pair *other = &n->pairs[i];

		if (other != p && other->rx_needed && net_rx_queue(other) == q)
			return;
	}
	queue_kick_off(q);
}

/* Too few buffers: either more are to come, or the frame will never fit. */
static int starve(struct net_pair *p, struct virtqueue *q, unsigned nr)
{
	struct net *n = p->net;

	untake(n, q, nr);
	if (nr && nr == (n->mergeable ? q->size : 1u)) {
		guest_err(n->dev.name, "dropped: receive buffers too small for a frame");
		return 0;
	}
	p->rx_needed = (int)nr + 1;
	return wait_for_buffers(n, q);
}

/* Is the frame for the guest, by what its driver has asked for? */
static bool wanted(const struct net *n, struct iov_cur frame)
{
	u8 dst[NETIF_MAC_LEN];

	if (!n->ctrl.filters || n->ctrl.promisc)
		return true;
	return iov_read(&frame, dst, sizeof(dst)) == sizeof(dst) && net_ctrl_wants(&n->ctrl, dst);
}

/* Buffers of `q` that are noted in rx_heads/rx_lens go to the driver. */
static void push(struct net *n, struct virtqueue *q, unsigned nr)
{
	struct net_phase *phase = &n->pairs[q->index / NET_PAIR].phase;

	for (unsigned i = 0; i < nr; i++) {
		net_phase_in(phase, n->s->rx_lens[i]);
		queue_push(q, n->s->rx_heads[i], n->s->rx_lens[i]);
	}
}

static int net_receive(struct net_pair *p, const struct netif_offload *o, struct iov_cur frame)
{
	struct net *n = p->net;
	struct virtqueue *q = net_rx_queue(p);
	struct chain first = { .iov = n->s->rx_first, .max = ARRAY_SIZE(n->s->rx_first) };
	struct net_hdr h;
	unsigned nr = 0;
	int err;

	/* Not even its size is ours: the driver still sets it up, or has taken it back. */
	if (!q->started)
		return -EAGAIN;
	if (!wanted(n, frame))
		return 0;
	/* The frame was here before: do not copy it half again for each new buffer. */
	err = p->rx_needed ? queue_available(q) : 0;
	if (err >= 0 && err < p->rx_needed)
		return wait_for_buffers(n, q);
	flow(p, q);
	if (err >= 0)
		err = fill_buffers(n, q, &frame, &first, &nr);
	if (!err)
		return starve(p, q, nr);
	if (err < 0) {
		virtio_fail(&n->dev, "bad receive buffer", err);
		return 0;
	}
	p->rx_needed = 0;
	net_hdr_fill(&h, o, (u16)nr);

	struct iov_cur at = chain_writer(&first);

	iov_write(&at, &h, sizeof(h));
	push(n, q, nr);
	return 0;
}

static int on_receive(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct net_pair *p = arg;
	struct net *n = p->net;
	int err;

	if (!virtio_enter(&n->dev))
		return 0;
	err = net_receive(p, o, frame);
	virtio_leave(&n->dev);
	return err;
}

/* ---- the same, made in place ---- */

/* The next buffer, behind the pieces of the others. 1, 0 (none), -errno. */
static int take_room(struct net *n, struct virtqueue *q)
{
	struct chain c = { .iov = n->s->rx_room + n->rx_pieces, .max = NET_QUEUE_SIZE };
	int err = chain_take(q, &c);

	if (err <= 0)
		return err;
	if (c.nr_read || (!n->rx_taken && c.write_len < sizeof(struct net_hdr)))
		return -EBADMSG;
	n->s->rx_heads[n->rx_taken] = c.head;
	n->s->rx_lens[n->rx_taken++] = c.write_len;
	n->rx_pieces += c.nr_write;
	return 1;
}

static int net_reserve(struct net_pair *p, size_t min, size_t want, struct iov_cur *room)
{
	struct net *n = p->net;
	struct virtqueue *q = net_rx_queue(p);
	unsigned most = n->mergeable ? q->size : 1u;
	size_t got = 0;
	int err = 1;

	n->rx_taken = n->rx_pieces = 0;
	if (!q->started)
		return -EAGAIN;
	flow(p, q);
	want += sizeof(struct net_hdr);
	min += sizeof(struct net_hdr);
	while (got < want && n->rx_taken < most && n->rx_pieces <= NET_QUEUE_SIZE) {
		err = take_room(n, q);
		if (err <= 0)
			break;
		got += n->s->rx_lens[n->rx_taken - 1];
	}
	if (err < 0) {
		virtio_fail(&n->dev, "bad receive buffer", err);
		return -EIO;
	}
	*room = iov_cur(n->s->rx_room, n->rx_pieces);
	iov_skip(room, sizeof(struct net_hdr));
	if (got >= min)
		return 0;
	untake(n, q, n->rx_taken);
	if (err) {
		guest_err(n->dev.name, "receive buffers too small for a frame");
		return -EMSGSIZE;
	}
	return wait_for_buffers(n, q);
}

static void net_commit(struct net_pair *p, const struct netif_offload *o, size_t len)
{
	struct net *n = p->net;
	struct virtqueue *q = net_rx_queue(p);
	struct iov_cur at = iov_cur(n->s->rx_room, n->rx_pieces);
	unsigned nr = 0;
	struct net_hdr h;

	for (len += len ? sizeof(h) : 0; len; nr++) {
		assert(nr < n->rx_taken);
		n->s->rx_lens[nr] = (u32)MIN(len, (size_t)n->s->rx_lens[nr]);
		len -= n->s->rx_lens[nr];
	}
	while (n->rx_taken > nr)
		queue_untake(q, n->s->rx_heads[--n->rx_taken]);
	if (!nr)
		return;
	net_hdr_fill(&h, o, (u16)nr);
	iov_write(&at, &h, sizeof(h));
	push(n, q, nr);
}

/* The memory is held until the commit. */
static int on_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	struct net_pair *p = arg;
	int err;

	if (!virtio_enter(&p->net->dev))
		return -ENODEV;
	err = net_reserve(p, min, want, room);
	if (err)
		virtio_leave(&p->net->dev);
	return err;
}

static void on_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct net_pair *p = arg;

	net_commit(p, o, len);
	virtio_leave(&p->net->dev);
}

static void on_flush(void *arg)
{
	struct net_pair *p = arg;

	if (!virtio_enter(&p->net->dev))
		return;
	virtio_queue_flush(&p->net->dev, net_rx_queue(p));
	virtio_leave(&p->net->dev);
}

static void on_writable(void *arg)
{
	struct net_pair *p = arg;

	virtio_notify(&p->net->dev, NET_PAIR * (u32)(p - p->net->pairs) + NET_TXQ);
}

const struct netif_client net_client = {
	.receive = on_receive,
	.reserve = on_reserve,
	.commit = on_commit,
	.flush = on_flush,
	.writable = on_writable,
};
