/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's datagrams and real sockets of this host. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/net/user/udp_world.h"

static struct uw w;
static u8 bytes[70000];

static void open_world(u32 offloads)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7 + i / 251);
	ck_assert_int_eq(uw_try_open(&w, offloads, true, false), 0);
}

static void set_up(void)
{
	open_world(ALL_OFFLOADS);
}

static void tear_down(void)
{
	uw_close(&w);
}

static bool has_ipv6(void)
{
	u16 port;
	int sk = uw_peer(true, &port);

	if (sk >= 0)
		close(sk);
	return sk >= 0;
}

/* The peer gets these bytes, and from where. */
static union reach_addr peer_gets(int sk, const void *data, size_t len)
{
	static u8 got[70000];
	union reach_addr from;
	socklen_t size = sizeof(from);

	ck_assert_int_eq(recvfrom(sk, got, sizeof(got), 0, &from.sa, &size), (ssize_t)len);
	ck_assert_mem_eq(got, data, len);
	return from;
}

static void answer(int sk, const union reach_addr *to, const void *data, size_t len)
{
	ck_assert_int_eq(sendto(sk, data, len, 0, &to->sa,
				to->sa.sa_family == AF_INET ? sizeof(to->in) : sizeof(to->in6)),
			 (ssize_t)len);
}

/* The guest gets a whole datagram of the peer of `k`. */
static void guest_gets(const struct ip_key *k, const void *data, size_t len)
{
	struct fake_frame *f = uw_next(&w, scaled(3000));
	size_t ip = ip_head_len(k), n = UDP_HDR + len;
	const u8 *udp;
	u64 sum;

	ck_assert_ptr_nonnull(f);
	udp = f->data + ip;
	ck_assert_uint_eq(f->len, ip + n);
	ck_assert_mem_eq(f->data, "\x02\x15\x15\x15\x15\x15\x52\x55\xc0\xa8\x21\x01", 12);
	ck_assert_mem_eq(f->data + ETH_HDR + (k->v6 ? IP6_SRC : IP4_SRC), k->peer, ip_addr_len(k));
	ck_assert_mem_eq(f->data + ETH_HDR + (k->v6 ? IP6_DST : IP4_DST), k->guest, ip_addr_len(k));
	ck_assert_mem_eq(udp + UDP_SRC, k->ports + 2, 2);
	ck_assert_mem_eq(udp + UDP_DST, k->ports, 2);
	ck_assert_uint_eq(be16_at(udp + UDP_LEN), n);
	ck_assert_mem_eq(udp + UDP_HDR, data, len);
	sum = ip_pseudo(k, false, PROTO_UDP, n);
	if (f->o.needs_csum) {
		ck_assert(w.seg.offloads & NETIF_RX_CSUM);
		ck_assert_uint_eq(f->o.csum_start, ip);
		ck_assert_uint_eq(f->o.csum_offset, UDP_CSUM);
		ck_assert_uint_eq(be16_at(udp + UDP_CSUM), (u16)~csum_finish(sum));
	} else {
		ck_assert_uint_eq(csum_finish(csum_add(sum, udp, n)), 0);
	}
}

/* There and back, with each length. */
static void echo(const char *peer, const size_t *sizes, unsigned nr)
{
	struct ip_key k;
	u16 port;
	int sk = uw_peer(strchr(peer, ':'), &port);

	k = uw_key(peer, 40000, port);
	for (unsigned i = 0; i < nr; i++) {
		union reach_addr from;

		uw_send(&w, &k, bytes + i, sizes[i]);
		from = peer_gets(sk, bytes + i, sizes[i]);
		answer(sk, &from, bytes + i, sizes[i]);
		guest_gets(&k, bytes + i, sizes[i]);
	}
	ck_assert_uint_eq(w.u->nr, 1);
	close(sk);
}

START_TEST(there_and_back)
{
	static const size_t sizes[] = { 1, 0, 2, 1400, 1451, 1452 };

	for (unsigned csum = 0; csum < 2; csum++) {
		tear_down();
		open_world(csum ? 0 : ALL_OFFLOADS);
		echo("192.168.33.1", sizes, ARRAY_SIZE(sizes));
		/* What the guest calls the host, the host calls itself. */
		tear_down();
		open_world(csum ? 0 : ALL_OFFLOADS);
		echo("192.168.33.77", sizes, ARRAY_SIZE(sizes));
		tear_down();
		open_world(csum ? 0 : ALL_OFFLOADS);
		if (has_ipv6())
			echo("fd33::1", sizes, ARRAY_SIZE(sizes));
	}
}
END_TEST

