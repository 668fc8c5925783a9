/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network device: frames between two queues and a netif.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop.
 * Trust:  chains are validated by chain.c. The header of a transmitted frame is copied once and
 *         checked against what was negotiated and against the frame's length; the frame's bytes go
 *         to the netif unseen. Of received frames only the buffers' sizes are the guest's.
 * Spec:   virtio 1.3 §5.1
 *
 * Back-pressure, both ways without a drop: a frame that the netif cannot take (-EAGAIN) goes back
 * to its ring until writable(); a frame that finds too few receive buffers makes receive() return
 * -EAGAIN, and the driver's next kick leads to rx_ready(). Kicks of the receive queue are wanted
 * only then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/net_hdr.h"

#define VIRTIO_NET_S_LINK_UP 1u

/* Configuration space [§5.1.4]. */
struct net_config {
	u8 mac[6];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
};
static_assert(sizeof(struct net_config) == 12, "as in the specification");

enum { RXQ, TXQ, NR_QUEUES };

#define QUEUE_SIZE 256u

struct net {
	struct virtio_device dev;
	struct netif *netif;
	struct net_config config;
	bool mergeable; /* MRG_RXBUF negotiated */
	bool ring_seen; /* since the driver was ready: see report_ring() */
	void (*rx_filled)(const char *device, unsigned nr, u16 size, u16 mtu); /* or NULL */
	int rx_needed; /* buffers that the frame that waits in the netif needs at least */
	/* Between reserve() and commit(): buffers, noted in rx_heads/rx_lens; pieces in rx_room. */
	unsigned rx_taken, rx_pieces;
	struct scratch *s;
};

/*
 * Room to work in during one call. Apart, so that it need not be cleared: touched as far as used.
 */
struct scratch {
	struct iovec tx_iov[QUEUE_SIZE];
	struct iovec rx_first[QUEUE_SIZE], rx_iov[QUEUE_SIZE];
	struct iovec rx_room[2 * QUEUE_SIZE]; /* of all the buffers that reserve() takes */
	u16 rx_heads[QUEUE_SIZE];
	u32 rx_lens[QUEUE_SIZE];
};

static struct net *net_of(struct virtio_device *d)
{
	return container_of(d, struct net, dev);
}

/* With the first kick: a driver fills its receive ring, then kicks, then sends. */
static void report_ring(struct net *n)
{
	const struct virtqueue *q = &n->dev.queues[RXQ];
	int nr;

	if (n->ring_seen || !n->rx_filled || !q->started)
		return;
	n->ring_seen = true;
	nr = queue_available(&n->dev.queues[RXQ]);
	/* Those that are used already were given, too. */
	if (nr >= 0)
		n->rx_filled(n->dev.name, (unsigned)nr + q->next_avail, q->size,
			     le16_get(n->config.mtu));
}

/* ---- guest to netif ---- */

/* 0: done with the chain (sent or dropped). -EAGAIN. -EBADMSG: the device needs a reset. */
static int net_transmit(struct net *n, const struct chain *c)
{
	struct iov_cur cur = chain_reader(c);
	struct netif_offload o;
	struct net_hdr h;
	const char *why;

	/* [§5.1.6.2]: the whole frame is device-readable, and its header comes first. */
	if (c->nr_write || iov_read(&cur, &h, sizeof(h)) != sizeof(h))
		return -EBADMSG;
	why = net_hdr_check(&o, &h, cur.left, &n->dev);
	if (why) {
		guest_err(n->dev.name, "dropped: %s", why);
		return 0;
	}
	return n->netif->ops->send(n->netif, &o, cur) == -EAGAIN ? -EAGAIN : 0;
}

static int net_serve_tx(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);
	struct chain c = { .iov = n->s->tx_iov, .max = ARRAY_SIZE(n->s->tx_iov) };
	int err = chain_take(q, &c);

	if (err <= 0)
		return err;
	err = net_transmit(n, &c);
	if (err == -EAGAIN) /* until on_writable() */
		queue_untake(q, c.head);
	if (err)
		return err;
	queue_push(q, c.head, 0);
	return 1;
}

