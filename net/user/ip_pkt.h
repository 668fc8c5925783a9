/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets for the guest that are not libslirp's: who they are between, their IP headers, and ICMP
 * that tells why something led nowhere. Any thread.
 */
#ifndef NET_IP_PKT_H
#define NET_IP_PKT_H

#include "net/eth.h"

/* All headers that a frame of TCP or UDP can have: Ethernet, IPv6, TCP with 40 bytes of options. */
#define DIRECT_HEAD (ETH_HDR + IP6_HDR + TCP_HDR + 40u)

/* A connection or a datagram by its two ends. No padding: the bytes are hashed and compared. */
struct ip_key {
	u8 guest[16], peer[16]; /* IPv4: in the first four bytes, the rest is 0 */
	u8 ports[4];		/* the guest's, the peer's; network order */
	u32 v6;			/* 0 or 1 */
};
static_assert(sizeof(struct ip_key) == 40, "no padding");

static inline size_t ip_addr_len(const struct ip_key *k)
{
	return k->v6 ? 16 : 4;
}

static inline size_t ip_head_len(const struct ip_key *k)
{
	return ETH_HDR + (k->v6 ? IP6_HDR : IP4_HDR);
}

/* The ends of a packet of the guest: its IP header is at `ip`, that of TCP or UDP at `l4`. */
void ip_key_read(struct ip_key *k, bool v6, const u8 *ip, const u8 *l4);

/* The sum of the pseudo header of what goes to the guest (or `from` it) with `len` bytes. */
u64 ip_pseudo(const struct ip_key *k, bool from, u8 proto, size_t len);

/* Hardware addresses of a frame for the guest. */
struct ip_link {
	u8 guest[6], host[6];
};

/*
 * Ethernet and IP headers, without options, of a packet for the guest from `src` to `dst` (of 4 or
 * 16 bytes) with `len` bytes behind. Returns their end.
 */
u8 *ip_write(u8 *frame, const struct ip_link *l, bool v6, const u8 *src, const u8 *dst, u8 proto,
	     size_t len);

/* The IPv4 header of such a packet, with its number and flags. */
void ip4_write(u8 *ip, const u8 *src, const u8 *dst, u8 proto, size_t len, u16 id, u16 frag);

/* Why the guest cannot reach something; IP_WHY_NONE: for no reason that ICMP has a word for. */
enum ip_why { IP_WHY_NET, IP_WHY_HOST, IP_WHY_FORBIDDEN, IP_WHY_PORT, IP_WHY_NONE };

/* By the errno of a host's socket. */
enum ip_why ip_why(int err);

#define IP_QUOTE_MAX TCP_HDR
#define IP_UNREACHABLE_MAX (ETH_HDR + IP6_HDR + ICMP_HDR + IP6_HDR + IP_QUOTE_MAX)

/*
 * The ICMP message [RFC 792, RFC 4443 §3.1] that a packet of `k` led nowhere, from `us` (4 or 16
 * bytes). Behind the packet's IP header were the `quote_len` bytes at `quote`, of 8 to
 * IP_QUOTE_MAX, and maybe more. Returns the length of the frame.
 */
size_t ip_unreachable(u8 *frame, const struct ip_link *l, const struct ip_key *k, enum ip_why why,
		      const u8 *us, u8 proto, const u8 *quote, size_t quote_len);

#endif
