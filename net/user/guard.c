/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frame checks between the guest and libslirp.
 *
 * Thread: any; works on its arguments only.
 * Trust:  every byte of the frame comes from the guest, but the frame is a private copy.
 * Spec:   RFC 826, 791, 792, 768, 9293, 1122, 8200, 4861, 4443, 4291, 6052, 3056
 *
 * libslirp is C of 1995 with a history of parser bugs, so it gets to see only what a well-behaved
 * host would send on this one network: exact lengths, no IP options, no fragments (reasm.c puts
 * them together), no addresses that are not the guest's to use, no TCP urgent data (libslirp before
 * 4.9.2 leaks host heap on it). Checksums of TCP, UDP and ICMP that the guest filled in are not
 * verified here: libslirp does that for each of them and a wrong one only costs the packet.
 *
 * libslirp opens ordinary sockets of the host to wherever a packet goes, so addresses that mean the
 * host itself are refused in all their spellings: 127.0.0.0/8, 0.0.0.0/8, ::1, ::, and IPv6
 * addresses with an IPv4 address in them, which the host's kernel (::ffff:127.0.0.1) or a
 * translator on its way takes for that one. What is meant for the host goes to one of this
 * network's addresses, which libslirp turns into 127.0.0.1 or ::1, or, if the user does not want
 * that, into an error.
 */
#include "net/user/guard.h"

#include <errno.h>
#include <string.h>

#include "net/csum.h"
#include "net/eth.h"
#include "net/user/reasm.h"

#define BAD(text) (*why = (text), -EBADMSG)

static const u8 bootps_port[2] = { 0, 67 };

static u32 addr_of(struct in_addr a)
{
	return ntohl(a.s_addr);
}

/* A source address that a guest may use: one of the network that is neither special nor ours. */
static bool is_guest_addr(const struct guard *g, u32 a)
{
	u32 net = addr_of(g->net), mask = addr_of(g->mask);

	return (a & mask) == net && a != net && a != (net | ~mask) && a != addr_of(g->host) &&
	       a != addr_of(g->dns);
}

static int check_arp(const struct guard *g, const u8 *frame, size_t *len, const char **why)
{
	const u8 *a = frame + ETH_HDR;

	if (*len < ETH_HDR + ARP_LEN)
		return BAD("short ARP packet");
	if (be16_at(a + ARP_HTYPE) != 1 || be16_at(a + ARP_PTYPE) != ETHERTYPE_IP4 ||
	    a[ARP_HLEN] != NETIF_MAC_LEN || a[ARP_PLEN] != 4)
		return BAD("ARP packet that is not for Ethernet and IPv4");
	if (be16_at(a + ARP_OP) != 1 && be16_at(a + ARP_OP) != 2)
		return -EPROTONOSUPPORT;

	u32 spa = be32_at(a + ARP_SPA);

	/* 0.0.0.0: a probe before an address is used [RFC 5227 2.1.1]. */
	if (spa && !is_guest_addr(g, spa))
		return BAD("ARP from an address that is not the guest's");
	if (mac_is_multicast(a + ARP_SHA) || mac_is_zero(a + ARP_SHA))
		return BAD("ARP with an impossible hardware address");
	*len = ETH_HDR + ARP_LEN;
	return 0;
}

/* Urgent data is ordinary data to the receiver [RFC 6093 section 5]: take the mark off. */
static void clear_urgent(u8 *tcp)
{
	u16 old = be16_at(tcp + TCP_OFF), csum = be16_at(tcp + TCP_CSUM);

	csum = csum_update(csum, be16_at(tcp + TCP_URP), 0);
	tcp[TCP_FLAGS] &= (u8)~TCP_URG;
	be16_put(tcp + TCP_URP, 0);
	be16_put(tcp + TCP_CSUM, csum_update(csum, old, be16_at(tcp + TCP_OFF)));
}

static int check_tcp(u8 *tcp, size_t len, const char **why)
{
	if (len < TCP_HDR)
		return BAD("short TCP header");

	size_t hdr = (size_t)(tcp[TCP_OFF] >> 4) * 4;
	u8 flags = tcp[TCP_FLAGS];

	if (hdr < TCP_HDR || hdr > len)
		return BAD("TCP data offset outside the packet");
	if ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)))
		return BAD("TCP SYN with FIN or RST");
	if ((flags & TCP_URG) || be16_at(tcp + TCP_URP))
		clear_urgent(tcp);
	return 0;
}

static int check_udp(const u8 *udp, size_t len, const char **why)
{
	if (len < UDP_HDR)
		return BAD("short UDP header");

	u16 ulen = be16_at(udp + UDP_LEN);

	if (ulen < UDP_HDR || ulen > len)
		return BAD("UDP length outside the packet");
	return 0;
}

