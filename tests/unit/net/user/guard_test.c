/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard: good frames pass unchanged or normalised, everything else does not pass. */
#include <arpa/inet.h>
#include <errno.h>

#include "net/user/guard.h"
#include "net/user/tcp_seg.h"
#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

static struct guard guard;
static const struct netif_offload none = { .gso = NETIF_GSO_NONE };
static u8 f[70000];
static struct guard_pkt pkt;
static size_t len;

/* Past libslirp, whatever flows there are? */
static bool is_direct(const u8 *head, size_t n)
{
	return guard_way(&guard, head, n) == GUARD_DIRECT;
}

static void setup(bool ipv6)
{
	guard = (struct guard){ .net = { htonl(0xc0a82100) },
				.mask = { htonl(0xffffff00) },
				.host = { htonl(HOST_IP) },
				.dns = { htonl(DNS_IP) },
				.ipv6 = ipv6,
				.direct_tcp = true,
				.direct_udp = true };
	memcpy(guard.host_mac, host_mac, 6);
	inet_pton(AF_INET6, "fd33::", &guard.prefix6);
}

/* On the heap and of exactly that size, so that the sanitizer sees a read past the end. */
static int check_with(const struct netif_offload *o, size_t n)
{
	const char *why = NULL;
	u8 *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, f, n);
	len = n;
	err = guard_check(&guard, copy, &len, o, &pkt, &why);
	ck_assert_uint_le(len, n);
	ck_assert_int_eq(err == -EBADMSG, why != NULL);
	memcpy(f, copy, n);
	free(copy);
	return err;
}

static int check(size_t n)
{
	return check_with(&none, n);
}

static size_t udp(void)
{
	return put_udp(f, GUEST_IP, 0x08080808, 1000, 53, "question", 8);
}

static size_t tcp(u8 flags)
{
	struct tcp_seg t = { .sport = 1,
			     .dport = 2,
			     .seq = 3,
			     .ack = 4,
			     .flags = flags,
			     .win = 1000,
			     .data = "data",
			     .len = 4 };

	return put_tcp(f, GUEST_IP, HOST_IP, &t);
}

START_TEST(good_frames_pass)
{
	size_t n;

	setup(false);
	n = put_arp(f, 1, GUEST_IP, HOST_IP);
	ck_assert_int_eq(check(n), 0);
	ck_assert_uint_eq(pkt.type, ETHERTYPE_ARP4);
	ck_assert_int_eq(check(put_arp(f, 1, 0, GUEST_IP)), 0); /* a probe */
	n = udp();
	ck_assert_int_eq(check(n), 0);
	ck_assert_uint_eq(pkt.proto, PROTO_UDP);
	ck_assert_uint_eq(pkt.l4, 34);
	ck_assert_uint_eq(len, n);
	ck_assert_int_eq(check(tcp(TCP_ACK)), 0);
	ck_assert_int_eq(check(tcp(TCP_SYN)), 0);
	ck_assert_int_eq(check(put_echo(f, GUEST_IP, HOST_IP, 1, 1, 8)), 0);
	/* Another interface of the guest. */
	ck_assert_int_eq(check(put_echo(f, GUEST_IP + 1, HOST_IP, 1, 1, 8)), 0);
	/* Broadcasts, and the one thing a host without an address may send. */
	ck_assert_int_eq(check(put_udp(f, GUEST_IP, 0xffffffff, 1, 2, "x", 1)), 0);
	ck_assert_int_eq(check(put_udp(f, 0, 0xffffffff, 68, 67, "x", 1)), 0);
}
END_TEST

START_TEST(padding_is_cut_off)
{
	size_t n;

	setup(false);
	n = put_udp(f, GUEST_IP, HOST_IP, 1, 2, "x", 1);
	memset(f + n, 0xaa, 60);
	ck_assert_int_eq(check(60), 0);
	ck_assert_uint_eq(len, n);
	put_arp(f, 1, GUEST_IP, HOST_IP);
	ck_assert_int_eq(check(60), 0);
	ck_assert_uint_eq(len, 42);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	size_t n;

	setup(false);
	n = tcp(TCP_ACK);
	for (size_t i = 0; i < n; i++) {
		tcp(TCP_ACK);
		ck_assert_int_ne(check(i), 0);
	}
	n = put_arp(f, 1, GUEST_IP, HOST_IP);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_ne(check(i), 0);
}
END_TEST