static void on_writable(void *arg)
{
	struct net *n = arg;

	virtio_notify(&n->dev, TXQ);
}

/* ---- netif to guest ---- */

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

/* Too few buffers: either more are to come, or the frame will never fit. */
static int starve(struct net *n, struct virtqueue *q, unsigned nr)
{
	untake(n, q, nr);
	if (nr && nr == (n->mergeable ? q->size : 1u)) {
		guest_err(n->dev.name, "dropped: receive buffers too small for a frame");
		return 0;
	}
	n->rx_needed = (int)nr + 1;
	return wait_for_buffers(n, q);
}

static int net_receive(struct net *n, const struct netif_offload *o, struct iov_cur frame)
{
	struct virtqueue *q = &n->dev.queues[RXQ];
	struct chain first = { .iov = n->s->rx_first, .max = ARRAY_SIZE(n->s->rx_first) };
	struct net_hdr h;
	unsigned nr = 0;
	int err;

	/* Not even its size is ours: the driver still sets it up, or has taken it back. */
	if (!q->started)
		return -EAGAIN;
	/* The frame was here before: do not copy it half again for each new buffer. */
	err = n->rx_needed ? queue_available(q) : 0;
	if (err >= 0 && err < n->rx_needed)
		return wait_for_buffers(n, q);
	queue_kick_off(q);
	if (err >= 0)
		err = fill_buffers(n, q, &frame, &first, &nr);
	if (!err)
		return starve(n, q, nr);
	if (err < 0) {
		virtio_fail(&n->dev, "bad receive buffer", err);
		return 0;
	}
	n->rx_needed = 0;
	net_hdr_fill(&h, o, (u16)nr);

	struct iov_cur at = chain_writer(&first);

	iov_write(&at, &h, sizeof(h));
	for (unsigned i = 0; i < nr; i++)
		queue_push(q, n->s->rx_heads[i], n->s->rx_lens[i]);
	return 0;
}

static int on_receive(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct net *n = arg;
	int err;

	if (!virtio_enter(&n->dev))
		return 0;
	err = net_receive(n, o, frame);
	virtio_leave(&n->dev);
	return err;
}

/* ---- the same, made in place ---- */

/* The next buffer, behind the pieces of the others. 1, 0 (none), -errno. */
static int take_room(struct net *n, struct virtqueue *q)
{
	struct chain c = { .iov = n->s->rx_room + n->rx_pieces, .max = QUEUE_SIZE };
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

static int net_reserve(struct net *n, size_t min, size_t want, struct iov_cur *room)
{
	struct virtqueue *q = &n->dev.queues[RXQ];
	unsigned most = n->mergeable ? q->size : 1u;
	size_t got = 0;
	int err = 1;

	n->rx_taken = n->rx_pieces = 0;
	if (!q->started)
		return -EAGAIN;
	queue_kick_off(q);
	want += sizeof(struct net_hdr);
	min += sizeof(struct net_hdr);
	while (got < want && n->rx_taken < most && n->rx_pieces <= QUEUE_SIZE) {
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

static void net_commit(struct net *n, const struct netif_offload *o, size_t len)
{
	struct virtqueue *q = &n->dev.queues[RXQ];
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
	for (unsigned i = 0; i < nr; i++)
		queue_push(q, n->s->rx_heads[i], n->s->rx_lens[i]);
}

/* The memory is held until the commit. */
static int on_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	struct net *n = arg;
	int err;

	if (!virtio_enter(&n->dev))
		return -ENODEV;
	err = net_reserve(n, min, want, room);
	if (err)
		virtio_leave(&n->dev);
	return err;
}

static void on_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct net *n = arg;

	net_commit(n, o, len);
	virtio_leave(&n->dev);
}

static void on_flush(void *arg)
{
	struct net *n = arg;

	if (!virtio_enter(&n->dev))
		return;
	virtio_queue_flush(&n->dev, &n->dev.queues[RXQ]);
	virtio_leave(&n->dev);
}

static const struct netif_client net_client = {
	.receive = on_receive,
	.reserve = on_reserve,
	.commit = on_commit,
	.flush = on_flush,
	.writable = on_writable,
};

/* ---- life ---- */

static void net_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);

	report_ring(n);
	if (q->index == TXQ) {
		virtio_queue_serve(d, q, net_serve_tx, "bad frame");
		n->netif->ops->flush(n->netif);
	} else {
		n->netif->ops->rx_ready(n->netif);
	}
}

