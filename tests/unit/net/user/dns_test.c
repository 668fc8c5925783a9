/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's name server: who of the host's is asked, and what the guest is told. */
#include "net/user/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "lkvm/vm/loop.h"
#include "net/csum.h"
#include "net/eth.h"
#include "net/user/udp4.h"
#include "tests/unit/suite.h"

#define GUEST 0xc0a8210fu
#define DNS 0xc0a82103u

static struct guard guard;
static struct servers servers;
static struct loop *loop;
static struct dns *dns;

/* What the guest has got. */
static u8 got[UDP4_HEAD + UDP4_MAX];
static unsigned nr_got, nr_batches;

static void frame(void *arg, const u8 *f, size_t len)
{
	memcpy(got, f, len);
	nr_got++;
}

static void batch_end(void *arg)
{
	nr_batches++;
}

static const struct dns_client client = { .frame = frame, .batch_end = batch_end };

/* A socket of this address and port, or -1. */
static int server_at(const char *addr, in_port_t port)
{
	union reach_addr a = { .in = { .sin_family = AF_INET, .sin_port = port } };
	int sk = socket(strchr(addr, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strchr(addr, ':')) {
		a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
		inet_pton(AF_INET6, addr, &a.in6.sin6_addr);
	} else {
		inet_pton(AF_INET, addr, &a.in.sin_addr);
	}
	if (sk >= 0 && bind(sk, &a.sa, servers_addr_len(&a))) {
		close(sk);
		sk = -1;
	}
	return sk;
}

static int server_of(const char *addr)
{
	int sk = server_at(addr, servers.port);

	ck_assert_int_ge(sk, 0);
	return sk;
}

/* A port that nobody has, neither of IPv4 nor of IPv6. */
static in_port_t free_port(void)
{
	union reach_addr a;
	socklen_t len = sizeof(a);
	int one = server_at("127.0.0.1", 0), other;

	ck_assert_int_eq(getsockname(one, &a.sa, &len), 0);
	other = server_at("::1", a.in.sin_port);
	close(one);
	if (other < 0)
		return free_port();
	close(other);
	return a.in.sin_port;
}

static char path[] = "/tmp/dns_test.XXXXXX";

static void resolv_conf(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	servers.read_ns = 0;
}

static void up(void)
{
	close(mkstemp(path));
	memset(&guard, 0, sizeof(guard));
	guard.dns.s_addr = htonl(DNS);
	memcpy(guard.host_mac, "\x52\x55\xc0\xa8\x21\x01", 6);
	servers = (struct servers){ .path = path, .port = free_port() };
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(dns_create(&dns, &servers, &guard, loop, &client, NULL), 0);
	nr_got = nr_batches = 0;
}

static void down(void)
{
	dns_destroy(dns);
	loop_destroy(loop);
	unlink(path);
}

static bool send_udp(u32 to, u16 dport, u16 sport, const void *msg, size_t len)
{
	static u8 f[UDP4_HEAD + 2000];
	const struct udp4_ends e = { .src_mac = (const u8 *)"\x02\x00\x00\x00\x00\x01",
				     .dst_mac = guard.host_mac,
				     .src = GUEST,
				     .dst = to,
				     .src_port = sport,
				     .dst_port = dport };
	const struct guard_pkt pkt = {
		.type = ETHERTYPE_IP4, .l3 = ETH_HDR, .l4 = ETH_HDR + IP4_HDR, .proto = PROTO_UDP
	};

	memcpy(f + UDP4_HEAD, msg, len);
	udp4_wrap(f, &e, len);
	return dns_take(dns, f, &pkt);
}

static void ask(u8 id, u16 sport)
{
	const u8 q[] = { 0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1 };

	ck_assert(send_udp(DNS, 53, sport, q, sizeof(q)));
}

/* The server is asked `id`, and answers with `word` behind the question. False: it is not asked. */
static bool answer(int sk, u8 id, u8 word, u8 flags)
{
	union reach_addr from;
	socklen_t len = sizeof(from);
	u8 q[100];
	ssize_t n = recvfrom(sk, q, sizeof(q) - 1, MSG_DONTWAIT, &from.sa, &len);

	if (n < 0)
		return false;
	ck_assert_int_eq(n, 19);
	ck_assert_uint_eq(q[1], id);
	q[2] |= flags;
	q[n] = word;
	ck_assert_int_eq(sendto(sk, q, (size_t)n + 1, 0, &from.sa, len), n + 1);
	return true;
}

/* It answers that it cannot. False: it is not asked. */
static bool refuse(int sk, u8 id, u8 rcode)
{
	union reach_addr from;
	socklen_t len = sizeof(from);
	u8 q[100];
	ssize_t n = recvfrom(sk, q, sizeof(q), MSG_DONTWAIT, &from.sa, &len);

	if (n < 0)
		return false;
	ck_assert_uint_eq(q[1], id);
	q[2] |= 0x80;
	q[3] = rcode;
	ck_assert_int_eq(sendto(sk, q, (size_t)n, 0, &from.sa, len), n);
	return true;
}

static bool guest_gets(void)
{
	unsigned before = nr_got;

	for (int i = 0; i < scaled(200) && nr_got == before; i++)
		loop_step(loop, 10);
	return nr_got == before + 1;
}

/* The answer, from the right address to the right port, with right checksums. */
static const u8 *answered(u16 sport, size_t *len)
{
	const u8 *ip = got + ETH_HDR, *udp = ip + IP4_HDR;
	u64 sum = csum_pseudo4(ip + IP4_SRC, ip + IP4_DST, PROTO_UDP, be16_at(udp + UDP_LEN));

	ck_assert_mem_eq(got, "\x02\x00\x00\x00\x00\x01\x52\x55\xc0\xa8\x21\x01\x08\x00", 14);
	ck_assert_uint_eq(be32_at(ip + IP4_SRC), DNS);
	ck_assert_uint_eq(be32_at(ip + IP4_DST), GUEST);
	ck_assert_uint_eq(be16_at(udp + UDP_SRC), 53);
	ck_assert_uint_eq(be16_at(udp + UDP_DST), sport);
	ck_assert_uint_eq(csum_finish(csum_add(0, ip, IP4_HDR)), 0);
	ck_assert_uint_eq(csum_finish(csum_add(sum, udp, be16_at(udp + UDP_LEN))), 0);
	*len = be16_at(udp + UDP_LEN) - (size_t)UDP_HDR;
	return udp + UDP_HDR;
}

static void expect_word(u16 sport, u8 id, u8 word)
{
	size_t len;
	const u8 *msg;

	ck_assert(guest_gets());
	msg = answered(sport, &len);
	ck_assert_uint_eq(len, 20);
	ck_assert_uint_eq(msg[1], id);
	ck_assert_uint_eq(msg[19], word);
}

static void expect_rcode(u16 sport, u8 id, u8 rcode)
{
	size_t len;
	const u8 *msg;

	ck_assert(guest_gets());
	msg = answered(sport, &len);
	ck_assert_uint_eq(msg[1], id);
	ck_assert_uint_eq(msg[3] & 15, rcode);
}

static void expect_failure(u16 sport, u8 id)
{
	size_t len;
	const u8 *msg = answered(sport, &len);

	ck_assert_uint_eq(nr_got, 1);
	ck_assert_uint_eq(len, 19);
	ck_assert_uint_eq(msg[1], id);
	ck_assert_uint_eq(msg[2] & 0x80, 0x80);
	ck_assert_uint_eq(msg[3] & 15, 2);
}

START_TEST(servers_of_each_family_and_with_a_scope)
{
	static const char *const conf[] = { "nameserver ::1\n", "nameserver ::1%lo\n",
					    "nameserver ::1%1\n", "nameserver 127.0.0.53\n",
					    "nameserver nonsense\nnameserver ::1%nosuch0\n"
					    "nameserver 127.0.0.1\n" };
	static const char *const addr[] = { "::1", "::1", "::1", "127.0.0.53", "127.0.0.1" };

	for (u8 i = 0; i < ARRAY_SIZE(conf); i++) {
		int sk = server_of(addr[i]);

		resolv_conf(conf[i]);
		ask(i, 4000 + i);
		ck_assert(answer(sk, i, 7, 0x80));
		expect_word(4000 + i, i, 7);
		close(sk);
	}
	ck_assert_uint_eq(nr_batches, ARRAY_SIZE(conf));
}
END_TEST

START_TEST(who_asks_again_asks_the_next_one_too)
{
	int one = server_of("127.0.0.1"), two = server_of("::1");

	resolv_conf("nameserver 127.0.0.1\nnameserver ::1\n");
	ask(1, 4000);
	ask(1, 4000);
	ask(2, 4000); /* another question */
	ck_assert(answer(two, 1, 22, 0x80));
	expect_word(4000, 1, 22);
	/* The first server's answer comes too late, and to nobody. */
	ck_assert(answer(one, 1, 11, 0x80));
	ck_assert(answer(one, 2, 12, 0x80));
	ck_assert(!answer(two, 2, 0, 0x80));
	expect_word(4000, 2, 12);

	/* All have been asked: from the first one on. */
	ask(3, 4000);
	ask(3, 4000);
	ask(3, 4000);
	ck_assert(answer(one, 3, 1, 0x80) && answer(one, 3, 2, 0x80) && answer(two, 3, 3, 0x80));
	expect_word(4000, 3, 2);
	close(one);
	close(two);
}
END_TEST

/*
 * Resolvers that take another port, or number, for each try (Go, systemd): a server that is a black
 * hole is not all that they ever get to.
 */
START_TEST(with_a_silent_server_the_next_one_is_asked_too)
{
	int one, two, i = 0;
	u8 id = 0;
	char byte;

	resolv_conf("nameserver 127.0.0.2\nnameserver 127.0.0.3\n");
	one = server_of("127.0.0.2");
	two = server_of("127.0.0.3");
	do {
		id++;
		ask(id, (u16)(4000 + id));
		ck_assert_int_eq(recv(one, &byte, 1, MSG_DONTWAIT), 1); /* it says nothing */
		poll(NULL, 0, 100);
	} while (++i < 200 && !answer(two, id, 22, 0x80));
	ck_assert_int_gt(i, 5); /* not for a server that is only slow */
	expect_word((u16)(4000 + id), id, 22);
	/* It is there again: it alone is asked, from the second question on. */
	ask(201, 5000);
	ck_assert(answer(one, 201, 11, 0x80));
	expect_word(5000, 201, 11);
	ck_assert(answer(two, 201, 22, 0x80));
	ask(202, 5001);
	ck_assert(answer(one, 202, 11, 0x80));
	expect_word(5001, 202, 11);
	ck_assert(!answer(two, 202, 22, 0x80));
	close(one);
	close(two);
}
END_TEST

START_TEST(a_server_that_is_not_there_is_passed_over)
{
	int sk = server_of("::1");

	resolv_conf("nameserver 127.0.0.1\nnameserver ::1\n");
	ask(1, 4000);
	for (int i = 0; i < scaled(100) && !answer(sk, 1, 5, 0x80); i++)
		loop_step(loop, 10);
	expect_word(4000, 1, 5);
	close(sk);
}
END_TEST

/* SERVFAIL, NOTIMP, REFUSED [RFC 1035 §4.1.1]: after them a resolver asks the next one. */
START_TEST(a_server_that_knows_nothing_is_passed_over)
{
	static const u8 words[] = { 2, 4, 5 };
	int one, two;

	resolv_conf("nameserver 127.0.0.2\nnameserver 127.0.0.3\n");
	one = server_of("127.0.0.2");
	two = server_of("127.0.0.3");
	for (u8 i = 0; i < 3; i++) {
		ask(i, 40000);
		ck_assert(refuse(one, i, words[i]));
		loop_step(loop, scaled(500));
		ck_assert(answer(two, i, 22, 0x80));
		expect_word(40000, i, 22);
	}
	/* Nobody knows: the last one's words. That there is no such name is an answer. */
	ask(7, 40000);
	ck_assert(refuse(one, 7, 2));
	loop_step(loop, scaled(500));
	ck_assert(refuse(two, 7, 5));
	expect_rcode(40000, 7, 5);
	ask(8, 40000);
	ck_assert(refuse(one, 8, 3));
	expect_rcode(40000, 8, 3);
	ck_assert(!refuse(two, 8, 3));
	close(one);
	close(two);
}
END_TEST

START_TEST(no_server_at_all_is_said_at_once)
{
	resolv_conf("# nothing\n");
	ask(1, 4000);
	expect_failure(4000, 1);
	nr_got = 0;
	resolv_conf("nameserver 127.0.0.1\nnameserver ::1\n");
	ask(2, 4001);
	ck_assert(guest_gets());
	expect_failure(4001, 2);
	nr_got = 0;
	unlink(path);
	servers.read_ns = 0;
	ask(3, 4002);
	expect_failure(4002, 3);
}
END_TEST

START_TEST(what_is_no_answer_is_not_passed_on)
{
	int sk = server_of("127.0.0.1");

	resolv_conf("nameserver 127.0.0.1\n");
	ask(1, 4000);
	ck_assert(answer(sk, 1, 9, 0));
	for (int i = 0; i < 5; i++)
		loop_step(loop, 10);
	ck_assert_uint_eq(nr_got, 0);
	close(sk);
}
END_TEST

START_TEST(only_questions_are_taken_and_passed_on)
{
	u8 msg[1300] = { 0, 1, 0x81 };
	int sk = server_of("127.0.0.1");

	resolv_conf("nameserver 127.0.0.1\n");
	ck_assert(!send_udp(DNS, 54, 4000, msg, 20));
	ck_assert(!send_udp(0xc0a82101, 53, 4000, msg, 20));
	/* An answer, half a header, more than a question can be. */
	ck_assert(send_udp(DNS, 53, 4000, msg, 20));
	msg[2] = 1;
	ck_assert(send_udp(DNS, 53, 4000, msg, 11));
	ck_assert(send_udp(DNS, 53, 4000, msg, 0));
	ck_assert(send_udp(DNS, 53, 4000, msg, 1233));
	ck_assert_int_lt(recv(sk, msg, sizeof(msg), MSG_DONTWAIT), 0);
	ck_assert(send_udp(DNS, 53, 4000, msg, 1232));
	ck_assert_int_eq(recv(sk, msg, sizeof(msg), MSG_DONTWAIT), 1232);
	close(sk);
}
END_TEST

/* A guest that asks and asks: so many sockets, and the last ones are those that are answered. */
START_TEST(questions_without_end_cost_a_bounded_number_of_sockets)
{
	int sk = server_of("127.0.0.1"), big = 1 << 20, fd;
	unsigned asked = 0;

	setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	resolv_conf("nameserver 127.0.0.1\n");
	for (u16 i = 0; i < 1000; i++) {
		ask(1, 4000 + i);
		if (i % 50 == 49)
			while (answer(sk, 1, 1, 0x80))
				asked++;
	}
	ck_assert_uint_eq(asked, 1000);
	fd = dup(sk);
	ck_assert_int_lt(fd, 64 + 40);
	close(fd);
	for (int i = 0; i < scaled(100) && nr_got < 64; i++)
		loop_step(loop, 10);
	ck_assert_uint_eq(nr_got, 64);
	close(sk);
}
END_TEST

START_TEST(a_large_answer_comes_whole)
{
	int sk = server_of("::1");
	union reach_addr from;
	socklen_t len = sizeof(from);
	static u8 big[4096] = { 0, 1, 0x80 };
	u8 q[100];
	size_t n;

	resolv_conf("nameserver ::1\n");
	ask(1, 4000);
	ck_assert_int_eq(recvfrom(sk, q, sizeof(q), 0, &from.sa, &len), 19);
	memset(big + 12, 0x5a, sizeof(big) - 12);
	ck_assert_int_eq(sendto(sk, big, sizeof(big), 0, &from.sa, len), sizeof(big));
	ck_assert(guest_gets());
	ck_assert_mem_eq(answered(4000, &n), big, sizeof(big));
	ck_assert_uint_eq(n, sizeof(big));
	close(sk);
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/dns", up, down, servers_of_each_family_and_with_a_scope,
		   who_asks_again_asks_the_next_one_too,
		   with_a_silent_server_the_next_one_is_asked_too,
		   a_server_that_is_not_there_is_passed_over,
		   a_server_that_knows_nothing_is_passed_over, no_server_at_all_is_said_at_once,
		   what_is_no_answer_is_not_passed_on, only_questions_are_taken_and_passed_on,
		   questions_without_end_cost_a_bounded_number_of_sockets,
		   a_large_answer_comes_whole)