#define REFUSED(build, change)                                                                     \
	do {                                                                                       \
		size_t n_ = build;                                                                 \
		change;                                                                            \
		ck_assert_msg(check(n_) == -EBADMSG, "%s: passed", #change);                       \
	} while (0)

/* A changed IPv4 header with a right checksum. */
#define REFUSED_IP(build, change)                                                                  \
	REFUSED(                                                                                   \
		build, do {                                                                        \
			change;                                                                    \
			fix_ip4(f);                                                                \
		} while (0))

START_TEST(bad_ethernet_and_arp)
{
	u8 *a = f + ETH_HDR;

	setup(false);
	REFUSED(udp(), f[ETH_SRC] |= 1);
	REFUSED(udp(), memset(f + ETH_SRC, 0, 6));
	REFUSED(udp(), memcpy(f + ETH_SRC, host_mac, 6));
	REFUSED(put_arp(f, 1, GUEST_IP, HOST_IP), a[ARP_HTYPE] = 9);
	REFUSED(put_arp(f, 1, GUEST_IP, HOST_IP), a[ARP_PTYPE] = 9);
	REFUSED(put_arp(f, 1, GUEST_IP, HOST_IP), a[ARP_HLEN] = 8);
	REFUSED(put_arp(f, 1, GUEST_IP, HOST_IP), a[ARP_PLEN] = 16);
	REFUSED(put_arp(f, 1, GUEST_IP, HOST_IP), a[ARP_SHA] |= 1);
	REFUSED(put_arp(f, 2, HOST_IP, GUEST_IP), (void)0); /* claims to be us */
	REFUSED(put_arp(f, 2, DNS_IP, GUEST_IP), (void)0);
	REFUSED(put_arp(f, 2, 0x0a000001, GUEST_IP), (void)0);
}
END_TEST

START_TEST(bad_ipv4)
{
	u8 *ip = f + ETH_HDR;

	setup(false);
	REFUSED(udp(), ip[IP4_CSUM]++);
	REFUSED_IP(udp(), ip[IP4_VIHL] = 0x65);
	REFUSED_IP(udp(), ip[IP4_VIHL] = 0x44);
	REFUSED_IP(udp(), be16_put(ip + IP4_TOTAL, 19));
	REFUSED_IP(udp(), be16_put(ip + IP4_TOTAL, 37));
	REFUSED_IP(udp(), be16_put(ip + IP4_TOTAL, 0xffff));
	/* Not the guest's: foreign, ours, network and broadcast addresses. */
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, 0x08080808));
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, HOST_IP));
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, DNS_IP));
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, 0xc0a82100));
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, 0xc0a821ff));
	REFUSED_IP(udp(), be32_put(ip + IP4_SRC, 0x7f000001));
	/* [RFC 1122 §3.2.1.3] */
	REFUSED_IP(udp(), be32_put(ip + IP4_DST, 0x7f000001));
	REFUSED_IP(udp(), be32_put(ip + IP4_DST, 0));
	REFUSED_IP(udp(), be32_put(ip + IP4_DST, 0xf0000001));
	REFUSED_IP(tcp(TCP_SYN), be32_put(ip + IP4_DST, 0xffffffff));
}
END_TEST

START_TEST(bad_upper_headers)
{
	u8 *l4 = f + ETH_HDR + IP4_HDR;

	setup(false);
	REFUSED(udp(), be16_put(l4 + UDP_LEN, 7));
	REFUSED(udp(), be16_put(l4 + UDP_LEN, 17));
	REFUSED(put_ip4(f, GUEST_IP, HOST_IP, PROTO_UDP, 7), (void)0);
	REFUSED(put_ip4(f, GUEST_IP, HOST_IP, PROTO_TCP, 19), (void)0);
	REFUSED(put_ip4(f, GUEST_IP, HOST_IP, PROTO_ICMP, 7), (void)0);
	REFUSED(tcp(TCP_ACK), l4[TCP_OFF] = 0x40);
	REFUSED(tcp(TCP_ACK), l4[TCP_OFF] = 0x70);
	REFUSED(tcp(TCP_SYN | TCP_FIN), (void)0);
	REFUSED(tcp(TCP_SYN | TCP_RST), (void)0);
}
END_TEST