static int net_start(struct virtio_device *d)
{
	struct net *n = net_of(d);

	n->mergeable = virtio_has(d, VIRTIO_NET_F_MRG_RXBUF);
	n->rx_needed = 0;
	n->ring_seen = false;
	n->netif->ops->up(n->netif, net_offloads_of(d) & n->netif->offloads);
	return 0;
}

static void net_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);

	/* Chains never outlive a call, so a queue that is reset alone leaves nothing behind. */
	n->rx_needed = 0;
	if (!q)
		n->netif->ops->down(n->netif);
}

static void net_destroy(struct virtio_device *d)
{
	struct net *n = net_of(d);

	netif_destroy(n->netif);
	virtio_fini(&n->dev);
	free(n->s);
	free(n);
}

static const struct virtio_type net_type = {
	.name = "net",
	.id = 1,
	.pci_class = 0x020000, /* Ethernet controller */
	.start = net_start,
	.kick = net_kick,
	.stop = net_stop,
	.destroy = net_destroy,
};

static u64 net_features(const struct net *n, const struct virtio_pool *pool)
{
	u64 features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
		       net_features_of(n->netif->offloads);

	if (n->netif->mtu)
		features |= VIRTIO_NET_F_MTU;
	/*
	 * Buffers that Linux merges stay in the pool until the last reader of any of them is done;
	 * so do those for 1500 bytes, and those for more leave it when the frame arrives. So a card
	 * has a larger MTU (and no large frames: checksums cost nothing there), or offers frames of
	 * 64 KiB, whether its netif ever has such or not.
	 */
	if (pool)
		features &= ~VIRTIO_NET_F_MRG_RXBUF;
	if (pool && virtio_pool_large(n->netif->mtu))
		features &= ~(VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6);
	else if (pool)
		features |=
			VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	if (pool && !pool->tso)
		features &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	return features;
}

int virtio_net_create(struct virtio_device **out, const struct virtio_env *env, struct netif *netif)
{
	const u16 sizes[NR_QUEUES] = { env->pool ? virtio_pool_rx(env->pool, netif->mtu)
						 : QUEUE_SIZE,
				       env->pool ? env->pool->tx : QUEUE_SIZE };
	struct net *n = calloc(1, sizeof(*n));
	int err = -ENOMEM;

	if (n)
		n->s = malloc(sizeof(*n->s));
	if (n && n->s) {
		n->netif = netif;
		n->rx_filled = env->rx_filled;
		err = virtio_init(&n->dev, &net_type, env->instance, env->mem, env->loop,
				  net_features(n, env->pool), sizes, NR_QUEUES);
	}
	if (err) {
		log_errno(err, "virtio-net");
		netif_destroy(netif);
		if (n)
			free(n->s);
		free(n);
		return err;
	}
	memcpy(n->config.mac, netif->mac, sizeof(n->config.mac));
	n->config.status = le16_of(VIRTIO_NET_S_LINK_UP);
	n->config.max_virtqueue_pairs = le16_of(1);
	n->config.mtu = le16_of(netif->mtu);
	n->dev.config = (u8 *)&n->config;
	n->dev.config_len = sizeof(n->config);
	if (env->pool)
		n->dev.offered &= ~VIRTIO_F_INDIRECT_DESC;
	memcpy(n->dev.calls, netif->calls, sizeof(n->dev.calls));
	netif->client = &net_client;
	netif->client_arg = n;
	*out = &n->dev;
	return 0;
}
