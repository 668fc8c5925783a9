/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The native network path, for callgrind: a tiny guest moves bytes over one TCP connection through
 * virtio-net and the user-mode network to or from a socket of this process.
 *
 *	net_path up|down MSS MIB [direct]
 *
 * "direct": with tcp=direct instead of libslirp.
 *
 * MSS is the payload of the guest's frames: 1460 as without offloads, up to 32120 with. Only
 * loop_step() is of interest (callgrind --toggle-collect=loop_step).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netif.h"
#include "net/netopt.h"
#include "tests/fake/driver.h"
#include "tests/fake/transport.h"
#include "tests/unit/net/guest.h"
#include "virtio/dev/kinds.h"

/* [virtio 1.3 §5.1.3]: CSUM, GUEST_CSUM, MAC, MRG_RXBUF; GUEST_TSO4 and HOST_TSO4 */
#define F_BASE (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | BIT(0) | BIT(1) | BIT(5) | BIT(15))
#define F_TSO (BIT(7) | BIT(11))

#define RING 256u
#define RX_BUF 4096u
#define TX_AREA MiB
#define TX_BASE (FAKE_DATA + MiB)

enum { RXQ, TXQ };

struct bench {
	struct mem *mem;
	struct loop *loop;
	struct virtio_device *d;
	struct fake_transport t;
	struct fake_ring rx, tx;
	int server;
	u16 port;
	u32 seq, acked, ack; /* ours, the peer's acknowledgement of it, ours of the peer's */
	u32 mss, tx_buf;     /* payload and room of a frame */
	unsigned next_tx;
	u64 frames_in, frames_out;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void post_rx(struct bench *b, u32 id)
{
	struct fake_buf buf = { FAKE_DATA + (u64)id * RX_BUF, RX_BUF, true };

	fake_ring_add(&b->rx, &buf, 1);
}

static void kick(struct bench *b, u16 q)
{
	if (fake_ring_wants_kick(q == TXQ ? &b->tx : &b->rx))
		virtio_notify(b->d, q);
}

static void send_segment(struct bench *b, u8 flags, size_t len)
{
	/* More buffers than a window has frames. */
	u64 at = TX_BASE + (u64)b->next_tx++ * b->tx_buf % TX_AREA;
	u8 *p = fake_ptr(b->mem, at, b->tx_buf), *tcp = p + 12 + 34;
	struct tcp_seg t = { .sport = 40000,
			     .dport = b->port,
			     .seq = b->seq,
			     .ack = b->ack,
			     .flags = flags,
			     .win = 65535,
			     .mss = flags & TCP_SYN ? 1460 : 0 };
	size_t n = put_tcp(p + 12, GUEST_IP, HOST_IP, &t);
	struct fake_buf buf = { at, (u32)(12 + n + len), false };
	u32 id, used;

	memset(p, 0, 12);
	be16_put(p + 12 + 16, (u16)(n + len - 14));
	fix_ip4(p + 12);
	p[0] = 1; /* NEEDS_CSUM, little-endian fields: csum_start 34, csum_offset 16 */
	p[6] = 34;
	p[8] = 16;
	if (len > 1460) {
		p[1] = 1;
		p[2] = 54;
		p[4] = 1460 & 0xff;
		p[5] = 1460 >> 8;
	}
	be16_put(tcp + TCP_CSUM, 0);
	fake_ring_add(&b->tx, &buf, 1);
	b->seq += (u32)len + !!(flags & TCP_SYN);
	b->frames_out++;
	while (fake_ring_used(&b->tx, &id, &used))
		;
}

/* One received frame (in its first buffer); returns the TCP payload that it carried. */
static size_t look_at(struct bench *b, const u8 *f, size_t len)
{
	const u8 *tcp = f + 34;

	b->frames_in++;
	if (be16_at(f + ETH_TYPE) != ETHERTYPE_IP4 || f[ETH_HDR + IP4_PROTO] != PROTO_TCP)
		return 0;
	b->acked = be32_at(tcp + TCP_ACKNR);
	if (tcp[TCP_FLAGS] & TCP_SYN)
		b->ack = be32_at(tcp + TCP_SEQ) + 1;
	/* Small frames are padded. */
	return MIN(len, (size_t)be16_at(f + 16) + 14) - 34 - (size_t)(tcp[TCP_OFF] >> 4) * 4;
}

/* Take what has come; acknowledges each frame with payload. Returns its bytes. */
static size_t receive(struct bench *b)
{
	size_t payload = 0, total = 0, n;
	u32 id, len;

	while (fake_ring_used(&b->rx, &id, &len)) {
		const u8 *p = fake_ptr(b->mem, FAKE_DATA + (u64)id * RX_BUF, RX_BUF);
		unsigned nr = p[10] | p[11] << 8;
		size_t frame = len - 12;
		u32 ids[32] = { id };

		for (unsigned i = 1; i < nr; i++) {
			if (!fake_ring_used(&b->rx, &ids[i], &len))
				die("buffers of a frame");
			frame += len;
		}
		n = look_at(b, p + 12, frame);
		for (unsigned i = 0; i < nr; i++)
			post_rx(b, ids[i]);
		total += n;
		if (n) {
			b->ack += (u32)n;
			payload += n;
			send_segment(b, TCP_ACK, 0);
		}
	}
	kick(b, RXQ);
	return total;
}

static void turn(struct bench *b)
{
	kick(b, TXQ);
	loop_step(b->loop, 0);
}

static void set_up(struct bench *b, bool tso, const char *net)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sk = socket(AF_INET, SOCK_STREAM, 0), big = 1 << 20;
	socklen_t len = sizeof(a);
	struct net_conf c;
	struct netif *n;

