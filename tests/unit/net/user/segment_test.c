/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segment sizes, reassembly, the backlog and the checksum: the small rooms of the user network. */
#include <arpa/inet.h>
#include <errno.h>

#include "net/user/backlog.h"
#include "net/user/reasm.h"
#include "net/user/segment.h"
#include "tests/fake/netif.h"
#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

static u8 f[70000], data[66000];
static struct fake_frames out;

static void on_emit(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	fake_frames_add(arg, o, frame);
}

static void emit(u16 mtu, u32 offloads, size_t len)
{
	struct segment s = { .mtu = mtu, .offloads = offloads };
	u8 *copy = malloc(len);

	fake_frames_clear(&out);
	memcpy(copy, f, len);
	segment_emit(&s, copy, len, on_emit, &out);
	free(copy);
}

static size_t large_tcp(u8 flags, size_t len)
{
	struct tcp_seg t = {
		.seq = 0xfffff000, .ack = 1, .flags = flags, .win = 1000, .data = data, .len = len
	};

	for (size_t i = 0; i < len; i++)
		data[i] = (u8)(i % 253);
	return put_tcp(f, HOST_IP, GUEST_IP, &t);
}

START_TEST(small_frames_pass_untouched)
{
	size_t n = large_tcp(TCP_ACK, 1460);

	emit(1500, NETIF_RX_CSUM, n);
	ck_assert_uint_eq(out.nr, 1);
	ck_assert_uint_eq(out.f[0].len, 1514);
	ck_assert_mem_eq(out.f[0].data, f, n);
	ck_assert(out.f[0].o.data_valid && !out.f[0].o.needs_csum);
	emit(1500, 0, n);
	ck_assert(!out.f[0].o.data_valid);
	fake_frames_clear(&out);
}
END_TEST

START_TEST(large_segments_go_whole_if_they_may)
{
	size_t n = large_tcp(TCP_ACK | TCP_PSH | TCP_FIN, 30000);

	emit(1500, NETIF_RX_CSUM | NETIF_RX_TSO4, n);
	ck_assert_uint_eq(out.nr, 1);
	ck_assert_uint_eq(out.f[0].len, n);
	ck_assert(out.f[0].o.needs_csum);
	ck_assert_int_eq(out.f[0].o.gso, NETIF_GSO_TCPV4);
	ck_assert_uint_eq(out.f[0].o.gso_size, 1460);
	ck_assert_uint_eq(out.f[0].o.hdr_len, 54);
	/* Completing the checksum as a driver would gives the right one. */
	u8 *tcp = out.f[0].data + 34;

	be16_put(tcp + TCP_CSUM, csum_finish(csum_add(0, tcp, n - 34)));
	ck_assert_mem_eq(out.f[0].data, f, n);
	/* A jumbo interface takes it as it is. */
	emit(32000, NETIF_RX_CSUM | NETIF_RX_TSO4, n);
	ck_assert_int_eq(out.f[0].o.gso, NETIF_GSO_NONE);
	fake_frames_clear(&out);
}
END_TEST

START_TEST(large_segments_are_cut_otherwise)
{
	static const u32 offloads[] = { 0, NETIF_RX_CSUM, NETIF_RX_CSUM | NETIF_RX_TSO6 };
	size_t n = large_tcp(TCP_ACK | TCP_PSH | TCP_FIN, 10000), off;

	for (unsigned k = 0; k < ARRAY_SIZE(offloads); k++) {
		emit(1500, offloads[k], n);
		ck_assert_uint_eq(out.nr, 7);
		off = 0;
		for (unsigned i = 0; i < out.nr; i++) {
			struct fake_frame *p = &out.f[i];
			u8 *tcp = p->data + 34;
			size_t len = p->len - 54;

			ck_assert_uint_eq(len, i < 6 ? 1460 : 10000 - 6 * 1460);
			ck_assert_uint_eq(be16_at(p->data + 16), p->len - 14);
			ck_assert_uint_eq(csum_finish(csum_add(0, p->data + 14, 20)), 0);
			ck_assert_uint_eq(be32_at(tcp + TCP_SEQ), 0xfffff000 + (u32)off);
			ck_assert_uint_eq(tcp[TCP_FLAGS],
					  i < 6 ? TCP_ACK : TCP_ACK | TCP_PSH | TCP_FIN);
			ck_assert_mem_eq(tcp + 20, data + off, len);
			ck_assert_int_eq(p->o.needs_csum, !!offloads[k]);
			if (p->o.needs_csum)
				be16_put(tcp + 16, csum_finish(csum_add(0, tcp, p->len - 34)));
			ck_assert_uint_eq(l4_csum(p->data, tcp, p->len - 34, PROTO_TCP), 0);
			off += len;
		}
		ck_assert_uint_eq(off, 10000);
	}
	fake_frames_clear(&out);
}
END_TEST

