/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP data before its turn: what counts, what is dropped, and how the budget comes back. */
#include "net/user/order.h"

#include "lkvm/vm/loop.h"
#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

#define PEER_IP 0x08080808u

static struct order *order;
static u64 now = 1000000000;

/* Time is the test's: this one stands in for the loop's. */
u64 loop_now_ns(void)
{
	return now;
}

static void setup(void)
{
	ck_assert_int_eq(order_create(&order), 0);
}

static void teardown(void)
{
	order_destroy(order);
}

/* Of the guest: `len` bytes at `seq` of the connection from port `sport`. */
static bool guest_sends(u16 sport, u32 seq, size_t len, u8 flags)
{
	static u8 f[70000], data[65000];
	struct tcp_seg t = {
		.sport = sport, .dport = 80, .seq = seq, .flags = flags, .data = data, .len = len
	};
	size_t n = put_tcp(f, GUEST_IP, PEER_IP, &t);
	struct guard_pkt pkt = {
		.type = ETHERTYPE_IP4, .l3 = ETH_HDR, .l4 = ETH_HDR + IP4_HDR, .proto = PROTO_TCP
	};

	return order_admit(order, f, n, &pkt);
}

static bool data(u16 sport, u32 seq, size_t len)
{
	return guest_sends(sport, seq, len, TCP_ACK);
}

/* Of libslirp. */
static void slirp_says(u16 sport, u32 ack, u8 flags)
{
	u8 f[100];
	struct tcp_seg t = { .sport = 80, .dport = sport, .ack = ack, .flags = flags };

	order_saw(order, f, put_tcp(f, PEER_IP, GUEST_IP, &t));
}

static void acked(u16 sport, u32 ack)
{
	slirp_says(sport, ack, TCP_ACK);
}

START_TEST(a_stream_is_never_in_the_way)
{
	u32 seq = 0xfffff000; /* the numbers wrap around */

	slirp_says(1, seq, TCP_SYN | TCP_ACK);
	for (int i = 0; i < 100000; i++) {
		ck_assert(data(1, seq, 1460));
		seq += 1460;
		acked(1, seq);
	}
	/* Old data, and what reaches from there into the new. */
	for (unsigned i = 0; i < 2 * ORDER_MAX; i++)
		ck_assert(data(1, seq - 1460, 2920));
}
END_TEST

/* A whole window that was sent before anything is acknowledged, with one segment lost. */
START_TEST(a_window_with_a_hole_passes)
{
	slirp_says(1, 1000, TCP_SYN | TCP_ACK);
	for (int round = 0; round < 1000; round++) {
		u32 base = 1000 + (u32)round * 65535;

		for (u32 off = 1460; off < 65535; off += 1460)
			ck_assert(data(1, base + off, MIN(1460u, 65535 - off)));
		ck_assert(data(1, base, 1460));
		acked(1, base + 65535);
	}
}
END_TEST

START_TEST(a_connection_has_a_limit)
{
	slirp_says(1, 1000, TCP_SYN | TCP_ACK);
	for (u32 i = 0; i < ORDER_CONN_MAX; i++)
		ck_assert(data(1, 1001 + 2 * i, 1));
	ck_assert(!data(1, 5000, 1));
	ck_assert(!guest_sends(1, 5000, 0, TCP_ACK | TCP_FIN)); /* a FIN waits for its turn, too */
	ck_assert(guest_sends(1, 5000, 0, TCP_ACK));
	ck_assert(guest_sends(1, 5000, 0, TCP_RST));
	ck_assert(data(1, 1000, 1)); /* what is missing */
	acked(1, 1002);
	/* Most of it may still be held. */
	ck_assert(!data(1, 5000, 1));
	acked(1, 1002 + 2 * ORDER_CONN_MAX - 2);
	ck_assert(data(1, 5000, 1));
	/* Acknowledgements that are old or repeated do not count. */
	for (u32 i = 1; i < ORDER_CONN_MAX; i++)
		ck_assert(data(1, 5000 + 2 * i, 1));
	acked(1, 1000);
	acked(1, 1002 + 2 * ORDER_CONN_MAX - 2);
	ck_assert(!data(1, 6000, 1));
}
END_TEST

/* Without an acknowledgement nothing is believed, whatever the guest did to lose our entry. */
START_TEST(an_unknown_connection_is_not_trusted)
{
	for (u32 i = 0; i < ORDER_CONN_MAX; i++)
		ck_assert(data(1, 5000 - i, 1));
	ck_assert(!data(1, 1, 1));
	acked(1, 5001);
	ck_assert(data(1, 5001, 1));
	for (unsigned i = 0; i < 2 * ORDER_CONN_MAX; i++)
		ck_assert(data(1, 5001, 1));
}
END_TEST

/* Connections `first` to `last` have as much before its turn as they may. */
static void use_up(u16 first, u16 last)
{
	for (u16 c = first; c <= last; c++) {
		slirp_says(c, 1000, TCP_SYN | TCP_ACK);
		for (u32 i = 0; i < ORDER_CONN_MAX; i++)
			data(c, 1001 + 2 * i, 1);
	}
}

