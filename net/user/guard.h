/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a frame of the guest must look like before libslirp sees it. The frame is our own copy: the
 * guest can no longer change it. Any thread.
 */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include <netinet/in.h>

#include "net/netif.h"

/* The network behind the guard; constant. */
struct guard {
	struct in_addr net, mask;
	struct in_addr host, dns; /* addresses on our side of the wire */
	u8 host_mac[NETIF_MAC_LEN];
	bool no_loopback;	     /* the host's loopback is closed */
	bool direct_tcp, direct_udp; /* they do not go to libslirp */
	bool direct_names;	     /* nor do connections to the name server of IPv4 */
	bool ipv6;
	struct in6_addr prefix6; /* a /64 */
	struct in6_addr dns6;
};

/* What was found on the way. Offsets from the start of the frame. */
struct guard_pkt {
	u16 type; /* EtherType */
	u32 l3, l4;
	u8 proto;      /* upper protocol, 0 for ARP */
	bool fragment; /* one of several: what is behind the IP header is not looked at */
};

/*
 * Check and normalise one frame of *len bytes in place: lengths, versions, header checksum, source
 * addresses, protocols that libslirp speaks. Padding is cut off, checksums that were left to us
 * (`o`) are filled in, TCP urgent data becomes ordinary data.
 *
 * 0: fine, *pkt is filled. -EPROTONOSUPPORT: nothing wrong, but nobody here to take it (IGMP, LLDP,
 * VLANs, ...). -EBADMSG: malformed or forged, *why says what.
 */
int guard_check(const struct guard *g, u8 *frame, size_t *len, const struct netif_offload *o,
		struct guard_pkt *pkt, const char **why);

/* Who is to have a frame. */
enum guard_way {
	GUARD_LIBSLIRP, /* also our own servers of DHCP and names */
	GUARD_BY_FLOW,	/* TCP or UDP that lkvm may know: of a forward; else libslirp */
	GUARD_DIRECT,	/* TCP or UDP of lkvm's own */
};

/*
 * Which way does this frame go? If not GUARD_LIBSLIRP it is a TCP segment or a UDP datagram of
 * which no more than the headers have to be private. The first min(`len`, DIRECT_HEAD) bytes of the
 * frame are at `head`. libslirp's are fragments, what goes to a name server (but for
 * `direct_names`), and datagrams for the services of this network (DHCP, TFTP) or for more than one
 * host.
 */
enum guard_way guard_way(const struct guard *g, const u8 *head, size_t len);

/* The same question about a frame that guard_check() or guard_check_whole() has passed. */
enum guard_way guard_way_of_pkt(const struct guard *g, const u8 *frame,
				const struct guard_pkt *pkt);

/*
 * guard_check() for a frame of which guard_way() is not GUARD_LIBSLIRP. No byte behind the headers
 * is looked at, and a checksum that was left to us is not made.
 */
int guard_check_direct(const struct guard *g, u8 *head, size_t *len, const struct netif_offload *o,
		       struct guard_pkt *pkt, const char **why);

/*
 * The second half of guard_check(), for a frame with a datagram that was put together from
 * fragments: all behind the IP header, which is checked already. 0 or as guard_check().
 */
int guard_check_whole(const struct guard *g, u8 *frame, size_t len, struct guard_pkt *pkt,
		      const char **why);

#endif