/* Receive buffers that are smaller than the datagram, and an MTU that is larger than both. */
START_TEST(what_the_room_is_too_small_for)
{
	static const size_t sizes[] = { 100, 600, 1472, 4000, 8972 };

	w.seg.mtu = 9000;
	echo("192.168.33.1", sizes, ARRAY_SIZE(sizes));
	tear_down();
	open_world(0);
	w.seg.mtu = 9000;
	w.client.room_len = 500;
	echo("192.168.33.1", sizes, ARRAY_SIZE(sizes));
}
END_TEST

/* [RFC 791] In fragments that make the datagram, with a whole checksum. */
START_TEST(larger_than_the_mtu)
{
	static const size_t sizes[] = { 1473, 4000, 65507 };
	static u8 whole[70000];
	union reach_addr from;
	struct fake_frame *f;
	struct ip_key k;
	u16 port;
	int sk = uw_peer(false, &port);

	k = uw_key("192.168.33.1", 40000, port);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t have = 0, n = UDP_HDR + sizes[i];

		uw_send(&w, &k, bytes, sizes[i]);
		from = peer_gets(sk, bytes, sizes[i]);
		answer(sk, &from, bytes, sizes[i]);
		while (have < n) {
			f = uw_next(&w, scaled(3000));
			ck_assert_ptr_nonnull(f);
			ck_assert_uint_le(f->len, 1514);
			ck_assert_uint_eq((be16_at(f->data + 20) & IP4_OFFSET) * 8u, have);
			memcpy(whole + have, f->data + 34, f->len - 34);
			have += f->len - 34;
			ck_assert(!(be16_at(f->data + 20) & IP4_MF) == (have == n));
		}
		ck_assert_uint_eq(
			csum_finish(csum_add(ip_pseudo(&k, false, PROTO_UDP, n), whole, n)), 0);
		ck_assert_mem_eq(whole + UDP_HDR, bytes, sizes[i]);
	}
	close(sk);
}
END_TEST

/* [RFC 8200 §4.5] The same of IPv6. */
START_TEST(larger_than_the_mtu_of_ipv6)
{
	static u8 whole[70000];
	union reach_addr from;
	struct fake_frame *f;
	struct ip_key k;
	u16 port;
	size_t have = 0, n = UDP_HDR + 4000;
	int sk;

	if (!has_ipv6())
		return;
	sk = uw_peer(true, &port);
	k = uw_key("fd33::1", 40000, port);
	uw_send(&w, &k, bytes, 4000);
	from = peer_gets(sk, bytes, 4000);
	answer(sk, &from, bytes, 4000);
	while (have < n) {
		f = uw_next(&w, scaled(3000));
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_le(f->len, 1514);
		ck_assert_uint_eq(be16_at(f->data + 56) & FRAG6_OFFSET, have);
		memcpy(whole + have, f->data + 62, f->len - 62);
		have += f->len - 62;
	}
	ck_assert_uint_eq(csum_finish(csum_add(ip_pseudo(&k, false, PROTO_UDP, n), whole, n)), 0);
	ck_assert_mem_eq(whole + UDP_HDR, bytes, 4000);
	close(sk);
}
END_TEST

/* A guest with fewer buffers than a datagram has fragments gets all of it, and then others. */
START_TEST(fragments_wait_for_buffers)
{
	union reach_addr from;
	struct fake_frame *f;
	struct ip_key k;
	u16 port;
	int sk = uw_peer(false, &port);

	k = uw_key("192.168.33.1", 40000, port);
	uw_send(&w, &k, "x", 1);
	from = peer_gets(sk, "x", 1);
	w.client.room = 2;
	answer(sk, &from, bytes, 65507);
	answer(sk, &from, "last", 4);
	for (unsigned i = 0; i < 45; i++) {
		f = uw_next(&w, scaled(3000));
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq((be16_at(f->data + 20) & IP4_OFFSET) * 8u, i * 1480);
		if (w.seen < w.client.got.nr || i == 44)
			continue;
		ck_assert_ptr_null(uw_next(&w, 1));
		w.client.room = 2;
		udp_rx_ready(w.u);
	}
	guest_gets(&k, "last", 4);
	close(sk);
}
END_TEST

