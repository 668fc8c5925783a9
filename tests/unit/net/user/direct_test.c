/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes past libslirp, and what still goes to it, as a whole network. */
#include "net/user/direct.h"

#include <errno.h>
#include <stdio.h>

#include "net/user/segment.h"
#include "net/user/servers.h"
#include "net/user/tcp_conn.h"
#include "tests/unit/net/user/talk.h"

static struct world w;
static u8 f[70000], buf[65536];

static void open_network(const char *arg)
{
	u8 arp[64];

	world_up(&w, arg, 0);
	send_frame(&w, arp, put_arp(arp, 1, GUEST_IP, HOST_IP));
	w.seen = w.client.got.nr;
}

/* What comes to `sk` next, and from where. */
static struct sockaddr_in comes(int sk, const void *data, size_t len)
{
	struct timeval tv = { .tv_sec = 5 };
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	setsockopt(sk, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	ck_assert_int_eq(recvfrom(sk, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size),
			 (ssize_t)len);
	ck_assert_mem_eq(buf, data, len);
	return from;
}

/* Whole and in fragments, a flow has one socket. */
START_TEST(fragments_go_the_same_way)
{
	static u8 data[4000], part[2000];
	struct sockaddr_in a, b;
	u16 port;
	int sk = listen_on_loopback(SOCK_DGRAM, &port);

	memset(data, 0x5a, sizeof(data));
	open_network("mode=user,udp=direct");
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 5555, port, data, 100));
	a = comes(sk, data, 100);
	put_udp(f, GUEST_IP, HOST_IP, 5555, port, data, sizeof(data));
	for (size_t off = 0; off < 4008; off += 1480) {
		size_t n = MIN((size_t)1480, 4008 - off);

		put_ip4(part, GUEST_IP, HOST_IP, PROTO_UDP, n);
		be16_put(part + ETH_HDR + IP4_FRAG, (u16)(off / 8 | (off + n < 4008 ? IP4_MF : 0)));
		fix_ip4(part);
		memcpy(part + 34, f + 34 + off, n);
		ck_assert_int_eq(send_frame(&w, part, 34 + n), 0);
	}
	b = comes(sk, data, sizeof(data));
	ck_assert_uint_eq(a.sin_port, b.sin_port);
	world_close(&w);
	close(sk);
}
END_TEST

/* A datagram for the guest comes from this port of its host. */
static u16 asked(const char *data)
{
	struct fake_frame *r = next_ip4(&w, PROTO_UDP);

	ck_assert_ptr_nonnull(r);
	ck_assert_mem_eq(r->data + 42, data, strlen(data));
	ck_assert_uint_eq(be16_at(r->data + 34 + UDP_DST), 4000);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + IP4_SRC), HOST_IP);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + IP4_DST), GUEST_IP);
	return be16_at(r->data + 34 + UDP_SRC);
}

/* What the guest answers comes from the forward's own port, to each who has asked. */
static void answers(const char *how, bool loopback)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char arg[100];
	u16 port, mine, other, a, b;
	int sk = listen_on_loopback(SOCK_DGRAM, &mine),
	    sk2 = listen_on_loopback(SOCK_DGRAM, &other);

	close(listen_on_loopback(SOCK_DGRAM, &port));
	snprintf(arg, sizeof(arg), "mode=user,%s,hostfwd=udp::%u-:4000", how, port);
	open_network(arg);
	to.sin_port = htons(port);
	ck_assert_int_eq(sendto(sk, "ask", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	a = asked("ask");
	ck_assert_int_eq(sendto(sk2, "me too", 6, 0, (struct sockaddr *)&to, sizeof(to)), 6);
	b = asked("me too");
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, a, "so", 2));
	ck_assert_uint_eq(ntohs(comes(sk, "so", 2).sin_port), port);
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, b, "so?", 3));
	ck_assert_uint_eq(ntohs(comes(sk2, "so?", 3).sin_port), port);
	/* Another port of the guest's is none of it. */
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4001, mine, "x", 1));
	if (loopback)
		ck_assert_uint_ne(ntohs(comes(sk, "x", 1).sin_port), port);
	for (int i = 0; i < 5; i++)
		loop_step(w.loop, 1);
	ck_assert_int_eq(recv(sk, f, sizeof(f), MSG_DONTWAIT), -1);
	world_close(&w);
	close(sk);
	close(sk2);
}

