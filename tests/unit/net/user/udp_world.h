/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's side of net/user/udp*.c, and a peer on this host. */
#ifndef TESTS_UNIT_NET_USER_UDP_WORLD_H
#define TESTS_UNIT_NET_USER_UDP_WORLD_H

#include <arpa/inet.h>
#include <unistd.h>

#include "net/csum.h"
#include "net/user/segment.h"
#include "net/user/udp_flow.h"
#include "tests/fake/netif.h"
#include "tests/fake/packet.h"
#include "tests/unit/net/world.h"

struct uw {
	struct loop *loop;
	struct netif n;
	struct fake_client client;
	struct guard guard;
	struct neigh neigh;
	struct segment seg;
	struct udp *u;
	unsigned seen;
};

/* Of the checksum of a datagram. */
enum uw_csum { UW_WHOLE, UW_NONE, UW_WRONG, UW_LEFT };

static inline int uw_try_open(struct uw *w, u32 offloads, bool host_loopback, bool restricted)
{
	struct udp_conf c = { .reach = { .guard = &w->guard,
					 .host_loopback = host_loopback,
					 .restricted = restricted },
			      .neigh = &w->neigh,
			      .seg = &w->seg };
	int err;

	*w = (struct uw){ .seg = { .mtu = 1500, .offloads = offloads } };
	w->guard = (struct guard){ .net.s_addr = htonl(0xc0a82100),
				   .mask.s_addr = htonl(0xffffff00),
				   .host.s_addr = htonl(0xc0a82101),
				   .dns.s_addr = htonl(0xc0a82103),
				   .host_mac = { 0x52, 0x55, 0xc0, 0xa8, 0x21, 1 },
				   .direct_udp = true,
				   .ipv6 = true };
	inet_pton(AF_INET6, "fd33::", &w->guard.prefix6);
	inet_pton(AF_INET6, "fd33::3", &w->guard.dns6);
	err = loop_create(&w->loop, "io");
	fake_client_attach(&w->client, &w->n);
	if (!err)
		err = udp_create(&w->u, &c, w->loop, &w->n);
	if (!err)
		udp_up(w->u);
	return err;
}

static inline void uw_close(struct uw *w)
{
	udp_destroy(w->u);
	loop_destroy(w->loop);
	fake_frames_clear(&w->client.got);
}

static inline struct ip_key uw_key(const char *peer, u16 sport, u16 dport)
{
	struct ip_key k = { .v6 = !!strchr(peer, ':') };

	inet_pton(k.v6 ? AF_INET6 : AF_INET, k.v6 ? "fd33::15" : "192.168.33.15", k.guest);
	inet_pton(k.v6 ? AF_INET6 : AF_INET, peer, k.peer);
	be16_put(k.ports, sport);
	be16_put(k.ports + 2, dport);
	return k;
}

/* The frame of a datagram in `f`; its length. */
static inline size_t uw_frame(u8 *f, const struct ip_key *k, const void *data, size_t len,
			      enum uw_csum how)
{
	size_t ip = k->v6 ? IP6_HDR : IP4_HDR, n = UDP_HDR + len;
	u8 *udp = f + ETH_HDR + ip;
	u16 csum;

	fake_packet(f, k, PROTO_UDP, n);
	be16_put(udp + UDP_LEN, (u16)n);
	memcpy(udp + UDP_HDR, data, len);
	if (how == UW_NONE)
		return ETH_HDR + ip + n;
	csum = csum_finish(csum_add(ip_pseudo(k, true, PROTO_UDP, n), udp, n));
	be16_put(udp + UDP_CSUM, (u16)((csum ? csum : 0xffff) + (how != UW_WHOLE)));
	return ETH_HDR + ip + n;
}

/* A frame into the room, as user.c does it, without the end of a batch. */
static inline int uw_input(struct uw *w, const u8 *f, size_t len, bool left)
{
	size_t cut = MIN((size_t)60, len), l4 = ETH_HDR + (f[ETH_TYPE] == 0x86 ? IP6_HDR : IP4_HDR),
	       n = len;
	const struct netif_offload o = { .needs_csum = left,
					 .csum_start = (u16)l4,
					 .csum_offset = UDP_CSUM };
	struct iovec iov[2] = { { (void *)(uintptr_t)f, cut },
				{ (u8 *)(uintptr_t)f + cut, len - cut } };
	u8 head[DIRECT_HEAD];
	struct guard_pkt pkt;
	const char *why;
	int err;

	memcpy(head, f, MIN(len, sizeof(head)));
	if (guard_way(&w->guard, head, len) != GUARD_DIRECT)
		return -ENOENT;
	err = guard_check_direct(&w->guard, head, &n, &o, &pkt, &why);
	if (!err)
		udp_input(w->u, head, n, &o, &pkt, iov_cur(iov, 2));
	return err;
}

static inline void uw_put(struct uw *w, const struct ip_key *k, const void *data, size_t len,
			  enum uw_csum how)
{
	static u8 f[70000];
	size_t n = uw_frame(f, k, data, len, how);

	uw_input(w, f, n, how == UW_LEFT);
}

/* A batch of one. */
static inline void uw_send(struct uw *w, const struct ip_key *k, const void *data, size_t len)
{
	uw_put(w, k, data, len, UW_WHOLE);
	udp_settle(w->u);
}

/* The next frame that was not looked at, waiting up to `ms` for it; NULL: none. */
static inline struct fake_frame *uw_next(struct uw *w, int ms)
{
	if (w->seen == w->client.got.nr) {
		fake_frames_clear(&w->client.got);
		w->seen = 0;
	}
	for (int i = 0; i <= ms && w->seen == w->client.got.nr; i += 5)
		loop_step(w->loop, i ? 5 : 0);
	return w->seen < w->client.got.nr ? &w->client.got.f[w->seen++] : NULL;
}

/* A socket on the loopback of either family, and its port. */
static inline int uw_peer(bool v6, u16 *port)
{
	union reach_addr a = { .in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback } };
	struct timeval tv = { .tv_sec = 5 };
	socklen_t len = sizeof(a);
	int sk = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!v6)
		a.in = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (sk < 0 || bind(sk, &a.sa, v6 ? sizeof(a.in6) : sizeof(a.in)))
		return -1;
	setsockopt(sk, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	getsockname(sk, &a.sa, &len);
	*port = ntohs(v6 ? a.in6.sin6_port : a.in.sin_port);
	return sk;
}

#endif
