/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of netif, for net/netif.c only. Each constructor returns 0, or -errno after one
 * log_error() line; `loop` is where callbacks run.
 */
#ifndef NET_KINDS_H
#define NET_KINDS_H

#include "net/netif.h"
#include "net/netopt.h"

/* User-mode networking: libslirp behind net/user/guard.c. */
int user_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);

/* A tap or macvtap device. */
int tap_if_create(struct netif **out, const struct net_conf *c, struct loop *loop);

/*
 * A netif that copies every frame that passes to the file c->pcap, if there is one, and to that of
 * netif_capture(). Takes over `inner`, also on error.
 */
int pcap_if_create(struct netif **out, const struct net_conf *c, struct netif *inner);

#endif
