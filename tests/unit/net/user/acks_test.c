/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Acknowledgements of one batch: which of them stand for those before. */
#include "net/user/acks.h"

#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

static struct acks a;
static u8 f[2000];
static const u8 data[100];

static struct tcp_seg ack(u32 nr)
{
	return (struct tcp_seg){
		.sport = 80, .dport = 40000, .seq = 5, .ack = nr, .flags = TCP_ACK, .win = 1000
	};
}

static size_t put(struct tcp_seg t)
{
	return put_tcp(f, HOST_IP, GUEST_IP, &t);
}

static bool replace(struct tcp_seg t)
{
	size_t len = put(t);

	return acks_replace(&a, f, len);
}

/* What is held is exactly this, and then nothing is. */
static void check(struct tcp_seg t)
{
	size_t len = put(t);

	ck_assert_uint_eq(acks_take(&a), len);
	ck_assert_mem_eq(a.frame, f, len);
	ck_assert_uint_eq(acks_take(&a), 0);
}

static void hold(struct tcp_seg t)
{
	size_t len = put(t);

	acks_take(&a);
	ck_assert(acks_hold(&a, f, len));
}

/* [RFC 9293 §3.4] An acknowledgement covers all that earlier ones did; numbers wrap. */
START_TEST(the_last_one_counts)
{
	struct tcp_seg t = ack(0x7ffffefe);

	ck_assert(!replace(ack(1))); /* of nothing */
	hold(ack(0xfffffff0));
	ck_assert(replace(ack(0xfffffff1)));
	ck_assert(replace(ack(0xfffffeff + 0x80000000u))); /* as far as a number can be ahead */
	t.win = 77;
	ck_assert(!replace(t)); /* less */
	t.ack = 0x80000000;
	ck_assert(replace(t));
	check(t);
}
END_TEST

/* [RFC 5681 §2, §3.2] Three that acknowledge nothing more make the sender repeat: none may go. */
START_TEST(duplicates_are_all_kept)
{
	struct tcp_seg t = ack(100);

	hold(ack(100));
	ck_assert(!replace(ack(100)));
	t.win++; /* a window update neither */
	ck_assert(!replace(t));
	ck_assert(!replace(ack(99)));
	ck_assert(!replace(ack(100 + 0x80000000u)));
	check(ack(100));
}
END_TEST

START_TEST(other_streams_and_other_news)
{
	struct tcp_seg t;
	size_t len;

	hold(ack(100));
	t = ack(200), t.sport++;
	ck_assert(!replace(t));
	t = ack(200), t.dport++;
	ck_assert(!replace(t));
	t = ack(200), t.seq++;
	ck_assert(!replace(t));
	len = put(ack(200));
	f[ETH_HDR + IP4_SRC + 3]++;
	ck_assert(!acks_replace(&a, f, len));
	len = put(ack(200));
	f[ETH_DST]++;
	ck_assert(!acks_replace(&a, f, len));
	len = put(ack(200));
	f[ETH_HDR + IP4_TOS] ^= 3; /* congestion was experienced */
	ck_assert(!acks_replace(&a, f, len));
	check(ack(100));
}
END_TEST

START_TEST(what_is_not_held)
{
	struct tcp_seg t;
	size_t len;

	acks_take(&a);
	for (unsigned flag = 1; flag < 0x100; flag <<= 1) {
		t = ack(100), t.flags ^= (u8)flag;
		len = put(t);
		ck_assert(!acks_hold(&a, f, len));
	}
	t = ack(100), t.mss = 1460; /* an option */
	len = put(t);
	ck_assert(!acks_hold(&a, f, len));
	t = ack(100), t.data = data, t.len = 1;
	len = put(t);
	ck_assert(!acks_hold(&a, f, len));
	t.len = 100; /* longer than anything that is held */
	len = put(t);
	ck_assert(!acks_hold(&a, f, len));
	len = put(ack(100));
	ck_assert(!acks_hold(&a, f, len - 1));
	ck_assert(!acks_hold(&a, f, 0));
	be16_put(f + ETH_HDR + IP4_FRAG, IP4_MF);
	ck_assert(!acks_hold(&a, f, len));
	len = put(ack(100));
	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	ck_assert(!acks_hold(&a, f, len));
	len = put(ack(100));
	f[ETH_HDR + IP4_PROTO] = PROTO_UDP;
	ck_assert(!acks_hold(&a, f, len));
	len = put(ack(100));
	f[ETH_HDR + IP4_VIHL]++;
	ck_assert(!acks_hold(&a, f, len));
	ck_assert_uint_eq(acks_take(&a), 0);
}
END_TEST

/* libslirp fills frames up to the shortest that Ethernet has. */
START_TEST(padding)
{
	size_t len = put(ack(100));

	memset(f + len, 0, 6);
	acks_take(&a);
	ck_assert(acks_hold(&a, f, 60));
	put(ack(200));
	ck_assert(acks_replace(&a, f, 60));
	ck_assert_uint_eq(acks_take(&a), 60);
	ck_assert_mem_eq(a.frame, f, 60);
}
END_TEST

SUITE_MAIN("net/acks", the_last_one_counts, duplicates_are_all_kept, other_streams_and_other_news,
	   what_is_not_held, padding)
