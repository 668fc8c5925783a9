/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user-mode network seen by a tiny guest that does ARP, DHCP, ICMP, UDP and TCP by hand. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/kinds.h"
#include "tests/unit/net/user/talk.h"

START_TEST(arp_for_the_gateway_is_answered)
{
	struct world w;
	u8 f[64];
	struct fake_frame *r;

	world_up(&w, NULL, 0);
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), 0);
	r = next_frame(&w);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(be16_at(r->data + ETH_TYPE), ETHERTYPE_ARP4);
	ck_assert_mem_eq(r->data + ETH_HDR + ARP_SHA, host_mac, 6);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + ARP_SPA), HOST_IP);
	/* One interrupt for the batch. */
	ck_assert_uint_eq(w.client.nr_flush, 1);
	world_close(&w);
}
END_TEST

/* The seed's line: lease of 192.168.33.15 obtained from 192.168.33.1, lease time 14400. */
START_TEST(dhcp_gives_the_seeds_lease)
{
	static const u8 lease[] = { 51, 4, 0, 0, 0x38, 0x40 }, dns[] = { 6, 4, 192, 168, 33, 3 };
	struct world w;
	u8 f[512], msg[300] = { 1, 1, 6 };
	struct fake_frame *r;
	const u8 *m;

	world_up(&w, NULL, 0);
	memcpy(msg + 28, guest_mac, 6);
	be32_put(msg + 236, 0x63825363);
	memcpy(msg + 240, "\x35\x01\x01\xff", 4);
	ck_assert_int_eq(send_frame(&w, f, put_udp(f, 0, 0xffffffff, 68, 67, msg, sizeof(msg))), 0);
	r = next_ip4(&w, PROTO_UDP);
	ck_assert_ptr_nonnull(r);
	m = r->data + ETH_HDR + IP4_HDR + UDP_HDR;
	ck_assert_uint_eq(be32_at(m + 16), GUEST_IP);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + IP4_SRC), HOST_IP);
	ck_assert_ptr_nonnull(memmem(m, r->len - 42, lease, sizeof(lease)));
	ck_assert_ptr_nonnull(memmem(m, r->len - 42, dns, sizeof(dns)));
	world_close(&w);
}
END_TEST

START_TEST(no_dhcp_when_switched_off)
{
	struct world w;
	u8 f[512], msg[300] = { 1, 1, 6 };

	world_up(&w, "mode=user,dhcp=off", 0);
	memcpy(msg + 28, guest_mac, 6);
	be32_put(msg + 236, 0x63825363);
	memcpy(msg + 240, "\x35\x01\x01\xff", 4);
	ck_assert_int_eq(send_frame(&w, f, put_udp(f, 0, 0xffffffff, 68, 67, msg, sizeof(msg))), 0);
	for (int i = 0; i < 10; i++)
		loop_step(w.loop, 5);
	ck_assert_uint_eq(w.client.got.nr, 0);
	world_close(&w);
}
END_TEST

START_TEST(ping_of_the_host)
{
	struct world w;
	u8 f[2048];
	struct fake_frame *r;

	world_up(&w, NULL, 0);
	ck_assert_int_eq(send_frame(&w, f, put_echo(f, GUEST_IP, HOST_IP, 7, 1, 56)), 0);
	r = next_ip4(&w, PROTO_ICMP);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->data[ETH_HDR + IP4_HDR], 0);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + IP4_DST), GUEST_IP);
	ck_assert_mem_eq(r->data + ETH_HDR + IP4_HDR + 8, f + ETH_HDR + IP4_HDR + 8, 56);
	world_close(&w);
}
END_TEST

static void udp_echo(struct world *w, int sk, u16 port, size_t len, u8 *buf)
{
	static u8 f[70000], data[65536];
	struct sockaddr_in from;
	socklen_t flen = sizeof(from);

	for (size_t i = 0; i < len; i++)
		data[i] = (u8)(i * 7);
	ck_assert_int_eq(send_frame(w, f, put_udp(f, GUEST_IP, HOST_IP, 5555, port, data, len)), 0);
	ck_assert_int_eq(recvfrom(sk, buf, 65536, 0, (struct sockaddr *)&from, &flen),
			 (ssize_t)len);
	ck_assert_mem_eq(buf, data, len);
	ck_assert_int_eq(sendto(sk, buf, len, 0, (struct sockaddr *)&from, flen), (ssize_t)len);
}

