/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's connections and real sockets of this host. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "tests/unit/net/user/tcp_world.h"

static struct tw w;

static void set_up(void)
{
	tw_open(&w, ALL_OFFLOADS);
}

static void tear_down(void)
{
	tw_close(&w);
}

/* A listener on the loopback of either family. */
static int serve(bool v6, u16 *port)
{
	union reach_addr a = { .in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback } };
	socklen_t len = sizeof(a);
	int sk = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!v6)
		a.in = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (sk < 0 || bind(sk, &a.sa, v6 ? sizeof(a.in6) : sizeof(a.in)))
		return -1;
	ck_assert_int_eq(listen(sk, 128), 0);
	ck_assert_int_eq(getsockname(sk, &a.sa, &len), 0);
	*port = ntohs(v6 ? a.in6.sin6_port : a.in.sin_port);
	return sk;
}

/* A connection of the guest with a server of this process. */
struct pair {
	struct tg g;
	int listener, fd;
};

static struct pair open_pair(bool v6, int scale)
{
	struct pair p;
	u16 port;

	p.listener = serve(v6, &port);
	ck_assert_int_ge(p.listener, 0);
	p.g = tg_of(&w, v6, 40000, port);
	p.g.scale = scale;
	tg_open(&p.g);
	p.fd = accept4(p.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(p.fd, 0);
	return p;
}

static void close_pair(struct pair *p)
{
	close(p->fd);
	close(p->listener);
}

#define PATTERN 4093u

/* 64 KiB of the stream from its byte `at` on. */
static const u8 *bytes_at(size_t at)
{
	static u8 pattern[PATTERN + 65536];

	for (size_t i = 0; !pattern[1] && i < sizeof(pattern); i++)
		pattern[i] = (u8)(i % PATTERN * 7 + i % PATTERN / 251);
	return pattern + at % PATTERN;
}

/* Read what the server has; checks it. */
static size_t server_reads(int fd, size_t at)
{
	static u8 buf[1 << 16];
	size_t got = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		ck_assert_mem_eq(buf, bytes_at(at + got), (size_t)n);
		got += (size_t)n;
	}
	return got;
}

static size_t server_writes(int fd, size_t at, size_t len)
{
	ssize_t n = write(fd, bytes_at(at), MIN(len, (size_t)65536));

	return n > 0 ? (size_t)n : 0;
}

/* ---- the guest's stack, as far as a stream needs one ---- */

struct stream {
	size_t total;
	size_t sent, read; /* by one end, by the other one */
	unsigned swap;	   /* of so many segments each one comes before the one in front of it */
	unsigned drop, repeat; /* of so many segments each one is lost; comes twice; 0: none */
	unsigned nr;	       /* segments so far */
	size_t mss;
};

static bool now_and_then(struct stream *s, unsigned every)
{
	return every && s->nr % every == every - 1;
}

/*
 * The guest sends: what was lost it sends again after three of the same acknowledgement, or when
 * nothing comes.
 */
static void stream_up(struct pair *p, struct stream *s)
{
	u32 first = p->g.seq, una = first, edge = first + 64240, dups = 0;
	struct tf f;

	while (s->read < s->total) {
		while (s->sent < s->total && tcp_diff(edge, p->g.seq) > 0) {
			size_t n = MIN(s->mss, s->total - s->sent);

			n = MIN(n, (size_t)tcp_diff(edge, p->g.seq));
			s->nr++;
			if (now_and_then(s, s->swap) && s->sent + 2 * n <= s->total)
				tg_send_at(&p->g, TCP_ACK, p->g.seq + (u32)n, bytes_at(s->sent + n),
					   n);
			for (int i = now_and_then(s, s->repeat); i >= 0; i--)
				if (!now_and_then(s, s->drop))
					tg_send_at(&p->g, TCP_ACK, p->g.seq, bytes_at(s->sent), n);
			p->g.seq += (u32)n;
			s->sent += n;
		}
		s->read += server_reads(p->fd, s->read);
		if (!tg_next(&p->g, &f, 0) && !tg_next(&p->g, &f, 20))
			dups = 3;
		else
			do {
				ck_assert(!(f.flags & TCP_RST));
				dups = f.ack == una ? dups + 1 : 0;
				una = f.ack;
				edge = f.ack + MIN((u32)f.win << p->g.shift, 200u * 1460);
			} while (tg_next(&p->g, &f, 0));
		if (dups >= 3) {
			p->g.seq = una;
			s->sent = una - first;
			/* A closed window is probed. */
			tg_send_at(&p->g, TCP_ACK, una - 1, NULL, 0);
		}
	}
}

