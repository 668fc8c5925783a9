/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments of one batch made one: what comes out is what one large segment would have been. */
#include "net/user/merge.h"

#include <stdlib.h>

#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

static u8 data[70000];
static struct guard guard = { .host_mac = { 0x52, 0x55, 0xc0, 0xa8, 0x21, 0x01 } };
static struct merge m;
static u8 *frame;
static struct guard_pkt pkt;

static void setup(void)
{
	guard.net.s_addr = htonl(0xc0a82100);
	guard.mask.s_addr = htonl(0xffffff00);
	guard.host.s_addr = htonl(HOST_IP);
	frame = malloc(NETIF_FRAME_MAX);
	m = (struct merge){ .frame = malloc(NETIF_FRAME_MAX) };
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i % 251 * 7);
}

static void teardown(void)
{
	free(frame);
	free(m.frame);
}

/* `len` bytes of `data` from `off` on, as the guest sends them. */
static struct tcp_seg seg(size_t off, size_t len)
{
	return (struct tcp_seg){ .sport = 40000,
				 .dport = 80,
				 .seq = 0xffffff00u + (u32)off,
				 .ack = 77 + (u32)off,
				 .flags = TCP_ACK,
				 .win = (u16)(1000 + off % 1000),
				 .data = data + off,
				 .len = len };
}

static size_t put(u8 *f, const struct tcp_seg *t)
{
	const struct netif_offload o = { .gso = NETIF_GSO_NONE };
	size_t len = put_tcp(f, GUEST_IP, HOST_IP, t);
	const char *why = NULL;

	ck_assert_int_eq(guard_check(&guard, f, &len, &o, &pkt, &why), 0);
	return len;
}

static bool hold(struct tcp_seg t)
{
	size_t len = put(frame, &t);

	return merge_hold(&m, &frame, len, &pkt);
}

static bool append(struct tcp_seg t)
{
	size_t len = put(frame, &t);

	return merge_append(&m, frame, len, &pkt);
}

/* What is held is exactly the segment `t`, which has all of the data. */
static void check(struct tcp_seg t)
{
	static u8 want[NETIF_FRAME_MAX];
	size_t len = put_tcp(want, GUEST_IP, HOST_IP, &t);

	ck_assert_uint_eq(merge_take(&m), len);
	ck_assert_mem_eq(m.frame, want, len);
	ck_assert_uint_eq(merge_take(&m), 0);
}

START_TEST(one_stays_as_it_is)
{
	setup();
	ck_assert(hold(seg(0, 1460)));
	check(seg(0, 1460));
	ck_assert_uint_eq(merge_take(&m), 0);
	teardown();
}
END_TEST

/* The sums of odd pieces are shifted; the sequence number wraps. */
START_TEST(several_become_one)
{
	static const size_t cuts[][6] = {
		{ 1460, 1460, 1460, 100 }, { 1, 1, 1, 1, 1 },	    { 999, 2, 3, 1000, 1, 4 },
		{ 16344, 16344, 16344 },   { 3, 1460, 7, 1461, 2 },
	};

	setup();

	for (unsigned i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t off = cuts[i][0];
		struct tcp_seg all = seg(0, 0), last;

		ck_assert(hold(seg(0, off)));
		for (unsigned k = 1; k < ARRAY_SIZE(cuts[i]) && cuts[i][k]; k++) {
			last = seg(off, cuts[i][k]);
			if (k == 2)
				last.flags |= TCP_PSH;
			ck_assert(append(last));
			all.flags |= last.flags;
			off += cuts[i][k];
		}
		all.len = off;
		all.ack = last.ack;
		all.win = last.win;
		check(all);
	}
	teardown();
}
END_TEST

/* Small addresses, and all ports: no sum is so small that what is taken from it is more. */
START_TEST(sums_of_all_sizes)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	const u32 from = 0x0a00020f, to = 0x01010101;
	const char *why = NULL;

	setup();
	guard.net.s_addr = htonl(0x0a000200);
	guard.host.s_addr = htonl(0x0a000202);
	for (u32 port = 1; port < 0x10000; port += 257) {
		struct tcp_seg t = seg(0, 100);
		size_t len;

		t.sport = (u16)port;
		len = put_tcp(frame, from, to, &t);
		ck_assert_int_eq(guard_check(&guard, frame, &len, &none, &pkt, &why), 0);
		ck_assert(merge_hold(&m, &frame, len, &pkt));
		t = seg(100, 101);
		t.sport = (u16)port;
		len = put_tcp(frame, from, to, &t);
		ck_assert(merge_append(&m, frame, len, &pkt));
		len = merge_take(&m);
		ck_assert_uint_eq(l4_csum(m.frame, m.frame + 34, len - 34, PROTO_TCP), 0);
	}
	teardown();
}
END_TEST

