/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in front of net/user/tcp*.c, and a host that is no better: connects that fail,
 * sockets that take little, streams that end in the middle. No byte may be out of place whatever
 * both do: each has a value that follows from its sequence number.
 *
 * Thread: one.
 * Trust:  plays the guest, and the host's sockets (it stands in for net/user/tcp_host.c).
 *
 * Input: one byte of set-up, then operations of one byte with their operands.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "net/csum.h"
#include "net/user/tcp_conn.h"
#include "tests/fake/packet.h"
#include "tests/fuzz/input.h"

#define NR 4u

/* What the guest remembers of a connection; and what the host's socket is. */
struct end {
	struct ip_key key;
	u32 seq, ack;

	int connect;	     /* what connect(2) says */
	u32 room, has, gone; /* bytes that it takes, that came from its peer, that were taken out */
	bool eof, open;
	int error;
};

static struct world {
	struct loop *loop;
	struct netif n;
	struct guard guard;
	struct tcp *t;
	struct end ends[NR];
	struct fake_room to; /* the guest */
	u64 now;	     /* the same input always meets the same clock, and the same keys */
} w;

/* It stands in for the loop's. */
u64 loop_now_ns(void)
{
	return w.now;
}

static u8 byte_at(u32 seq)
{
	return (u8)(seq * 0x9e3779b1u >> 24);
}

static struct end *end_of(const struct tcp_conn *c)
{
	return &w.ends[c->key.ports[1] % NR];
}

/* ---- the host ---- */

static int open_socket(struct tcp_conn *c)
{
	struct end *e = end_of(c);

	c->fd = 100;
	c->peek_off = true;
	*e = (struct end){ .key = e->key,
			   .seq = e->seq,
			   .ack = e->ack,
			   .connect = e->connect,
			   .room = 1000000,
			   .open = true };
	return e->connect;
}

int tcp_host_connect(struct tcp_conn *c)
{
	return open_socket(c);
}

int tcp_host_adopt(struct tcp_conn *c, int fd)
{
	open_socket(c);
	return 0;
}

void tcp_host_size(int fd, const union reach_addr *a)
{
}

ssize_t tcp_host_send(struct tcp_conn *c, struct iov_cur data, size_t len)
{
	struct end *e = end_of(c);
	static u8 buf[70000];

	check(e->open && len && len < sizeof(buf));
	if (e->error)
		return -e->error;
	len = MIN(len, e->room);
	check(iov_read(&data, buf, len) == len);
	for (size_t i = 0; i < len; i++)
		check(buf[i] == byte_at(c->rcv_nxt + (u32)i));
	e->room -= (u32)len;
	return (ssize_t)len;
}

ssize_t tcp_host_peek(struct tcp_conn *c, u32 off, struct iov_cur room, size_t len)
{
	struct end *e = end_of(c);
	static u8 buf[70000];
	u32 at = e->gone + off;

	check(e->open && len && len < sizeof(buf) && at <= e->has);
	if (at == e->has)
		return e->error ? -e->error : e->eof ? 0 : -EAGAIN;
	len = MIN(len, e->has - at);
	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(c->iss + 1 + at + (u32)i);
	check(iov_write(&room, buf, len) == len);
	return (ssize_t)len;
}

int tcp_host_drop(struct tcp_conn *c, u32 len)
{
	struct end *e = end_of(c);

	check(len <= e->has - e->gone);
	e->gone += len;
	return 0;
}

void tcp_host_shutdown(struct tcp_conn *c)
{
	check(end_of(c)->open);
}

u32 tcp_host_space(struct tcp_conn *c)
{
	return end_of(c)->room;
}

void tcp_host_close(struct tcp_conn *c, bool reset)
{
	if (c->fd >= 0)
		end_of(c)->open = false;
	c->fd = -1;
}

/* ---- the guest ---- */