/* The guest receives: out of order is lost. */
static void stream_down(struct pair *p, struct stream *s)
{
	struct tf f;

	while (s->read < s->total) {
		if (s->sent < s->total)
			s->sent += server_writes(p->fd, s->sent, s->total - s->sent);
		if (!tg_next(&p->g, &f, scaled(5000)))
			ck_abort_msg("stuck at %zu of %zu", s->read, s->total);
		ck_assert(!(f.flags & TCP_RST));
		s->nr++;
		if (!f.len || now_and_then(s, s->drop))
			continue;
		if (f.seq == p->g.ack) {
			ck_assert_mem_eq(f.data, bytes_at(s->read), f.len);
			s->read += f.len;
			p->g.ack += f.len;
		}
		tg_send(&p->g, TCP_ACK, NULL, 0);
	}
}

/* ---- tests ---- */

START_TEST(both_families_both_ways)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct stream up = { .total = 1000000, .mss = 1460 };
		struct stream down = { .total = 1000000 };
		struct pair p;
		u16 port;
		int sk = serve(v6, &port);

		if (sk < 0) {
			fprintf(stderr, "skip: no IPv6 on this host\n");
			continue;
		}
		close(sk);
		p = open_pair(v6, 7);
		stream_up(&p, &up);
		stream_down(&p, &down);
		tg_send(&p.g, TCP_RST, NULL, 0);
		close_pair(&p);
	}
}
END_TEST

START_TEST(window_scales)
{
	for (int scale = -1; scale <= 14; scale++) {
		struct stream down = { .total = 400000 };
		struct pair p;

		p = open_pair(false, scale);
		p.g.win = (u16)(scale <= 0 ? 65535 : MAX(200000 >> scale, 1));
		tg_send(&p.g, TCP_ACK, NULL, 0);
		stream_down(&p, &down);
		tg_send(&p.g, TCP_RST, NULL, 0);
		close_pair(&p);
	}
}
END_TEST

/* Our numbers have gone round: they pass the one that began the connection, and zero. */
START_TEST(after_four_gigabytes)
{
	struct stream down = { .total = 300000 };
	struct pair p = open_pair(false, 3);
	struct tcp_conn *c = tg_conn(&p.g);
	struct tf f;

	p.g.ack = c->snd_una = c->snd_nxt = c->snd_max = UINT32_MAX - 100000;
	c->iss = c->snd_una + 4;
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(write(p.fd, "abcdefgh", 8), 8);
		f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
		ck_assert_uint_eq(f.len, 8);
		ck_assert_mem_eq(f.data, "abcdefgh", 8);
		p.g.ack += 4;
		tg_send(&p.g, TCP_ACK, NULL, 0);
		p.g.ack += 4;
		tg_send(&p.g, TCP_ACK, NULL, 0);
	}
	stream_down(&p, &down);
	close_pair(&p);
}
END_TEST

/* A window of a few bytes, and one that closes for a while. */
START_TEST(tiny_windows)
{
	struct stream down = { .total = 3000 };
	struct pair p = open_pair(false, -1);

	p.g.win = 7;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	stream_down(&p, &down);
	close_pair(&p);
}
END_TEST

START_TEST(loss_and_duplicates)
{
	struct stream up = { .total = 1000000, .mss = 1460, .drop = 17, .repeat = 5 };
	struct stream down = { .total = 1000000, .drop = 11 };
	struct pair p = open_pair(false, 3);

	p.g.win = 8000;
	stream_up(&p, &up);
	stream_down(&p, &down);
	close_pair(&p);
}
END_TEST

START_TEST(reordering)
{
	struct stream up = { .total = 500000, .mss = 1460, .swap = 3, .repeat = 4 };
	struct pair p = open_pair(false, 3);

	stream_up(&p, &up);
	close_pair(&p);
}
END_TEST

