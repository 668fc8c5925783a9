/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP of the guest, ended here: each connection of the guest is one with a socket of the host, and
 * data goes between the guest's own buffers and that socket. The loop's thread, or before it runs.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "net/hostfwd.h"
#include "net/user/neigh.h"
#include "net/user/reach.h"

struct loop;
struct tcp;

struct tcp_conf {
	struct reach reach;
	struct neigh *neigh;
	u16 mtu; /* of the guest's interface */
	/* Is the guest paused? Then it is not asked whether it is there. NULL: it never is. */
	bool (*held)(void *arg);
	void *held_arg;
};

/* What it asks of the kernel. */
extern const struct calls tcp_calls;

/*
 * `netif` is the one whose client gets the frames; it and what `c` points at outlive *out. 0 or
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

/*
 * Lead who connects to `fd`, a socket of hostfwd_open(), to the guest address of `f`, which is
 * given. 0: `fd` is closed by tcp_ignore() or at the end; -errno: it is still the caller's.
 */
int tcp_listen(struct tcp *t, const struct net_hostfwd *f, int fd);

/* Listen no more; connections that there are stay. 0, or -ENOENT: nobody does. */
int tcp_ignore(struct tcp *t, const struct net_hostfwd *f);

/* Is there a connection with these ends? */
bool tcp_knows(struct tcp *t, const struct ip_key *k);

#endif
