/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an address that the guest dials leads, and what the guest sees of a peer that dials it:
 * what libslirp decides for itself, for the connections that do not go through it. Any thread; with
 * servers the loop's.
 */
#ifndef NET_REACH_H
#define NET_REACH_H

#include <sys/socket.h>

#include "net/user/guard.h"
#include "net/user/ip_pkt.h"

struct servers;

/* Constant. */
struct reach {
	const struct guard *guard;
	bool host_loopback;	 /* addresses of the network stand for the host's loopback */
	bool restricted;	 /* the guest reaches nothing */
	struct servers *servers; /* what the name server of IPv4 stands for; NULL: for itself */
};

union reach_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/*
 * The address to connect to for the guest's connection `k`, whose destination guard_check_direct()
 * has passed. Its length, or -ECONNREFUSED: nothing is to be reached there.
 */
int reach_out(const struct reach *r, const struct ip_key *k, union reach_addr *to);

/*
 * Fill in the peer of `k` (address and port) as the guest is to see it: a host outside as it is;
 * the loopback and what would seem to be the guest's neighbour as the host. True: it is the host.
 */
bool reach_in(const struct reach *r, struct ip_key *k, const union reach_addr *from);

/* Does the peer of `k` stand for the host? */
bool reach_is_host(const struct reach *r, const struct ip_key *k);

/* Our own address in the guest's network, 4 or 16 bytes, in `us`. */
void reach_host(const struct reach *r, bool v6, u8 us[16]);

#endif
