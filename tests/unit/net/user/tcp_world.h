/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's side of net/user/tcp*.c: a tiny stack that says exactly what a test wants it to. */
#ifndef TESTS_UNIT_NET_USER_TCP_WORLD_H
#define TESTS_UNIT_NET_USER_TCP_WORLD_H

#include <arpa/inet.h>
#include <unistd.h>

#include "net/csum.h"
#include "net/user/tcp_conn.h"
#include "tests/fake/netif.h"
#include "tests/fake/packet.h"
#include "tests/unit/net/world.h"

struct tw {
	struct loop *loop;
	struct netif n;
	struct fake_client client;
	struct guard guard;
	struct neigh neigh;
	struct tcp *t;
	unsigned seen;
};

/* One end of a connection. */
struct tg {
	struct tw *w;
	struct ip_key key;
	u32 seq, ack;
	u16 win, mss; /* no option: 0 */
	int scale;    /* no option: -1 */
	u8 shift;     /* of windows that the other end tells */
};

/* What came, its payload in place. */
struct tf {
	u8 flags;
	u32 seq, ack, len;
	u16 win, mss;
	int scale;
	const u8 *data;
	struct netif_offload o;
};

static inline void tw_open_conf(struct tw *w, struct tcp_conf *c, u32 offloads)
{
	*w = (struct tw){ .loop = NULL };
	w->guard = (struct guard){ .net.s_addr = htonl(0xc0a82100),
				   .mask.s_addr = htonl(0xffffff00),
				   .host.s_addr = htonl(0xc0a82101),
				   .dns.s_addr = htonl(0xc0a82103),
				   .host_mac = { 0x52, 0x55, 0xc0, 0xa8, 0x21, 1 },
				   .direct_tcp = true,
				   .ipv6 = true };
	inet_pton(AF_INET6, "fd33::", &w->guard.prefix6);
	inet_pton(AF_INET6, "fd33::3", &w->guard.dns6);
	c->reach.guard = &w->guard;
	c->mtu = c->mtu ? c->mtu : 1500;
	memcpy(w->neigh.mac, "\2\x15\x15\x15\x15\x15", 6);
	c->neigh = &w->neigh;
	ck_assert_int_eq(loop_create(&w->loop, "io"), 0);
	fake_client_attach(&w->client, &w->n);
	ck_assert_int_eq(tcp_create(&w->t, c, w->loop, &w->n), 0);
	tcp_up(w->t, offloads);
}

static inline void tw_open(struct tw *w, u32 offloads)
{
	struct tcp_conf c = { .reach.host_loopback = true };

	tw_open_conf(w, &c, offloads);
}

static inline void tw_close(struct tw *w)
{
	tcp_destroy(w->t);
	loop_destroy(w->loop);
	fake_frames_clear(&w->client.got);
}

static inline struct tg tg_of(struct tw *w, bool v6, u16 sport, u16 dport)
{
	struct tg g = { .w = w, .seq = 1000, .win = 64240, .mss = 1460, .scale = -1 };

	g.key.v6 = v6;
	ck_assert(inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? "fd33::15" : "192.168.33.15",
			    g.key.guest) == 1);
	ck_assert(inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? "fd33::1" : "192.168.33.1", g.key.peer) ==
		  1);
	be16_put(g.key.ports, sport);
	be16_put(g.key.ports + 2, dport);
	return g;
}

/* The frame of a segment in `f`; its length. The checksum is whole. */
static inline size_t tg_frame(const struct tg *g, u8 *f, u8 flags, u32 seq, const void *data,
			      size_t len)
{
	const struct ip_key *k = &g->key;
	size_t ip = k->v6 ? IP6_HDR : IP4_HDR, opts = 0, n;
	u8 *tcp = f + ETH_HDR + ip;

	memset(tcp + TCP_HDR, 0, 8);
	if ((flags & TCP_SYN) && g->mss) {
		memcpy(tcp + TCP_HDR, "\2\4", 2);
		be16_put(tcp + TCP_HDR + 2, g->mss);
		opts += 4;
	}
	if ((flags & TCP_SYN) && g->scale >= 0) {
		memcpy(tcp + TCP_HDR + opts, "\1\3\3", 3);
		tcp[TCP_HDR + opts + 3] = (u8)g->scale;
		opts += 4;
	}
	n = TCP_HDR + opts + len;
	fake_packet(f, k, PROTO_TCP, n);
	be32_put(tcp + TCP_SEQ, seq);
	be32_put(tcp + TCP_ACKNR, flags & TCP_ACK ? g->ack : 0);
	tcp[TCP_OFF] = (u8)((TCP_HDR + opts) / 4 << 4);
	tcp[TCP_FLAGS] = flags;
	be16_put(tcp + TCP_WIN, g->win);
	if (len)
		memcpy(tcp + TCP_HDR + opts, data, len);
	be16_put(tcp + TCP_CSUM, csum_finish(csum_add(ip_pseudo(k, true, PROTO_TCP, n), tcp, n)));
	return ETH_HDR + ip + n;
}

