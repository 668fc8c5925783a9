/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwards of a user network: which there are, and where they lead. The loop's thread. */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include "net/netopt.h"

struct tcp;
struct udp;

struct forwards {
	struct tcp *tcp;
	struct udp *udp;
	bool ipv6;
	struct in_addr guest4; /* where those without an address lead */
	struct in6_addr guest6;
	struct net_hostfwd f[NET_MAX_HOSTFWD];
	unsigned nr;
};

/* The address that a guest gives itself in `prefix6`, a /64, with this MAC [RFC 4862 §5.5.3]. */
struct in6_addr forwards_eui64(const struct in6_addr *prefix6, const u8 mac[6]);

/*
 * Forward what comes to `fd`, a socket of hostfwd_open(), which is ours then. -errno: it is the
 * caller's. -ENOSPC: there are NET_MAX_HOSTFWD; -EAFNOSUPPORT: IPv6 without ipv6=on; -EINVAL: it is
 * no such socket.
 */
int forwards_add(struct forwards *fs, const struct net_hostfwd *f, int fd);

/* Listen no more; connections that there are stay. -ENOENT: nobody listens there. */
int forwards_remove(struct forwards *fs, const struct net_hostfwd *f);

#endif
