/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network device: frames between pairs of queues and the netif of each.
 *
 * Thread: create and destroy before and after the loop runs, everything else on the loop.
 * Trust:  chains are validated by chain.c. The header of a transmitted frame is copied once and
 *         checked against what was negotiated and against the frame's length; the frame's bytes go
 *         to the netif unseen. Commands are read by net_ctrl.c.
 * Spec:   virtio 1.3 §5.1
 *
 * Back-pressure, both ways without a drop: a frame that the netif cannot take (-EAGAIN) goes back
 * to its ring until writable(); for the other way see net_rx.c.
 *
 * Of several pairs the driver begins with one, and says by a command how many it uses. The others'
 * netifs, which are queues of one interface of the host, go on to get frames: the host's kernel
 * knows nothing of the command. Those go to a queue that is used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "virtio/dev/net_priv.h"

#define CTRL_QUEUE_SIZE 64u

static struct net *net_of(struct virtio_device *d)
{
	return container_of(d, struct net, dev);
}

/* With the first kick: a driver fills its receive ring, then kicks, then sends. */
static void report_ring(struct net *n)
{
	const struct virtqueue *q = &n->dev.queues[NET_RXQ];
	int nr;

	if (n->ring_seen || !n->rx_filled || !q->started)
		return;
	n->ring_seen = true;
	nr = queue_available(&n->dev.queues[NET_RXQ]);
	/* Those that are used already were given, too. */
	if (nr >= 0)
		n->rx_filled(n->dev.name, (unsigned)nr + q->next_avail, q->size,
			     le16_get(n->config.mtu));
}

/* ---- guest to netif ---- */

/* 0: done with the chain (sent or dropped). -EAGAIN. -EBADMSG: the device needs a reset. */
static int net_transmit(struct net *n, struct netif *netif, const struct chain *c)
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
	return netif->ops->send(netif, &o, cur) == -EAGAIN ? -EAGAIN : 0;
}

/* Once after the frames of a batch. */
static void flush(struct net_pair *p)
{
	if (p->sent)
		p->netif->ops->flush(p->netif);
	p->sent = false;
}

static int net_serve_tx(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);
	struct net_pair *p = &n->pairs[q->index / NET_PAIR];
	struct chain c = { .iov = n->s->tx_iov, .max = ARRAY_SIZE(n->s->tx_iov) };
	int err = chain_take(q, &c);

	/*
	 * The driver is not woken before who waits for its frame: it has little to do with what was
	 * sent, and on a CPU that they share it would come first.
	 */
	if (!err)
		flush(p);
	if (err <= 0)
		return err;
	p->sent = true;
	err = net_transmit(n, p->netif, &c);
	if (err == -EAGAIN) /* until on_writable() */
		queue_untake(q, c.head);
	if (err)
		return err;
	net_phase_out(&p->phase, c.read_len);
	queue_push(q, c.head, 0);
	return 1;
}

/* ---- who serves ---- */

static bool net_prompt(struct virtio_device *d, struct virtqueue *q)
{
	const struct net *n = net_of(d);

	return q->index % NET_PAIR == NET_TXQ && n->pairs[q->index / NET_PAIR].phase.waits &&
	       queue_available(q) == 1;
}

static void mind_phase(struct net_pair *p, const struct virtqueue *q)
{
	struct virtio_device *d = &p->net->dev;

	if (net_phase_kick(&p->phase, loop_is_borrowed(d->loop)) &&
	    net_phase_turn(&p->phase, loop_now_ns()))
		d->tops->doorbell(d->transport, q->index, !p->phase.waits);
}

/* ---- commands ---- */

/*
 * [§5.1.2.1] Behind the pairs that the driver knows of: without MQ that is one, and its control
 * queue is the one that is another pair's first otherwise.
 */
static bool is_ctrl(const struct net *n, const struct virtqueue *q)
{
	unsigned pairs = virtio_has(&n->dev, VIRTIO_NET_F_MQ) ? n->nr_pairs : 1;

	return virtio_has(&n->dev, VIRTIO_NET_F_CTRL_VQ) && q->index == NET_PAIR * pairs;
}

static int net_serve_ctrl(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);
	struct chain c = { .iov = n->s->tx_iov, .max = ARRAY_SIZE(n->s->tx_iov) };
	struct iov_cur answer;
	int err = chain_take(q, &c);
	u8 ack;

	if (err <= 0)
		return err;
	answer = chain_writer(&c);
	if (!answer.left)
		return -EBADMSG;
	ack = net_ctrl_run(&n->ctrl, d->features, chain_reader(&c));
	/* [§5.1.6.5.2.1] The address is in the configuration before the command is answered. */
	if (memcmp(n->config.mac, n->ctrl.mac, NETIF_MAC_LEN))
		virtio_config_put(d, 0, n->ctrl.mac, NETIF_MAC_LEN);
	iov_write(&answer, &ack, sizeof(ack));
	queue_push(q, c.head, sizeof(ack));
	return 1;
}

/* There is room in that pair's receive queue: for its netif, and for those that share it. */
static void ready(struct net *n, unsigned pair)
{
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		struct netif *netif = n->pairs[i].netif;

		if (i % n->ctrl.pairs == pair)
			netif->ops->rx_ready(netif);
	}
}

/*
 * Frames that wait for a queue that is not used any more, or that was not, find another one; and
 * what the guest has queued in one that was not used yet is sent.
 */
static void run_commands(struct net *n, struct virtqueue *q)
{
	u16 before = n->ctrl.pairs;

	virtio_queue_serve(&n->dev, q, net_serve_ctrl, "a command without room for its answer");
	for (unsigned i = 0; i < n->ctrl.pairs && n->ctrl.pairs != before; i++) {
		ready(n, i);
		virtio_notify(&n->dev, NET_PAIR * i + NET_TXQ);
	}
}

