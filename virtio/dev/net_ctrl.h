/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of virtio-net's control queue [virtio 1.3 §5.1.6.5], and what they are about: which
 * frames the driver wants, and how many pairs of queues it uses. Values only: knows neither queues
 * nor netifs. On the device's loop.
 */
#ifndef VIRTIO_NET_CTRL_H
#define VIRTIO_NET_CTRL_H

#include "virtio/dev/net_hdr.h"

#define NET_CTRL_OK 0u
#define NET_CTRL_ERR 1u

/* Addresses that a driver can name, of one interface and of groups each; more means all. */
#define NET_CTRL_MACS 64u

struct net_macs {
	u8 mac[NET_CTRL_MACS][NETIF_MAC_LEN];
	unsigned nr; /* NET_CTRL_MACS + 1: there were more */
};

struct net_ctrl {
	u16 max_pairs;
	u16 pairs; /* in use, 1..max_pairs */
	/* Until the driver has said which frames it wants it gets all. */
	bool filters;
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	u8 mac[NETIF_MAC_LEN];
	struct net_macs uni, multi;
};

/* As after a reset, for a card with that address. */
void net_ctrl_reset(struct net_ctrl *c, const u8 *mac, u16 max_pairs);

/*
 * Carry out the command that `cmd` reads (class, command, data), if `features`, which were
 * negotiated, have it. NET_CTRL_OK, or NET_CTRL_ERR: then nothing has changed.
 */
u8 net_ctrl_run(struct net_ctrl *c, u64 features, struct iov_cur cmd);

/* Does the driver want a frame to that address? */
bool net_ctrl_wants(const struct net_ctrl *c, const u8 *dst);

#endif
