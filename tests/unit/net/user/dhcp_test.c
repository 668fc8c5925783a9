/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our DHCP server, message by message. */
#include <arpa/inet.h>

#include "net/user/dhcp.h"
#include "tests/unit/net/guest.h"
#include "tests/unit/suite.h"

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

static struct dhcp server;
static u8 msg[1500], reply[DHCP_REPLY_MAX];
static size_t msg_len;

static void reset(void)
{
	server = (struct dhcp){
		.host = { htonl(HOST_IP) },
		.mask = { htonl(0xffffff00) },
		.first = { htonl(GUEST_IP) },
		.dns = { { htonl(DNS_IP) } },
		.nr_dns = 1,
		.lease_s = 14400,
	};
	memcpy(server.host_mac, host_mac, 6);
	memcpy(server.lease[0], guest_mac, 6);
}

static void begin(u8 type)
{
	memset(msg, 0, sizeof(msg));
	msg[0] = 1;
	msg[1] = 1;
	msg[2] = 6;
	be32_put(msg + 4, 0xdeadbeef);
	memcpy(msg + 28, guest_mac, 6);
	be32_put(msg + 236, 0x63825363);
	msg_len = 240;
	memcpy(msg + msg_len, (u8[]){ 53, 1, type }, 3);
	msg_len += 3;
}

static void add(u8 code, const void *val, u8 len)
{
	msg[msg_len] = code;
	msg[msg_len + 1] = len;
	memcpy(msg + msg_len + 2, val, len);
	msg_len += 2u + len;
}

static void add32(u8 code, u32 val)
{
	u8 b[4];

	be32_put(b, val);
	add(code, b, 4);
}

static size_t ask_from(u32 src)
{
	struct in_addr a = { htonl(src) };

	msg[msg_len++] = 255;
	memset(reply, 0xee, sizeof(reply));
	return dhcp_answer(&server, msg, msg_len, a, reply);
}

static size_t ask(void)
{
	return ask_from(0);
}

static const u8 *m(void)
{
	return reply + ETH_HDR + IP4_HDR + UDP_HDR;
}

/* The value of an option of the reply, NULL if it has none; *at counts its place from 0. */
static const u8 *opt(u8 code, u8 *len, unsigned *at)
{
	const u8 *p = m() + 240;

	for (unsigned i = 0; *p != 255; i++, p += 2 + p[1]) {
		if (*p == code) {
			if (len)
				*len = p[1];
			if (at)
				*at = i;
			return p + 2;
		}
	}
	return NULL;
}

static u8 type(void)
{
	return opt(53, NULL, NULL)[0];
}

/* Whole, checksummed, addressed to port 68. */
static void check_frame(size_t n)
{
	const u8 *ip = reply + ETH_HDR, *udp = ip + IP4_HDR;

	ck_assert_uint_ge(n, ETH_HDR + IP4_HDR + UDP_HDR + 300);
	ck_assert_uint_le(n, DHCP_REPLY_MAX);
	ck_assert_uint_eq(be16_at(ip + IP4_TOTAL), n - ETH_HDR);
	ck_assert_uint_eq(csum_finish(csum_add(0, ip, IP4_HDR)), 0);
	ck_assert_uint_eq(be16_at(udp + UDP_LEN), n - ETH_HDR - IP4_HDR);
	ck_assert_uint_eq(l4_csum(reply, udp, n - 34, PROTO_UDP), 0);
	ck_assert_uint_eq(be16_at(udp + UDP_SRC), 67);
	ck_assert_uint_eq(be16_at(udp + UDP_DST), 68);
	ck_assert_uint_eq(m()[0], 2);
	ck_assert_uint_eq(be32_at(m() + 4), 0xdeadbeef);
	ck_assert_mem_eq(m() + 28, guest_mac, 6);
	ck_assert_mem_eq(reply + ETH_SRC, host_mac, 6);
}