/* [RFC 768, RFC 8200 §8.1] */
START_TEST(checksums)
{
	struct ip_key k;
	u16 port;
	int sk = uw_peer(false, &port);

	k = uw_key("192.168.33.1", 40000, port);
	uw_put(&w, &k, "wrong", 5, UW_WRONG);
	uw_put(&w, &k, "none", 4, UW_NONE);
	uw_put(&w, &k, "left", 4, UW_LEFT);
	uw_put(&w, &k, "whole", 5, UW_WHOLE);
	udp_settle(w.u);
	peer_gets(sk, "none", 4);
	peer_gets(sk, "left", 4);
	peer_gets(sk, "whole", 5);
	close(sk);
	if (!has_ipv6())
		return;
	sk = uw_peer(true, &port);
	k = uw_key("fd33::1", 40000, port);
	uw_put(&w, &k, "none", 4, UW_NONE);
	uw_put(&w, &k, "whole", 5, UW_WHOLE);
	udp_settle(w.u);
	peer_gets(sk, "whole", 5);
	close(sk);
}
END_TEST

/* A length in the header that is not the packet's. */
START_TEST(lengths)
{
	struct ip_key k;
	u8 f[200];
	size_t n;
	u16 port;
	int sk = uw_peer(false, &port);

	k = uw_key("192.168.33.1", 40000, port);
	n = uw_frame(f, &k, "0123456789", 10, UW_NONE);
	be16_put(f + 34 + UDP_LEN, 7);
	ck_assert_int_eq(uw_input(&w, f, n, false), -EBADMSG);
	be16_put(f + 34 + UDP_LEN, 19);
	ck_assert_int_eq(uw_input(&w, f, n, false), -EBADMSG);
	be16_put(f + 34 + UDP_LEN, 13);
	ck_assert_int_eq(uw_input(&w, f, n, false), 0);
	ck_assert_int_eq(uw_input(&w, f, n - 6, false), -EBADMSG);
	udp_settle(w.u);
	peer_gets(sk, "01234", 5);
	close(sk);
}
END_TEST

/* Each datagram arrives as it was sent, in order, whatever goes beside it. */
START_TEST(trains)
{
	static const size_t sizes[] = { 1400, 1400, 1400, 1000, 1400, 1400, 0,	  9000, 9000,
					8192, 8192, 3,	  3,	3,    4,    1400, 1400, 1400 };
	struct ip_key a, b;
	u16 port, port_b;
	int sk = uw_peer(false, &port), sk_b = uw_peer(false, &port_b);
	unsigned longest = 0;

	if (!w.u->has_trains) {
		printf("skip: this kernel knows no UDP_SEGMENT\n");
		return;
	}
	a = uw_key("192.168.33.1", 40000, port);
	b = uw_key("192.168.33.1", 40000, port_b);
	for (unsigned round = 0; round < 3; round++) {
		w.u->has_trains = round < 2;
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			uw_put(&w, &a, bytes + i, sizes[i], UW_WHOLE);
			longest = MAX(longest, w.u->train.nr);
			/* Of the same flow to another peer. */
			if (round && i % 5 == 4)
				uw_put(&w, &b, bytes + i, 10, UW_WHOLE);
		}
		udp_settle(w.u);
		ck_assert_uint_eq(w.u->train.nr, 0);
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			peer_gets(sk, bytes + i, sizes[i]);
			if (round && i % 5 == 4)
				peer_gets(sk_b, bytes + i, 10);
		}
	}
	ck_assert_uint_eq(longest, 3);
	ck_assert_uint_eq(w.u->nr, 1);
	close(sk);
	close(sk_b);
}
END_TEST

/* As many as a train has, and as many bytes. */
START_TEST(long_trains)
{
	static const struct {
		size_t len;
		unsigned nr;
	} cases[] = { { 10, 200 }, { 1400, 70 } };
	struct ip_key k;
	int room = 1 << 20, sk;
	u16 port;

	for (unsigned c = 0; c < ARRAY_SIZE(cases); c++) {
		sk = uw_peer(false, &port);
		setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		k = uw_key("192.168.33.1", 40000, port);
		for (unsigned i = 0; i < cases[c].nr; i++) {
			uw_put(&w, &k, bytes + i, cases[c].len, UW_WHOLE);
			ck_assert_uint_le(w.u->train.nr, UDP_TRAIN);
			ck_assert_uint_le(w.u->train.len, UDP_TRAIN_MAX);
		}
		udp_settle(w.u);
		for (unsigned i = 0; i < cases[c].nr; i++)
			peer_gets(sk, bytes + i, cases[c].len);
		close(sk);
	}
}
END_TEST

