/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tiny guest of the user-mode network says to hosts, and how it listens. */
#ifndef TESTS_UNIT_NET_USER_TALK_H
#define TESTS_UNIT_NET_USER_TALK_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/guest.h"
#include "tests/unit/net/world.h"

static inline void world_up(struct world *w, const char *arg, u32 offloads)
{
	world_open(w, arg);
	w->n->ops->up(w->n, offloads);
}

/* The next frame that has not been looked at, waiting up to two seconds for it; NULL: none. */
static inline struct fake_frame *next_frame(struct world *w)
{
	for (int i = 0; i < 200 && w->seen == w->client.got.nr; i++)
		loop_step(w->loop, 10);
	return w->seen < w->client.got.nr ? &w->client.got.f[w->seen++] : NULL;
}

/* The next IPv4 frame of this protocol. Answers ARP requests on the way. */
static inline struct fake_frame *next_ip4(struct world *w, u8 proto)
{
	struct fake_frame *f;

	while ((f = next_frame(w))) {
		if (be16_at(f->data + ETH_TYPE) == ETHERTYPE_ARP4) {
			u8 reply[ETH_HDR + ARP_LEN];

			if (be16_at(f->data + ETH_HDR + ARP_OP) == 1)
				send_frame(w, reply, put_arp(reply, 2, GUEST_IP, HOST_IP));
			continue;
		}
		if (f->data[ETH_HDR + IP4_PROTO] == proto)
			return f;
	}
	return NULL;
}

static inline int listen_on_loopback(int type, u16 *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int sk = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(sk, 0);
	ck_assert_int_eq(bind(sk, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(sk, 4), 0);
	ck_assert_int_eq(getsockname(sk, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return sk;
}

struct conn {
	struct world *w;
	u16 sport, dport;
	u32 seq, ack;
	int server; /* the accepted socket */
};

static inline void tcp_send(struct conn *c, u8 flags, const void *data, size_t len)
{
	static u8 f[70000];
	struct tcp_seg t = { .sport = c->sport,
			     .dport = c->dport,
			     .seq = c->seq,
			     .ack = c->ack,
			     .flags = flags,
			     .win = 64240,
			     .data = data,
			     .len = len };

	if (flags & TCP_SYN)
		t.mss = 1460;
	ck_assert_int_eq(send_frame(c->w, f, put_tcp(f, GUEST_IP, HOST_IP, &t)), 0);
	c->seq += (u32)len + !!(flags & (TCP_SYN | TCP_FIN));
}

/* The next segment of the connection with a right checksum; its payload in *data, *len. */
static inline u8 tcp_next(struct conn *c, const u8 **data, size_t *len)
{
	struct fake_frame *f = next_ip4(c->w, PROTO_TCP);

	ck_assert_ptr_nonnull(f);

	const u8 *tcp = f->data + 34;
	size_t hdr = (size_t)(tcp[TCP_OFF] >> 4) * 4;
	size_t total = be16_at(f->data + ETH_HDR + IP4_TOTAL), l4 = total - IP4_HDR;

	/* libslirp pads to 60 bytes, from 4.8 on. */
	ck_assert(f->len == ETH_HDR + total || (f->len == 60 && total < 46));
	ck_assert_uint_eq(csum_finish(csum_add(0, f->data + ETH_HDR, IP4_HDR)), 0);

	ck_assert_uint_eq(be16_at(tcp + TCP_DST), c->sport);
	if (f->o.needs_csum) {
		u64 sum = csum_pseudo4(f->data + 26, f->data + 30, PROTO_TCP, l4);

		ck_assert_uint_eq(be16_at(tcp + TCP_CSUM), (u16)~csum_finish(sum));
	} else {
		ck_assert_uint_eq(l4_csum(f->data, tcp, l4, PROTO_TCP), 0);
	}
	*data = tcp + hdr;
	*len = l4 - hdr;
	return tcp[TCP_FLAGS];
}

static inline void tcp_open(struct conn *c, struct world *w, int listener, u16 port)
{
	const u8 *data;
	size_t len;
	u8 flags;

	*c = (struct conn){ .w = w, .sport = 40000, .dport = port, .seq = 1000 };
	tcp_send(c, TCP_SYN, NULL, 0);
	flags = tcp_next(c, &data, &len);
	ck_assert_uint_eq(flags, TCP_SYN | TCP_ACK);

	const u8 *tcp = w->client.got.f[w->seen - 1].data + 34;

	/* The guest is told an MSS that its interface can carry. */
	ck_assert_uint_eq(tcp[TCP_HDR], 2);
	ck_assert_uint_eq(be16_at(tcp + TCP_HDR + 2), 1460);
	ck_assert_uint_eq(be32_at(tcp + TCP_ACKNR), 1001);
	c->ack = be32_at(tcp + TCP_SEQ) + 1;
	tcp_send(c, TCP_ACK, NULL, 0);
	c->server = accept(listener, NULL, NULL);
	ck_assert_int_ge(c->server, 0);
}

#endif