START_TEST(udp_to_and_from_the_hosts_loopback)
{
	static u8 buf[65536];
	struct world w;
	struct fake_frame *r;
	u16 port;
	int sk = listen_on_loopback(SOCK_DGRAM, &port);

	world_up(&w, NULL, NETIF_RX_CSUM);
	udp_echo(&w, sk, port, 100, buf);
	r = next_ip4(&w, PROTO_UDP);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->len, 42 + 100);
	ck_assert(r->o.data_valid);
	ck_assert_mem_eq(r->data + 42, buf, 100);
	ck_assert_uint_eq(l4_csum(r->data, r->data + 34, 108, PROTO_UDP), 0);
	world_close(&w);
	close(sk);
}
END_TEST

/* libslirp does not know the guest's MTU: what is too large leaves in fragments. */
START_TEST(large_datagrams_for_the_guest_are_fragmented)
{
	static u8 buf[65536], got[65536];
	struct world w;
	struct fake_frame *r;
	size_t have = 0;
	u16 port;
	int sk = listen_on_loopback(SOCK_DGRAM, &port);

	world_up(&w, NULL, 0);
	udp_echo(&w, sk, port, 5000, buf);
	while (have < 5008) {
		r = next_ip4(&w, PROTO_UDP);
		ck_assert_ptr_nonnull(r);
		ck_assert_uint_le(r->len, 1514);

		const u8 *ip = r->data + ETH_HDR;
		size_t off = (be16_at(ip + IP4_FRAG) & IP4_OFFSET) * 8u, n = r->len - 34;

		ck_assert_uint_eq(csum_finish(csum_add(0, ip, IP4_HDR)), 0);
		ck_assert_uint_eq(be16_at(ip + IP4_TOTAL), r->len - 14);
		memcpy(got + off, r->data + 34, n);
		have += n;
		ck_assert_int_eq(!(be16_at(ip + IP4_FRAG) & IP4_MF), off + n == 5008);
	}
	ck_assert_uint_eq(be16_at(got + UDP_LEN), 5008);
	ck_assert_mem_eq(got + UDP_HDR, buf, 5000);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(fragments_of_the_guest_are_put_together)
{
	static u8 f[6000], part[2000], data[4000], buf[65536];
	struct world w;
	u16 port;
	int sk = listen_on_loopback(SOCK_DGRAM, &port);
	static const size_t order[] = { 2960, 0, 1480 };

	world_up(&w, NULL, 0);
	memset(data, 0x5a, sizeof(data));
	put_udp(f, GUEST_IP, HOST_IP, 5555, port, data, sizeof(data));
	for (unsigned i = 0; i < 3; i++) {
		size_t off = order[i], n = MIN((size_t)1480, 4008 - off);

		put_ip4(part, GUEST_IP, HOST_IP, PROTO_UDP, n);
		be16_put(part + ETH_HDR + IP4_FRAG, (u16)(off / 8 | (off + n < 4008 ? IP4_MF : 0)));
		fix_ip4(part);
		memcpy(part + 34, f + 34 + off, n);
		ck_assert_int_eq(send_frame(&w, part, 34 + n), 0);
	}
	ck_assert_int_eq(recv(sk, buf, sizeof(buf), MSG_DONTWAIT), 4000);
	ck_assert_mem_eq(buf, data, 4000);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(tcp_to_the_hosts_loopback)
{
	struct world w;
	struct conn c;
	const u8 *data;
	char buf[16];
	size_t len;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);
	tcp_send(&c, TCP_ACK | TCP_PSH, "hello", 5);
	ck_assert_int_eq(read(c.server, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	tcp_next(&c, &data, &len);
	ck_assert_uint_eq(len, 0);

	ck_assert_int_eq(write(c.server, "world", 5), 5);
	tcp_next(&c, &data, &len);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(data, "world", 5);
	c.ack += 5;
	tcp_send(&c, TCP_ACK, NULL, 0);

	close(c.server);
	ck_assert(tcp_next(&c, &data, &len) & TCP_FIN);
	world_close(&w);
	close(sk);
}
END_TEST

/* What the guest sends in one batch is one segment for libslirp, with one answer. */
/* `mss`: with that option, so that libslirp gets and acknowledges each of them by itself. */
static void one_answer_to_a_batch(u16 mss)
{
	static const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	static u8 f[2000], data[4 * 1001], buf[8000];
	struct world w;
	struct conn c;
	const u8 *answer;
	size_t len;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i % 253);
	for (unsigned i = 0; i < 4; i++) {
		struct tcp_seg t = { .sport = c.sport,
				     .dport = port,
				     .seq = c.seq + i * 1001,
				     .ack = c.ack,
				     .flags = TCP_ACK,
				     .win = 64240,
				     .mss = mss,
				     .data = data + i * 1001,
				     .len = 1001 };
		struct iovec iov = { f, put_tcp(f, GUEST_IP, HOST_IP, &t) };

		ck_assert_int_eq(w.n->ops->send(w.n, &none, iov_cur(&iov, 1)), 0);
	}
	if (!mss)
		ck_assert_int_eq(recv(c.server, buf, sizeof(buf), MSG_DONTWAIT), -1);
	ck_assert_uint_eq(w.client.got.nr, w.seen);
	w.n->ops->flush(w.n);
	ck_assert_int_eq(read(c.server, buf, sizeof(buf)), sizeof(data));
	ck_assert_mem_eq(buf, data, sizeof(data));
	tcp_next(&c, &answer, &len);
	ck_assert_uint_eq(be32_at(w.client.got.f[w.seen - 1].data + 34 + TCP_ACKNR),
			  c.seq + sizeof(data));
	ck_assert_uint_eq(w.client.got.nr, w.seen);
	world_close(&w);
	close(c.server);
	close(sk);
}

START_TEST(segments_of_a_batch_are_merged)
{
	one_answer_to_a_batch(0);
}
END_TEST

START_TEST(acknowledgements_of_a_batch_are_one)
{
	one_answer_to_a_batch(1460);
}
END_TEST

START_TEST(refused_connections_are_reset)
{
	struct world w;
	struct conn c = { .w = &w, .sport = 40000, .seq = 1 };
	const u8 *data;
	size_t len;
	int sk = listen_on_loopback(SOCK_STREAM, &c.dport);

	close(sk);
	world_up(&w, NULL, 0);
	tcp_send(&c, TCP_SYN, NULL, 0);
	ck_assert(tcp_next(&c, &data, &len) & TCP_RST);
	world_close(&w);
}
END_TEST

/*
 * [virtio 1.3 §5.1.6.2]: a TSO frame with a partial checksum arrives as the bytes that it carries.
 */
START_TEST(tso_frames_of_the_guest_are_taken_whole)
{
	static u8 f[40000], data[30000], buf[30000];
	struct netif_offload o = { .needs_csum = true,
				   .csum_start = 34,
				   .csum_offset = 16,
				   .gso = NETIF_GSO_TCPV4,
				   .gso_size = 1460,
				   .hdr_len = 54 };
	struct world w;
	struct conn c;
	size_t got = 0;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, ALL_OFFLOADS);
	tcp_open(&c, &w, sk, port);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i % 251);

	struct tcp_seg t = { .sport = c.sport,
			     .dport = port,
			     .seq = c.seq,
			     .ack = c.ack,
			     .flags = TCP_ACK | TCP_PSH,
			     .win = 64240,
			     .data = data,
			     .len = sizeof(data) };
	size_t n = put_tcp(f, GUEST_IP, HOST_IP, &t);

	be16_put(f + 34 + TCP_CSUM, 0x1234);
	ck_assert_int_eq(send_with(&w, &o, f, n), 0);
	while (got < sizeof(buf)) {
		ssize_t r = read(c.server, buf + got, sizeof(buf) - got);

		ck_assert_int_gt(r, 0);
		got += (size_t)r;
	}
	ck_assert_mem_eq(buf, data, sizeof(data));
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

/*
 * Receive `total` bytes of the pattern that fill() writes, acknowledging; returns the largest
 * segment.
 */
static size_t tcp_drain(struct conn *c, size_t total, bool *gso)
{
	size_t got = 0, largest = 0, len;
	const u8 *data;

	while (got < total) {
		ck_assert(!(tcp_next(c, &data, &len) & TCP_RST));

		struct fake_frame *f = &c->w->client.got.f[c->w->seen - 1];
		u32 seq = be32_at(f->data + 34 + TCP_SEQ);

		ck_assert_uint_eq(seq, c->ack); /* nothing lost, nothing twice */
		for (size_t i = 0; i < len; i++)
			ck_assert_uint_eq(data[i], (u8)((got + i) % 251));
		*gso |= f->o.gso == NETIF_GSO_TCPV4;
		if (len > 1460) {
			ck_assert_int_eq(f->o.gso, NETIF_GSO_TCPV4);
			ck_assert_uint_eq(f->o.gso_size, 1460);
			ck_assert_uint_eq(f->o.hdr_len, 54);
		}
		got += len;
		c->ack += (u32)len;
		largest = MAX(largest, len);
		if (len)
			tcp_send(c, TCP_ACK, NULL, 0);
		if (c->w->seen == c->w->client.got.nr && c->w->seen > 200) {
			fake_frames_clear(&c->w->client.got);
			c->w->seen = 0;
		}
	}
	return largest;
}

static void fill(int sk, size_t total)
{
	static u8 data[1 << 20];

	for (size_t i = 0; i < total; i++)
		data[i] = (u8)(i % 251);
	ck_assert_int_eq(send(sk, data, total, MSG_DONTWAIT), (ssize_t)total);
}

START_TEST(large_segments_for_a_driver_that_takes_them)
{
	struct world w;
	struct conn c;
	bool gso = false;
	size_t largest;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port), big = 1 << 20;

	world_up(&w, NULL, ALL_OFFLOADS);
	setsockopt(sk, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	tcp_open(&c, &w, sk, port);
	fill(c.server, 200000);
	/*
	 * Two segments fit into the first window of Linux. (libslirp 4.7 takes off 20 bytes more.)
	 */
	largest = tcp_drain(&c, 200000, &gso);
	ck_assert_uint_ge(largest, 32100);
	ck_assert_uint_le(largest, 32120);
	ck_assert(gso);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

static void small_segments(u32 offloads)
{
	struct world w;
	struct conn c;
	bool gso = false;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, offloads);
	tcp_open(&c, &w, sk, port);
	fill(c.server, 50000);
	ck_assert_uint_eq(tcp_drain(&c, 50000, &gso), 1460);
	ck_assert(!gso);
	close(c.server);
	world_close(&w);
	close(sk);
}

START_TEST(small_segments_for_a_driver_that_wants_checksums)
{
	small_segments(0);
}
END_TEST

START_TEST(small_segments_for_a_driver_that_wants_none)
{
	small_segments(NETIF_RX_CSUM);
}
END_TEST

/*
 * A guest without buffers loses nothing: frames wait, sockets are left alone, the loop does not
 * spin.
 */
START_TEST(back_pressure_loses_nothing)
{
	struct world w;
	struct conn c;
	bool gso = false;
	unsigned again;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, ALL_OFFLOADS);
	tcp_open(&c, &w, sk, port);
	w.client.room = 0;
	fill(c.server, 120000);
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	again = w.client.nr_again;
	ck_assert_uint_ge(again, 1);
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_eq(w.client.nr_again, again);

	w.client.room = 1;
	w.n->ops->rx_ready(w.n);
	ck_assert_uint_eq(w.client.room, 0);
	w.client.room = UINT_MAX;
	w.n->ops->rx_ready(w.n);
	tcp_drain(&c, 120000, &gso);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

/* libslirp before 4.9.2 leaks heap on urgent data: it arrives as ordinary data instead. */
START_TEST(urgent_data_is_ordinary_data)
{
	struct world w;
	struct conn c;
	u8 f[200];
	char buf[16];
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);

	struct tcp_seg t = { .sport = c.sport,
			     .dport = port,
			     .seq = c.seq,
			     .ack = c.ack,
			     .flags = TCP_ACK | TCP_PSH | TCP_URG,
			     .win = 64240,
			     .urp = 60000,
			     .data = "abc",
			     .len = 3 };

	ck_assert_int_eq(send_frame(&w, f, put_tcp(f, GUEST_IP, HOST_IP, &t)), 0);
	ck_assert_int_eq(recv(c.server, buf, sizeof(buf), MSG_OOB | MSG_DONTWAIT), -1);
	ck_assert_int_eq(recv(c.server, buf, sizeof(buf), MSG_DONTWAIT), 3);
	ck_assert_mem_eq(buf, "abc", 3);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(forwarded_ports_reach_the_guest)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char arg[128];
	struct world w;
	struct fake_frame *r;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	/* Just free again, so very probably still free. */
	close(sk);
	snprintf(arg, sizeof(arg), "mode=user,hostfwd=tcp:127.0.0.1:%u-:22", port);
	world_up(&w, arg, 0);
	sk = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	a.sin_port = htons(port);
	ck_assert(!connect(sk, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS);
	r = next_ip4(&w, PROTO_TCP);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + IP4_DST), GUEST_IP);
	ck_assert_uint_eq(be16_at(r->data + 34 + TCP_DST), 22);
	ck_assert_uint_eq(r->data[34 + TCP_FLAGS], TCP_SYN);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(a_port_that_is_taken_is_an_error)
{
	struct net_conf c;
	struct netif *n = NULL;
	struct loop *l;
	char arg[128];
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	snprintf(arg, sizeof(arg), "mode=user,hostfwd=tcp:127.0.0.1:%u-:22", port);
	ck_assert_int_eq(netopt_parse(&c, arg, 0), 0);
	ck_assert_int_eq(loop_create(&l, "io"), 0);
	ck_assert_int_eq(netif_create(&n, &c, l), -EADDRINUSE);
	loop_destroy(l);
	close(sk);
}
END_TEST

