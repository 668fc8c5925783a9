/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP of the guest, with sockets of our own: each port of the guest that sends has one of the
 * host, and data goes between the guest's own buffers and that socket. The loop's thread, or before
 * it runs.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "net/hostfwd.h"
#include "net/user/neigh.h"
#include "net/user/reach.h"

struct loop;
struct segment;
struct udp;

struct udp_conf {
	struct reach reach;
	struct neigh *neigh;
	struct segment *seg; /* the guest's MTU, and what its driver takes */
};

/* What it asks of the kernel. */
extern const struct calls udp_calls;

/*
 * `netif` is the one whose client gets the frames; it and what `c` points at outlive *out. 0 or
 * -errno.
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

/*
 * Lead what comes to `fd`, a socket of hostfwd_open(), to the guest address of `f`, which is given.
 * 0: `fd` is closed by udp_ignore() or at the end; -errno: it is still the caller's.
 */
int udp_listen(struct udp *u, const struct net_hostfwd *f, int fd);

/* Listen no more. 0, or -ENOENT: nobody does. */
int udp_ignore(struct udp *u, const struct net_hostfwd *f);

/* Does a datagram of the guest with these ends belong to a forward? */
bool udp_knows(struct udp *u, const struct ip_key *k);

/* The guest has given receive buffers. */
void udp_rx_ready(struct udp *u);

#endif