START_TEST(fragments_of_fragments)
{
	size_t n = put_ip4(f, HOST_IP, GUEST_IP, PROTO_UDP, 3200), have = 0;

	/* The middle of a datagram that libslirp has cut already. */
	be16_put(f + 20, IP4_MF | 400);
	fix_ip4(f);
	emit(1500, 0, n);
	ck_assert_uint_eq(out.nr, 3);
	for (unsigned i = 0; i < 3; i++) {
		u16 field = be16_at(out.f[i].data + 20);

		ck_assert_uint_le(out.f[i].len, 1514);
		ck_assert_uint_eq((field & IP4_OFFSET) * 8u, 3200 + have);
		ck_assert(field & IP4_MF);
		have += out.f[i].len - 34;
	}
	ck_assert_uint_eq(have, 3200);
	fake_frames_clear(&out);
}
END_TEST

/* [RFC 6864 §4.1] What was not to be cut has no number: then each one that is cut gets its own. */
START_TEST(each_datagram_has_its_number)
{
	struct segment s = { .mtu = 1500, .next_id = 0xfffe };
	size_t n = put_ip4(f, HOST_IP, GUEST_IP, PROTO_UDP, 3000);
	u16 id[4];

	be16_put(f + 20, IP4_DF);
	be16_put(f + 18, 0);
	fix_ip4(f);
	fake_frames_clear(&out);
	for (unsigned i = 0; i < 4; i++)
		segment_emit(&s, f, n, on_emit, &out);
	ck_assert_uint_eq(out.nr, 12);
	for (unsigned i = 0; i < 12; i++) {
		if (i % 3 == 0)
			id[i / 3] = be16_at(out.f[i].data + 18);
		ck_assert_uint_eq(be16_at(out.f[i].data + 18), id[i / 3]);
		ck_assert(!(be16_at(out.f[i].data + 20) & IP4_DF));
	}
	for (unsigned i = 1; i < 4; i++)
		ck_assert_uint_ne(id[i], id[i - 1]);
	/* libslirp's are its own. */
	be16_put(f + 20, 0);
	be16_put(f + 18, 0x1234);
	fix_ip4(f);
	emit(1500, 0, n);
	ck_assert_uint_eq(be16_at(out.f[0].data + 18), 0x1234);
	fake_frames_clear(&out);
}
END_TEST

/* An IPv6 packet of `len` bytes of this protocol in `f`; the length of the frame. */
static size_t put_ip6(u8 proto, size_t len)
{
	u8 *ip = f + ETH_HDR;

	memset(f, 0, ETH_HDR + IP6_HDR);
	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	be32_put(ip, 0x60000000);
	be16_put(ip + IP6_PLEN, (u16)len);
	ip[IP6_NEXT] = proto;
	ip[IP6_SRC] = 0xfd;
	ip[IP6_DST] = 0xfd;
	ip[IP6_DST + 15] = 0x0f;
	for (size_t i = 0; i < len; i++)
		f[ETH_HDR + IP6_HDR + i] = (u8)(i * 7 + i / 251);
	return ETH_HDR + IP6_HDR + len;
}

/* [RFC 8200 §4.5] Put together again they are what was cut. */
START_TEST(fragments_of_ipv6)
{
	static const size_t sizes[] = { 1461, 2896, 4000, 65535 };
	struct segment s = { .mtu = 1500 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = put_ip6(i % 2 ? PROTO_ICMP6 : PROTO_UDP, sizes[i]), len = 0;
		struct reasm *r;
		u8 *whole = NULL;

		ck_assert_int_eq(reasm_create(&r), 0);
		fake_frames_clear(&out);
		segment_emit(&s, f, n, on_emit, &out);
		ck_assert_uint_eq(out.nr, (sizes[i] + 1447) / 1448);
		for (unsigned k = 0; k < out.nr; k++) {
			ck_assert_uint_le(out.f[k].len, 1514);
			ck_assert_uint_eq(be16_at(out.f[k].data + ETH_HDR + IP6_PLEN),
					  out.f[k].len - ETH_HDR - IP6_HDR);
			ck_assert_uint_eq(out.f[k].data[ETH_HDR + IP6_NEXT], PROTO_FRAG6);
			ck_assert_uint_eq(be32_at(out.f[k].data + 58), i);
			ck_assert(reasm_add(r, out.f[k].data, out.f[k].len, 1, &whole, &len) ==
				  (k + 1 == out.nr));
		}
		ck_assert_uint_eq(len, n);
		ck_assert_mem_eq(whole, f, n);
		reasm_destroy(r);
	}
	fake_frames_clear(&out);
}
END_TEST