/* Into the room, as user.c does it, without the end of a batch. */
static inline void tw_input(struct tw *w, const u8 *f, size_t len)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	struct iovec iov[2] = { { (void *)(uintptr_t)f, 60 < len ? 60 : len } };
	u8 head[DIRECT_HEAD];
	struct guard_pkt pkt;
	const char *why;
	size_t n = len;

	iov[1] = (struct iovec){ (u8 *)iov[0].iov_base + iov[0].iov_len, len - iov[0].iov_len };
	memcpy(head, f, MIN(len, sizeof(head)));
	ck_assert_int_eq(guard_way(&w->guard, head, len), GUARD_DIRECT);
	if (!guard_check_direct(&w->guard, head, &n, &none, &pkt, &why))
		tcp_input(w->t, head, n, &none, &pkt, iov_cur(iov, 2));
}

/* A list that is full must not end the test. */
static inline void tw_forget(struct tw *w)
{
	if (w->seen == w->client.got.nr) {
		fake_frames_clear(&w->client.got);
		w->seen = 0;
	}
}

/* A segment with any number; g->seq stays. */
static inline void tg_send_at(struct tg *g, u8 flags, u32 seq, const void *data, size_t len)
{
	static u8 f[70000];

	if (g->w->seen > FAKE_NETIF_FRAMES / 2)
		tw_forget(g->w);
	tw_input(g->w, f, tg_frame(g, f, flags, seq, data, len));
	tcp_settle(g->w->t);
}

static inline void tg_send(struct tg *g, u8 flags, const void *data, size_t len)
{
	tg_send_at(g, flags, g->seq, data, len);
	g->seq += (u32)len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

/* The next frame that was not looked at, waiting up to `ms` for it; NULL: none. */
static inline struct fake_frame *tw_next(struct tw *w, int ms)
{
	tw_forget(w);
	for (int i = 0; i <= ms && w->seen == w->client.got.nr; i += 5)
		loop_step(w->loop, i ? 5 : 0);
	return w->seen < w->client.got.nr ? &w->client.got.f[w->seen++] : NULL;
}

/* The next segment of this connection; false: none within that time. Its checksum is right. */
static inline bool tg_next(struct tg *g, struct tf *out, int ms)
{
	const struct ip_key *k = &g->key;
	struct fake_frame *f = tw_next(g->w, ms);
	size_t ip = k->v6 ? IP6_HDR : IP4_HDR, hdr, n;
	const u8 *tcp;
	u64 sum;

	if (!f)
		return false;
	tcp = f->data + ETH_HDR + ip;
	hdr = (size_t)(tcp[TCP_OFF] >> 4) * 4;
	n = f->len - ETH_HDR - ip;
	ck_assert_uint_eq(be16_at(f->data + ETH_TYPE), k->v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	ck_assert_mem_eq(tcp + TCP_DST, k->ports, 2);
	ck_assert_mem_eq(tcp + TCP_SRC, k->ports + 2, 2);
	sum = k->v6 ? csum_pseudo6(k->peer, k->guest, PROTO_TCP, n)
		    : csum_pseudo4(k->peer, k->guest, PROTO_TCP, n);
	if (f->o.needs_csum)
		ck_assert_uint_eq(be16_at(tcp + TCP_CSUM), (u16)~csum_finish(sum));
	else
		ck_assert_uint_eq(csum_finish(csum_add(sum, tcp, n)), 0);
	*out = (struct tf){ .flags = tcp[TCP_FLAGS],
			    .seq = be32_at(tcp + TCP_SEQ),
			    .ack = be32_at(tcp + TCP_ACKNR),
			    .win = be16_at(tcp + TCP_WIN),
			    .len = (u32)(n - hdr),
			    .data = tcp + hdr,
			    .scale = -1,
			    .o = f->o };
	if (hdr >= 24)
		out->mss = be16_at(tcp + TCP_HDR + 2);
	if (hdr >= 28)
		out->scale = tcp[TCP_HDR + 7];
	return true;
}

/* The next segment has these flags. */
static inline struct tf tg_expect(struct tg *g, u8 flags)
{
	struct tf f;

	ck_assert(tg_next(g, &f, scaled(3000)));
	ck_assert_uint_eq(f.flags, flags);
	return f;
}

/* Nothing comes for a moment. */
static inline void tw_quiet(struct tw *w)
{
	ck_assert_ptr_null(tw_next(w, 20));
}

/* From SYN to ESTABLISHED. */
static inline void tg_open(struct tg *g)
{
	struct tf f;

	tg_send(g, TCP_SYN, NULL, 0);
	f = tg_expect(g, TCP_SYN | TCP_ACK);
	ck_assert_uint_eq(f.ack, g->seq);
	g->ack = f.seq + 1;
	g->shift = f.scale >= 0 ? (u8)f.scale : 0;
	tg_send(g, TCP_ACK, NULL, 0);
}

static inline struct tcp_conn *tg_conn(struct tg *g)
{
	return tcp_find(g->w->t, &g->key);
}

/* The connection's state, or CONN_CLOSED where there is none. */
static inline int tg_state(struct tg *g)
{
	struct tcp_conn *c = tg_conn(g);

	return c ? c->state : CONN_CLOSED;
}

#endif