static void look_at(const u8 *f, size_t len, const struct netif_offload *o)
{
	bool v6 = be16_at(f + ETH_TYPE) == ETHERTYPE_IP6;
	size_t ip = v6 ? IP6_HDR : IP4_HDR, n = len - ETH_HDR - ip, hdr;
	const u8 *tcp = f + ETH_HDR + ip;
	struct end *e;

	check(len >= ETH_HDR + ARP_LEN && len <= NETIF_FRAME_MAX);
	if (be16_at(f + ETH_TYPE) == ETHERTYPE_ARP4 ||
	    f[ETH_HDR + (v6 ? IP6_NEXT : IP4_PROTO)] != PROTO_TCP)
		return;
	hdr = (size_t)(tcp[TCP_OFF] >> 4) * 4;
	check(hdr >= TCP_HDR && hdr <= n && (n - hdr <= 1460 || o->gso_size));
	e = &w.ends[be16_at(tcp + TCP_DST) % NR];
	for (size_t i = hdr; i < n; i++)
		check(tcp[i] == byte_at(be32_at(tcp + TCP_SEQ) + (u32)(i - hdr)));
	e->ack = be32_at(tcp + TCP_SEQ) + (u32)(n - hdr) + !!(tcp[TCP_FLAGS] & (TCP_SYN | TCP_FIN));
	if (tcp[TCP_FLAGS] & TCP_ACK)
		e->seq = be32_at(tcp + TCP_ACKNR);
}

static u8 frame[70000];

static void give(size_t len)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	const struct iovec iov = { frame, len };
	u8 head[DIRECT_HEAD];
	struct guard_pkt pkt;
	const char *why;
	size_t n = len;

	memcpy(head, frame, MIN(len, sizeof(head)));
	if (guard_way(&w.guard, head, len) == GUARD_DIRECT &&
	    !guard_check_direct(&w.guard, head, &n, &none, &pkt, &why))
		tcp_input(w.t, head, n, &none, &pkt, iov_cur(&iov, 1));
}

static void segment(struct input *i)
{
	u8 how = (u8)in(i, 1), flags = (u8)in(i, 1) & 63;
	struct end *e = &w.ends[how % NR];
	bool v6 = e->key.v6;
	size_t ip = v6 ? IP6_HDR : IP4_HDR, opts = 0, len, n;
	u8 *tcp = frame + ETH_HDR + ip;
	u32 seq = e->seq + (how & 4 ? (u32)in(i, 4) : 0),
	    ack = e->ack + (how & 8 ? (u32)in(i, 4) : 0);

	if (how & 16) {
		opts = (in(i, 1) % 11) * 4;
		for (size_t k = 0; k < opts; k++)
			tcp[TCP_HDR + k] = (u8)in(i, 1);
	}
	len = in(i, 2) % 33000;
	n = TCP_HDR + opts + len;
	fake_packet(frame, &e->key, PROTO_TCP, n);
	be32_put(tcp + TCP_SEQ, seq);
	be32_put(tcp + TCP_ACKNR, ack);
	tcp[TCP_OFF] = (u8)((TCP_HDR + opts) / 4 << 4);
	tcp[TCP_FLAGS] = flags;
	be16_put(tcp + TCP_WIN, (u16)in(i, 2));
	for (size_t k = 0; k < len; k++)
		tcp[TCP_HDR + opts + k] = byte_at(seq + (u32)k);
	be16_put(tcp + TCP_CSUM,
		 csum_finish(csum_add(ip_pseudo(&e->key, true, PROTO_TCP, n), tcp, n)));
	give(ETH_HDR + ip + n);
}

/* Something happens to the host's socket. */
static void host(struct input *i)
{
	u8 what = (u8)in(i, 1);
	struct end *e = &w.ends[what % NR];
	struct tcp_conn *c = tcp_find(w.t, &e->key);

	e->connect = (int[]){ 1, 0, -ECONNREFUSED, -EHOSTUNREACH, -EMFILE }[in(i, 1) % 5];
	if (!c || !e->open)
		return;
	switch (what >> 2 & 7) {
	case 0:
	case 1:
		if (!e->eof)
			e->has += (u32)in(i, 2);
		break;
	case 2:
		e->eof = c->hup = true;
		break;
	case 3:
		e->error = ECONNRESET;
		c->hup = true;
		break;
	case 4:
		e->room = (u32)in(i, 2);
		break;
	case 5:
		e->room = 1000000;
		c->ack_now |= c->full;
		c->full = false;
		break;
	case 6:
		if (c->state == CONN_CONNECTING)
			tcp_connected(c, MIN(e->connect, 0));
		break;
	}
	if (c->state == CONN_CLOSED)
		return;
	c->readable = true;
	tcp_touch(c);
}