START_TEST(answers_through_a_forward)
{
	answers("udp=direct", true);
	answers("udp=libslirp", true);
	answers("udp=direct,host-loopback=off", false);
	answers("udp=libslirp,host-loopback=off", false);
}
END_TEST

/* Who asks is answered by the forward that he has asked by last, whichever is the newest. */
START_TEST(two_forwards_to_a_port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const unsigned by[] = { 0, 1, 0, 0, 1 };
	char arg[100];
	u16 mine, ports[2], peer;
	int sk = listen_on_loopback(SOCK_DGRAM, &mine), held[2];

	for (unsigned i = 0; i < 2; i++)
		held[i] = listen_on_loopback(SOCK_DGRAM, &ports[i]);
	close(held[0]);
	close(held[1]);
	snprintf(arg, sizeof(arg),
		 "mode=user,udp=direct,hostfwd=udp::%u-:4000,hostfwd=udp::%u-:4000", ports[0],
		 ports[1]);
	open_network(arg);
	for (unsigned i = 0; i < ARRAY_SIZE(by); i++) {
		to.sin_port = htons(ports[by[i]]);
		ck_assert_int_eq(sendto(sk, "ask", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
		peer = asked("ask");
		send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, peer, "so", 2));
		ck_assert_uint_eq(ntohs(comes(sk, "so", 2).sin_port), ports[by[i]]);
	}
	world_close(&w);
	close(sk);
}
END_TEST

/* A forward takes over a port from which the guest has sent before, and gives it back. */
START_TEST(a_forward_of_a_port_in_use)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct net_hostfwd fw;
	char text[HOSTFWD_TEXT];
	u16 port, mine, a;
	int sk = listen_on_loopback(SOCK_DGRAM, &mine);

	close(listen_on_loopback(SOCK_DGRAM, &port));
	open_network("mode=user,udp=direct");
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, mine, "x", 1));
	ck_assert_uint_ne(ntohs(comes(sk, "x", 1).sin_port), port);
	snprintf(text, sizeof(text), "udp::%u-:4000", port);
	ck_assert(hostfwd_parse(&fw, text));
	ck_assert_int_eq(w.n->ops->forward(w.n, &fw, hostfwd_open(&fw)), 0);
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, mine, "y", 1));
	ck_assert_uint_eq(ntohs(comes(sk, "y", 1).sin_port), port);
	to.sin_port = htons(port);
	ck_assert_int_eq(sendto(sk, "ask", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	a = asked("ask");
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, a, "so", 2));
	ck_assert_uint_eq(ntohs(comes(sk, "so", 2).sin_port), port);
	ck_assert_int_eq(w.n->ops->forward(w.n, &fw, -1), 0);
	ck_assert_int_eq(w.n->ops->forward(w.n, &fw, -1), -ENOENT);
	send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 4000, mine, "z", 1));
	ck_assert_uint_ne(ntohs(comes(sk, "z", 1).sin_port), port);
	world_close(&w);
	close(sk);
}
END_TEST