/* Two datagrams of IPv6 whose fragments are mixed; an overlap ends the one [RFC 5722 §4]. */
START_TEST(fragments_of_ipv6_mixed)
{
	struct segment s = { .mtu = 1500 };
	struct fake_frames other = { .nr = 0 };
	size_t n = put_ip6(PROTO_UDP, 4000), len = 0;
	struct reasm *r;
	u8 *whole = NULL;

	ck_assert_int_eq(reasm_create(&r), 0);
	fake_frames_clear(&out);
	segment_emit(&s, f, n, on_emit, &out);
	f[ETH_HDR + IP6_HDR] = 0x55;
	segment_emit(&s, f, n, on_emit, &other);
	for (unsigned k = 0; k < 3; k++) {
		bool last = k == 2;

		ck_assert(reasm_add(r, out.f[k].data, out.f[k].len, 1, &whole, &len) == last);
		if (last)
			ck_assert_uint_eq(whole[ETH_HDR + IP6_HDR], 0);
		ck_assert(reasm_add(r, other.f[k].data, other.f[k].len, 1, &whole, &len) == last);
	}
	ck_assert_mem_eq(whole, f, n);
	ck_assert(!reasm_add(r, out.f[0].data, out.f[0].len, 1, &whole, &len));
	ck_assert(!reasm_add(r, out.f[0].data, out.f[0].len, 1, &whole, &len));
	ck_assert(!reasm_add(r, out.f[1].data, out.f[1].len, 1, &whole, &len));
	ck_assert(!reasm_add(r, out.f[2].data, out.f[2].len, 1, &whole, &len));
	reasm_destroy(r);
	fake_frames_clear(&out);
	fake_frames_clear(&other);
}
END_TEST

START_TEST(frames_that_fit_nowhere)
{
	size_t n = put_ip4(f, HOST_IP, GUEST_IP, PROTO_UDP, 3000);

	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	emit(1500, 0, n);
	ck_assert_uint_eq(out.nr, 0);
	/* A fragment already, and a link that IPv6 must not have. */
	n = put_ip6(PROTO_FRAG6, 3000);
	emit(1500, 0, n);
	ck_assert_uint_eq(out.nr, 0);
	n = put_ip6(PROTO_UDP, 3000);
	emit(1279, 0, n);
	ck_assert_uint_eq(out.nr, 0);
	emit(1500, 0, 13);
	ck_assert_uint_eq(out.nr, 0);
	/* A TCP header that points past the end is only bytes. */
	n = large_tcp(TCP_ACK, 2000);
	f[34 + TCP_OFF] = 0xf0;
	emit(1500, 0, 34 + 40);
	ck_assert_uint_eq(out.nr, 1);
	fake_frames_clear(&out);
}
END_TEST

START_TEST(the_guest_is_told_an_mss_it_can_carry)
{
	struct tcp_seg t = { .flags = TCP_SYN | TCP_ACK, .mss = 32120 };
	size_t n = put_tcp(f, HOST_IP, GUEST_IP, &t);

	emit(1500, 0, n);
	ck_assert_uint_eq(be16_at(out.f[0].data + 56), 1460);
	ck_assert_uint_eq(l4_csum(out.f[0].data, out.f[0].data + 34, n - 34, PROTO_TCP), 0);
	emit(9000, 0, n);
	ck_assert_uint_eq(be16_at(out.f[0].data + 56), 8960);
	t.mss = 536;
	emit(1500, 0, put_tcp(f, HOST_IP, GUEST_IP, &t));
	ck_assert_uint_eq(be16_at(out.f[0].data + 56), 536);
	fake_frames_clear(&out);
}
END_TEST

static u16 guest_mtu = 1500;