	setsockopt(sk, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	if (bind(sk, (struct sockaddr *)&a, len) || listen(sk, 1) ||
	    getsockname(sk, (struct sockaddr *)&a, &len))
		die("listen");
	b->port = ntohs(a.sin_port);
	b->mem = fake_mem(0);
	if (loop_create(&b->loop, "io") || netopt_parse(&c, net, 0))
		die("network");
	netopt_settle(&c, false);
	if (netif_create(&n, &c, b->loop))
		die("network");

	struct virtio_env env = { .mem = b->mem, .loop = b->loop };

	if (virtio_net_create(&b->d, &env, n))
		die("virtio-net");
	fake_transport_attach(&b->t, b->d);
	fake_ring_init(&b->rx, b->mem, FAKE_RING(0), RING, true);
	fake_ring_init(&b->tx, b->mem, FAKE_RING(1), RING, true);
	if (!fake_negotiate(b->d, F_BASE | (tso ? F_TSO : 0)))
		die("features");
	fake_queue(b->d, RXQ, &b->rx);
	fake_queue(b->d, TXQ, &b->tx);
	for (u32 i = 0; i < RING; i++)
		post_rx(b, i);
	fake_driver_ok(b->d);

	/* A guest that has done ARP: libslirp knows where it lives. */
	u8 *p = fake_ptr(b->mem, TX_BASE, b->tx_buf);
	struct fake_buf arp = { TX_BASE, 12 + ETH_HDR + ARP_LEN, false };

	memset(p, 0, 12);
	put_arp(p + 12, 1, GUEST_IP, HOST_IP);
	fake_ring_add(&b->tx, &arp, 1);
	b->next_tx++;
	send_segment(b, TCP_SYN, 0);
	while (b->acked != b->seq) {
		turn(b);
		receive(b);
	}
	send_segment(b, TCP_ACK, 0);
	turn(b);
	b->server = accept4(sk, NULL, NULL, SOCK_NONBLOCK);
	if (b->server < 0)
		die("accept");
	close(sk);
}

static u8 block[256 * KiB];

static void run_up(struct bench *b, size_t total)
{
	size_t sent = 0, got = 0;

	while (got < total) {
		ssize_t n;

		while (sent < total && b->seq - b->acked + b->mss <= 65535) {
			send_segment(b, TCP_ACK | TCP_PSH, b->mss);
			sent += b->mss;
		}
		turn(b);
		receive(b);
		while ((n = read(b->server, block, sizeof(block))) > 0)
			got += (size_t)n;
	}
}

static void run_down(struct bench *b, size_t total)
{
	size_t sent = 0, got = 0;

	while (got < total) {
		ssize_t n;

		while (sent < total &&
		       (n = write(b->server, block, MIN(sizeof(block), total - sent))) > 0)
			sent += (size_t)n;
		turn(b);
		got += receive(b);
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	size_t total;

	if (argc < 4) {
		fprintf(stderr, "usage: net_path up|down MSS MIB [direct]\n");
		return 2;
	}
	b.mss = (u32)atoi(argv[2]);
	b.tx_buf = b.mss > 1460 ? 64 * KiB : 2 * KiB;
	b.seq = 1000;
	total = (size_t)atoi(argv[3]) * MiB;
	set_up(&b, b.mss > 1460, argc > 4 ? "mode=user,tcp=direct" : NULL);
	if (argv[1][0] == 'u')
		run_up(&b, total);
	else
		run_down(&b, total);
	printf("%s mss %u: %zu MiB, %llu frames out, %llu in, interrupts rx %u tx %u\n", argv[1],
	       b.mss, total / (size_t)MiB, (unsigned long long)b.frames_out,
	       (unsigned long long)b.frames_in, (unsigned)b.t.queue[RXQ], (unsigned)b.t.queue[TXQ]);
	virtio_status_set(b.d, 0);
	b.d->type->destroy(b.d);
	loop_destroy(b.loop);
	mem_destroy(b.mem);
	close(b.server);
	return 0;
}