START_TEST(discover_is_offered_the_first_address)
{
	unsigned at;
	u8 len;

	reset();
	begin(DISCOVER);
	check_frame(ask());
	ck_assert_uint_eq(type(), OFFER);
	ck_assert_uint_eq(be32_at(m() + 16), GUEST_IP);
	ck_assert_uint_eq(be32_at(m() + 20), HOST_IP);
	/* In kvmtool's order: type, server, lease, mask, router, (domain), DNS. */
	static const struct {
		u8 code;
		u32 val;
	} want[] = {
		{ 54, HOST_IP }, { 51, 14400 }, { 1, 0xffffff00 }, { 3, HOST_IP }, { 6, DNS_IP }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		const u8 *v = opt(want[i].code, &len, &at);

		ck_assert_ptr_nonnull(v);
		ck_assert_uint_eq(len, 4);
		ck_assert_uint_eq(be32_at(v), want[i].val);
		ck_assert_uint_eq(at, i + 1);
	}
	ck_assert_ptr_null(opt(26, NULL, NULL));
	ck_assert_ptr_null(opt(15, NULL, NULL));
	/* [RFC 2131 section 4.1]: unicast to the hardware address and yiaddr. */
	ck_assert_mem_eq(reply + ETH_DST, guest_mac, 6);
	ck_assert_uint_eq(be32_at(reply + ETH_HDR + IP4_DST), GUEST_IP);
}
END_TEST

START_TEST(the_broadcast_flag_is_heeded)
{
	reset();
	begin(DISCOVER);
	be16_put(msg + 10, 0x8000);
	check_frame(ask());
	ck_assert_uint_eq(be32_at(reply + ETH_HDR + IP4_DST), 0xffffffff);
	ck_assert_uint_eq(reply[0] & reply[5], 0xff);
	ck_assert_uint_eq(be16_at(m() + 10), 0x8000);
}
END_TEST

START_TEST(request_is_acknowledged)
{
	reset();
	begin(REQUEST);
	add32(50, GUEST_IP);
	add32(54, HOST_IP);
	check_frame(ask());
	ck_assert_uint_eq(type(), ACK);
	ck_assert_uint_eq(be32_at(m() + 16), GUEST_IP);
}
END_TEST

/* RENEWING [RFC 2131 section 4.3.2]: the address is in ciaddr, the answer goes there. */
START_TEST(renewal)
{
	reset();
	begin(REQUEST);
	be32_put(msg + 12, GUEST_IP);
	check_frame(ask_from(GUEST_IP));
	ck_assert_uint_eq(type(), ACK);
	ck_assert_uint_eq(be32_at(m() + 12), GUEST_IP);
	ck_assert_uint_eq(be32_at(reply + ETH_HDR + IP4_DST), GUEST_IP);
}
END_TEST

START_TEST(foreign_addresses_are_refused)
{
	static const u32 foreign[] = { 0x0a000005, GUEST_IP + 1, HOST_IP, 0, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++) {
		reset();
		begin(REQUEST);
		add32(50, foreign[i]);
		check_frame(ask());
		ck_assert_uint_eq(type(), NAK);
		ck_assert_uint_eq(be32_at(m() + 16), 0);
		/* [RFC 2131 section 4.3.2]: NAKs are broadcast. */
		ck_assert_uint_eq(be32_at(reply + ETH_HDR + IP4_DST), 0xffffffff);
		ck_assert_ptr_null(opt(51, NULL, NULL));
	}
}
END_TEST

START_TEST(somebody_elses_offer_was_taken)
{
	reset();
	begin(REQUEST);
	add32(50, GUEST_IP);
	add32(54, 0x0a000001);
	ck_assert_uint_eq(ask(), 0);
}
END_TEST

START_TEST(inform_gets_configuration_but_no_lease)
{
	reset();
	begin(INFORM);
	be32_put(msg + 12, GUEST_IP);
	check_frame(ask_from(GUEST_IP));
	ck_assert_uint_eq(type(), ACK);
	ck_assert_uint_eq(be32_at(m() + 16), 0);
	ck_assert_ptr_null(opt(51, NULL, NULL));
	ck_assert_ptr_nonnull(opt(6, NULL, NULL));
	begin(INFORM);
	ck_assert_uint_eq(ask(), 0);
}
END_TEST