/* Nothing wrong with them, but nobody here to take them: no message, no libslirp. */
START_TEST(what_nobody_takes_is_dropped_quietly)
{
	u8 *ip = f + ETH_HDR;
	size_t n;

	setup(false);
	n = udp();
	static const u16 types[] = { 0x8100, 0x88cc, 0x88f8, 0x86dd, 0, 64 };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		be16_put(f + ETH_TYPE, types[i]);
		ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	}
	n = udp();
	be32_put(ip + IP4_DST, 0xe00000fb);
	fix_ip4(f);
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_ip4(f, GUEST_IP, HOST_IP, 132, 40);
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_ip4(f, GUEST_IP, HOST_IP, PROTO_ICMP6, 40);
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_echo(f, GUEST_IP, HOST_IP, 1, 1, 8);
	f[34] = 5; /* redirect */
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_ip4(f, GUEST_IP, HOST_IP, PROTO_UDP, 40);
	ip[IP4_VIHL] = 0x46; /* options */
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_udp(f, 0, 0xffffffff, 1, 2, "x", 1);
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	n = put_arp(f, 3, GUEST_IP, HOST_IP); /* reverse ARP */
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
}
END_TEST

START_TEST(urgent_marks_are_removed)
{
	u8 *t = f + 34;

	setup(false);
	for (unsigned urp = 0; urp < 0x10000; urp += 0x0fff) {
		struct tcp_seg seg = { .sport = 1,
				       .dport = 2,
				       .flags = TCP_ACK | TCP_URG | TCP_PSH,
				       .urp = (u16)urp,
				       .win = 77,
				       .data = "abc",
				       .len = 3 };

		ck_assert_int_eq(check(put_tcp(f, GUEST_IP, HOST_IP, &seg)), 0);
		ck_assert_uint_eq(t[TCP_FLAGS], TCP_ACK | TCP_PSH);
		ck_assert_uint_eq(be16_at(t + TCP_URP), 0);
		ck_assert_uint_eq(l4_csum(f, t, 23, PROTO_TCP), 0);
	}
	/* A pointer without the flag means nothing and goes, too. */
	struct tcp_seg seg = { .flags = TCP_ACK, .urp = 9 };

	ck_assert_int_eq(check(put_tcp(f, GUEST_IP, HOST_IP, &seg)), 0);
	ck_assert_uint_eq(be16_at(t + TCP_URP), 0);
	/* A wrong checksum stays wrong: libslirp is to notice. */
	size_t n = tcp(TCP_ACK | TCP_URG);

	t[TCP_CSUM] ^= 0x55;
	ck_assert_int_eq(check(n), 0);
	ck_assert_uint_ne(l4_csum(f, t, 24, PROTO_TCP), 0);
}
END_TEST

START_TEST(fragments_are_marked)
{
	u8 *ip = f + ETH_HDR;
	size_t n;

	setup(false);
	n = put_ip4(f, GUEST_IP, HOST_IP, PROTO_TCP, 8);
	be16_put(ip + IP4_FRAG, IP4_MF);
	fix_ip4(f);
	ck_assert_int_eq(check(n), 0);
	ck_assert(pkt.fragment);
	be16_put(ip + IP4_FRAG, 100);
	fix_ip4(f);
	ck_assert_int_eq(check(n), 0);
	ck_assert(pkt.fragment);
	n = udp();
	be16_put(ip + IP4_FRAG, IP4_DF);
	fix_ip4(f);
	ck_assert_int_eq(check(n), 0);
	ck_assert(!pkt.fragment);
}
END_TEST

