/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwards of a user network: which there are, and where they lead. The loop's thread. */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include "net/netopt.h"

struct slirp;
struct tcp;

struct forwards {
	struct slirp *slirp;
	struct tcp *tcp; /* where those of TCP lead; NULL: to libslirp, too */
	bool ipv6;
	struct in_addr guest4; /* where those without an address lead */
	struct in6_addr guest6;
	struct net_hostfwd f[NET_MAX_HOSTFWD];
	unsigned nr;
};

/* The address that a guest gives itself in `prefix6`, a /64, with this MAC [RFC 4862 §5.5.3]. */
struct in6_addr forwards_eui64(const struct in6_addr *prefix6, const u8 mac[6]);

/*
 * Listen. 0, or -errno: -EADDRINUSE or what else the host says about the address, -ENOSPC: there
 * are NET_MAX_HOSTFWD, -EAFNOSUPPORT: IPv6 without ipv6=on.
 */
int forwards_add(struct forwards *fs, const struct net_hostfwd *f);

/* Listen no more; connections that there are stay. -ENOENT: nobody listens there. */
int forwards_remove(struct forwards *fs, const struct net_hostfwd *f);

/* Do datagrams from this address (of 4 or 16 bytes) and port of the guest belong to a forward? */
bool forwards_answer(const struct forwards *fs, bool v6, const u8 *addr, u16 port);

#endif