START_TEST(bad_frames_are_refused_and_harmless)
{
	struct world w;
	u8 f[2048];
	size_t n;

	world_up(&w, NULL, 0);
	n = put_echo(f, GUEST_IP, HOST_IP, 1, 1, 10);
	ck_assert_int_eq(send_frame(&w, f, 12), -EBADMSG);
	f[ETH_HDR + IP4_TTL]++; /* header checksum */
	ck_assert_int_eq(send_frame(&w, f, n), -EBADMSG);
	n = put_echo(f, 0x08080808, HOST_IP, 1, 1, 10);
	ck_assert_int_eq(send_frame(&w, f, n), -EBADMSG);
	ck_assert_uint_eq(w.client.got.nr, 0);
	world_close(&w);
}
END_TEST

START_TEST(nothing_is_delivered_without_a_driver)
{
	struct world w;
	u8 f[64];

	world_up(&w, NULL, 0);
	w.n->ops->down(w.n);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_uint_eq(w.client.got.nr, 0);
	w.n->ops->up(w.n, 0);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_uint_eq(w.client.got.nr, 1);
	world_close(&w);
}
END_TEST

/* A connection whose guest does not read, to a peer that goes away: libslirp must not be misled. */
START_TEST(peers_that_go_away)
{
	struct linger hard = { .l_onoff = 1 };
	static u8 data[65536];
	struct world w;
	struct conn c;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	world_up(&w, NULL, ALL_OFFLOADS);
	tcp_open(&c, &w, sk, port);
	/* Both buffers of libslirp fill up: the peer sends what we leave, and reads nothing. */
	for (int i = 0; i < 200; i++) {
		if (send(c.server, data, sizeof(data), MSG_DONTWAIT) < 0)
			break;
		loop_step(w.loop, 0);
	}
	for (int i = 0; i < 200; i++) {
		tcp_send(&c, TCP_ACK | TCP_PSH, data, 1460);
		loop_step(w.loop, 0);
	}
	setsockopt(c.server, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c.server); /* a reset */
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_gt(w.client.got.nr, 0);
	world_close(&w);
	close(sk);
}
END_TEST