START_TEST(checksums_are_filled_in)
{
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	size_t n;

	setup(false);
	n = tcp(TCP_ACK);
	be16_put(f + 34 + 16, 0xbeef); /* whatever partial sum the guest left */
	ck_assert_int_eq(check_with(&o, n), 0);
	ck_assert_uint_eq(l4_csum(f, f + 34, n - 34, PROTO_TCP), 0);
	n = udp();
	o.csum_offset = 6;
	be16_put(f + 34 + 6, 0);
	ck_assert_int_eq(check_with(&o, n), 0);
	ck_assert_uint_eq(l4_csum(f, f + 34, n - 34, PROTO_UDP), 0);
	/* [RFC 768]: a sum of zero is sent as all ones. */
	for (unsigned i = 0; i < 0x10000; i++) {
		u8 data[2];

		be16_put(data, (u16)i);
		n = put_udp(f, GUEST_IP, HOST_IP, 1, 2, data, 2);
		ck_assert_int_eq(check_with(&o, n), 0);
		ck_assert_uint_ne(be16_at(f + 40), 0);
	}
}
END_TEST

START_TEST(checksums_only_where_they_belong)
{
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };

	setup(false);
	ck_assert_int_eq(check_with(&o, udp()), -EBADMSG);
	o.csum_start = 14;
	ck_assert_int_eq(check_with(&o, tcp(TCP_ACK)), -EBADMSG);
	o.csum_start = 65535;
	ck_assert_int_eq(check_with(&o, tcp(TCP_ACK)), -EBADMSG);
	o = (struct netif_offload){ .needs_csum = true, .csum_start = 34, .csum_offset = 2 };
	ck_assert_int_eq(check_with(&o, put_echo(f, GUEST_IP, HOST_IP, 1, 1, 8)), -EBADMSG);
	/* A datagram followed by more. */
	o.csum_offset = 6;
	udp();
	be16_put(f + 38, 12);
	ck_assert_int_eq(check_with(&o, 50), -EBADMSG);
	/* A fragment. */
	o.csum_offset = 16;
	size_t n = tcp(TCP_ACK);

	be16_put(f + 20, IP4_MF);
	fix_ip4(f);
	ck_assert_int_eq(check_with(&o, n), -EBADMSG);
}
END_TEST

START_TEST(segmentation_is_for_tcp)
{
	struct netif_offload o = { .needs_csum = true,
				   .csum_start = 34,
				   .csum_offset = 16,
				   .gso = NETIF_GSO_TCPV4,
				   .gso_size = 1460 };

	setup(true);
	ck_assert_int_eq(check_with(&o, tcp(TCP_ACK)), 0);
	o.gso = NETIF_GSO_TCPV6;
	ck_assert_int_eq(check_with(&o, tcp(TCP_ACK)), -EBADMSG);
	o.gso = NETIF_GSO_TCPV4;
	o.csum_offset = 6;
	ck_assert_int_eq(check_with(&o, udp()), -EBADMSG);
}
END_TEST

START_TEST(the_largest_frame)
{
	struct netif_offload o = { .needs_csum = true,
				   .csum_start = 34,
				   .csum_offset = 16,
				   .gso = NETIF_GSO_TCPV4,
				   .gso_size = 1460 };
	static u8 data[65495];
	struct tcp_seg t = { .flags = TCP_ACK, .data = data, .len = sizeof(data) };

	setup(false);
	memset(data, 0xff, sizeof(data));
	ck_assert_int_eq(check_with(&o, put_tcp(f, GUEST_IP, HOST_IP, &t)), 0);
	ck_assert_uint_eq(len, ETH_HDR + 65535);
	ck_assert_uint_eq(l4_csum(f, f + 34, len - 34, PROTO_TCP), 0);
}
END_TEST

/* ---- IPv6 ---- */

static size_t put_ip6(const char *src, const char *dst, u8 next, u8 hops, size_t n)
{
	u8 *ip = f + ETH_HDR;

	memcpy(f, host_mac, 6);
	memcpy(f + ETH_SRC, guest_mac, 6);
	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	memset(ip, 0, IP6_HDR + n);
	ip[0] = 0x60;
	be16_put(ip + IP6_PLEN, (u16)n);
	ip[IP6_NEXT] = next;
	ip[IP6_HOPS] = hops;
	inet_pton(AF_INET6, src, ip + IP6_SRC);
	inet_pton(AF_INET6, dst, ip + IP6_DST);
	return ETH_HDR + IP6_HDR + n;
}

static size_t put_icmp6(u8 type, size_t n)
{
	size_t all = put_ip6("fd33::15", "ff02::2", PROTO_ICMP6, 255, n);

	f[ETH_HDR + IP6_HDR] = type;
	return all;
}