START_TEST(other_interfaces_get_other_addresses)
{
	reset();
	for (unsigned i = 1; i < DHCP_NR_LEASES; i++) {
		begin(DISCOVER);
		msg[33] = (u8)i;
		ck_assert_uint_gt(ask(), 0);
		ck_assert_uint_eq(be32_at(m() + 16), GUEST_IP + i);
		begin(REQUEST);
		msg[33] = (u8)i;
		add32(50, GUEST_IP + i);
		ck_assert_uint_gt(ask(), 0);
		ck_assert_uint_eq(type(), ACK);
	}
	/* All out: silence for the next one, and what is given stays given. */
	begin(DISCOVER);
	msg[33] = 0x99;
	ck_assert_uint_eq(ask(), 0);
	begin(RELEASE);
	msg[33] = 3;
	ck_assert_uint_eq(ask(), 0);
	begin(DISCOVER);
	msg[33] = 0x99;
	ck_assert_uint_gt(ask(), 0);
	ck_assert_uint_eq(be32_at(m() + 16), GUEST_IP + 3);
	/* The first address is never given away. */
	begin(DECLINE);
	ck_assert_uint_eq(ask(), 0);
	begin(DISCOVER);
	ck_assert_uint_gt(ask(), 0);
	ck_assert_uint_eq(be32_at(m() + 16), GUEST_IP);
}
END_TEST

START_TEST(leases_skip_what_is_ours)
{
	reset();
	server.first.s_addr = htonl(0xc0a821fd); /* .253: .254 is free, .255 is everybody */
	for (unsigned i = 1; i < 4; i++) {
		begin(REQUEST);
		msg[33] = (u8)i;
		add32(50, 0xc0a821fd + i);
		ck_assert_uint_gt(ask(), 0);
		ck_assert_uint_eq(type(), i == 1 ? ACK : NAK);
	}
	server.first.s_addr = htonl(HOST_IP - 1 + 1 + 1); /* .2: .3 is the name server */
	memset(server.lease[1], 0, 6 * 15);
	begin(DISCOVER);
	msg[33] = 1;
	ck_assert_uint_gt(ask(), 0);
	ck_assert_uint_eq(be32_at(m() + 16), 0xc0a82104);
}
END_TEST

START_TEST(mtu_when_it_matters_or_is_asked_for)
{
	reset();
	server.mtu = 9000;
	begin(DISCOVER);
	ask();
	ck_assert_uint_eq(be16_at(opt(26, NULL, NULL)), 9000);
	reset();
	begin(DISCOVER);
	add(55, (u8[]){ 1, 3, 26 }, 3);
	ask();
	ck_assert_uint_eq(be16_at(opt(26, NULL, NULL)), 1500);
}
END_TEST

/* [RFC 3397]: whole, or not at all where the client's message is too small for it. */
START_TEST(the_search_list)
{
	static u8 list[255];
	u8 len;

	reset();
	memset(list, 1, sizeof(list));
	server.search = list;
	begin(DISCOVER);
	ask();
	ck_assert_ptr_null(opt(119, NULL, NULL));
	server.search_len = 200;
	begin(DISCOVER);
	ask();
	ck_assert_mem_eq(opt(119, &len, NULL), list, 200);
	ck_assert_uint_eq(len, 200);
}
END_TEST

START_TEST(domain_and_several_name_servers)
{
	static char domain[256];
	u8 len;

	reset();
	memset(domain, 'd', 255);
	server.domain = domain;
	server.nr_dns = 3;
	server.mtu = 1400;
	begin(DISCOVER);
	check_frame(ask());
	ck_assert_mem_eq(opt(15, &len, NULL), domain, 255);
	ck_assert_uint_eq(len, 255);
	opt(6, &len, NULL);
	ck_assert_uint_eq(len, 12);
	ck_assert_ptr_nonnull(opt(26, NULL, NULL));
}
END_TEST

START_TEST(a_restricted_network_has_no_way_out)
{
	reset();
	server.no_router = true;
	begin(DISCOVER);
	check_frame(ask());
	ck_assert_ptr_null(opt(3, NULL, NULL));
	ck_assert_ptr_null(opt(6, NULL, NULL));
	ck_assert_ptr_nonnull(opt(51, NULL, NULL));
}
END_TEST

