/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of netif, for net/netif.c only. Callbacks run on `loop`, which outlives the netif; `c`
 * is not kept. Main thread, before the loop runs. 0, or -errno after one log_error() line.
 */
#ifndef NET_KINDS_H
#define NET_KINDS_H

#include "net/netif.h"
#include "net/netopt.h"

/* User-mode networking: libslirp behind net/user/guard.c. */
int user_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);

/* A tap or macvtap device. */
int tap_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);

/* Wires over Unix sockets: a stream, or datagrams. */
int stream_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);
int dgram_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);

/*
 * A netif that copies every frame that passes to the file c->pcap, if there is one, and to that of
 * netif_capture(). `inner`, which has the frames then, is its own, and destroyed with it, also
 * after an error. `loop` is that of `inner`.
 */
int pcap_if_create(struct netif **out, const struct net_conf *c, struct netif *inner,
		   struct loop *loop);

#endif
