/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segments: from headers to values, and back.
 *
 * Thread: any; works on its arguments only.
 * Trust:  the headers are a private copy of the guest's, whose lengths guard.c has checked. Options
 *         are not: each is looked at only as far as the header goes.
 * Spec:   RFC 9293 §3.1, §3.2, RFC 7323 §2, RFC 792, RFC 4443 §3.1, RFC 6864
 */
#include "net/user/tcp_seg.h"

#include "net/csum.h"

#define HOPS 64u
#define SCALE_MAX 14 /* [RFC 7323 §2.3] */

enum { OPT_END = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_SCALE = 3 };

/* Options that are malformed end the list: what came before them counts [RFC 9293 §3.2]. */
static void read_options(struct tcp_heard *s, const u8 *p, const u8 *end)
{
	while (p < end && *p != OPT_END) {
		if (*p == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return;
		if (p[0] == OPT_MSS && p[1] == 4)
			s->mss = be16_at(p + 2);
		else if (p[0] == OPT_SCALE && p[1] == 3)
			s->scale = MIN((int)p[2], SCALE_MAX);
		p += p[1];
	}
}

void tcp_seg_read(struct tcp_heard *s, const u8 *head, size_t len, const struct guard_pkt *pkt)
{
	bool v6 = pkt->type == ETHERTYPE_IP6;
	size_t n = v6 ? 16 : 4;
	const u8 *src = head + pkt->l3 + (v6 ? IP6_SRC : IP4_SRC), *tcp = head + pkt->l4;
	u32 hdr = (u32)(tcp[TCP_OFF] >> 4) * 4;

	*s = (struct tcp_heard){
		.key.v6 = v6,
		.seq = be32_at(tcp + TCP_SEQ),
		.ack = be32_at(tcp + TCP_ACKNR),
		.head = pkt->l4 + hdr,
		.len = (u32)len - pkt->l4 - hdr,
		.win = be16_at(tcp + TCP_WIN),
		.flags = tcp[TCP_FLAGS],
		.scale = -1,
	};
	memcpy(s->key.guest, src, n);
	memcpy(s->key.peer, src + n, n);
	memcpy(s->key.ports, tcp + TCP_SRC, 4);
	if (s->flags & TCP_SYN)
		read_options(s, tcp + TCP_HDR, tcp + hdr);
}

/* Ethernet and IP headers of a packet for the guest with `len` bytes behind; returns their end. */
static u8 *write_ip(u8 *f, const struct tcp_link *l, bool v6, const u8 *src, const u8 *dst,
		    u8 proto, size_t len)
{
	u8 *ip = f + ETH_HDR;

	memcpy(f + ETH_DST, l->guest, 6);
	memcpy(f + ETH_SRC, l->host, 6);
	be16_put(f + ETH_TYPE, v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	if (v6) {
		be32_put(ip, 0x60000000);
		be16_put(ip + IP6_PLEN, (u16)len);
		ip[IP6_NEXT] = proto;
		ip[IP6_HOPS] = HOPS;
		memcpy(ip + IP6_SRC, src, 16);
		memcpy(ip + IP6_DST, dst, 16);
		return ip + IP6_HDR;
	}
	ip[IP4_VIHL] = 0x45;
	ip[IP4_TOS] = 0;
	be16_put(ip + IP4_TOTAL, (u16)(IP4_HDR + len));
	be16_put(ip + IP4_ID, 0); /* of no use where nothing is fragmented [RFC 6864 §4.1] */
	be16_put(ip + IP4_FRAG, IP4_DF);
	ip[IP4_TTL] = HOPS;
	ip[IP4_PROTO] = proto;
	be16_put(ip + IP4_CSUM, 0);
	memcpy(ip + IP4_SRC, src, 4);
	memcpy(ip + IP4_DST, dst, 4);
	be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
	return ip + IP4_HDR;
}

static size_t write_options(u8 *p, const struct tcp_say *say)
{
	size_t n = 0;

	if (say->mss) {
		p[0] = OPT_MSS;
		p[1] = 4;
		be16_put(p + 2, say->mss);
		n = 4;
	}
	if (say->mss && say->scale >= 0) {
		p[4] = OPT_NOP;
		p[5] = OPT_SCALE;
		p[6] = 3;
		p[7] = (u8)say->scale;
		n = 8;
	}
	return n;
}

size_t tcp_seg_write(u8 *head, const struct tcp_link *l, const struct tcp_key *k,
		     const struct tcp_say *say, size_t payload)
{
	u8 *tcp = head + tcp_head_len(k) - TCP_HDR;
	size_t opts = say->flags & TCP_SYN ? write_options(tcp + TCP_HDR, say) : 0;
	size_t len = TCP_HDR + opts + payload;
	u64 sum;

	write_ip(head, l, k->v6, k->peer, k->guest, PROTO_TCP, len);
	memcpy(tcp + TCP_SRC, k->ports + 2, 2);
	memcpy(tcp + TCP_DST, k->ports, 2);
	be32_put(tcp + TCP_SEQ, say->seq);
	be32_put(tcp + TCP_ACKNR, say->ack);
	tcp[TCP_OFF] = (u8)((TCP_HDR + opts) / 4 << 4);
	tcp[TCP_FLAGS] = say->flags;
	be16_put(tcp + TCP_WIN, say->win);
	be16_put(tcp + TCP_URP, 0);
	sum = k->v6 ? csum_pseudo6(k->peer, k->guest, PROTO_TCP, len)
		    : csum_pseudo4(k->peer, k->guest, PROTO_TCP, len);
	be16_put(tcp + TCP_CSUM, (u16)~csum_finish(sum));
	return (size_t)(tcp - head) + TCP_HDR + opts;
}

void tcp_seg_finish(u8 *head, size_t head_len, const struct tcp_key *k, u64 sum)
{
	u8 *tcp = head + tcp_head_len(k) - TCP_HDR;

	be16_put(tcp + TCP_CSUM, csum_finish(csum_add(sum, tcp, head_len - (size_t)(tcp - head))));
}

size_t tcp_unreachable(u8 *frame, const struct tcp_link *l, const struct tcp_key *k, u32 seq,
		       enum tcp_why why, const u8 *us)
{
	/* Of ICMP: no route, host, prohibited by administration. */
	static const u8 codes[2][3] = { { 0, 1, 13 }, { 0, 3, 1 } };
	size_t ip_len = k->v6 ? IP6_HDR : IP4_HDR, quoted = ip_len + (k->v6 ? TCP_HDR : 8);
	u8 proto = k->v6 ? PROTO_ICMP6 : PROTO_ICMP, was[TCP_HEAD_OUT] = { 0 }, *icmp, *tcp;
	size_t len = ICMP_HDR + quoted;
	u64 sum = 0;

	tcp = write_ip(was, l, k->v6, k->guest, k->peer, PROTO_TCP, TCP_HDR);
	memcpy(tcp + TCP_SRC, k->ports, 4);
	be32_put(tcp + TCP_SEQ, seq);
	tcp[TCP_OFF] = TCP_HDR / 4 << 4;
	tcp[TCP_FLAGS] = TCP_SYN;

	icmp = write_ip(frame, l, k->v6, us, k->guest, proto, len);
	memset(icmp, 0, ICMP_HDR);
	icmp[ICMP_TYPE] = k->v6 ? 1 : 3;
	icmp[ICMP_CODE] = codes[k->v6][why];
	memcpy(icmp + ICMP_HDR, was + ETH_HDR, quoted);
	if (k->v6)
		sum = csum_pseudo6(us, k->guest, PROTO_ICMP6, len);
	be16_put(icmp + ICMP_CSUM, csum_finish(csum_add(sum, icmp, len)));
	return (size_t)(icmp - frame) + len;
}