/* Router and neighbour discovery: options fill the packet exactly [RFC 4861 §7.1]. */
static int check_ndp(const u8 *icmp, size_t len, size_t fixed, const char **why)
{
	if (len < fixed)
		return BAD("short neighbour discovery packet");
	for (size_t off = fixed, n; off < len; off += n) {
		if (len - off < 2 || !icmp[off + 1])
			return BAD("bad neighbour discovery option");
		n = (size_t)icmp[off + 1] * 8;
		if (n > len - off)
			return BAD("bad neighbour discovery option");
	}
	return 0;
}

enum { ICMP6_ECHO = 128, ROUTER_SOLICIT = 133, NEIGHBOUR_SOLICIT = 135, NEIGHBOUR_ADVERT = 136 };

static int check_icmp6(const u8 *ip, const u8 *icmp, size_t len, const char **why)
{
	if (len < ICMP_HDR)
		return BAD("short ICMPv6 header");
	if (icmp[ICMP_TYPE] == ICMP6_ECHO)
		return 0;
	/* 255 proves that the packet did not pass a router [RFC 4861 §7.1.1]. */
	if (ip[IP6_HOPS] != 255)
		return -EPROTONOSUPPORT;
	switch (icmp[ICMP_TYPE]) {
	case ROUTER_SOLICIT:
		return check_ndp(icmp, len, 8, why);
	case NEIGHBOUR_SOLICIT:
	case NEIGHBOUR_ADVERT:
		return check_ndp(icmp, len, 24, why);
	default:
		return -EPROTONOSUPPORT;
	}
}

/* Echo requests are all that libslirp acts upon; errors that the guest reports end here. */
static int check_icmp4(const u8 *icmp, size_t len, const char **why)
{
	if (len < ICMP_HDR)
		return BAD("short ICMP header");
	return icmp[ICMP_TYPE] == 8 ? 0 : -EPROTONOSUPPORT;
}

/* The part above IP: `len` bytes at frame + pkt->l4. */
static int check_l4(u8 *frame, size_t len, const struct guard_pkt *pkt, const char **why)
{
	bool v6 = pkt->type == ETHERTYPE_IP6;
	u8 *l4 = frame + pkt->l4;

	switch (pkt->proto) {
	case PROTO_TCP:
		return check_tcp(l4, len, why);
	case PROTO_UDP:
		return check_udp(l4, len, why);
	case PROTO_ICMP:
		return v6 ? -EPROTONOSUPPORT : check_icmp4(l4, len, why);
	case PROTO_ICMP6:
		return v6 ? check_icmp6(frame + pkt->l3, l4, len, why) : -EPROTONOSUPPORT;
	default:
		return -EPROTONOSUPPORT; /* IGMP, SCTP, IPv6 extension headers, ... */
	}
}

/*
 * Where may an IPv4 packet of the guest go? Addresses that mean something only inside one host, or
 * to many hosts at once, do not leave this network [RFC 1122 §3.2.1.3].
 */
static int check_dst4(u32 dst, u8 proto, const char **why)
{
	bool broadcast = dst == 0xffffffff;

	if (dst >> 24 == 0 || dst >> 24 == 127)
		return BAD("IPv4 packet to an address of this host");
	if (dst >> 28 == 14)
		return -EPROTONOSUPPORT; /* multicast */
	if (dst >> 28 == 15 && !broadcast)
		return BAD("IPv4 packet to a reserved address");
	if (broadcast && proto != PROTO_UDP)
		return BAD("IPv4 broadcast that is not UDP");
	return 0;
}

