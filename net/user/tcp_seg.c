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
	const u8 *tcp = head + pkt->l4;
	u32 hdr = (u32)(tcp[TCP_OFF] >> 4) * 4;

	*s = (struct tcp_heard){
		.seq = be32_at(tcp + TCP_SEQ),
		.ack = be32_at(tcp + TCP_ACKNR),
		.head = pkt->l4 + hdr,
		.len = (u32)len - pkt->l4 - hdr,
		.win = be16_at(tcp + TCP_WIN),
		.flags = tcp[TCP_FLAGS],
		.scale = -1,
	};
	ip_key_read(&s->key, v6, head + pkt->l3, tcp + TCP_SRC);
	if (s->flags & TCP_SYN)
		read_options(s, tcp + TCP_HDR, tcp + hdr);
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

size_t tcp_seg_write(u8 *head, const struct ip_link *l, const struct ip_key *k,
		     const struct tcp_say *say, size_t payload)
{
	u8 *tcp = head + tcp_head_len(k) - TCP_HDR;
	size_t opts = say->flags & TCP_SYN ? write_options(tcp + TCP_HDR, say) : 0;
	size_t len = TCP_HDR + opts + payload;
	u64 sum;

	ip_write(head, l, k->v6, k->peer, k->guest, PROTO_TCP, len);
	memcpy(tcp + TCP_SRC, k->ports + 2, 2);
	memcpy(tcp + TCP_DST, k->ports, 2);
	be32_put(tcp + TCP_SEQ, say->seq);
	be32_put(tcp + TCP_ACKNR, say->ack);
	tcp[TCP_OFF] = (u8)((TCP_HDR + opts) / 4 << 4);
	tcp[TCP_FLAGS] = say->flags;
	be16_put(tcp + TCP_WIN, say->win);
	be16_put(tcp + TCP_URP, 0);
	sum = ip_pseudo(k, false, PROTO_TCP, len);
	be16_put(tcp + TCP_CSUM, (u16)~csum_finish(sum));
	return (size_t)(tcp - head) + TCP_HDR + opts;
}

void tcp_seg_finish(u8 *head, size_t head_len, const struct ip_key *k, u64 sum)
{
	u8 *tcp = head + tcp_head_len(k) - TCP_HDR;

	be16_put(tcp + TCP_CSUM, csum_finish(csum_add(sum, tcp, head_len - (size_t)(tcp - head))));
}

size_t tcp_unreachable(u8 *frame, const struct ip_link *l, const struct ip_key *k, u32 seq,
		       enum ip_why why, const u8 *us)
{
	u8 tcp[TCP_HDR] = { [TCP_OFF] = TCP_HDR / 4 << 4, [TCP_FLAGS] = TCP_SYN };

	memcpy(tcp + TCP_SRC, k->ports, 4);
	be32_put(tcp + TCP_SEQ, seq);
	return ip_unreachable(frame, l, k, why, us, PROTO_TCP, tcp, k->v6 ? TCP_HDR : 8);
}