/* ---- life ---- */

static void net_kick(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);
	unsigned pair = q->index / NET_PAIR;

	report_ring(n);
	if (is_ctrl(n, q)) {
		run_commands(n, q);
	} else if (pair >= n->ctrl.pairs) {
		return; /* [§5.1.6.5.5.2] not in use yet, or no more */
	} else if (q->index % NET_PAIR == NET_TXQ) {
		virtio_queue_serve(d, q, net_serve_tx, "bad frame");
		flush(&n->pairs[pair]);
		mind_phase(&n->pairs[pair], q);
	} else {
		ready(n, pair);
	}
}

static int net_start(struct virtio_device *d)
{
	struct net *n = net_of(d);

	n->mergeable = virtio_has(d, VIRTIO_NET_F_MRG_RXBUF);
	n->ring_seen = false;
	net_ctrl_reset(&n->ctrl, n->config.mac, (u16)n->nr_pairs);
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		struct netif *netif = n->pairs[i].netif;

		n->pairs[i].rx_needed = 0;
		netif->ops->up(netif, net_offloads_of(d) & netif->offloads);
	}
	return 0;
}

static void net_stop(struct virtio_device *d, struct virtqueue *q)
{
	struct net *n = net_of(d);

	/* Chains never outlive a call, so a queue that is reset alone leaves nothing behind. */
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		u16 tx = (u16)(NET_PAIR * i + NET_TXQ);

		if (!q || q == net_rx_queue(&n->pairs[i]))
			n->pairs[i].rx_needed = 0;
		if ((!q || q->index == tx) && net_phase_reset(&n->pairs[i].phase))
			d->tops->doorbell(d->transport, tx, true);
		if (!q)
			n->pairs[i].netif->ops->down(n->pairs[i].netif);
	}
	if (!q)
		virtio_config_put(d, 0, n->pairs[0].netif->mac, NETIF_MAC_LEN);
}

static void net_destroy(struct virtio_device *d)
{
	struct net *n = net_of(d);

	netif_destroy_all(n->pairs[0].netif);
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
	.prompt = net_prompt,
	.prompt_at_times = true,
	.stop = net_stop,
	.destroy = net_destroy,
};

static u64 net_features(const struct net *n, const struct virtio_pool *pool)
{
	const struct netif *netif = n->pairs[0].netif;
	u64 features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
		       VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |
		       VIRTIO_NET_F_CTRL_MAC_ADDR;

	assert(netif);
	features |= net_features_of(netif->offloads);
	if (n->nr_pairs > 1)
		features |= VIRTIO_NET_F_MQ;
	if (netif->mtu)
		features |= VIRTIO_NET_F_MTU;
	/*
	 * Buffers that Linux merges stay in the pool until the last reader of any of them is done;
	 * so do those for 1500 bytes, and those for more leave it when the frame arrives. So a card
	 * has a larger MTU (and no large frames: checksums cost nothing there), or offers frames of
	 * 64 KiB, whether its netif ever has such or not.
	 */
	if (pool)
		features &= ~VIRTIO_NET_F_MRG_RXBUF;
	if (pool && virtio_pool_large(netif->mtu))
		features &= ~(VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6);
	else if (pool)
		features |=
			VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	if (pool && !pool->tso)
		features &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	return features;
}

static struct net *net_alloc(struct netif *netif)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n)
		n->s = malloc(sizeof(*n->s));
	if (!n || !n->s) {
		free(n);
		return NULL;
	}
	for (; netif; netif = netif->next) {
		struct net_pair *p = &n->pairs[n->nr_pairs++];

		assert(n->nr_pairs <= NET_NR_PAIRS);
		*p = (struct net_pair){ .net = n, .netif = netif };
		netif->client = &net_client;
		netif->client_arg = p;
	}
	n->ctrl.pairs = 1;
	return n;
}

/* All receive queues are of one size, and all transmit queues of another. */
static unsigned net_queue_sizes(const struct net *n, const struct virtio_pool *pool, u16 *sizes)
{
	unsigned i = 0;

	for (; i < NET_PAIR * n->nr_pairs; i += NET_PAIR) {
		sizes[i + NET_RXQ] =
			pool ? virtio_pool_rx(pool, n->pairs[0].netif->mtu) : NET_QUEUE_SIZE;
		sizes[i + NET_TXQ] = pool ? pool->tx : NET_QUEUE_SIZE;
	}
	sizes[i++] = CTRL_QUEUE_SIZE;
	return i;
}

int virtio_net_create(struct virtio_device **out, const struct virtio_env *env, struct netif *netif)
{
	struct net *n = net_alloc(netif);
	u16 sizes[NET_PAIR * NET_NR_PAIRS + 1];
	int err = -ENOMEM;

	if (n) {
		n->rx_filled = env->rx_filled;
		err = virtio_init(&n->dev, &net_type, env->instance, env->mem, env->loop,
				  net_features(n, env->pool), sizes,
				  net_queue_sizes(n, env->pool, sizes));
	}
	if (err) {
		log_errno(err, "virtio-net");
		netif_destroy_all(netif);
		if (n)
			free(n->s);
		free(n);
		return err;
	}
	net_config_init(&n->config, netif, (u16)n->nr_pairs);
	n->dev.config = (u8 *)&n->config;
	n->dev.config_len = sizeof(n->config);
	if (env->pool)
		n->dev.offered &= ~VIRTIO_F_INDIRECT_DESC;
	static_assert(sizeof(netif->calls) <= sizeof(n->dev.calls), "all of them");
	memcpy(n->dev.calls, netif->calls, sizeof(netif->calls));
	*out = &n->dev;
	return 0;
}