static int check_ip4(const struct guard *g, u8 *frame, size_t *len, struct guard_pkt *pkt,
		     const char **why)
{
	const u8 *ip = frame + ETH_HDR;

	if (*len < ETH_HDR + IP4_HDR || ip[IP4_VIHL] >> 4 != 4)
		return BAD("short or wrong IPv4 header");
	if (ip[IP4_VIHL] < 0x45)
		return BAD("short IPv4 header");
	if (ip[IP4_VIHL] != 0x45)
		return -EPROTONOSUPPORT; /* options: IGMP's router alert; nothing that we pass on */
	if (csum_finish(csum_add(0, ip, IP4_HDR)))
		return BAD("IPv4 header checksum");

	u16 total = be16_at(ip + IP4_TOTAL), frag = be16_at(ip + IP4_FRAG);

	if (total < IP4_HDR || total > *len - ETH_HDR)
		return BAD("IPv4 length outside the frame");
	*len = ETH_HDR + (size_t)total;
	pkt->l3 = ETH_HDR;
	pkt->l4 = ETH_HDR + IP4_HDR;
	pkt->proto = ip[IP4_PROTO];
	pkt->fragment = frag & (IP4_MF | IP4_OFFSET);

	u32 src = be32_at(ip + IP4_SRC), dst = be32_at(ip + IP4_DST);

	if (!src) {
		/* Before it has an address a host may only ask for one [RFC 1122 §3.2.1.3 (a)]. */
		if (pkt->fragment || pkt->proto != PROTO_UDP || total < IP4_HDR + UDP_HDR ||
		    memcmp(frame + pkt->l4 + UDP_DST, bootps_port, 2))
			return -EPROTONOSUPPORT;
	} else if (!is_guest_addr(g, src)) {
		return BAD("IPv4 packet from an address that is not the guest's");
	}
	return check_dst4(dst, pkt->proto, why);
}

/*
 * IPv6 addresses that carry an IPv4 address, and at which byte. The first three never occur on a
 * wire but as a trick; behind the others is a translator or a tunnel.
 */
static const struct carrier {
	u8 prefix[12];
	u8 len; /* of the prefix, bytes */
	u8 at;	/* of the IPv4 address; 0: any is refused */
} carriers[] = {
	{ .len = 12 },					/* ::/96, ::1, :: [RFC 4291 §2.5.5.1] */
	{ .prefix = { [10] = 0xff, 0xff }, .len = 12 }, /* ::ffff:0:0/96 [RFC 4291 §2.5.5.2] */
	{ .prefix = { [8] = 0xff, 0xff }, .len = 12 },	/* ::ffff:0:0:0/96 [RFC 2765] */
	{ .prefix = { 0, 0x64, 0xff, 0x9b }, .len = 12, .at = 12 }, /* NAT64 [RFC 6052 §2.1] */
	{ .prefix = { 0, 0x64, 0xff, 0x9b, 0, 1 }, .len = 6 },	    /* the same, local [RFC 8215] */
	{ .prefix = { 0x20, 0x02 }, .len = 2, .at = 2 },	    /* 6to4 [RFC 3056] */
};

/* The same question as check_dst4(), for IPv6. */
static int check_dst6(const u8 *dst, const struct guard_pkt *pkt, const char **why)
{
	/* "All DHCP servers": libslirp answers [RFC 8415 §7.1]. */
	static const u8 dhcp[16] = { 0xff, 0x02, [13] = 1, [15] = 2 };

	for (unsigned i = 0; i < ARRAY_SIZE(carriers); i++) {
		const struct carrier *c = &carriers[i];

		if (memcmp(dst, c->prefix, c->len))
			continue;
		if (!c->at || check_dst4(be32_at(dst + c->at), PROTO_TCP, why))
			return BAD("IPv6 packet to an IPv4 address, or one of this host");
	}
	if (dst[0] == 0xff && pkt->proto != PROTO_ICMP6 &&
	    (pkt->proto != PROTO_UDP || memcmp(dst, dhcp, 16)))
		return -EPROTONOSUPPORT; /* multicast */
	return 0;
}

static bool is_guest_addr6(const struct guard *g, const u8 *a)
{
	static const u8 zero[16];

	return !memcmp(a, zero, 16) || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
	       !memcmp(a, &g->prefix6, 8);
}

static int check_ip6(const struct guard *g, u8 *frame, size_t *len, struct guard_pkt *pkt,
		     const char **why)
{
	const u8 *ip = frame + ETH_HDR;
	int err;

	if (!g->ipv6)
		return -EPROTONOSUPPORT;
	if (*len < ETH_HDR + IP6_HDR || ip[0] >> 4 != 6)
		return BAD("short or wrong IPv6 header");
	if (be16_at(ip + IP6_PLEN) > *len - ETH_HDR - IP6_HDR)
		return BAD("IPv6 length outside the frame");
	*len = ETH_HDR + IP6_HDR + (size_t)be16_at(ip + IP6_PLEN);
	pkt->l3 = ETH_HDR;
	pkt->l4 = ETH_HDR + IP6_HDR;
	pkt->proto = ip[IP6_NEXT];
	if (!is_guest_addr6(g, ip + IP6_SRC))
		return BAD("IPv6 packet from an address that is not the guest's");
	err = check_dst6(ip + IP6_DST, pkt, why);
	if (err || pkt->proto != PROTO_FRAG6)
		return err;
	if (!reasm_look6(frame, len, &pkt->fragment))
		return BAD("short IPv6 fragment");
	pkt->proto = ip[IP6_NEXT];
	return 0;
}