START_TEST(ipv6)
{
	u8 *ip = f + ETH_HDR, *l4 = ip + IP6_HDR;
	struct netif_offload o = { .needs_csum = true, .csum_start = 54, .csum_offset = 16 };
	size_t n;

	setup(true);
	n = put_ip6("fd33::15", "fd33::1", PROTO_TCP, 64, 24);
	l4[TCP_OFF] = 0x50;
	ck_assert_int_eq(check_with(&o, n), 0);
	ck_assert_uint_eq(pkt.l4, 54);
	ck_assert_uint_eq(csum_finish(csum_add(
				  csum_pseudo6(ip + IP6_SRC, ip + IP6_DST, PROTO_TCP, 24), l4, 24)),
			  0);
	put_ip6("fd33::15", "fd33::1", PROTO_TCP, 64, 24);
	l4[TCP_OFF] = 0x50;
	be16_put(ip + IP6_PLEN, 25);
	ck_assert_int_eq(check(n), -EBADMSG);
	n = put_ip6("fd34::15", "fd33::1", PROTO_TCP, 64, 24);
	ck_assert_int_eq(check(n), -EBADMSG);
	n = put_ip6("fd33::15", "::1", PROTO_TCP, 64, 24);
	ck_assert_int_eq(check(n), -EBADMSG);
	n = put_ip6("fe80::1", "ff02::16", 0, 1, 24); /* hop-by-hop options: MLD */
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
	setup(false);
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
}
END_TEST

/* [RFC 8200 §4.5] */
START_TEST(ipv6_fragments)
{
	u8 *ip = f + ETH_HDR, *frag = ip + IP6_HDR;
	size_t n = put_ip6("fd33::15", "fd33::1", PROTO_FRAG6, 64, 24);

	setup(true);
	frag[FRAG6_NEXT] = PROTO_UDP;
	be16_put(frag + FRAG6_FIELD, FRAG6_MORE);
	ck_assert_int_eq(check(n), 0);
	ck_assert(pkt.fragment);
	be16_put(frag + FRAG6_FIELD, 1448);
	ck_assert_int_eq(check(n), 0);
	ck_assert(pkt.fragment);
	ck_assert_int_eq(check(put_ip6("fd33::15", "fd33::1", PROTO_FRAG6, 64, 7)), -EBADMSG);
	ck_assert_int_eq(check(put_ip6("fd33::15", "ff02::1", PROTO_FRAG6, 64, 24)),
			 -EPROTONOSUPPORT);
	/* [RFC 6946] The first and the last at once. */
	n = put_ip6("fd33::15", "fd33::1", PROTO_FRAG6, 64, 8 + 12);
	frag[FRAG6_NEXT] = PROTO_UDP;
	be16_put(frag + FRAG6_HDR + UDP_DST, 0x1234);
	be16_put(frag + FRAG6_HDR + UDP_LEN, 12);
	memcpy(frag + 16, "data", 4);
	ck_assert_int_eq(check(n), 0);
	ck_assert(!pkt.fragment);
	ck_assert_uint_eq(pkt.proto, PROTO_UDP);
	ck_assert_uint_eq(be16_at(ip + IP6_PLEN), 12);
	ck_assert_uint_eq(be16_at(frag + UDP_DST), 0x1234);
	ck_assert_mem_eq(frag + UDP_HDR, "data", 4);
	/* One in another is none. */
	n = put_ip6("fd33::15", "fd33::1", PROTO_FRAG6, 64, 24);
	frag[FRAG6_NEXT] = PROTO_FRAG6;
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
}
END_TEST

/* What was put together is judged as if it had come so, but for what must not be cut [RFC 6980]. */
START_TEST(ipv6_wholes)
{
	u8 *l4 = f + ETH_HDR + IP6_HDR;
	const char *why = NULL;
	size_t n;

	setup(true);
	n = put_ip6("fd33::15", "fd33::1", PROTO_UDP, 64, 3000);
	be16_put(l4 + UDP_LEN, 3000);
	ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), 0);
	ck_assert_uint_eq(pkt.type, ETHERTYPE_IP6);
	ck_assert_uint_eq(pkt.l4, 54);
	be16_put(l4 + UDP_LEN, 3001);
	ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), -EBADMSG);
	n = put_icmp6(128, 3000);
	ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), 0);
	n = put_icmp6(135, 24);
	ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), -EPROTONOSUPPORT);
	n = put_ip6("fd33::15", "fd33::1", PROTO_TCP, 64, 24);
	l4[TCP_OFF] = 0x50;
	ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), -EPROTONOSUPPORT);
}
END_TEST

