/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP of the guest, ended here: each connection of the guest is one with a socket of the host, and
 * data goes between the guest's own buffers and that socket. The loop's thread, or before it runs.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "net/hostfwd.h"
#include "net/user/reach.h"

struct loop;
struct tcp;

struct tcp_conf {
	struct reach reach;
	u16 mtu;	       /* of the guest's interface */
	u8 mac[NETIF_MAC_LEN]; /* the guest's, where none was heard of */
};

/* What it asks of the kernel. */
extern const struct calls tcp_calls;

/*
 * `netif` is the one whose client gets the frames; it and `c->reach.guard` outlive *out. 0 or
 * -errno.
 */
int tcp_create(struct tcp **out, const struct tcp_conf *c, struct loop *loop, struct netif *netif);

/* Close all connections, without a word to the guest, and all sockets. Takes NULL. */
void tcp_destroy(struct tcp *t);

/* A driver with these offloads is there; there is none. Connections outlive both. */
void tcp_up(struct tcp *t, u32 offloads);
void tcp_down(struct tcp *t);

/*
 * A segment from the guest: min(`len`, DIRECT_HEAD) bytes at `head`, which guard_check_direct() has
 * passed with `o`, and a cursor over the frame's `len` bytes, of which those behind the headers may
 * change at any time. A batch of them ends with tcp_settle(), which answers and tells the guest.
 */
void tcp_input(struct tcp *t, const u8 *head, size_t len, const struct netif_offload *o,
	       const struct guard_pkt *pkt, struct iov_cur frame);
void tcp_settle(struct tcp *t);

/* The guest has given receive buffers. */
void tcp_rx_ready(struct tcp *t);

/* From a frame of any protocol: an address of the guest has this hardware address. */
void tcp_learn(struct tcp *t, const u8 *addr, bool v6, const u8 mac[NETIF_MAC_LEN]);

/*
 * Listen where `f` says and lead to its guest address, which is given; or (`on` false) listen no
 * more. 0 or -errno.
 */
int tcp_listen(struct tcp *t, const struct net_hostfwd *f, bool on);

#endif