/* A SYN of the guest with these options, checked and invited; the MSS it has then. */
static u16 invite(const u8 *opts, size_t len, u32 offloads, size_t at)
{
	struct segment s = { .mtu = guest_mtu, .offloads = offloads };
	struct guard_pkt pkt = { .type = ETHERTYPE_IP4, .l3 = 14, .l4 = 34, .proto = PROTO_TCP };
	struct tcp_seg t = { .flags = TCP_SYN };
	size_t n = put_tcp(f, GUEST_IP, HOST_IP, &t) + len;
	u8 *tcp = f + 34, *copy;

	memcpy(tcp + 20, opts, len);
	tcp[TCP_OFF] = (u8)((20 + len) / 4 << 4);
	be16_put(f + 16, (u16)(40 + len));
	be16_put(tcp + 16, 0);
	be16_put(tcp + 16, l4_csum(f, tcp, 20 + len, PROTO_TCP));
	copy = malloc(n);
	memcpy(copy, f, n);
	segment_invite(&s, copy, &pkt);
	ck_assert_uint_eq(l4_csum(copy, copy + 34, 20 + len, PROTO_TCP), 0);

	u16 mss = be16_at(copy + 54 + at);

	free(copy);
	return mss;
}

/* The window of the frame that came out, whose checksum is right. */
static u16 window_of(void)
{
	const u8 *tcp = out.f[0].data + 34;

	ck_assert_uint_eq(l4_csum(out.f[0].data, tcp, out.f[0].len - 34, PROTO_TCP), 0);
	return be16_at(tcp + TCP_WIN);
}

