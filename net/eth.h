/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the fields of Ethernet, ARP, IP, UDP, TCP and ICMP headers lie, as offsets into bytes:
 * frames come unaligned, and a byte access is always right. Any thread.
 */
#ifndef NET_ETH_H
#define NET_ETH_H

#include <string.h>

#include "lkvm/base/util.h"

/* Numbers in network order; the caller knows that there are so many bytes. */
static inline u16 be16_at(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 be32_at(const u8 *p)
{
	return (u32)be16_at(p) << 16 | be16_at(p + 2);
}

static inline void be16_put(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void be32_put(u8 *p, u32 v)
{
	be16_put(p, (u16)(v >> 16));
	be16_put(p + 2, (u16)v);
}

/* Ethernet II */
enum { ETH_DST = 0, ETH_SRC = 6, ETH_TYPE = 12, ETH_HDR = 14 };
enum { ETHERTYPE_IP4 = 0x0800, ETHERTYPE_ARP4 = 0x0806, ETHERTYPE_IP6 = 0x86dd };

/* ARP for Ethernet and IPv4 [RFC 826] */
enum {
	ARP_HTYPE = 0,
	ARP_PTYPE = 2,
	ARP_HLEN = 4,
	ARP_PLEN = 5,
	ARP_OP = 6,
	ARP_SHA = 8,
	ARP_SPA = 14,
	ARP_THA = 18,
	ARP_TPA = 24,
	ARP_LEN = 28
};

/* IPv4 [RFC 791] */
enum {
	IP4_VIHL = 0,
	IP4_TOS = 1,
	IP4_TOTAL = 2,
	IP4_ID = 4,
	IP4_FRAG = 6, /* flags and offset */
	IP4_TTL = 8,
	IP4_PROTO = 9,
	IP4_CSUM = 10,
	IP4_SRC = 12,
	IP4_DST = 16,
	IP4_HDR = 20
};
#define IP4_DF 0x4000u
#define IP4_MF 0x2000u
#define IP4_OFFSET 0x1fffu /* in units of 8 bytes */

/* IPv6 [RFC 8200] */
enum { IP6_PLEN = 4, IP6_NEXT = 6, IP6_HOPS = 7, IP6_SRC = 8, IP6_DST = 24, IP6_HDR = 40 };

/* Its header of a fragment. The offset is in bytes: its three lower bits have other uses. */
enum { FRAG6_NEXT = 0, FRAG6_FIELD = 2, FRAG6_ID = 4, FRAG6_HDR = 8 };
#define FRAG6_OFFSET 0xfff8u
#define FRAG6_MORE 1u

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_FRAG6 = 44, PROTO_ICMP6 = 58 };

/* UDP [RFC 768] */
enum { UDP_SRC = 0, UDP_DST = 2, UDP_LEN = 4, UDP_CSUM = 6, UDP_HDR = 8 };

/* TCP [RFC 9293] */
enum {
	TCP_SRC = 0,
	TCP_DST = 2,
	TCP_SEQ = 4,
	TCP_ACKNR = 8,
	TCP_OFF = 12, /* upper four bits, in units of 4 bytes */
	TCP_FLAGS = 13,
	TCP_WIN = 14,
	TCP_CSUM = 16,
	TCP_URP = 18,
	TCP_HDR = 20
};
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

/* ICMP and ICMPv6 */
enum { ICMP_TYPE = 0, ICMP_CODE = 1, ICMP_CSUM = 2, ICMP_HDR = 8 };

#endif