START_TEST(not_too_long)
{
	const size_t all = MERGE_MAX - IP4_HDR - TCP_HDR, most = all - 5000;
	struct tcp_seg whole = seg(most, 0);

	setup();
	ck_assert(hold(seg(0, most)));
	ck_assert(!append(seg(most, 5001)));
	ck_assert(append(seg(most, 5000)));
	ck_assert(!append(seg(all, 1)));
	whole.seq = seg(0, 0).seq;
	whole.data = data;
	whole.len = all;
	check(whole);
	teardown();
}
END_TEST

/* A wrong part makes a wrong whole, never a right one. */
START_TEST(wrong_checksums_stay_wrong)
{
	setup();
	for (unsigned bad = 0; bad < 2; bad++) {
		struct tcp_seg t = seg(101, 200);
		size_t len, all;

		hold(seg(0, 101));
		if (bad == 0)
			m.frame[ETH_HDR + IP4_HDR + TCP_CSUM] ^= 1;
		len = put(frame, &t);
		if (bad == 1)
			frame[ETH_HDR + IP4_HDR + TCP_CSUM] ^= 1;
		ck_assert(merge_append(&m, frame, len, &pkt));
		all = merge_take(&m);
		ck_assert_uint_ne(l4_csum(m.frame, m.frame + 34, all - 34, PROTO_TCP), 0);
	}
	teardown();
}
END_TEST

START_TEST(what_does_not_continue_it)
{
	struct tcp_seg t;

	setup();

	ck_assert(!append(seg(0, 10))); /* nothing is held */
	ck_assert(hold(seg(0, 100)));
	ck_assert(!append(seg(0, 100)));   /* again */
	ck_assert(!append(seg(101, 100))); /* a gap */
	ck_assert(!append(seg(100, 0)));   /* an acknowledgement only */
	t = seg(100, 10), t.sport++;
	ck_assert(!append(t));
	t = seg(100, 10), t.dport++;
	ck_assert(!append(t));
	for (unsigned flag = 1; flag < 0x100; flag <<= 1) {
		t = seg(100, 10), t.flags ^= (u8)flag;
		if (flag != TCP_PSH && flag != TCP_URG) /* the guard makes PSH of URG */
			ck_assert(!append(t));
	}
	t = seg(100, 10), t.mss = 1460; /* an option */
	ck_assert(!append(t));
	/* Another address. */
	t = seg(100, 10);
	size_t len = put(frame, &t);

	frame[ETH_HDR + IP4_DST + 3]++;
	ck_assert(!merge_append(&m, frame, len, &pkt));
	check(seg(0, 100));
	teardown();
}
END_TEST

START_TEST(what_is_not_held)
{
	static const u8 flags[] = { TCP_ACK | TCP_FIN, TCP_ACK | TCP_RST, TCP_SYN, 0 };
	const struct netif_offload o = { .gso = NETIF_GSO_NONE };
	const char *why = NULL;
	struct tcp_seg t;

	setup();

	ck_assert(!hold(seg(0, 0)));
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		t = seg(0, 10), t.flags = flags[i];
		ck_assert(!hold(t));
	}
	t = seg(0, 10), t.mss = 1460;
	ck_assert(!hold(t));

	size_t len = put_udp(frame, GUEST_IP, HOST_IP, 1, 2, data, 100);

	ck_assert_int_eq(guard_check(&guard, frame, &len, &o, &pkt, &why), 0);
	ck_assert(!merge_hold(&m, &frame, len, &pkt));
	ck_assert_uint_eq(merge_take(&m), 0);
	teardown();
}
END_TEST

SUITE_MAIN("net/merge", one_stays_as_it_is, several_become_one, sums_of_all_sizes, not_too_long,
	   wrong_checksums_stay_wrong, what_does_not_continue_it, what_is_not_held)