/* An ICMP message that the datagram of `k` led nowhere. */
static void refused(const struct ip_key *k, u8 code)
{
	struct fake_frame *f = uw_next(&w, scaled(3000));
	size_t ip = ip_head_len(k);
	const u8 *icmp, *quote;

	ck_assert_ptr_nonnull(f);
	icmp = f->data + ip;
	quote = icmp + ICMP_HDR;
	ck_assert_uint_eq(f->data[ETH_HDR + (k->v6 ? IP6_NEXT : IP4_PROTO)],
			  k->v6 ? PROTO_ICMP6 : PROTO_ICMP);
	ck_assert_uint_eq(icmp[ICMP_TYPE], k->v6 ? 1 : 3);
	ck_assert_uint_eq(icmp[ICMP_CODE], code);
	ck_assert_mem_eq(quote + (k->v6 ? IP6_SRC : IP4_SRC), k->guest, ip_addr_len(k));
	ck_assert_mem_eq(quote + (k->v6 ? IP6_DST : IP4_DST), k->peer, ip_addr_len(k));
	ck_assert_uint_eq(quote[k->v6 ? IP6_NEXT : IP4_PROTO], PROTO_UDP);
	ck_assert_mem_eq(quote + ip - ETH_HDR, k->ports, 4);
	if (!k->v6)
		ck_assert_uint_eq(csum_finish(csum_add(0, icmp, f->len - ip)), 0);
}

START_TEST(a_port_where_nobody_is)
{
	struct ip_key k[2];
	u16 port;
	int sk = uw_peer(false, &port);

	close(sk);
	k[0] = uw_key("192.168.33.77", 40000, port);
	k[1] = uw_key("fd33::1", 40000, port);
	for (unsigned i = 0; i < 1u + has_ipv6(); i++) {
		for (unsigned again = 0; again < 3; again++) {
			uw_send(&w, &k[i], "x", 1);
			refused(&k[i], i ? 4 : 3);
		}
		ck_assert_ptr_null(uw_next(&w, 20));
	}
	/* What one peer refuses is not told to another one's sender, and does not keep its own. */
	sk = uw_peer(false, &port);
	uw_send(&w, &k[0], "x", 1);
	usleep(1000);
	k[1] = uw_key("192.168.33.77", 40000, port);
	uw_send(&w, &k[1], "y", 1);
	peer_gets(sk, "y", 1);
	refused(&k[0], 3);
	ck_assert_ptr_null(uw_next(&w, 20));
	close(sk);
}
END_TEST

START_TEST(what_the_guest_must_not_reach)
{
	struct ip_key k;
	u16 port;
	int sk = uw_peer(false, &port);

	k = uw_key("192.168.33.1", 40000, port);
	for (unsigned i = 0; i < 2; i++) {
		tear_down();
		ck_assert_int_eq(uw_try_open(&w, 0, false, i), 0);
		uw_send(&w, &k, "x", 1);
		refused(&k, 3);
	}
	ck_assert_int_eq(recv(sk, bytes, 1, MSG_DONTWAIT), -1);
	close(sk);
}
END_TEST

/* ---- flows ---- */

START_TEST(idle_flows_end)
{
	struct ip_key k = uw_key("192.168.33.1", 40000, 9), dns = uw_key("192.168.33.1", 40001, 53);
	struct udp_flow *a, *b;

	uw_send(&w, &k, "x", 1);
	uw_send(&w, &dns, "x", 1);
	a = udp_flow_of(w.u, &k);
	b = udp_flow_of(w.u, &dns);
	ck_assert_uint_eq(w.u->nr, 2);
	ck_assert_uint_eq(w.u->budget.used, 2);
	/* After half a minute a question has no answer any more. */
	a->active_ns -= UINT64_C(30000000000);
	b->active_ns -= UINT64_C(30000000000);
	w.u->timer_at = 0;
	loop_timer_arm(w.u->timer, 0);
	for (int i = 0; i < 100 && w.u->nr > 1; i++)
		loop_step(w.loop, 10);
	ck_assert_uint_eq(w.u->nr, 1);
	ck_assert_ptr_eq(udp_flow_of(w.u, &k), a);
	a->active_ns -= UINT64_C(220000000000);
	loop_timer_arm(w.u->timer, 0);
	for (int i = 0; i < 100 && w.u->nr; i++)
		loop_step(w.loop, 10);
	ck_assert_uint_eq(w.u->nr, 0);
	ck_assert_uint_eq(w.u->budget.used, 0);
}
END_TEST