START_TEST(neighbour_discovery)
{
	u8 *icmp = f + ETH_HDR + IP6_HDR;
	size_t n;

	setup(true);
	n = put_icmp6(133, 16);
	icmp[8] = 1;
	icmp[9] = 1;
	ck_assert_int_eq(check(n), 0);
	icmp[9] = 0; /* an option of no length */
	ck_assert_int_eq(check(n), -EBADMSG);
	icmp[9] = 2; /* past the end */
	ck_assert_int_eq(check(n), -EBADMSG);
	ck_assert_int_eq(check(put_icmp6(135, 20)), -EBADMSG);
	ck_assert_int_eq(check(put_icmp6(135, 24)), 0);
	ck_assert_int_eq(check(put_icmp6(136, 24)), 0);
	ck_assert_int_eq(check(put_icmp6(134, 24)), -EPROTONOSUPPORT); /* the guest is no router */
	ck_assert_int_eq(check(put_icmp6(128, 8)), 0);
	ck_assert_int_eq(check(put_icmp6(128, 4)), -EBADMSG);
	n = put_icmp6(135, 24);
	f[ETH_HDR + IP6_HOPS] = 64; /* came through a router */
	ck_assert_int_eq(check(n), -EPROTONOSUPPORT);
}
END_TEST

/* The host itself, in all the spellings that an IPv6 address has for it. */
START_TEST(ipv6_addresses_of_this_host)
{
	static const char *const bad[] = {
		"::",
		"::1",
		"::7f00:1",
		"::192.0.2.1",
		"::ffff:127.0.0.1",
		"::ffff:127.1.2.3",
		"::ffff:0.0.0.0",
		"::ffff:192.0.2.1",
		"::ffff:0:127.0.0.1",
		"64:ff9b::127.0.0.53",
		"64:ff9b::0.0.0.0",
		"64:ff9b::239.0.0.1",
		"64:ff9b::255.255.255.255",
		"64:ff9b:1::127.0.0.1",
		"64:ff9b:1:ffff::1",
		"2002:7f00:1::1",
		"2002:7f00:35:1::",
		"2002::1",
	};
	static const char *const good[] = {
		"fd33::1",
		"fd33::3",
		"2001:db8::1",
		"2002:c000:201::1",
		"64:ff9b::192.0.2.1",
		"64:ff9b:2::1",
		"1::1",
		"::1:0:0:7f00:1",
	};

	setup(true);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		for (u8 proto = PROTO_TCP; proto <= PROTO_UDP; proto += PROTO_UDP - PROTO_TCP) {
			size_t n = put_ip6("fd33::15", bad[i], proto, 64, 24);

			ck_assert_msg(check(n) == -EBADMSG, "%s passes", bad[i]);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		size_t n = put_ip6("fd33::15", good[i], PROTO_UDP, 64, 24);

		be16_put(f + ETH_HDR + IP6_HDR + UDP_LEN, 24);
		ck_assert_msg(check(n) == 0, "%s does not pass", good[i]);
	}
	/* To many: nothing but the question for DHCP servers, and neighbour discovery. */
	ck_assert_int_eq(check(put_ip6("fd33::15", "ff02::fb", PROTO_UDP, 1, 24)),
			 -EPROTONOSUPPORT);
	ck_assert_int_eq(check(put_ip6("fd33::15", "ff05::1:3", PROTO_TCP, 1, 24)),
			 -EPROTONOSUPPORT);

	size_t n = put_ip6("fe80::15", "ff02::1:2", PROTO_UDP, 1, 24);

	be16_put(f + ETH_HDR + IP6_HDR + UDP_LEN, 24);
	ck_assert_int_eq(check(n), 0);
}
END_TEST

