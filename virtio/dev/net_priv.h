/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of virtio-net share: net.c is the device, net_rx.c what comes from netifs. */
#ifndef VIRTIO_NET_PRIV_H
#define VIRTIO_NET_PRIV_H

#include <string.h>

#include "virtio/core/pool.h"
#include "virtio/dev/kinds.h"
#include "virtio/dev/net_ctrl.h"
#include "virtio/dev/net_phase.h"

/* Configuration space [virtio 1.3 §5.1.4]. */
struct net_config {
	u8 mac[NETIF_MAC_LEN];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
};
static_assert(sizeof(struct net_config) == 12, "as in the specification");

#define NET_S_LINK_UP 1u

static inline void net_config_init(struct net_config *c, const struct netif *netif, u16 nr_pairs)
{
	memcpy(c->mac, netif->mac, sizeof(c->mac));
	c->status = le16_of(NET_S_LINK_UP);
	c->max_virtqueue_pairs = le16_of(nr_pairs);
	c->mtu = le16_of(netif->mtu);
}

#define NET_QUEUE_SIZE 256u
#define NET_NR_PAIRS 8u /* at most */

/* [virtio 1.3 §5.1.2] Pair by pair, then the control queue. */
enum { NET_RXQ, NET_TXQ, NET_PAIR };

struct net;

/* Two queues, and the netif behind them. */
struct net_pair {
	struct net *net;
	struct netif *netif;
	bool sent;		/* to the netif, which was not flushed since */
	int rx_needed;		/* buffers that the frame that waits in the netif needs at least */
	struct net_phase phase; /* of its queues */
};

struct net {
	struct virtio_device dev;
	struct net_pair pairs[NET_NR_PAIRS];
	unsigned nr_pairs;
	struct net_ctrl ctrl;
	struct net_config config;
	bool mergeable; /* MRG_RXBUF negotiated */
	bool ring_seen; /* since the driver was ready: see report_ring() */
	void (*rx_filled)(const char *device, unsigned nr, u16 size, u16 mtu); /* or NULL */
	/* Between reserve() and commit(): buffers, noted in rx_heads/rx_lens; pieces in rx_room. */
	unsigned rx_taken, rx_pieces;
	struct net_scratch *s;
};

/*
 * Room to work in during one call. Apart, so that it need not be cleared: touched as far as used.
 */
struct net_scratch {
	struct iovec tx_iov[NET_QUEUE_SIZE];
	struct iovec rx_first[NET_QUEUE_SIZE], rx_iov[NET_QUEUE_SIZE];
	struct iovec rx_room[2 * NET_QUEUE_SIZE]; /* of all the buffers that reserve() takes */
	u16 rx_heads[NET_QUEUE_SIZE];
	u32 rx_lens[NET_QUEUE_SIZE];
};

/*
 * The queue in which frames of that pair's netif go: its own; or, of a pair that the driver does
 * not use, that of one which it uses.
 */
static inline struct virtqueue *net_rx_queue(struct net_pair *p)
{
	unsigned i = (unsigned)(p - p->net->pairs) % p->net->ctrl.pairs;

	return &p->net->dev.queues[NET_PAIR * i + NET_RXQ];
}

/* The client of each pair's netif, which it calls with the pair. */
extern const struct netif_client net_client;

#endif