/*
 * What has the name server's address has one port, 53: for others libslirp would dial the host's
 * server, which may be on a loopback that is closed; and to know its address it would read
 * resolv.conf, which for IPv4 is not among what it may do. `frame` has passed check_l4().
 */
static bool is_closed(const struct guard *g, const u8 *frame, const struct guard_pkt *pkt)
{
	const u8 *dst = frame + pkt->l3 + (pkt->type == ETHERTYPE_IP6 ? IP6_DST : IP4_DST);
	bool dns = pkt->type == ETHERTYPE_IP6 ? g->no_loopback && !memcmp(dst, &g->dns6, 16)
					      : be32_at(dst) == addr_of(g->dns);

	return dns && (pkt->proto == PROTO_TCP || pkt->proto == PROTO_UDP) &&
	       be16_at(frame + pkt->l4 + TCP_DST) != 53;
}

/* A checksum that the guest left to the device [virtio 1.3 §5.1.6.2]: where it belongs? */
static int check_csum(const u8 *frame, size_t len, const struct netif_offload *o,
		      const struct guard_pkt *pkt, const char **why)
{
	u32 field = pkt->proto == PROTO_TCP ? TCP_CSUM : UDP_CSUM;

	if (!o->needs_csum)
		return 0;
	if (pkt->fragment || (pkt->proto != PROTO_TCP && pkt->proto != PROTO_UDP) ||
	    o->csum_start != pkt->l4 || o->csum_offset != field)
		return BAD("checksum wanted where none belongs");
	if (pkt->proto == PROTO_UDP && be16_at(frame + pkt->l4 + UDP_LEN) != len - pkt->l4)
		return BAD("checksum wanted for a part of a datagram");
	return 0;
}

/* Fill it in. */
static void fill_csum(u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	u32 field = pkt->proto == PROTO_TCP ? TCP_CSUM : UDP_CSUM;
	u8 *l4 = frame + pkt->l4;
	const u8 *ip = frame + pkt->l3;
	size_t n = len - pkt->l4;
	u64 sum;

	/* The guest's partial sum is not trusted but made anew. */
	be16_put(l4 + field, 0);
	if (pkt->type == ETHERTYPE_IP6)
		sum = csum_pseudo6(ip + IP6_SRC, ip + IP6_DST, pkt->proto, n);
	else
		sum = csum_pseudo4(ip + IP4_SRC, ip + IP4_DST, pkt->proto, n);

	u16 csum = csum_finish(csum_add(sum, l4, n));

	/* 0 means "none" in UDP; the other zero of one's complement is the same number. */
	be16_put(l4 + field, csum || pkt->proto == PROTO_TCP ? csum : 0xffff);
}

static int check_gso(const struct netif_offload *o, const struct guard_pkt *pkt, const char **why)
{
	u16 type = o->gso == NETIF_GSO_TCPV4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6;

	if (o->gso == NETIF_GSO_NONE)
		return 0;
	if (pkt->fragment || pkt->proto != PROTO_TCP || pkt->type != type)
		return BAD("segmentation wanted for something that is not TCP");
	return 0;
}

static int check_l2(const struct guard *g, const u8 *frame, size_t len, const char **why)
{
	if (len < ETH_HDR)
		return BAD("short frame");
	if (mac_is_multicast(frame + ETH_SRC) || mac_is_zero(frame + ETH_SRC) ||
	    !memcmp(frame + ETH_SRC, g->host_mac, NETIF_MAC_LEN))
		return BAD("frame from an impossible hardware address");
	return 0;
}

/* All but making a checksum: of TCP and UDP nothing behind the headers is looked at. */
static int check_frame(const struct guard *g, u8 *frame, size_t *len, const struct netif_offload *o,
		       struct guard_pkt *pkt, const char **why)
{
	int err = check_l2(g, frame, *len, why);

	if (err)
		return err;
	*pkt = (struct guard_pkt){ .type = be16_at(frame + ETH_TYPE) };
	switch (pkt->type) {
	case ETHERTYPE_ARP4:
		return check_arp(g, frame, len, why);
	case ETHERTYPE_IP4:
		err = check_ip4(g, frame, len, pkt, why);
		break;
	case ETHERTYPE_IP6:
		err = check_ip6(g, frame, len, pkt, why);
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (!err)
		err = check_gso(o, pkt, why);
	if (!err && !pkt->fragment)
		err = check_l4(frame, *len - pkt->l4, pkt, why);
	if (!err && !pkt->fragment && is_closed(g, frame, pkt))
		return -EPROTONOSUPPORT;
	return err ? err : check_csum(frame, *len, o, pkt, why);
}

int guard_check(const struct guard *g, u8 *frame, size_t *len, const struct netif_offload *o,
		struct guard_pkt *pkt, const char **why)
{
	int err = check_frame(g, frame, len, o, pkt, why);