static void no_expiry(void *arg, unsigned idle_ms)
{
}

/* The longest idle goes; none that was used just now. */
START_TEST(a_limit_of_their_number)
{
	struct budget others = { .direct = true, .expire = no_expiry };
	struct ip_key k[4];

	for (u16 i = 0; i < 4; i++)
		k[i] = uw_key("192.168.33.1", (u16)(40000 + i), i == 1 ? 53 : 9);
	for (unsigned i = 0; i < 3; i++)
		uw_send(&w, &k[i], "x", 1);
	budget_join(&others);
	budget_set(&others, 1u << 20);
	uw_send(&w, &k[3], "x", 1);
	ck_assert_uint_eq(w.u->nr, 3);
	udp_flow_of(w.u, &k[1])->active_ns -= UINT64_C(3000000000);
	udp_flow_of(w.u, &k[0])->active_ns -= UINT64_C(2000000000);
	for (unsigned i = 0; i < 2; i++) {
		uw_send(&w, &k[3 - 2 * i], "x", 1);
		ck_assert_uint_eq(w.u->nr, 3);
	}
	/* The first to go was 1, then 0 when it came back. */
	budget_set(&others, 0);
	w.u->budget.used = 0;
	ck_assert_ptr_nonnull(udp_flow_of(w.u, &k[0]));
	ck_assert_uint_eq(w.u->nr, 4);
	udp_flow_of(w.u, &k[2])->active_ns -= UINT64_C(5000000000);
	udp_settle(w.u);
	w.u->budget.expire(w.u->budget.arg, 4000);
	ck_assert_uint_eq(w.u->nr, 3);
	/* Whoever asked for room: a flow that begins later has a time of its own. */
	ck_assert_uint_eq(w.u->now, 0);
	budget_leave(&others);
}
END_TEST

/* ---- a guest without receive buffers, or without a driver ---- */

START_TEST(what_the_guest_has_no_room_for_waits)
{
	struct ip_key k[2];
	union reach_addr from[2];
	u16 port;
	int sk = uw_peer(false, &port);

	for (u16 i = 0; i < 2; i++) {
		k[i] = uw_key("192.168.33.1", (u16)(40000 + i), port);
		uw_send(&w, &k[i], "x", 1);
		from[i] = peer_gets(sk, "x", 1);
	}
	for (unsigned round = 0; round < 2; round++) {
		if (round)
			udp_down(w.u);
		w.client.room = 0;
		for (unsigned i = 0; i < 10; i++)
			answer(sk, &from[i % 2], bytes + i, 20);
		ck_assert_ptr_null(uw_next(&w, 20));
		/* And nobody spins over them. */
		w.client.nr_again = 0;
		for (unsigned i = 0; i < 50; i++)
			loop_step(w.loop, 0);
		ck_assert_uint_eq(w.client.nr_again, 0);
		w.client.room = UINT_MAX;
		if (round)
			udp_up(w.u);
		else
			udp_rx_ready(w.u);
		for (unsigned i = 0, seen[2] = { 0 }; i < 10; i++) {
			struct fake_frame *f = uw_next(&w, scaled(3000));
			unsigned at;

			ck_assert_ptr_nonnull(f);
			at = be16_at(f->data + 34 + UDP_DST) - 40000u;
			ck_assert_mem_eq(f->data + 42, bytes + at + 2 * (size_t)seen[at]++, 20);
		}
	}
	ck_assert_uint_gt(w.client.nr_flush, 0);
	close(sk);
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/udp", set_up, tear_down, there_and_back,
		   what_the_room_is_too_small_for, larger_than_the_mtu, larger_than_the_mtu_of_ipv6,
		   fragments_wait_for_buffers, checksums, lengths, trains, long_trains,
		   a_port_where_nobody_is, what_the_guest_must_not_reach, idle_flows_end,
		   a_limit_of_their_number, what_the_guest_has_no_room_for_waits)
