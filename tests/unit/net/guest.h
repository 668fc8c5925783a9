/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A very small guest: builds Ethernet frames by hand and looks at those that come back. Used by the
 * suites of net/.
 */
#ifndef TESTS_UNIT_NET_GUEST_H
#define TESTS_UNIT_NET_GUEST_H

#include "net/csum.h"
#include "net/eth.h"

#define GUEST_IP 0xc0a8210fu
#define HOST_IP 0xc0a82101u
#define DNS_IP 0xc0a82103u

static const u8 guest_mac[6] = { 0x02, 0x15, 0x15, 0x15, 0x15, 0x15 };
static const u8 host_mac[6] = { 0x52, 0x55, 0xc0, 0xa8, 0x21, 0x01 };

/* Ethernet and IPv4 headers in front of `len` bytes of payload; returns the frame's length. */
static inline size_t put_ip4(u8 *f, u32 src, u32 dst, u8 proto, size_t len)
{
	u8 *ip = f + ETH_HDR;

	memcpy(f + ETH_DST, host_mac, 6);
	memcpy(f + ETH_SRC, guest_mac, 6);
	be16_put(f + ETH_TYPE, ETHERTYPE_IP4);
	memset(ip, 0, IP4_HDR);
	ip[IP4_VIHL] = 0x45;
	be16_put(ip + IP4_TOTAL, (u16)(IP4_HDR + len));
	ip[IP4_TTL] = 64;
	ip[IP4_PROTO] = proto;
	be32_put(ip + IP4_SRC, src);
	be32_put(ip + IP4_DST, dst);
	be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
	return ETH_HDR + IP4_HDR + len;
}

/* After a header field was changed. */
static inline void fix_ip4(u8 *f)
{
	u8 *ip = f + ETH_HDR;

	be16_put(ip + IP4_CSUM, 0);
	be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
}

/* The checksum of the TCP or UDP packet at `l4`, `len` bytes; 0 if the one in it is right. */
static inline u16 l4_csum(const u8 *f, const u8 *l4, size_t len, u8 proto)
{
	const u8 *ip = f + ETH_HDR;
	u64 sum = csum_pseudo4(ip + IP4_SRC, ip + IP4_DST, proto, len);

	return csum_finish(csum_add(sum, l4, len));
}

static inline size_t put_udp(u8 *f, u32 src, u32 dst, u16 sport, u16 dport, const void *data,
			     size_t len)
{
	u8 *udp = f + ETH_HDR + IP4_HDR;
	size_t n = put_ip4(f, src, dst, PROTO_UDP, UDP_HDR + len);

	be16_put(udp + UDP_SRC, sport);
	be16_put(udp + UDP_DST, dport);
	be16_put(udp + UDP_LEN, (u16)(UDP_HDR + len));
	be16_put(udp + UDP_CSUM, 0);
	memcpy(udp + UDP_HDR, data, len);
	be16_put(udp + UDP_CSUM, l4_csum(f, udp, UDP_HDR + len, PROTO_UDP));
	return n;
}

struct tcp_seg {
	u16 sport, dport;
	u32 seq, ack;
	u8 flags;
	u16 win, urp;
	u16 mss; /* 0: no option */
	const void *data;
	size_t len;
};

static inline size_t put_tcp(u8 *f, u32 src, u32 dst, const struct tcp_seg *t)
{
	u8 *tcp = f + ETH_HDR + IP4_HDR;
	size_t hdr = TCP_HDR + (t->mss ? 4 : 0);
	size_t n = put_ip4(f, src, dst, PROTO_TCP, hdr + t->len);

	memset(tcp, 0, hdr);
	be16_put(tcp + TCP_SRC, t->sport);
	be16_put(tcp + TCP_DST, t->dport);
	be32_put(tcp + TCP_SEQ, t->seq);
	be32_put(tcp + TCP_ACKNR, t->ack);
	tcp[TCP_OFF] = (u8)(hdr / 4 << 4);
	tcp[TCP_FLAGS] = t->flags;
	be16_put(tcp + TCP_WIN, t->win);
	be16_put(tcp + TCP_URP, t->urp);
	if (t->mss) {
		tcp[TCP_HDR] = 2;
		tcp[TCP_HDR + 1] = 4;
		be16_put(tcp + TCP_HDR + 2, t->mss);
	}
	if (t->len)
		memcpy(tcp + hdr, t->data, t->len);
	be16_put(tcp + TCP_CSUM, l4_csum(f, tcp, hdr + t->len, PROTO_TCP));
	return n;
}

static inline size_t put_echo(u8 *f, u32 src, u32 dst, u16 id, u16 seq, size_t len)
{
	u8 *icmp = f + ETH_HDR + IP4_HDR;
	size_t n = put_ip4(f, src, dst, PROTO_ICMP, ICMP_HDR + len);

	memset(icmp, 0, ICMP_HDR);
	icmp[ICMP_TYPE] = 8;
	be16_put(icmp + 4, id);
	be16_put(icmp + 6, seq);
	for (size_t i = 0; i < len; i++)
		icmp[ICMP_HDR + i] = (u8)i;
	be16_put(icmp + ICMP_CSUM, csum_finish(csum_add(0, icmp, ICMP_HDR + len)));
	return n;
}

static inline size_t put_arp(u8 *f, u16 op, u32 spa, u32 tpa)
{
	u8 *a = f + ETH_HDR;

	memset(f, 0xff, 6);
	memcpy(f + ETH_SRC, guest_mac, 6);
	be16_put(f + ETH_TYPE, ETHERTYPE_ARP4);
	memset(a, 0, ARP_LEN);
	be16_put(a + ARP_HTYPE, 1);
	be16_put(a + ARP_PTYPE, ETHERTYPE_IP4);
	a[ARP_HLEN] = 6;
	a[ARP_PLEN] = 4;
	be16_put(a + ARP_OP, op);
	memcpy(a + ARP_SHA, guest_mac, 6);
	be32_put(a + ARP_SPA, spa);
	be32_put(a + ARP_TPA, tpa);
	return ETH_HDR + ARP_LEN;
}

#endif