/* The name server's address stands for one that may be on the host's loopback: it has one port. */
START_TEST(a_name_server_has_one_port)
{
	size_t n;

	setup(true);
	for (unsigned closed = 0; closed < 2; closed++) {
		int want = -EPROTONOSUPPORT, want6 = closed ? want : 0;

		guard.no_loopback = closed;
		inet_pton(AF_INET6, "fd33::3", &guard.dns6);
		ck_assert_int_eq(check(put_udp(f, GUEST_IP, DNS_IP, 1000, 53, "q", 1)), 0);
		ck_assert_int_eq(check(put_udp(f, GUEST_IP, DNS_IP, 1000, 54, "q", 1)), want);
		ck_assert_int_eq(check(put_udp(f, GUEST_IP, 0x08080808, 1000, 54, "q", 1)), 0);
		ck_assert_int_eq(check(put_echo(f, GUEST_IP, DNS_IP, 1, 1, 8)), 0);

		struct tcp_seg t = { .sport = 1, .dport = 22, .flags = TCP_SYN };

		ck_assert_int_eq(check(put_tcp(f, GUEST_IP, DNS_IP, &t)), want);
		t.dport = 53;
		ck_assert_int_eq(check(put_tcp(f, GUEST_IP, DNS_IP, &t)), 0);
		n = put_ip6("fd33::15", "fd33::3", PROTO_UDP, 64, 8);
		be16_put(f + ETH_HDR + IP6_HDR + UDP_LEN, 8);
		be16_put(f + ETH_HDR + IP6_HDR + UDP_DST, 22);
		ck_assert_int_eq(check(n), want6);
		be16_put(f + ETH_HDR + IP6_HDR + UDP_DST, 53);
		ck_assert_int_eq(check(n), 0);
		/* In fragments, too. */
		n = put_udp(f, GUEST_IP, DNS_IP, 1000, 54, "q", 1);

		const char *why;

		ck_assert_int_eq(guard_check_whole(&guard, f, n, &pkt, &why), want);
	}
}
END_TEST

/*
 * What does not go to libslirp is judged by its headers alone, and as strictly: whatever a byte of
 * them is, the verdict is the same, and no byte behind them is read.
 */
START_TEST(heads_of_tcp_are_judged_like_frames)
{
	static const u8 values[] = { 0, 1, 2, 0x10, 0x45, 0x7f, 0x80, 0xe0, 0xff };
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	static u8 data[2000], whole[2200];
	struct tcp_seg t = {
		.sport = 1, .dport = 53, .flags = TCP_ACK, .data = data, .len = sizeof(data)
	};
	size_t n = put_tcp(whole, GUEST_IP, 0x08080808, &t);
	unsigned heads = 0, passed = 0;

	setup(true);
	guard.direct_udp = false; /* its checksum lies elsewhere */
	for (size_t at = 0; at < 54; at++) {
		for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
			u8 *head = malloc(DIRECT_HEAD);
			const char *why;
			size_t m = n;
			int err;

			memcpy(f, whole, n);
			f[at] = values[i];
			if (at < 24 || at > 25)
				fix_ip4(f);
			memcpy(head, f, DIRECT_HEAD);
			if (is_direct(head, n)) {
				err = guard_check_direct(&guard, head, &m, &o, &pkt, &why);
				ck_assert_int_eq(err, check_with(&o, n));
				ck_assert_uint_eq(m, len);
				heads++;
				passed += !err;
			}
			free(head);
		}
	}
	ck_assert_uint_gt(heads, 300);
	ck_assert_uint_gt(passed, 100);
	ck_assert_uint_lt(passed, heads);
}
END_TEST

