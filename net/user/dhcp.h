/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own DHCP server for the user-mode network: one answer for one request, no timers, no sockets.
 * libslirp has one too, but its lease time is a constant and it cannot announce an MTU.
 * One thread.
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include <netinet/in.h>

#include "net/netif.h"

#define DHCP_MAX_DNS 3u
#define DHCP_NR_LEASES 16u
#define DHCP_REPLY_MAX 640u /* frame bytes: Ethernet, IP, UDP and 576 - 28 of message, rounded up */

struct dhcp {
	/* Constant. */
	u8 host_mac[NETIF_MAC_LEN];
	struct in_addr host; /* server and router */
	struct in_addr mask;
	struct in_addr first; /* of the leases; the guest's own interface gets this one */
	bool no_router;	      /* restricted network: announce neither router nor DNS */
	struct in_addr dns[DHCP_MAX_DNS];
	unsigned nr_dns;
	const char *domain; /* NULL or "": none; at most 255 bytes */
	const u8 *search;   /* option 119, as resolv_search_wire() writes it; at most 255 bytes */
	size_t search_len;
	u16 mtu; /* 0: announce only if asked for, as 1500 */
	u32 lease_s;

	/* Who has which address: lease[i] is first + i, all zero: free. [0] is set before use. */
	u8 lease[DHCP_NR_LEASES][NETIF_MAC_LEN];
};

/*
 * Answer a message of the guest [RFC 2131 4.3]: `msg` is the UDP payload of a packet to port 67
 * that guard_check() has passed, whose IPv4 source is `src` (0.0.0.0 or an address). Hands out a
 * lease. Writes the frame of the answer to `reply`, at most DHCP_REPLY_MAX bytes. Returns its
 * length; 0: no answer is due.
 */
size_t dhcp_answer(struct dhcp *d, const u8 *msg, size_t len, struct in_addr src, u8 *reply);

#endif