/* [RFC 2131 section 4.1]: options may go on in "file" and "sname". */
START_TEST(overloaded_options)
{
	reset();
	begin(REQUEST);
	add(52, (u8[]){ 3 }, 1);
	memcpy(msg + 108, (u8[]){ 50, 4, 192, 168, 33, 15, 255 }, 7);
	memcpy(msg + 44, (u8[]){ 55, 1, 26, 255 }, 4);
	ck_assert_uint_gt(ask(), 0);
	ck_assert_uint_eq(type(), ACK);
	ck_assert_ptr_nonnull(opt(26, NULL, NULL));
	/* Overload that claims itself in "file" leads nowhere. */
	reset();
	begin(DISCOVER);
	add(52, (u8[]){ 1 }, 1);
	memset(msg + 108, 0, 128);
	memcpy(msg + 108, (u8[]){ 52, 1, 3 }, 3);
	ck_assert_uint_gt(ask(), 0);
}
END_TEST

START_TEST(what_is_no_request_is_ignored)
{
	reset();
	for (size_t n = 0; n < 243; n++) {
		/* On the heap, so that the sanitizer sees a read past the end. */
		u8 *copy = malloc(n ? n : 1);

		begin(DISCOVER);
		memcpy(copy, msg, n);
		ck_assert_uint_eq(dhcp_answer(&server, copy, n, (struct in_addr){ 0 }, reply), 0);
		free(copy);
	}
#define IGNORED(change)                                                                            \
	do {                                                                                       \
		begin(DISCOVER);                                                                   \
		change;                                                                            \
		ck_assert_msg(ask() == 0, "%s", #change);                                          \
	} while (0)
	IGNORED(msg[0] = 2);
	IGNORED(msg[1] = 6);
	IGNORED(msg[2] = 16);
	IGNORED(msg[24] = 10); /* a relay */
	IGNORED(msg[28] = 1);  /* multicast hardware address */
	IGNORED(memset(msg + 28, 0, 6));
	IGNORED(msg[236] = 0);
	IGNORED(msg[242] = OFFER);
	IGNORED(msg[242] = 0);
	IGNORED(msg[242] = 99);
	IGNORED(msg[241] = 2); /* type of the wrong length */
	IGNORED(msg[240] = 255);
}
END_TEST

START_TEST(options_that_are_cut_off)
{
	reset();
	/* A length that points past the end: what came before still counts. */
	begin(DISCOVER);
	msg[msg_len++] = 50;
	msg[msg_len++] = 200;

	u8 *copy = malloc(msg_len);

	memcpy(copy, msg, msg_len);
	ck_assert_uint_gt(dhcp_answer(&server, copy, msg_len, (struct in_addr){ 0 }, reply), 0);
	ck_assert_uint_gt(dhcp_answer(&server, copy, msg_len - 1, (struct in_addr){ 0 }, reply), 0);
	free(copy);
	/* A maximum size below the minimum is a mistake of the client. */
	begin(DISCOVER);
	add(57, (u8[]){ 0, 1 }, 2);
	check_frame(ask());
	ck_assert_ptr_nonnull(opt(6, NULL, NULL));
}
END_TEST

/* The answer goes to ciaddr; nobody may direct it elsewhere. */
START_TEST(ciaddr_must_be_the_sender)
{
	reset();
	begin(REQUEST);
	be32_put(msg + 12, 0x08080808);
	ck_assert_uint_eq(ask_from(GUEST_IP), 0);
}
END_TEST

SUITE_MAIN("net/dhcp", discover_is_offered_the_first_address, the_broadcast_flag_is_heeded,
	   request_is_acknowledged, renewal, foreign_addresses_are_refused,
	   somebody_elses_offer_was_taken, inform_gets_configuration_but_no_lease,
	   other_interfaces_get_other_addresses, leases_skip_what_is_ours,
	   mtu_when_it_matters_or_is_asked_for, domain_and_several_name_servers, the_search_list,
	   a_restricted_network_has_no_way_out, overloaded_options, what_is_no_request_is_ignored,
	   options_that_are_cut_off, ciaddr_must_be_the_sender)
