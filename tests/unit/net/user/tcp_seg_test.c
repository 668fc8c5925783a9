/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments as bytes and as values. */
#include "net/user/tcp_seg.h"

#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

static const struct guard_pkt pkt4 = { .type = ETHERTYPE_IP4, .l3 = 14, .l4 = 34, .proto = 6 };
static const struct ip_link wire = { { 2, 0x15, 0x15, 0x15, 0x15, 0x15 },
				     { 0x52, 0x55, 0xc0, 0xa8, 0x21, 1 } };

/* A SYN with these option bytes. */
static void read_syn(struct tcp_heard *s, const u8 *opts, size_t len)
{
	struct tcp_seg t = { .sport = 1, .dport = 2, .seq = 7, .flags = TCP_SYN, .win = 500 };
	u8 f[128] = { 0 };

	ck_assert_uint_eq(len % 4, 0);
	put_tcp(f, GUEST_IP, HOST_IP, &t);
	f[34 + TCP_OFF] = (u8)((TCP_HDR + len) / 4 << 4);
	memcpy(f + 54, opts, len);
	tcp_seg_read(s, f, 54 + len, &pkt4);
	ck_assert_uint_eq(s->len, 0);
	ck_assert_uint_eq(s->head, 54 + len);
}

START_TEST(options)
{
	static const struct {
		u8 opts[40];
		u8 len;
		u16 mss;
		int scale;
	} cases[] = {
		{ { 0 }, 0, 0, -1 },
		{ { 2, 4, 5, 0xb4 }, 4, 1460, -1 },
		{ { 1, 3, 3, 7, 2, 4, 0, 48 }, 8, 48, 7 },
		{ { 3, 3, 14, 0 }, 4, 0, 14 },
		{ { 3, 3, 255, 0 }, 4, 0, 14 },			/* [RFC 7323 §2.3] */
		{ { 4, 2, 2, 4, 1, 2, 0, 0 }, 8, 258, -1 },	/* SACK permitted */
		{ { 0, 0, 0, 0, 2, 4, 5, 0xb4 }, 8, 0, -1 },	/* behind the end */
		{ { 2, 4, 5, 0xb4, 9, 0, 3, 3 }, 8, 1460, -1 }, /* an option of length 0 */
		{ { 2, 4, 5, 0xb4, 9, 1, 3, 3 }, 8, 1460, -1 }, /* and 1 */
		{ { 1, 1, 2, 4 }, 4, 0, -1 },			/* cut off */
		{ { 1, 1, 1, 2 }, 4, 0, -1 },
		{ { 3, 4, 7, 7 }, 4, 0, -1 }, /* of another length */
	};
	struct tcp_heard s;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		read_syn(&s, cases[i].opts, cases[i].len);
		ck_assert_uint_eq(s.mss, cases[i].mss);
		ck_assert_int_eq(s.scale, cases[i].scale);
	}
}
END_TEST

START_TEST(values)
{
	struct tcp_seg t = { .sport = 40000,
			     .dport = 80,
			     .seq = 0x80000001,
			     .ack = 5,
			     .flags = TCP_ACK | TCP_PSH,
			     .win = 0xffff,
			     .data = "abc",
			     .len = 3 };
	struct tcp_heard s;
	u8 f[128];
	size_t len = put_tcp(f, GUEST_IP, HOST_IP, &t);

	tcp_seg_read(&s, f, len, &pkt4);
	ck_assert_uint_eq(s.seq, t.seq);
	ck_assert_uint_eq(s.ack, t.ack);
	ck_assert_uint_eq(s.win, 0xffff);
	ck_assert_uint_eq(s.len, 3);
	ck_assert_uint_eq(s.head, 54);
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(be32_at(s.key.guest), GUEST_IP);
	ck_assert_uint_eq(be32_at(s.key.peer), HOST_IP);
	ck_assert_uint_eq(be16_at(s.key.ports), 40000);
	ck_assert_uint_eq(be16_at(s.key.ports + 2), 80);
	ck_assert_uint_eq(s.key.v6, 0);
}
END_TEST

static struct ip_key key_of(bool v6)
{
	struct ip_key k = { .ports = { 0x9c, 0x40, 0, 80 }, .v6 = v6 };