/* Not being able to receive does not keep a guest from sending. */
START_TEST(a_blocked_guest_still_sends)
{
	static u8 data[1460], buf[65536];
	int small = 4096;
	u32 acked = 0;
	size_t got = 0;
	struct world w;
	struct conn c;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	world_up(&w, NULL, 0);
	tcp_open(&c, &w, sk, port);
	fcntl(c.server, F_SETFL, O_NONBLOCK);
	setsockopt(c.server, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	/* More than the host's sockets hold: the rest is in libslirp, which waits to write. */
	for (unsigned idle = 0; idle < 200 && c.seq < 64 * MiB; idle++) {
		tcp_send(&c, TCP_ACK | TCP_PSH, data, sizeof(data));
		while (w.seen < w.client.got.nr) {
			u32 ack = be32_at(w.client.got.f[w.seen++].data + 34 + TCP_ACKNR);

			if (ack != acked)
				idle = 0;
			acked = ack;
		}
		fake_frames_clear(&w.client.got);
		w.seen = 0;
	}
	w.client.room = 0;
	ck_assert_int_eq(write(c.server, "x", 1), 1); /* what it has no room for */
	for (int i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_gt(w.client.nr_again, 0);
	/* What was acknowledged arrives. */
	for (int i = 0; i < 100000 && got < acked - 1001; i++) {
		ssize_t n = read(c.server, buf, sizeof(buf));

		got += n > 0 ? (size_t)n : 0;
		loop_step(w.loop, 0);
	}
	ck_assert_uint_eq(got, acked - 1001);
	close(c.server);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(ipv6_when_asked_for)
{
	struct world w;
	struct fake_frame *r;
	u8 f[128], *ip = f + ETH_HDR, *icmp = ip + IP6_HDR, prefix[16];
	u64 sum;

	world_up(&w, "mode=user,ipv6=on", 0);
	memset(f, 0, sizeof(f));
	memcpy(f, (u8[]){ 0x33, 0x33, 0, 0, 0, 2 }, 6);
	memcpy(f + ETH_SRC, guest_mac, 6);
	be16_put(f + ETH_TYPE, ETHERTYPE_IP6);
	ip[0] = 0x60;
	be16_put(ip + IP6_PLEN, 16);
	ip[IP6_NEXT] = PROTO_ICMP6;
	ip[IP6_HOPS] = 255;
	inet_pton(AF_INET6, "fe80::15", ip + IP6_SRC);
	inet_pton(AF_INET6, "ff02::2", ip + IP6_DST);
	icmp[0] = 133; /* router solicitation with our hardware address */
	icmp[8] = 1;
	icmp[9] = 1;
	memcpy(icmp + 10, guest_mac, 6);
	sum = csum_pseudo6(ip + IP6_SRC, ip + IP6_DST, PROTO_ICMP6, 16);
	be16_put(icmp + 2, csum_finish(csum_add(sum, icmp, 16)));
	ck_assert_int_eq(send_frame(&w, f, ETH_HDR + IP6_HDR + 16), 0);
	do
		r = next_frame(&w);
	while (r && (be16_at(r->data + ETH_TYPE) != ETHERTYPE_IP6 || r->data[54] != 134));
	ck_assert_ptr_nonnull(r); /* an advertisement of our prefix */
	inet_pton(AF_INET6, "fd33::", prefix);
	ck_assert_ptr_nonnull(memmem(r->data + 54, r->len - 54, prefix, 16));
	world_close(&w);
}
END_TEST

START_TEST(a_restricted_guest_reaches_nothing)
{
	struct world w;
	struct conn c = { .w = &w, .sport = 40000, .seq = 1 };
	struct fake_frame *r;
	int sk = listen_on_loopback(SOCK_STREAM, &c.dport);

	world_up(&w, "mode=user,restrict=on", 0);
	tcp_send(&c, TCP_SYN, NULL, 0);
	r = next_ip4(&w, PROTO_TCP);
	ck_assert(!r || (r->data[34 + TCP_FLAGS] & TCP_RST));
	fcntl(sk, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(accept(sk, NULL, NULL), -1);
	world_close(&w);
	close(sk);
}
END_TEST

/* Both ways to the host's loopback, and neither of them for a Realm that was not given it. */
START_TEST(a_closed_loopback_is_not_reached)
{
	struct world w;
	struct conn c = { .w = &w, .sport = 40000, .seq = 1 };
	struct fake_frame *r;
	u8 f[128];
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &c.dport),
	    udp = listen_on_loopback(SOCK_DGRAM, &port);

	fcntl(sk, F_SETFL, O_NONBLOCK);
	world_up(&w, "mode=user,host-loopback=off", 0);
	tcp_send(&c, TCP_SYN, NULL, 0);
	r = next_frame(&w); /* it is told, whatever way */
	ck_assert_ptr_nonnull(r);
	/* Of libslirp's network all addresses but two are the host's. */
	for (u32 a = HOST_IP & ~0xffu; a < (HOST_IP | 0xff); a++)
		send_frame(&w, f, put_udp(f, GUEST_IP, a, 5555, port, "x", 1));
	for (int i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	ck_assert_int_eq(accept(sk, NULL, NULL), -1);
	ck_assert_int_eq(recv(udp, f, sizeof(f), MSG_DONTWAIT), -1);
	world_close(&w);
	close(sk);
	close(udp);
}
END_TEST

START_TEST(other_networks_and_name_servers)
{
	static const u8 dns[] = { 6, 8, 1, 1, 1, 1, 8, 8, 8, 8 },
			domain[] = { 15, 3, 'l', 'a', 'b' };
	static const u8 mtu[] = { 26, 2, 0x23, 0x28 };
	u8 f[512], msg[300] = { 1, 1, 6 };
	struct fake_frame *r;
	struct world w;

	world_up(&w,
		 "mode=user,host_ip=10.9.8.1,guest_ip=10.9.8.3,dns=1.1.1.1,dns=8.8.8.8,domain=lab,"
		 "mtu=9000",
		 0);
	ck_assert_uint_eq(w.n->mtu, 9000);
	memcpy(msg + 28, guest_mac, 6);
	be32_put(msg + 236, 0x63825363);
	memcpy(msg + 240, "\x35\x01\x01\xff", 4);
	ck_assert_int_eq(send_frame(&w, f, put_udp(f, 0, 0xffffffff, 68, 67, msg, sizeof(msg))), 0);
	r = next_ip4(&w, PROTO_UDP);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(be32_at(r->data + 42 + 16), 0x0a090803);
	ck_assert_ptr_nonnull(memmem(r->data, r->len, dns, sizeof(dns)));
	ck_assert_ptr_nonnull(memmem(r->data, r->len, domain, sizeof(domain)));
	ck_assert_ptr_nonnull(memmem(r->data, r->len, mtu, sizeof(mtu)));
	/* The virtual name server moves out of the guest's way. */
	send_frame(&w, f, put_arp(f, 1, 0x0a090803, 0x0a090804));
	r = next_frame(&w);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + ARP_SPA), 0x0a090804);
	world_close(&w);
}
END_TEST

SUITE_MAIN("net/user", arp_for_the_gateway_is_answered, dhcp_gives_the_seeds_lease,
	   no_dhcp_when_switched_off, ping_of_the_host, udp_to_and_from_the_hosts_loopback,
	   large_datagrams_for_the_guest_are_fragmented, fragments_of_the_guest_are_put_together,
	   tcp_to_the_hosts_loopback, segments_of_a_batch_are_merged,
	   acknowledgements_of_a_batch_are_one, refused_connections_are_reset,
	   tso_frames_of_the_guest_are_taken_whole, large_segments_for_a_driver_that_takes_them,
	   small_segments_for_a_driver_that_wants_checksums,
	   small_segments_for_a_driver_that_wants_none, back_pressure_loses_nothing,
	   urgent_data_is_ordinary_data, forwarded_ports_reach_the_guest,
	   a_port_that_is_taken_is_an_error, bad_frames_are_refused_and_harmless,
	   nothing_is_delivered_without_a_driver, peers_that_go_away, a_blocked_guest_still_sends,
	   ipv6_when_asked_for, a_restricted_guest_reaches_nothing,
	   a_closed_loopback_is_not_reached, other_networks_and_name_servers)