/* One, the other, and both: each finds its server. */
START_TEST(tcp_and_udp)
{
	static const char *const args[] = { "mode=user", "mode=user,udp=direct",
					    "mode=user,tcp=direct",
					    "mode=user,tcp=direct,udp=direct" };
	u16 tcp_port, udp_port;
	int tcp = listen_on_loopback(SOCK_STREAM, &tcp_port),
	    udp = listen_on_loopback(SOCK_DGRAM, &udp_port);
	struct sockaddr_in from;
	struct fake_frame *r;
	struct conn c;

	for (unsigned i = 0; i < ARRAY_SIZE(args); i++) {
		open_network(args[i]);
		tcp_open(&c, &w, tcp, tcp_port);
		send_frame(&w, f, put_udp(f, GUEST_IP, HOST_IP, 5555, udp_port, "x", 1));
		from = comes(udp, "x", 1);
		sendto(udp, "yz", 2, 0, (struct sockaddr *)&from, sizeof(from));
		r = next_ip4(&w, PROTO_UDP);
		ck_assert_ptr_nonnull(r);
		ck_assert_mem_eq(r->data + 42, "yz", 2);
		/* Nobody is there any more, and comes back. */
		w.n->ops->down(w.n);
		sendto(udp, "lost", 4, 0, (struct sockaddr *)&from, sizeof(from));
		w.n->ops->up(w.n, 0);
		w.n->ops->rx_ready(w.n);
		close(c.server);
		world_close(&w);
	}
	close(tcp);
	close(udp);
}
END_TEST

/* Whichever of this network's addresses it is tried by. */
START_TEST(a_closed_loopback)
{
	struct conn c = { .w = &w, .sport = 40000, .seq = 1 };
	u16 port;
	int udp = listen_on_loopback(SOCK_DGRAM, &port);
	struct fake_frame *r;

	open_network("mode=user,udp=direct,host-loopback=off");
	for (u32 a = HOST_IP & ~0xffu; a < (HOST_IP | 0xff); a++)
		send_frame(&w, f, put_udp(f, GUEST_IP, a, 5555, port, "x", 1));
	for (int i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	ck_assert_int_eq(recv(udp, f, sizeof(f), MSG_DONTWAIT), -1);
	r = next_ip4(&w, PROTO_ICMP);
	ck_assert_ptr_nonnull(r);
	ck_assert_mem_eq(r->data + 34, "\3\3", 2);
	c.dport = port;
	tcp_send(&c, TCP_SYN, NULL, 0); /* libslirp's, which is still there */
	ck_assert_ptr_nonnull(next_frame(&w));
	world_close(&w);
	close(udp);
}
END_TEST

static bool held(void *arg)
{
	return arg;
}

START_TEST(tcp_can_ask_whether_the_guest_is_paused)
{
	struct net_conf c = { .mtu = 1500, .held = held, .held_arg = &c };
	struct segment seg = { .mtu = 1500 };
	struct direct d = { .tcp = NULL };
	struct servers servers = { .path = "" };
	struct guard guard = { .ipv6 = false };
	struct loop *loop;
	struct netif n = { .next = NULL };

	ck_assert_int_eq(loop_create(&loop, "io"), 0);
	ck_assert_int_eq(direct_open(&d, &c, &guard, &seg, &servers, loop, &n), 0);
	ck_assert(d.tcp->conf.held(d.tcp->conf.held_arg));
	direct_close(&d);
	loop_destroy(loop);
}
END_TEST

/* A frame of which only the head was looked at, too. */
START_TEST(a_frame_that_is_dropped_and_why)
{
	char said[512] = "";
	FILE *err = tmpfile();

	ck_assert_ptr_nonnull(err);
	ck_assert_int_ge(dup2(fileno(err), STDERR_FILENO), 0);
	open_network("mode=user,tcp=direct,udp=direct");
	ck_assert_int_eq(send_frame(&w, f, put_udp(f, 0x0a000001, HOST_IP, 5555, 9, "x", 1)),
			 -EBADMSG);
	world_close(&w);
	ck_assert_int_gt(pread(fileno(err), said, sizeof(said) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(said, "user network: dropped: IPv4"));
	fclose(err);
}
END_TEST

SUITE_MAIN("net/user/direct", fragments_go_the_same_way, answers_through_a_forward,
	   two_forwards_to_a_port, a_forward_of_a_port_in_use, tcp_and_udp, a_closed_loopback,
	   tcp_can_ask_whether_the_guest_is_paused, a_frame_that_is_dropped_and_why)