START_TEST(a_guest_has_a_limit)
{
	u16 full = ORDER_MAX / ORDER_CONN_MAX;

	use_up(1, full);
	slirp_says(500, 1000, TCP_SYN | TCP_ACK);
	ck_assert(!data(500, 1001, 1));
	ck_assert(data(500, 1000, 1));
	/* Others in the table, however many, change nothing about those that count. */
	for (u16 c = 1000; c < 60000; c++)
		slirp_says(c, 1, TCP_SYN | TCP_ACK);
	ck_assert(!data(500, 1001, 1));
	/* A reset by libslirp, and a new connection on the same ports. */
	slirp_says(1, 0, TCP_RST | TCP_ACK);
	slirp_says(2, 9000, TCP_SYN | TCP_ACK);
	for (u32 i = 0; i < ORDER_CONN_MAX; i++) {
		ck_assert(data(1, 1001 + 2 * i, 1));
		ck_assert(data(2, 9001 + 2 * i, 1));
	}
	ck_assert(!data(3, 1001, 1));
}
END_TEST

/* libslirp forgets connections without a word: after a minute the budget is taken back. */
START_TEST(a_connection_without_progress_is_reset)
{
	u8 f[ORDER_RESET_FRAME];
	const u8 *ip = f + ETH_HDR, *tcp = ip + IP4_HDR;

	use_up(1, 1);
	now += 1000000000;
	use_up(2, ORDER_MAX / ORDER_CONN_MAX);
	ck_assert(!data(500, 1, 1));
	ck_assert_uint_eq(order_reset(order, f), 0);
	now += 59500000000;
	ck_assert_uint_eq(order_reset(order, f), ETH_HDR + IP4_HDR + TCP_HDR);
	ck_assert_uint_eq(be16_at(tcp + TCP_SRC), 1);
	ck_assert_uint_eq(be16_at(tcp + TCP_DST), 80);
	ck_assert_uint_eq(be32_at(ip + IP4_SRC), GUEST_IP);
	ck_assert_uint_eq(be32_at(ip + IP4_DST), PEER_IP);
	ck_assert_uint_eq(be32_at(tcp + TCP_SEQ), 1000);
	ck_assert_uint_eq(tcp[TCP_FLAGS], TCP_RST);
	ck_assert_uint_eq(csum_finish(csum_add(0, ip, IP4_HDR)), 0);
	ck_assert_uint_eq(l4_csum(f, tcp, TCP_HDR, PROTO_TCP), 0);
	ck_assert(data(500, 1, 1));
	ck_assert_uint_eq(order_reset(order, f), 0);
}
END_TEST

START_TEST(ipv6_connections_are_counted)
{
	u8 f[100] = { 0 }, r[ORDER_RESET_FRAME], *ip = f + ETH_HDR, *tcp = ip + IP6_HDR;
	struct guard_pkt pkt = {
		.type = ETHERTYPE_IP6, .l3 = ETH_HDR, .l4 = ETH_HDR + IP6_HDR, .proto = PROTO_TCP
	};
	size_t len = pkt.l4 + TCP_HDR;

	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	ip[IP6_NEXT] = PROTO_TCP;
	tcp[TCP_OFF] = TCP_HDR / 4 << 4;
	tcp[TCP_FLAGS] = TCP_SYN | TCP_ACK;
	be32_put(tcp + TCP_ACKNR, 1000);
	ip[IP6_DST] = 1; /* libslirp to the guest */
	order_saw(order, f, len);
	ip[IP6_DST] = 0;
	ip[IP6_SRC] = 1;
	tcp[TCP_FLAGS] = TCP_ACK;
	for (u32 i = 0; i < 2 * ORDER_CONN_MAX; i++) {
		be32_put(tcp + TCP_SEQ, 1000);
		ck_assert(order_admit(order, f, len + 1, &pkt));
		be32_put(tcp + TCP_SEQ, 1001 + 2 * i);
		ck_assert_int_eq(order_admit(order, f, len + 1, &pkt), i < ORDER_CONN_MAX);
	}
	now += 1000000000;
	use_up(2, ORDER_MAX / ORDER_CONN_MAX);
	now += 61000000000;
	ck_assert_uint_eq(order_reset(order, r), len);
	ck_assert_mem_eq(r + ETH_HDR + IP6_SRC, ip + IP6_SRC, 32);
	ck_assert_uint_eq(be16_at(r + ETH_HDR + IP6_PLEN), TCP_HDR);
	ck_assert_uint_eq(
		csum_finish(csum_add(csum_pseudo6(r + ETH_HDR + IP6_SRC, r + ETH_HDR + IP6_DST,
						  PROTO_TCP, TCP_HDR),
				     r + pkt.l4, TCP_HDR)),
		0);
}
END_TEST

START_TEST(other_frames_of_libslirp_are_not_looked_at)
{
	u8 f[200];

	memset(f, 0xff, sizeof(f));
	for (size_t len = 0; len < sizeof(f); len++)
		order_saw(order, f, len);
	order_saw(order, f, put_udp(f, HOST_IP, GUEST_IP, 53, 1, "x", 1));
	order_saw(order, f, put_arp(f, 2, HOST_IP, GUEST_IP));
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/order", setup, teardown, a_stream_is_never_in_the_way,
		   a_window_with_a_hole_passes, a_connection_has_a_limit,
		   an_unknown_connection_is_not_trusted, a_guest_has_a_limit,
		   a_connection_without_progress_is_reset, ipv6_connections_are_counted,
		   other_frames_of_libslirp_are_not_looked_at)
