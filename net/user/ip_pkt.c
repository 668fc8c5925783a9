/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP headers for the guest, and ICMP.
 *
 * Thread: any; works on its arguments only.
 * Trust:  addresses and ports are the guest's; all else is ours.
 * Spec:   RFC 791, RFC 792, RFC 8200, RFC 4443 §3.1, RFC 6864
 */
#include "net/user/ip_pkt.h"

#include <errno.h>

#include "net/csum.h"

#define HOPS 64u

void ip_key_read(struct ip_key *k, bool v6, const u8 *ip, const u8 *l4)
{
	size_t n = v6 ? 16 : 4;
	const u8 *src = ip + (v6 ? IP6_SRC : IP4_SRC);

	*k = (struct ip_key){ .v6 = v6 };
	memcpy(k->guest, src, n);
	memcpy(k->peer, src + n, n);
	memcpy(k->ports, l4, 4);
}

u64 ip_pseudo(const struct ip_key *k, bool from, u8 proto, size_t len)
{
	const u8 *src = from ? k->guest : k->peer, *dst = from ? k->peer : k->guest;

	return k->v6 ? csum_pseudo6(src, dst, proto, len) : csum_pseudo4(src, dst, proto, len);
}

void ip4_write(u8 *ip, const u8 *src, const u8 *dst, u8 proto, size_t len, u16 id, u16 frag)
{
	ip[IP4_VIHL] = 0x45;
	ip[IP4_TOS] = 0;
	be16_put(ip + IP4_TOTAL, (u16)(IP4_HDR + len));
	be16_put(ip + IP4_ID, id);
	be16_put(ip + IP4_FRAG, frag);
	ip[IP4_TTL] = HOPS;
	ip[IP4_PROTO] = proto;
	be16_put(ip + IP4_CSUM, 0);
	memcpy(ip + IP4_SRC, src, 4);
	memcpy(ip + IP4_DST, dst, 4);
	be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
}

u8 *ip_write(u8 *f, const struct ip_link *l, bool v6, const u8 *src, const u8 *dst, u8 proto,
	     size_t len)
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
	/* A number is of no use where nothing is fragmented [RFC 6864 §4.1]. */
	ip4_write(ip, src, dst, proto, len, 0, IP4_DF);
	return ip + IP4_HDR;
}

enum ip_why ip_why(int err)
{
	switch (err) {
	case ENETUNREACH:
	case ENETDOWN:
		return IP_WHY_NET;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ETIMEDOUT:
		return IP_WHY_HOST;
	case EACCES:
	case EPERM:
		return IP_WHY_FORBIDDEN;
	case ECONNREFUSED:
		return IP_WHY_PORT;
	default:
		return IP_WHY_NONE;
	}
}

size_t ip_unreachable(u8 *frame, const struct ip_link *l, const struct ip_key *k, enum ip_why why,
		      const u8 *us, u8 proto, const u8 *quote, size_t quote_len)
{
	/* Of ICMP: no route, host, prohibited by administration, port. */
	static const u8 codes[2][IP_WHY_NONE] = { { 0, 1, 13, 3 }, { 0, 3, 1, 4 } };
	size_t ip_len = k->v6 ? IP6_HDR : IP4_HDR, len = ICMP_HDR + ip_len + quote_len;
	u8 icmp_proto = k->v6 ? PROTO_ICMP6 : PROTO_ICMP, was[ETH_HDR + IP6_HDR], *icmp;
	u64 sum = 0;

	assert(why < IP_WHY_NONE && quote_len <= IP_QUOTE_MAX);
	ip_write(was, l, k->v6, k->guest, k->peer, proto, quote_len);
	icmp = ip_write(frame, l, k->v6, us, k->guest, icmp_proto, len);
	memset(icmp, 0, ICMP_HDR);
	icmp[ICMP_TYPE] = k->v6 ? 1 : 3;
	icmp[ICMP_CODE] = codes[k->v6][why];
	memcpy(icmp + ICMP_HDR, was + ETH_HDR, ip_len);
	memcpy(icmp + ICMP_HDR + ip_len, quote, quote_len);
	if (k->v6)
		sum = csum_pseudo6(us, k->guest, PROTO_ICMP6, len);
	be16_put(icmp + ICMP_CSUM, csum_finish(csum_add(sum, icmp, len)));
	return (size_t)(icmp - frame) + len;
}
