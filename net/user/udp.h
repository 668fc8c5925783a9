/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP of the guest, with sockets of our own: each port of the guest that sends has one of the
 * host, and data goes between the guest's own buffers and that socket. The loop's thread, or before
 * it runs.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "net/user/reach.h"

struct loop;
struct segment;
struct udp;

struct udp_conf {
	struct reach reach;
	const struct segment *seg; /* the guest's MTU, and what its driver takes */
};

/* What it asks of the kernel. */
extern const struct calls udp_calls;

/*
 * `netif` is the one whose client gets the frames; it, `c->reach.guard` and `c->seg` outlive *out.
 * 0 or -errno.
 */
int udp_create(struct udp **out, const struct udp_conf *c, struct loop *loop, struct netif *netif);

/* Close all sockets. Takes NULL. */
void udp_destroy(struct udp *u);

/* A driver is there; there is none. Sockets outlive both. */
void udp_up(struct udp *u);
void udp_down(struct udp *u);

/*
 * A datagram from the guest: min(`len`, DIRECT_HEAD) bytes at `head`, which guard_check_direct()
 * has passed with `o`, and a cursor over the frame's `len` bytes, of which those behind the headers
 * may change at any time. A batch of them ends with udp_settle().
 */
void udp_input(struct udp *u, const u8 *head, size_t len, const struct netif_offload *o,
	       const struct guard_pkt *pkt, struct iov_cur frame);
void udp_settle(struct udp *u);

/* The guest has given receive buffers. */
void udp_rx_ready(struct udp *u);

#endif