	/* ARP has none, whatever is said of it. */
	if (!err && o->needs_csum && pkt->proto)
		fill_csum(frame, *len, pkt);
	return err;
}

/* Is it the address of the name server? */
static bool is_dns(const struct guard *g, const u8 *ip, bool v6)
{
	return v6 ? !memcmp(ip + IP6_DST, &g->dns6, 16) : be32_at(ip + IP4_DST) == addr_of(g->dns);
}

/*
 * A datagram for more than one host, or from one that has no address yet; or for a port on which
 * libslirp, or our own server, answers itself.
 */
static bool is_service(const struct guard *g, const u8 *ip, bool v6, const u8 *udp)
{
	u16 port = be16_at(udp + UDP_DST);
	u32 net = addr_of(g->net), mask = addr_of(g->mask), dst = be32_at(ip + IP4_DST);
	bool ours = v6 ? !memcmp(ip + IP6_DST, &g->prefix6, 8) || ip[IP6_DST] == 0xfe
		       : (dst & mask) == net;

	if (v6 ? ip[IP6_DST] == 0xff
	       : !be32_at(ip + IP4_SRC) || dst >> 28 >= 14 || dst == net || dst == (net | ~mask))
		return true;
	return ours && (port == 67 || port == 69 || port == 547);
}

/* `l4` has at least its ports. */
static enum guard_way way(const struct guard *g, const u8 *ip, bool v6, u8 proto, const u8 *l4)
{
	bool tcp = proto == PROTO_TCP;

	if (is_dns(g, ip, v6))
		return !v6 && tcp && g->direct_names ? GUARD_DIRECT : GUARD_LIBSLIRP;
	if (!tcp && (proto != PROTO_UDP || is_service(g, ip, v6, l4)))
		return GUARD_LIBSLIRP;
	return (tcp ? g->direct_tcp : g->direct_udp) ? GUARD_DIRECT : GUARD_BY_FLOW;
}

enum guard_way guard_way(const struct guard *g, const u8 *head, size_t len)
{
	const u8 *ip = head + ETH_HDR;
	u16 type;

	if (len < ETH_HDR + IP4_HDR + UDP_HDR)
		return GUARD_LIBSLIRP;
	type = be16_at(head + ETH_TYPE);
	if (type == ETHERTYPE_IP4 && ip[IP4_VIHL] == 0x45 &&
	    !(be16_at(ip + IP4_FRAG) & (IP4_MF | IP4_OFFSET)))
		return way(g, ip, false, ip[IP4_PROTO], ip + IP4_HDR);
	if (type == ETHERTYPE_IP6 && len >= ETH_HDR + IP6_HDR + UDP_HDR)
		return way(g, ip, true, ip[IP6_NEXT], ip + IP6_HDR);
	return GUARD_LIBSLIRP;
}

enum guard_way guard_way_of_pkt(const struct guard *g, const u8 *frame, const struct guard_pkt *pkt)
{
	return way(g, frame + pkt->l3, pkt->type == ETHERTYPE_IP6, pkt->proto, frame + pkt->l4);
}

int guard_check_direct(const struct guard *g, u8 *head, size_t *len, const struct netif_offload *o,
		       struct guard_pkt *pkt, const char **why)
{
	return check_frame(g, head, len, o, pkt, why);
}

int guard_check_whole(const struct guard *g, u8 *frame, size_t len, struct guard_pkt *pkt,
		      const char **why)
{
	bool v6 = be16_at(frame + ETH_TYPE) == ETHERTYPE_IP6;

	*pkt = (struct guard_pkt){ .type = v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4,
				   .l3 = ETH_HDR,
				   .l4 = ETH_HDR + (v6 ? IP6_HDR : IP4_HDR),
				   .proto = frame[ETH_HDR + (v6 ? IP6_NEXT : IP4_PROTO)] };
	/* Neighbour discovery, for one, must not be cut [RFC 6980 §5]. */
	if (v6 && pkt->proto != PROTO_UDP &&
	    (pkt->proto != PROTO_ICMP6 || frame[pkt->l4 + ICMP_TYPE] != ICMP6_ECHO))
		return -EPROTONOSUPPORT;

	int err = check_l4(frame, len - pkt->l4, pkt, why);

	return !err && is_closed(g, frame, pkt) ? -EPROTONOSUPPORT : err;
}