/* A forward's connection, as tcp_listen.c makes it. */
static void dial(struct input *i)
{
	struct end *e = &w.ends[in(i, 1) % NR];
	struct tcp_conn *c;

	if (tcp_find(w.t, &e->key))
		return;
	c = tcp_conn_new(w.t, &e->key);
	c->state = CONN_SYN_SENT;
	w.t->nr_half++;
	c->rcv_scale = 7;
	c->mss = 536;
	check(!tcp_host_adopt(c, 1));
	c->readable = c->syn_now = true;
	tcp_rtx_arm(c);
	tcp_touch(c);
}

/* A step is one of the clock that first numbers are made of. */
static void time_passes(u64 ns)
{
	w.now += 4000 + ns;
}

static void operate(struct input *i)
{
	w.to.frames = 0;
	time_passes(0);
	switch (in(i, 1) % 10) {
	case 0:
	case 1:
	case 2:
		segment(i);
		break;
	case 3:
		host(i);
		break;
	case 4:
		w.to.room = (unsigned)in(i, 1);
		w.to.pieces = 16 + (u32)in(i, 1) * 16;
		tcp_rx_ready(w.t);
		break;
	case 5:
	case 6:
		tcp_settle(w.t);
		break;
	case 7:
		time_passes(in(i, 1) * TCP_SEC / 4);
		tcp_on_timer(w.t);
		break;
	case 8:
		dial(i);
		break;
	case 9:
		tcp_down(w.t);
		tcp_up(w.t, (u32)in(i, 1) & 63);
		tcp_rx_ready(w.t);
		break;
	}
}

/* What holds between any two operations. */
static void look_around(void)
{
	unsigned fds = 0, nr = 0, half = 0;

	for (unsigned k = 0; k < NR; k++) {
		struct tcp_conn *c = tcp_find(w.t, &w.ends[k].key);

		if (!c)
			continue;
		nr++;
		fds += c->state != CONN_TIME_WAIT;
		half += c->state == CONN_SYN_SENT;
		check(tcp_diff(c->snd_nxt, c->snd_una) >= 0);
		check(tcp_diff(c->snd_max, c->snd_nxt) >= 0);
		check(c->state == CONN_TIME_WAIT || w.ends[k].open);
		check(!c->eof || tcp_diff(c->snd_max, c->snd_fin + c->fin_sent) <= 0);
	}
	check(nr == w.t->nr && fds == w.t->nr_fds && half == w.t->nr_half);
	check(w.t->heap_nr <= nr);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct neigh neigh = { .mac = { 0 } };
	struct tcp_conf c = { .neigh = &neigh,
			      .mtu = 1500,
			      .reach = { .guard = &w.guard, .host_loopback = true } };
	u8 setup = (u8)in(&i, 1);

	memset(&w, 0, sizeof(w));
	w.to = (struct fake_room){ .room = 100, .pieces = 1536, .look = look_at };
	w.guard = (struct guard){ .net.s_addr = htonl(0xc0a82100),
				  .mask.s_addr = htonl(0xffffff00),
				  .host.s_addr = htonl(0xc0a82101),
				  .dns.s_addr = htonl(0xc0a82103),
				  .direct_tcp = true,
				  .ipv6 = true };
	inet_pton(AF_INET6, "fd33::", &w.guard.prefix6);
	inet_pton(AF_INET6, "fd33::3", &w.guard.dns6);
	for (unsigned k = 0; k < NR; k++) {
		struct ip_key *key = &w.ends[k].key;

		key->v6 = k & 1;
		inet_pton(k & 1 ? AF_INET6 : AF_INET, k & 1 ? "fd33::15" : "192.168.33.15",
			  key->guest);
		inet_pton(k & 1 ? AF_INET6 : AF_INET, k & 1 ? "fd33::1" : "192.168.33.1",
			  key->peer);
		be16_put(key->ports, (u16)(40000 + k));
		be16_put(key->ports + 2, 80);
		w.ends[k].connect = 1;
	}
	w.n.client = &fake_room_client;
	w.n.client_arg = &w.to;
	time_passes(TCP_SEC);
	check(!loop_create(&w.loop, "fuzz") && !tcp_create(&w.t, &c, w.loop, &w.n));
	w.t->key = w.t->iss_key = (struct sip_key){ 0 };
	tcp_up(w.t, setup & 63);
	while (i.left) {
		operate(&i);
		look_around();
	}
	tcp_settle(w.t);
	tcp_destroy(w.t);
	loop_destroy(w.loop);
	return 0;
}