START_TEST(windows_are_whole_segments)
{
	static const struct {
		u16 mtu, win, want;
	} cases[] = {
		{ 1500, 65535, 64240 },	 { 1500, 64241, 64240 },  { 1500, 64240, 64240 },
		{ 1500, 64000, 64000 },	 { 16384, 65535, 65376 }, { 32160, 65535, 64240 },
		{ 32160, 32121, 32121 }, { 65521, 65535, 65481 }, { 1500, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tcp_seg t = { .flags = TCP_ACK, .win = cases[i].win, .data = data };

		for (t.len = 0; t.len < 3; t.len++) {
			emit(cases[i].mtu, 0, put_tcp(f, HOST_IP, GUEST_IP, &t));
			ck_assert_uint_eq(out.nr, 1);
			ck_assert_uint_eq(window_of(), cases[i].want);
		}
	}
	/* Cut ones, too. */
	struct tcp_seg t = { .flags = TCP_ACK, .win = 65535, .data = data, .len = 3000 };

	emit(1500, 0, put_tcp(f, HOST_IP, GUEST_IP, &t));
	ck_assert_uint_eq(out.nr, 3);
	ck_assert_uint_eq(window_of(), 64240);
	/* And whole ones, whose checksum is the driver's to complete. */
	emit(1500, NETIF_RX_CSUM | NETIF_RX_TSO4, put_tcp(f, HOST_IP, GUEST_IP, &t));
	ck_assert_uint_eq(out.nr, 1);
	ck_assert_uint_eq(be16_at(out.f[0].data + 34 + TCP_WIN), 64240);
	fake_frames_clear(&out);
}
END_TEST

START_TEST(large_segments_are_invited)
{
	static const u8 plain[] = { 2, 4, 0x05, 0xb4 }, small[] = { 2, 4, 0x05, 0x50 };
	static const u8 jumbo[] = { 2, 4, 0xff, 0xc8 };
	static const u8 odd[] = { 1, 2, 4, 0x05, 0xb4, 0, 0, 0 };
	static const u8 late[] = { 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 2, 4, 0x05, 0xb4 };
	static const u8 broken[] = { 3, 0, 2, 4 }, longer[] = { 3, 99, 2, 4 },
			cut[] = { 1, 1, 1, 2 };
	u32 tso = NETIF_RX_CSUM | NETIF_RX_TSO4;

	ck_assert_uint_eq(invite(plain, 4, tso, 2), SEGMENT_MTU);
	ck_assert_uint_eq(invite(odd, 8, tso, 3), SEGMENT_MTU); /* at an odd address */
	ck_assert_uint_eq(invite(late, 16, tso, 14), SEGMENT_MTU);
	/* A guest that announces less has its reasons; a driver without TSO gets no invitation. */
	ck_assert_uint_eq(invite(small, 4, tso, 2), 0x550);
	ck_assert_uint_eq(invite(plain, 4, NETIF_RX_CSUM, 2), 1460);
	/* Options that make no sense are left as they are. */
	ck_assert_uint_eq(invite(broken, 4, tso, 2), 0x204);
	ck_assert_uint_eq(invite(longer, 4, tso, 2), 0x204);
	ck_assert_uint_eq(invite(cut, 4, tso, 2), 0x102);
	/* What is larger already stays as it is. */
	guest_mtu = 65520;
	ck_assert_uint_eq(invite(jumbo, 4, tso, 2), 65520 - 40);
}
END_TEST

/* ---- reassembly ---- */

static struct reasm *r;

static bool fragment(u16 id, size_t off, size_t len, bool more, u64 now, u8 **frame, size_t *n)
{
	u8 *frag;
	bool done;

	put_ip4(f, GUEST_IP, HOST_IP, PROTO_UDP, len);
	be16_put(f + 18, id);
	be16_put(f + 20, (u16)(off / 8 | (more ? IP4_MF : 0)));
	fix_ip4(f);
	for (size_t i = 0; i < len; i++)
		f[34 + i] = (u8)((off + i) % 241);
	frag = malloc(34 + len);
	memcpy(frag, f, 34 + len);
	done = reasm_add(r, frag, 34 + len, now, frame, n);
	free(frag);
	return done;
}

static void check_whole(const u8 *frame, size_t n, size_t payload)
{
	ck_assert_uint_eq(n, 34 + payload);
	ck_assert_uint_eq(be16_at(frame + 16), 20 + payload);
	ck_assert_uint_eq(be16_at(frame + 20), 0);
	ck_assert_uint_eq(csum_finish(csum_add(0, frame + 14, 20)), 0);
	for (size_t i = 0; i < payload; i++)
		ck_assert_uint_eq(frame[34 + i], (u8)(i % 241));
}

START_TEST(fragments_in_any_order)
{
	u8 *w = NULL;
	size_t n = 0;

	ck_assert_int_eq(reasm_create(&r), 0);
	ck_assert(!fragment(1, 1600, 100, false, 0, &w, &n));
	ck_assert(!fragment(2, 0, 800, true, 0, &w, &n)); /* another datagram meanwhile */
	ck_assert(!fragment(1, 0, 800, true, 0, &w, &n));
	ck_assert(fragment(1, 800, 800, true, 0, &w, &n));
	check_whole(w, n, 1700);
	ck_assert(fragment(2, 800, 1, false, 0, &w, &n));
	check_whole(w, n, 801);
	/* The largest datagram there is. */
	ck_assert(!fragment(3, 0, 65512, true, 0, &w, &n));
	ck_assert(fragment(3, 65512, 3, false, 0, &w, &n));
	check_whole(w, n, 65515);
	reasm_destroy(r);
}
END_TEST

START_TEST(fragments_that_make_no_sense)
{
	u8 *w = NULL;
	size_t n = 0;

	ck_assert_int_eq(reasm_create(&r), 0);
	/* [RFC 5722 section 4]: an overlap ends the datagram. */
	fragment(1, 0, 800, true, 0, &w, &n);
	ck_assert(!fragment(1, 792, 16, true, 0, &w, &n));
	ck_assert(!fragment(1, 800, 8, false, 0, &w, &n));
	/* The same twice. */
	fragment(2, 0, 8, true, 0, &w, &n);
	fragment(2, 0, 8, true, 0, &w, &n);
	ck_assert(!fragment(2, 8, 8, false, 0, &w, &n));
	/* Past the end of all datagrams, past the end of this one, of odd length, of none. */
	ck_assert(!fragment(3, 65528, 8, false, 0, &w, &n));
	ck_assert(!fragment(3, 65512, 8, false, 0, &w, &n));
	fragment(4, 800, 8, false, 0, &w, &n);
	ck_assert(!fragment(4, 808, 8, true, 0, &w, &n));
	ck_assert(!fragment(4, 0, 800, true, 0, &w, &n));
	fragment(5, 0, 12, true, 0, &w, &n);
	ck_assert(!fragment(5, 16, 8, false, 0, &w, &n));
	/* What ends a datagram leaves nothing behind for the next one of this number. */
	fragment(8, 8, 12, true, 0, &w, &n);
	ck_assert(!fragment(8, 0, 16, true, 0, &w, &n));
	ck_assert(fragment(8, 16, 8, false, 0, &w, &n));
	fragment(6, 0, 0, true, 0, &w, &n);
	ck_assert(!fragment(6, 8, 8, false, 0, &w, &n));
	/* Two ends. */
	fragment(7, 16, 8, false, 0, &w, &n);
	ck_assert(!fragment(7, 8, 8, false, 0, &w, &n));
	reasm_destroy(r);
}
END_TEST

START_TEST(old_fragments_make_room)
{
	const u64 s = 1000000000;
	u8 *w = NULL;
	size_t n = 0;

	ck_assert_int_eq(reasm_create(&r), 0);
	fragment(1, 0, 8, true, 0, &w, &n);
	ck_assert(!fragment(1, 8, 8, false, 31 * s, &w, &n)); /* too late */
	for (u16 id = 10; id < 18; id++)
		fragment(id, 0, 8, true, 40 * s + id, &w, &n);
	fragment(18, 0, 8, true, 41 * s, &w, &n); /* pushes out the oldest */
	ck_assert(!fragment(10, 8, 8, false, 41 * s, &w, &n));
	ck_assert(fragment(17, 8, 8, false, 41 * s, &w, &n));
	reasm_destroy(r);
}
END_TEST

/* ---- backlog ---- */

START_TEST(the_backlog_is_a_bounded_queue)
{
	struct netif_offload o = { .gso_size = 0 }, got;
	struct iovec iov;
	struct backlog b;
	unsigned in = 0, out_nr = 0;

	ck_assert_int_eq(backlog_init(&b, 4096), 0);
	ck_assert(!backlog_peek(&b, &got, &iov));
	/* Fill and drain with sizes that wrap around at every place. */
	for (unsigned round = 0; round < 2000; round++) {
		size_t len = 1 + round * 37 % 900;

		memset(f, (u8)in, len);
		o.gso_size = (u16)in;
		struct iovec two[2] = { { f, len / 2 }, { f + len / 2, len - len / 2 } };

		if (backlog_push(&b, &o, iov_cur(two, 2))) {
			in++;
			continue;
		}
		ck_assert_uint_ge(in - out_nr, 2);
		for (unsigned k = 0; k < 1 + round % 3; k++) {
			ck_assert(backlog_peek(&b, &got, &iov));
			ck_assert_uint_eq(got.gso_size, (u16)out_nr);
			for (size_t i = 0; i < iov.iov_len; i++)
				ck_assert_uint_eq(((u8 *)iov.iov_base)[i], (u8)out_nr);
			backlog_pop(&b);
			out_nr++;
		}
	}
	ck_assert_uint_gt(in, 100);
	while (backlog_peek(&b, &got, &iov)) {
		backlog_pop(&b);
		out_nr++;
	}
	ck_assert_uint_eq(in, out_nr);
	/* Never larger than the whole. */
	iov = (struct iovec){ f, 5000 };
	ck_assert(!backlog_push(&b, &o, iov_cur(&iov, 1)));
	ck_assert(backlog_empty(&b));
	backlog_fini(&b);
}
END_TEST

/* ---- checksum ---- */

static u16 slow_csum(const u8 *p, size_t len)
{
	u32 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

START_TEST(checksums_agree_with_the_definition)
{
	/* The example of [RFC 1071 section 3]. */
	static const u8 example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	ck_assert_uint_eq(csum_finish(csum_add(0, example, 8)), (u16)~0xddf2);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * i >> 3);
	for (size_t len = 0; len < 300; len++)
		for (size_t off = 0; off < 9; off++)
			ck_assert_uint_eq(csum_finish(csum_add(0, data + off, len)),
					  slow_csum(data + off, len));
	memset(data, 0xff, sizeof(data));
	ck_assert_uint_eq(csum_finish(csum_add(0, data, 65535)), slow_csum(data, 65535));
	ck_assert_uint_eq(csum_finish(csum_add(csum_add(0, data, 100), data, 33)),
			  slow_csum(data, 133));
	/* [RFC 1624 section 4] */
	ck_assert_uint_eq(csum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}
END_TEST

SUITE_MAIN("net/segment", small_frames_pass_untouched, large_segments_go_whole_if_they_may,
	   large_segments_are_cut_otherwise, fragments_of_fragments, each_datagram_has_its_number,
	   fragments_of_ipv6, fragments_of_ipv6_mixed, frames_that_fit_nowhere,
	   the_guest_is_told_an_mss_it_can_carry, windows_are_whole_segments,
	   large_segments_are_invited, fragments_in_any_order, fragments_that_make_no_sense,
	   old_fragments_make_room, the_backlog_is_a_bounded_queue,
	   checksums_agree_with_the_definition)