	be32_put(k.guest, v6 ? 0xfd330000 : GUEST_IP);
	be32_put(k.peer, v6 ? 0xfd330000 : HOST_IP);
	if (v6) {
		k.guest[15] = 0x15;
		k.peer[15] = 1;
	}
	return k;
}

/* The checksum of all of it comes out right, with and without a payload. */
START_TEST(written)
{
	static const u8 payload[] = "payload";
	u8 f[TCP_HEAD_OUT + sizeof(payload)];

	for (unsigned i = 0; i < 4; i++) {
		bool v6 = i & 1, syn = i & 2;
		struct ip_key k = key_of(v6);
		struct tcp_say say = { .seq = 100,
				       .ack = 200,
				       .win = 300,
				       .mss = 1460,
				       .scale = 7,
				       .flags = syn ? TCP_SYN | TCP_ACK : TCP_ACK };
		size_t n = syn ? 0 : sizeof(payload), ip = v6 ? IP6_HDR : IP4_HDR;
		size_t len = tcp_seg_write(f, &wire, &k, &say, n), l4 = len - ETH_HDR - ip;
		const u8 *tcp = f + ETH_HDR + ip;
		u64 sum = v6 ? csum_pseudo6(k.peer, k.guest, PROTO_TCP, l4 + n)
			     : csum_pseudo4(k.peer, k.guest, PROTO_TCP, l4 + n);

		ck_assert_uint_eq(l4, syn ? 28 : 20);
		ck_assert_uint_eq(be16_at(tcp + TCP_CSUM), (u16)~csum_finish(sum));
		tcp_seg_finish(f, len, &k, csum_add(0, payload, n));
		memcpy(f + len, payload, n);
		ck_assert_uint_eq(csum_finish(csum_add(sum, tcp, l4 + n)), 0);
		ck_assert_mem_eq(f, wire.guest, 6);
		ck_assert_uint_eq(be16_at(tcp + TCP_SRC), 80);
		ck_assert_uint_eq(be16_at(tcp + TCP_DST), 40000);
		if (v6)
			ck_assert_uint_eq(be16_at(f + ETH_HDR + IP6_PLEN), l4 + n);
		else
			ck_assert_uint_eq(csum_finish(csum_add(0, f + ETH_HDR, IP4_HDR)), 0);
		if (syn)
			ck_assert_mem_eq(tcp + TCP_HDR, "\2\4\5\xb4\1\3\3\7", 8);
	}
}
END_TEST

START_TEST(unreachable)
{
	u8 f[IP_UNREACHABLE_MAX], us[16] = { 192, 168, 33, 1 };
	struct ip_key k = key_of(false);
	size_t len = tcp_unreachable(f, &wire, &k, 77, IP_WHY_HOST, us);

	ck_assert_uint_eq(len, 14 + 20 + 8 + 20 + 8);
	ck_assert_uint_eq(csum_finish(csum_add(0, f + 34, len - 34)), 0);
	ck_assert_mem_eq(f + 34, "\3\1", 2);
	/* What the guest knows its connection by. */
	ck_assert_uint_eq(be32_at(f + 42 + IP4_SRC), GUEST_IP);
	ck_assert_uint_eq(be32_at(f + 42 + IP4_DST), HOST_IP);
	ck_assert_uint_eq(be16_at(f + 62), 40000);
	ck_assert_uint_eq(be32_at(f + 66), 77);

	k = key_of(true);
	len = tcp_unreachable(f, &wire, &k, 77, IP_WHY_FORBIDDEN, k.peer);
	ck_assert_uint_eq(len, 14 + 40 + 8 + 40 + 20);
	ck_assert_mem_eq(f + 54, "\1\1", 2);
	ck_assert_uint_eq(csum_finish(csum_add(csum_pseudo6(k.peer, k.guest, PROTO_ICMP6, len - 54),
					       f + 54, len - 54)),
			  0);
	tcp_unreachable(f, &wire, &k, 77, IP_WHY_NET, k.peer);
	ck_assert_mem_eq(f + 54, "\1\0", 2);
}
END_TEST

SUITE_MAIN("net/user/tcp_seg", options, values, written, unreachable)
