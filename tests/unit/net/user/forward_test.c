/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwards that come and go while the network runs, of both families. */
#include "net/user/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/net/user/talk.h"

static struct world w;

static void open_network(const char *arg)
{
	u8 f[64];

	world_up(&w, arg, 0);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
}

/* A port of the loopback that is very probably free. */
static u16 free_port(void)
{
	u16 port;

	close(listen_on_loopback(SOCK_STREAM, &port));
	return port;
}

static struct net_hostfwd make(const char *proto_and_addr, u16 port)
{
	struct net_hostfwd f;
	char text[HOSTFWD_TEXT];

	snprintf(text, sizeof(text), "%s:%u-:22", proto_and_addr, port);
	ck_assert(hostfwd_parse(&f, text));
	return f;
}

/* As lkvm net does it. */
static int add(const struct net_hostfwd *f)
{
	int fd = hostfwd_open(f), err = fd < 0 ? fd : w.n->ops->forward(w.n, f, fd);

	if (err && fd >= 0)
		ck_assert_int_eq(close(fd), 0); /* it is ours still */
	return err;
}

/* 0, or errno; of a socket that is let go at once. */
static int dial(const struct net_hostfwd *f)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_port = htons(f->host.port),
				  .sin_addr = f->host.v4 };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(f->host.port),
				   .sin6_addr = f->host.v6 };
	int sk = socket(f->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = f->v6 ? connect(sk, (struct sockaddr *)&a6, sizeof(a6))
			: connect(sk, (struct sockaddr *)&a4, sizeof(a4));

	err = err ? errno : 0;
	close(sk);
	return err;
}

START_TEST(they_come_and_go)
{
	struct net_hostfwd f = make("tcp:", free_port()), x;
	struct fake_frame *r;

	open_network("mode=user");
	ck_assert_int_eq(dial(&f), ECONNREFUSED);
	ck_assert_int_eq(w.n->ops->forward(w.n, &f, -1), -ENOENT);
	for (int round = 0; round < 3; round++) {
		ck_assert(!w.n->ops->forwarded(w.n, 0, &x));
		ck_assert_int_eq(add(&f), 0);
		ck_assert_int_eq(add(&f), -EADDRINUSE);
		ck_assert(w.n->ops->forwarded(w.n, 0, &x) && hostfwd_same(&f, &x));
		ck_assert(!w.n->ops->forwarded(w.n, 1, &x));
		ck_assert_int_eq(dial(&f), 0);
		r = next_ip4(&w, PROTO_TCP);
		ck_assert_ptr_nonnull(r);
		ck_assert_uint_eq(be16_at(r->data + 34 + TCP_DST), 22);
		ck_assert_uint_eq(be32_at(r->data + 30), GUEST_IP);
		ck_assert_int_eq(w.n->ops->forward(w.n, &f, -1), 0);
		ck_assert_int_eq(dial(&f), ECONNREFUSED);
		w.seen = w.client.got.nr;
	}
	world_close(&w);
}
END_TEST

START_TEST(no_more_than_there_is_room_for)
{
	struct net_hostfwd f[NET_MAX_HOSTFWD + 1], x;

	open_network("mode=user");
	for (unsigned i = 0; i <= NET_MAX_HOSTFWD; i++) {
		f[i] = make("udp:", free_port());
		if (i == NET_MAX_HOSTFWD)
			ck_assert_int_eq(add(&f[i]), -ENOSPC);
		else if (add(&f[i]))
			i--; /* the same port twice, or somebody else's */
	}
	/* The order of the others stays. */
	ck_assert_int_eq(w.n->ops->forward(w.n, &f[3], -1), 0);
	for (unsigned i = 0; i < NET_MAX_HOSTFWD - 1; i++) {
		ck_assert(w.n->ops->forwarded(w.n, i, &x));
		ck_assert(hostfwd_same(&x, &f[i < 3 ? i : i + 1]));
	}
	ck_assert(!w.n->ops->forwarded(w.n, NET_MAX_HOSTFWD - 1, &x));
	ck_assert_int_eq(add(&f[NET_MAX_HOSTFWD]), 0);
	world_close(&w);
}
END_TEST

/* The address that Linux makes of the MAC. */
START_TEST(ipv6_leads_to_the_address_of_the_mac)
{
	static const u8 guest[16] = { 0xfd, 0x33, 0,	0,    0,    0,	  0,	0,
				      0x00, 0x15, 0x15, 0xff, 0xfe, 0x15, 0x15, 0x15 };
	struct net_hostfwd f = make("tcp:[::1]", free_port());
	struct fake_frame *r;

	open_network("mode=user");
	ck_assert_int_eq(add(&f), -EAFNOSUPPORT);
	world_close(&w);
	open_network("mode=user,ipv6=on");
	ck_assert_int_eq(add(&f), 0);
	ck_assert_int_eq(dial(&f), 0);
	do
		r = next_frame(&w);
	while (r && !memmem(r->data, r->len, guest, sizeof(guest)));
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->data[ETH_HDR + IP6_NEXT], PROTO_TCP);
	ck_assert_mem_eq(r->data + ETH_HDR + IP6_DST, guest, 16);
	ck_assert_uint_eq(be16_at(r->data + ETH_HDR + IP6_HDR + TCP_DST), 22);
	ck_assert_int_eq(w.n->ops->forward(w.n, &f, -1), 0);
	ck_assert_int_eq(dial(&f), ECONNREFUSED);
	world_close(&w);
}
END_TEST

/* What is passed may be anything. */
START_TEST(only_the_right_kind_of_socket)
{
	struct net_hostfwd tcp = make("tcp:", free_port()), udp = make("udp:", free_port());
	int p[2], fds[] = { hostfwd_open(&tcp), hostfwd_open(&udp) }, plain;

	open_network("mode=user");
	ck_assert_int_eq(pipe(p), 0);
	plain = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, p[0]), -EINVAL);
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, plain), -EINVAL);
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, fds[1]), -EINVAL);
	ck_assert_int_eq(w.n->ops->forward(w.n, &udp, fds[0]), -EINVAL);
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, 999), -EINVAL);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, 0), 0); /* one that would block the loop */
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, fds[0]), -EINVAL);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(w.n->ops->forward(w.n, &tcp, fds[0]), 0);
	ck_assert_int_eq(w.n->ops->forward(w.n, &udp, fds[1]), 0);
	world_close(&w);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1); /* closed with the network */
	ck_assert_int_eq(fcntl(fds[1], F_GETFD), -1);
	close(p[0]);
	close(p[1]);
	close(plain);
}
END_TEST

SUITE_MAIN("net/user/forward", they_come_and_go, no_more_than_there_is_room_for,
	   ipv6_leads_to_the_address_of_the_mac, only_the_right_kind_of_socket)