/* The server does not read: the window closes, and opens when it does. */
START_TEST(a_server_that_waits)
{
	struct stream up = { .total = 0, .mss = 1460 };
	struct pair p = open_pair(false, 7);
	static u8 data[1460];
	struct tf f = { .win = 1 };

	for (unsigned i = 0; i < 20000 && f.win; i++) {
		tg_send_at(&p.g, TCP_ACK, p.g.seq, data, sizeof(data));
		while (tg_next(&p.g, &f, 0))
			p.g.seq = f.ack;
	}
	ck_assert_uint_eq(f.win, 0);
	tw_quiet(&w);
	while (read(p.fd, data, sizeof(data)) > 0)
		;
	f = tg_expect(&p.g, TCP_ACK);
	ck_assert_uint_gt(f.win, 0);
	p.g.seq = f.ack;
	while (tg_next(&p.g, &f, 5))
		;
	while (read(p.fd, data, sizeof(data)) > 0)
		;
	up.total = 200000;
	stream_up(&p, &up);
	close_pair(&p);
}
END_TEST

/* The guest closes its window; what it then gets are probes, and the rest when it opens it. */
START_TEST(a_guest_that_waits)
{
	struct pair p = open_pair(false, -1);
	struct tf f;

	p.g.win = 0;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	ck_assert_int_eq(write(p.fd, "hello", 5), 5);
	f = tg_expect(&p.g, TCP_ACK); /* after a second */
	ck_assert_uint_eq(f.len, 0);
	ck_assert_uint_eq(f.seq, p.g.ack - 1);
	tg_send(&p.g, TCP_ACK, NULL, 0);
	p.g.win = 2;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	f = tg_expect(&p.g, TCP_ACK);
	ck_assert_uint_eq(f.len, 2);
	p.g.ack += 2;
	p.g.win = 1000;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(f.len, 3);
	ck_assert_mem_eq(f.data, "llo", 3);
	close_pair(&p);
}
END_TEST

START_TEST(refused)
{
	u16 port;
	struct tg g;
	int sk = serve(false, &port);

	close(sk);
	g = tg_of(&w, false, 40000, port);
	tg_send(&g, TCP_SYN, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_RST | TCP_ACK).ack, g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert_uint_eq(w.t->nr_fds, 0);
}
END_TEST

/* Each side ends its half; data goes on the other way. */
START_TEST(half_close)
{
	struct pair p = open_pair(false, 7);
	struct tf f;
	char buf[8];

	shutdown(p.fd, SHUT_WR);
	f = tg_expect(&p.g, TCP_FIN | TCP_ACK);
	p.g.ack++;
	tg_send(&p.g, TCP_ACK, "late", 4);
	tg_expect(&p.g, TCP_ACK);
	ck_assert_int_eq(read(p.fd, buf, sizeof(buf)), 4);
	tg_send(&p.g, TCP_FIN | TCP_ACK, NULL, 0);
	f = tg_expect(&p.g, TCP_ACK);
	ck_assert_uint_eq(f.ack, p.g.seq);
	ck_assert_int_eq(read(p.fd, buf, sizeof(buf)), 0);
	ck_assert_int_eq(tg_state(&p.g), CONN_TIME_WAIT);
	close_pair(&p);

	p = open_pair(false, 7);
	tg_send(&p.g, TCP_FIN | TCP_ACK, NULL, 0);
	tg_expect(&p.g, TCP_ACK);
	ck_assert_int_eq(read(p.fd, buf, sizeof(buf)), 0);
	ck_assert_int_eq(write(p.fd, "late", 4), 4);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	ck_assert_mem_eq(f.data, "late", 4);
	p.g.ack += 4;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	close(p.fd);
	tg_expect(&p.g, TCP_FIN | TCP_ACK);
	p.g.ack++;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	ck_assert_int_eq(tg_state(&p.g), CONN_CLOSED);
	close(p.listener);
}
END_TEST