START_TEST(what_is_tcp_of_our_own)
{
	static const char *const dst6[] = { "2001:db8::1", "fd33::3" };

	setup(true);
	inet_pton(AF_INET6, "fd33::3", &guard.dns6);
	ck_assert(is_direct(f, tcp(TCP_SYN)));
	ck_assert(!is_direct(f, 41));
	guard.direct_tcp = false;
	ck_assert(!is_direct(f, 54));
	guard.direct_tcp = true;
	be16_put(f + ETH_HDR + IP4_FRAG, IP4_MF); /* put together first */
	ck_assert(!is_direct(f, 54));
	be16_put(f + ETH_HDR + IP4_FRAG, 1);
	ck_assert(!is_direct(f, 54));
	tcp(TCP_SYN);
	/* The name server: where that is, and not elsewhere. */
	guard.direct_names = true;
	be32_put(f + ETH_HDR + IP4_DST, DNS_IP);
	ck_assert(is_direct(f, 54));
	guard.direct_tcp = false;
	ck_assert(is_direct(f, 54));
	be32_put(f + ETH_HDR + IP4_DST, DNS_IP + 1);
	ck_assert(!is_direct(f, 54));
	guard.direct_tcp = true;
	guard.direct_names = false;
	be32_put(f + ETH_HDR + IP4_DST, DNS_IP);
	ck_assert(!is_direct(f, 54));
	for (unsigned i = 0; i < 2; i++) {
		size_t n = put_ip6("fd33::15", dst6[i], PROTO_TCP, 64, TCP_HDR);

		ck_assert(is_direct(f, n) == !i);
		ck_assert(!is_direct(f, 61));
	}
}
END_TEST

/* Datagrams for one host, but for what this network itself answers. */
START_TEST(what_is_udp_of_our_own)
{
	static const struct {
		u32 src, dst;
		u16 port;
		bool direct;
	} cases[] = {
		{ GUEST_IP, 0x08080808, 53, true },
		{ GUEST_IP, HOST_IP, 5000, true },
		{ GUEST_IP, 0x08080808, 69, true },
		{ GUEST_IP, HOST_IP, 69, false },
		{ GUEST_IP, 0x08080808, 67, true },
		{ GUEST_IP, HOST_IP, 67, false },
		{ GUEST_IP, DNS_IP, 53, false },
		{ GUEST_IP, 0xffffffff, 5000, false },
		{ GUEST_IP, HOST_IP | 0xff, 5000, false },
		{ GUEST_IP, 0xe00000fb, 5353, false },
		{ GUEST_IP, HOST_IP & ~0xffu, 5000, false },
		{ 0, 0xffffffff, 67, false },
		{ 0, HOST_IP, 67, false },
	};
	static const struct {
		const char *dst;
		u16 port;
		bool direct;
	} cases6[] = { { "2001:db8::1", 69, true }, { "fd33::1", 5000, true },
		       { "fd33::1", 69, false },    { "fe80::2", 547, false },
		       { "fd33::3", 53, false },    { "ff02::1:2", 547, false },
		       { "ff02::fb", 5353, false } };
	size_t n;

	setup(true);
	inet_pton(AF_INET6, "fd33::3", &guard.dns6);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		n = put_udp(f, cases[i].src, cases[i].dst, 1000, cases[i].port, "x", 1);
		ck_assert_msg(is_direct(f, n) == cases[i].direct, "%u", i);
		ck_assert(!is_direct(f, 41));
		if (!check(n))
			ck_assert((guard_way_of_pkt(&guard, f, &pkt) == GUARD_DIRECT) ==
				  cases[i].direct);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(cases6); i++) {
		n = put_ip6("fd33::15", cases6[i].dst, PROTO_UDP, 64, UDP_HDR);
		be16_put(f + ETH_HDR + IP6_HDR + UDP_DST, cases6[i].port);
		ck_assert_msg(is_direct(f, n) == cases6[i].direct, "%u", i);
		ck_assert(!is_direct(f, n - 1));
	}
	n = udp();
	be16_put(f + ETH_HDR + IP4_FRAG, IP4_MF);
	ck_assert(!is_direct(f, n));
	n = udp();
	guard.direct_udp = false;
	ck_assert(!is_direct(f, n));
}
END_TEST

SUITE_MAIN("net/guard", good_frames_pass, padding_is_cut_off, every_truncation_is_refused,
	   bad_ethernet_and_arp, bad_ipv4, bad_upper_headers, what_nobody_takes_is_dropped_quietly,
	   urgent_marks_are_removed, fragments_are_marked, checksums_are_filled_in,
	   checksums_only_where_they_belong, segmentation_is_for_tcp, the_largest_frame, ipv6,
	   ipv6_fragments, ipv6_wholes, neighbour_discovery, ipv6_addresses_of_this_host,
	   a_name_server_has_one_port, heads_of_tcp_are_judged_like_frames, what_is_tcp_of_our_own,
	   what_is_udp_of_our_own)