static void hard_close(int fd)
{
	const struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* A reset of one side is one for the other side. */
START_TEST(resets)
{
	struct pair p = open_pair(false, 7);
	char c;

	tg_send(&p.g, TCP_RST, NULL, 0);
	ck_assert_int_eq(read(p.fd, &c, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close_pair(&p);

	p = open_pair(false, 7);
	hard_close(p.fd);
	tg_expect(&p.g, TCP_RST | TCP_ACK);
	ck_assert_int_eq(tg_state(&p.g), CONN_CLOSED);
	close(p.listener);

	/* Also when all has been read, and only the guest's half is open. */
	p = open_pair(false, 7);
	shutdown(p.fd, SHUT_WR);
	tg_expect(&p.g, TCP_FIN | TCP_ACK);
	p.g.ack++;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	hard_close(p.fd);
	tg_expect(&p.g, TCP_RST | TCP_ACK);
	ck_assert_int_eq(tg_state(&p.g), CONN_CLOSED);
	close(p.listener);
}
END_TEST

/* Frames as the driver takes them. */
START_TEST(frames_for_the_driver)
{
	static const u32 offloads[] = { ALL_OFFLOADS, NETIF_RX_CSUM, 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++) {
		struct stream down = { .total = 300000 };
		u32 largest = 0;
		struct pair p;
		struct tf f;

		tcp_up(w.t, offloads[i]);
		p = open_pair(false, 7);
		stream_down(&p, &down);
		server_writes(p.fd, 0, 20000);
		while (tg_next(&p.g, &f, 10)) {
			largest = MAX(largest, f.len);
			ck_assert_int_eq(f.o.gso, f.len > 1460 ? NETIF_GSO_TCPV4 : NETIF_GSO_NONE);
			ck_assert_uint_eq(f.o.gso_size, f.len > 1460 ? 1460 : 0);
			ck_assert(f.o.needs_csum == (f.len && offloads[i]));
		}
		ck_assert_uint_ge(largest, i ? 1460 : 4000);
		ck_assert(!i || largest == 1460);
		tg_send(&p.g, TCP_RST, NULL, 0);
		close_pair(&p);
	}
}
END_TEST

/* No receive buffers: nothing is lost, and nobody waits for ever. */
START_TEST(back_pressure)
{
	struct stream down = { .total = 100000 };
	struct pair p = open_pair(false, 7);

	w.client.room = 0;
	down.sent = server_writes(p.fd, 0, 100000);
	tw_quiet(&w);
	for (int i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	ck_assert_uint_lt(w.client.nr_again, 5); /* it does not try for ever */
	for (unsigned i = 0; i < 1000 && down.read < down.total; i++) {
		struct tf f;

		w.client.room = 1;
		tcp_rx_ready(w.t);
		while (tg_next(&p.g, &f, 0)) {
			ck_assert_uint_eq(f.seq, p.g.ack);
			down.read += f.len;
			p.g.ack += f.len;
		}
		if (down.sent < down.total)
			down.sent += server_writes(p.fd, down.sent, down.total - down.sent);
		tg_send(&p.g, TCP_ACK, NULL, 0);
	}
	ck_assert_uint_eq(down.read, down.total);
	close_pair(&p);
}
END_TEST

/* A driver that goes and comes back finds its connections. */
START_TEST(a_driver_that_is_replaced)
{
	struct pair p = open_pair(false, 7);
	struct tf f;

	tcp_down(w.t);
	ck_assert_int_eq(write(p.fd, "hello", 5), 5);
	tw_quiet(&w);
	tcp_up(w.t, 0);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(f.len, 5);
	close_pair(&p);
}
END_TEST

/* Data that is lost twice, and then a FIN. */
START_TEST(retransmission)
{
	struct pair p = open_pair(false, 7);
	struct tf f;

	ck_assert_int_eq(write(p.fd, "hello", 5), 5);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(f.seq, p.g.ack);
	ck_assert_mem_eq(f.data, "hello", 5);
	close(p.fd);
	tg_expect(&p.g, TCP_FIN | TCP_ACK);
	f = tg_expect(&p.g, TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(f.seq, p.g.ack);
	tg_expect(&p.g, TCP_FIN | TCP_ACK);
	p.g.ack += 6;
	tg_send(&p.g, TCP_ACK, NULL, 0);
	ck_assert_int_eq(tg_state(&p.g), CONN_FIN_WAIT_2);
	close(p.listener);
}
END_TEST

/* A kernel that does not know SO_PEEK_OFF for TCP. */
START_TEST(without_peek_off)
{
	struct stream down = { .total = 1500000, .drop = 13 };
	struct pair p = open_pair(false, 7);
	struct tcp_conn *c = tg_conn(&p.g);
	int off = -1;

	setsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
	c->peek_off = false;
	stream_down(&p, &down);
	shutdown(p.fd, SHUT_WR);
	for (struct tf f;;) {
		ck_assert(tg_next(&p.g, &f, scaled(3000)));
		if (f.flags & TCP_FIN)
			break;
	}
	close_pair(&p);
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/tcp", set_up, tear_down, both_families_both_ways, window_scales,
		   after_four_gigabytes, tiny_windows, loss_and_duplicates, reordering,
		   a_server_that_waits, a_guest_that_waits, refused, half_close, resets,
		   frames_for_the_driver, back_pressure, a_driver_that_is_replaced, retransmission,
		   without_peek_off)
