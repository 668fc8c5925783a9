/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 9293 state by state, over a host that does what the test says. */
#include <errno.h>

#include "tests/unit/net/user/tcp_world.h"

/* ---- the host: stands in for net/user/tcp_host.c ---- */

static struct host {
	int connect; /* what tcp_host_connect() says */
	u8 sent[1 << 17];
	size_t nr_sent, room; /* what the peer has read; what it takes at most */
	int send_error;
	u8 data[1 << 17]; /* what the peer says */
	size_t nr_data, dropped;
	bool eof;
	int error;
	bool shut, closed, was_reset;
	u32 space;
} h;

int tcp_host_connect(struct tcp_conn *c)
{
	c->fd = 99;
	c->peek_off = true;
	return h.connect;
}

int tcp_host_adopt(struct tcp_conn *c, int fd)
{
	c->fd = fd;
	c->peek_off = c->readable = true;
	return 0;
}

void tcp_host_size(int fd, const union reach_addr *a)
{
}

ssize_t tcp_host_send(struct tcp_conn *c, struct iov_cur data, size_t len)
{
	size_t n = MIN(len, h.room - h.nr_sent);

	ck_assert(!h.shut && !h.closed);
	if (h.send_error)
		return -h.send_error;
	iov_read(&data, h.sent + h.nr_sent, n);
	h.nr_sent += n;
	return (ssize_t)n;
}

ssize_t tcp_host_peek(struct tcp_conn *c, u32 off, struct iov_cur room, size_t len)
{
	size_t at = h.dropped + off;

	ck_assert(!h.closed);
	ck_assert_uint_le(at, h.nr_data);
	if (at == h.nr_data)
		return h.error ? -h.error : h.eof ? 0 : -EAGAIN;
	len = MIN(len, h.nr_data - at);
	iov_write(&room, h.data + at, len);
	return (ssize_t)len;
}

int tcp_host_drop(struct tcp_conn *c, u32 len)
{
	h.dropped += len;
	ck_assert_uint_le(h.dropped, h.nr_data);
	return 0;
}

void tcp_host_shutdown(struct tcp_conn *c)
{
	ck_assert(!h.shut);
	h.shut = true;
}

u32 tcp_host_space(struct tcp_conn *c)
{
	return h.space;
}

void tcp_host_close(struct tcp_conn *c, bool reset)
{
	if (c->fd < 0)
		return;
	c->fd = -1;
	h.closed = true;
	h.was_reset = reset;
}

/* ---- helpers ---- */

static struct tw w;
static struct tg g;

static void set_up(void)
{
	h = (struct host){ .connect = 1, .room = sizeof(h.sent), .space = 100000 };
	tw_open(&w, 0);
	g = tg_of(&w, false, 40000, 80);
}

static void tear_down(void)
{
	tw_close(&w);
}

/* The host's socket has something new. */
static void host_says(const void *data, size_t len, bool eof)
{
	struct tcp_conn *c = tg_conn(&g);

	memcpy(h.data + h.nr_data, data, len);
	h.nr_data += len;
	h.eof = eof;
	c->readable = true;
	c->hup = eof;
	tcp_touch(c);
	tcp_settle(w.t);
}

static void ack(void)
{
	tg_send(&g, TCP_ACK, NULL, 0);
}

/* Host to FIN: the guest has got it, and not acknowledged. */
static struct tf host_fin(void)
{
	struct tf f;

	host_says("", 0, true);
	f = tg_expect(&g, TCP_FIN | TCP_ACK);
	ck_assert_uint_eq(f.seq, g.ack);
	return f;
}

static void expect_ack(u32 nr)
{
	ck_assert_uint_eq(tg_expect(&g, TCP_ACK).ack, nr);
}

/* ---- LISTEN, SYN-RECEIVED ---- */

/* [RFC 9293 §3.10.7.1] */
START_TEST(closed)
{
	struct tf f;

	g.ack = 77;
	tg_send_at(&g, TCP_ACK, 5, "abc", 3);
	f = tg_expect(&g, TCP_RST);
	ck_assert_uint_eq(f.seq, 77);
	tg_send_at(&g, TCP_FIN, 5, "abc", 3);
	f = tg_expect(&g, TCP_RST | TCP_ACK);
	ck_assert_uint_eq(f.seq, 0);
	ck_assert_uint_eq(f.ack, 9);
	tg_send_at(&g, TCP_RST, 5, NULL, 0);
	tg_send_at(&g, TCP_RST | TCP_ACK, 5, NULL, 0);
	tw_quiet(&w);
	tg_send_at(&g, TCP_SYN | TCP_ACK, 5, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_RST).seq, 77);
	ck_assert_uint_eq(w.t->nr, 0);
}
END_TEST

START_TEST(syn_waits_for_the_host)
{
	struct tf f;

	h.connect = 0;
	g.scale = 3;
	tg_send(&g, TCP_SYN, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_CONNECTING);
	tg_send_at(&g, TCP_SYN, 1000, NULL, 0); /* again */
	tw_quiet(&w);
	tcp_connected(tg_conn(&g), 0);
	tcp_settle(w.t);
	f = tg_expect(&g, TCP_SYN | TCP_ACK);
	ck_assert_uint_eq(f.ack, 1001);
	ck_assert_uint_eq(f.mss, 1460);
	ck_assert_int_eq(f.scale, 7);
	ck_assert_int_eq(tg_state(&g), CONN_SYN_RCVD);
	/* The SYN again: so is the answer. */
	tg_send_at(&g, TCP_SYN, 1000, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_SYN | TCP_ACK).seq, f.seq);
	g.ack = f.seq + 1;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	tw_quiet(&w);
	ck_assert_uint_eq(tg_conn(&g)->snd_wnd, 64240u << 3);
}
END_TEST

/* What connect(2) says, as the guest's connect(2) is to say it. */
START_TEST(refusals)
{
	static const struct {
		int err;
		int type, code; /* of ICMP; -1: a reset; -2: nothing */
	} cases[] = {
		{ ECONNREFUSED, -1, 0 }, { EINVAL, -1, 0 },   { ENETUNREACH, 3, 0 },
		{ EHOSTUNREACH, 3, 1 },	 { ETIMEDOUT, 3, 1 }, { EACCES, 3, 13 },
		{ EPERM, 3, 13 },	 { EMFILE, -2, 0 },   { ENOMEM, -2, 0 },
	};
	struct fake_frame *f;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		h.connect = -cases[i].err;
		h.closed = false;
		tg_send_at(&g, TCP_SYN, 1000, NULL, 0);
		ck_assert(h.closed);
		ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
		if (cases[i].type == -1) {
			ck_assert_uint_eq(tg_expect(&g, TCP_RST | TCP_ACK).ack, 1001);
			continue;
		}
		f = tw_next(&w, 5);
		ck_assert_int_eq(!f, cases[i].type == -2);
		if (!f)
			continue;
		ck_assert_uint_eq(f->data[ETH_HDR + IP4_PROTO], PROTO_ICMP);
		ck_assert_uint_eq(f->data[34], cases[i].type);
		ck_assert_uint_eq(f->data[35], cases[i].code);
	}
}
END_TEST

START_TEST(reset_while_connecting)
{
	h.connect = 0;
	tg_send(&g, TCP_SYN, NULL, 0);
	tg_send_at(&g, TCP_RST, 4711, NULL, 0); /* not of this connection */
	ck_assert_int_eq(tg_state(&g), CONN_CONNECTING);
	tg_send(&g, TCP_RST, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.closed && h.was_reset);
}
END_TEST

START_TEST(syn_received_and_bad_acknowledgements)
{
	struct tf f;

	tg_send(&g, TCP_SYN, NULL, 0);
	f = tg_expect(&g, TCP_SYN | TCP_ACK);
	for (u32 i = 0; i < 2; i++) {
		g.ack = f.seq + 2 * i; /* one too few, one too many */
		ack();
		ck_assert_uint_eq(tg_expect(&g, TCP_RST).seq, g.ack);
		ck_assert_int_eq(tg_state(&g), CONN_SYN_RCVD);
	}
	tg_send(&g, TCP_RST, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.was_reset);
}
END_TEST

/* The handshake's last segment has data, and a FIN, with it. */
START_TEST(syn_received_with_data)
{
	tg_send(&g, TCP_SYN, "early", 5); /* its data is not taken, and comes again */
	g.seq -= 5;
	g.ack = tg_expect(&g, TCP_SYN | TCP_ACK).seq + 1;
	tg_send(&g, TCP_ACK | TCP_PSH | TCP_FIN, "hello", 5);
	expect_ack(g.seq);
	ck_assert_mem_eq(h.sent, "hello", 5);
	ck_assert(h.shut);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSE_WAIT);
}
END_TEST

/* ---- SYN-SENT: forwards ---- */

static void new_forward(void)
{
	struct tcp_conn *c = tcp_conn_new(w.t, &g.key);

	c->state = CONN_SYN_SENT;
	w.t->nr_half++;
	c->fd = 98;
	c->peek_off = c->readable = c->syn_now = true;
	c->rcv_scale = 7;
	c->mss = 536;
	tcp_rtx_arm(c);
	tcp_touch(c);
	tcp_settle(w.t);
}

static void dial_guest(void)
{
	new_forward();
	/* Nobody has heard of the guest's address yet. */
	ck_assert_uint_eq(be16_at(tw_next(&w, 0)->data + ETH_TYPE), ETHERTYPE_ARP4);
}

START_TEST(syn_sent)
{
	struct tf f;

	dial_guest();
	f = tg_expect(&g, TCP_SYN);
	ck_assert_int_eq(f.scale, 7);
	g.scale = 5;
	g.ack = f.seq; /* of something else */
	tg_send_at(&g, TCP_SYN | TCP_ACK, 1000, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_RST).seq, f.seq);
	tg_send_at(&g, TCP_RST | TCP_ACK, 1000, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_SYN_SENT);
	g.ack = f.seq + 1;
	tg_send_at(&g, TCP_ACK, 1000, NULL, 0); /* without a SYN it says nothing */
	ck_assert_int_eq(tg_state(&g), CONN_SYN_SENT);
	tg_send(&g, TCP_SYN | TCP_ACK, NULL, 0);
	expect_ack(1001);
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	ck_assert_uint_eq(tg_conn(&g)->mss, 1460);
	ck_assert_uint_eq(tg_conn(&g)->snd_scale, 5);
	ck_assert_uint_eq(w.t->nr_half, 0);
	tg_send(&g, TCP_ACK, "hi", 2);
	expect_ack(g.seq);
	ck_assert_mem_eq(h.sent, "hi", 2);
}
END_TEST

START_TEST(syn_sent_is_refused)
{
	dial_guest();
	g.ack = tg_expect(&g, TCP_SYN).seq + 1;
	tg_send_at(&g, TCP_RST, 0, NULL, 0); /* says nothing without an ACK */
	ck_assert_int_eq(tg_state(&g), CONN_SYN_SENT);
	tg_send_at(&g, TCP_RST | TCP_ACK, 0, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.closed && h.was_reset);
	ck_assert_uint_eq(w.t->nr_half, 0);
}
END_TEST

/* What the guest has had no buffer for, it cannot acknowledge: a guess is one of something else. */
START_TEST(syn_sent_in_vain)
{
	w.client.room = 0;
	new_forward();
	g.ack = tg_conn(&g)->iss;
	tg_send_at(&g, TCP_SYN | TCP_ACK, 1000, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_SYN_SENT);
	tg_send_at(&g, TCP_RST | TCP_ACK, 1000, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_SYN_SENT);
	w.client.room = 100;
	tcp_rx_ready(w.t);
	tw_next(&w, 0); /* who has the guest's address? */
	ck_assert_uint_eq(tg_expect(&g, TCP_SYN).seq, g.ack);
}
END_TEST

/* The time has run out for a SYN whose answer waits in the same batch: it is not sent again. */
START_TEST(syn_sent_and_answered)
{
	struct tcp_conn *c;
	u8 f[200];

	dial_guest();
	g.ack = tg_expect(&g, TCP_SYN).seq + 1;
	c = tg_conn(&g);
	c->syn_now = true;
	tw_input(&w, f, tg_frame(&g, f, TCP_SYN | TCP_ACK, 1000, NULL, 0));
	tcp_settle(w.t);
	expect_ack(1001);
	tw_quiet(&w);
}
END_TEST

/* Both dial at the same time [RFC 9293 §3.5, figure 7]. */
START_TEST(simultaneous_open)
{
	struct tf f;

	dial_guest();
	f = tg_expect(&g, TCP_SYN);
	tg_send(&g, TCP_SYN, NULL, 0);
	ck_assert_uint_eq(tg_expect(&g, TCP_SYN | TCP_ACK).seq, f.seq);
	g.ack = f.seq + 1;
	tg_send_at(&g, TCP_SYN | TCP_ACK, 1000, NULL, 0); /* as the guest does, too */
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
}
END_TEST

/* ---- ESTABLISHED ---- */

START_TEST(data_in_order)
{
	tg_open(&g);
	tg_send(&g, TCP_ACK, "abc", 3);
	tg_send_at(&g, TCP_ACK, g.seq - 2, "bcdef", 5); /* half of it again */
	g.seq += 3;
	expect_ack(g.seq);
	ck_assert_uint_eq(h.nr_sent, 6);
	ck_assert_mem_eq(h.sent, "abcdef", 6);
	tg_send_at(&g, TCP_ACK, g.seq - 3, "def", 3); /* all of it */
	expect_ack(g.seq);
	tg_send_at(&g, TCP_ACK, g.seq + 1, "h", 1); /* a hole */
	expect_ack(g.seq);
	tg_send_at(&g, TCP_ACK, g.seq + 200000, "h", 1); /* past the window */
	expect_ack(g.seq);
	tg_send_at(&g, TCP_ACK, g.seq - 100000, "h", 1);
	expect_ack(g.seq);
	ck_assert_uint_eq(h.nr_sent, 6);
	tg_send_at(&g, TCP_PSH, g.seq, "g", 1); /* no ACK: nothing */
	tw_quiet(&w);
	ck_assert_uint_eq(h.nr_sent, 6);
	tg_send(&g, TCP_ACK, "g", 1);
	expect_ack(g.seq);
}
END_TEST

/* No frame is there, nor comes one without an event. */
static void expect_nothing_yet(void)
{
	ck_assert_uint_eq(w.client.got.nr, w.seen);
}

/* The time in which an answer can take the acknowledgement along is over; or it is long. */
static void answers_have(struct tg *whose, u64 ns)
{
	tg_conn(whose)->ack_by = ns ? loop_now_ns() + ns : 0;
}

/*
 * A request is acknowledged by its answer; or alone, where there is none in time. Then the next
 * ones are at once, until an answer comes in time again.
 */
START_TEST(answers_acknowledge)
{
	struct tf f;

	tg_open(&g);
	for (unsigned i = 0; i < 3; i++) {
		tg_send(&g, TCP_ACK, "q", 1);
		expect_nothing_yet();
		host_says("a", 1, false);
		f = tg_expect(&g, TCP_ACK | TCP_PSH);
		ck_assert_uint_eq(f.ack, g.seq);
		expect_nothing_yet();
		g.ack += f.len;
	}
	tg_send(&g, TCP_ACK, "q", 1);
	expect_ack(g.seq);
	answers_have(&g, 0);
	host_says("a", 1, false);
	tg_expect(&g, TCP_ACK | TCP_PSH);
	g.ack++;
	tg_send(&g, TCP_ACK, "q", 1); /* that was too late */
	ck_assert_uint_eq(w.client.got.nr, w.seen + 1);
	expect_ack(g.seq);
	answers_have(&g, 3600 * TCP_SEC);
	host_says("a", 1, false);
	tg_expect(&g, TCP_ACK | TCP_PSH);
	g.ack++;
	tg_send(&g, TCP_ACK, "q", 1); /* that was not */
	expect_nothing_yet();
	tg_send(&g, TCP_ACK, "q", 1); /* but a second one does not wait */
	ck_assert_uint_eq(w.client.got.nr, w.seen + 1);
	expect_ack(g.seq);
}
END_TEST

/* What one connection has waited for in vain is nothing to another, which waits since a moment. */
START_TEST(answers_have_time_each)
{
	struct tg other = tg_of(&w, false, 40001, 80);

	tg_open(&g);
	tg_open(&other);
	tg_send(&other, TCP_ACK, "q", 1);
	tg_send(&g, TCP_ACK, "q", 1);
	answers_have(&g, 3600 * TCP_SEC);
	ck_assert_uint_eq(tg_expect(&other, TCP_ACK).ack, other.seq);
	tw_quiet(&w);
	ck_assert(w.t->ack_armed); /* for the other one */
	host_says("a", 1, false);
	ck_assert_uint_eq(tg_expect(&g, TCP_ACK | TCP_PSH).ack, g.seq);
}
END_TEST

/* Sequence numbers go round, both ways. */
START_TEST(numbers_wrap)
{
	static u8 block[1000];
	struct tcp_conn *c;

	g.seq = 0xfffffe00u;
	tg_send(&g, TCP_SYN, NULL, 0);
	c = tg_conn(&g);
	/* Before the answer is out: ours begin there, too. */
	g.ack = tg_expect(&g, TCP_SYN | TCP_ACK).seq + 1;
	c->iss = 0xffffff00u;
	c->snd_una = c->iss;
	c->snd_nxt = c->snd_max = c->iss + 1;
	g.ack = c->snd_max;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	for (unsigned i = 0; i < 4; i++) {
		tg_send(&g, TCP_ACK, block, sizeof(block));
		host_says(block, sizeof(block), false);
		for (struct tf f; tg_next(&g, &f, 10);)
			if (f.len) {
				ck_assert_uint_eq(f.seq, g.ack);
				g.ack += f.len;
			}
	}
	ack();
	ck_assert_uint_eq(h.nr_sent, 4000);
	ck_assert_uint_eq(h.dropped, 4000);
	ck_assert_uint_eq(g.seq, 0xfffffe01u + 4000);
}
END_TEST

/* [RFC 5961 §3.2, §4.2] */
START_TEST(resets_and_syns_inside_a_connection)
{
	tg_open(&g);
	tg_send_at(&g, TCP_SYN, g.seq + 100, NULL, 0);
	expect_ack(g.seq);
	tg_send_at(&g, TCP_SYN | TCP_ACK, g.seq, NULL, 0);
	expect_ack(g.seq);
	tg_send_at(&g, TCP_RST, g.seq + 100, NULL, 0); /* in the window, not exact */
	expect_ack(g.seq);
	tg_send_at(&g, TCP_RST, g.seq - 1, NULL, 0);
	tg_send_at(&g, TCP_RST, g.seq + 0x1000000, NULL, 0);
	tw_quiet(&w);
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	tg_send(&g, TCP_RST, NULL, 0);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.closed && h.was_reset);
	tw_quiet(&w);
}
END_TEST

START_TEST(acknowledgements_of_nothing)
{
	tg_open(&g);
	g.ack += 1; /* of what was never sent */
	tg_send_at(&g, TCP_ACK, g.seq, "x", 1);
	expect_ack(g.seq);
	ck_assert_uint_eq(h.nr_sent, 0);
	g.ack -= 1 + 100000; /* older than any window */
	tg_send_at(&g, TCP_ACK, g.seq, "x", 1);
	expect_ack(g.seq);
	ck_assert_uint_eq(h.nr_sent, 0);
	g.ack += 99990; /* merely old */
	tg_send(&g, TCP_ACK, "x", 1);
	expect_ack(g.seq);
	ck_assert_uint_eq(h.nr_sent, 1);
}
END_TEST

START_TEST(the_host_takes_less)
{
	struct tf f;

	h.room = 10;
	h.space = 0;
	tg_open(&g);
	tg_send_at(&g, TCP_ACK, g.seq, "0123456789abcdef", 16);
	f = tg_expect(&g, TCP_ACK);
	ck_assert_uint_eq(f.ack, g.seq + 10);
	ck_assert_uint_eq(f.win, 0);
	g.seq += 10;
	/* Probes of the closed window, of both kinds. */
	tg_send_at(&g, TCP_ACK, g.seq - 1, NULL, 0);
	f = tg_expect(&g, TCP_ACK);
	ck_assert_uint_eq(f.win, 0);
	tg_send_at(&g, TCP_ACK, g.seq, "a", 1);
	f = tg_expect(&g, TCP_ACK);
	ck_assert_uint_eq(f.ack, g.seq);
	ck_assert_uint_eq(f.win, 0);
	/* The acknowledgements of our data count all the same, though their numbers are ahead. */
	host_says("data", 4, false);
	f = tg_expect(&g, TCP_ACK | TCP_PSH);
	g.ack += 4;
	tg_send_at(&g, TCP_ACK, g.seq + 6, NULL, 0);
	ck_assert_uint_eq(h.dropped, 4);
	/* Room again: a window, and three more of the same for what was lost. */
	h.room = sizeof(h.sent);
	h.space = 50000;
	tg_conn(&g)->full = false;
	tg_conn(&g)->ack_now = true;
	tcp_touch(tg_conn(&g));
	tcp_settle(w.t);
	for (unsigned i = 0; i < 4; i++) {
		f = tg_expect(&g, TCP_ACK);
		ck_assert_uint_eq(f.ack, g.seq);
		ck_assert_uint_gt(f.win, 40000);
	}
	tg_send(&g, TCP_ACK, "abcdef", 6);
	expect_ack(g.seq);
	ck_assert_mem_eq(h.sent, "0123456789abcdef", 16);
}
END_TEST

START_TEST(the_host_is_gone)
{
	tg_open(&g);
	h.send_error = EPIPE;
	tg_send(&g, TCP_ACK, "x", 1);
	tg_expect(&g, TCP_RST | TCP_ACK);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.closed);
}
END_TEST

/* What came before the peer's reset is delivered. */
START_TEST(the_peer_resets)
{
	tg_open(&g);
	h.error = ECONNRESET;
	host_says("last words", 10, false);
	ck_assert_uint_eq(tg_expect(&g, TCP_ACK | TCP_PSH).len, 10);
	tg_conn(&g)->readable = true;
	tcp_touch(tg_conn(&g));
	tcp_settle(w.t);
	ck_assert_uint_eq(tg_expect(&g, TCP_RST | TCP_ACK).seq, g.ack + 10);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
}
END_TEST

/* ---- the ways to the end ---- */

/* The guest closes first, the host goes on for a while. */
START_TEST(close_wait_and_last_ack)
{
	struct tf f;

	tg_open(&g);
	tg_send(&g, TCP_ACK | TCP_FIN, "bye", 3);
	expect_ack(g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSE_WAIT);
	ck_assert(h.shut && !h.closed);
	tg_send_at(&g, TCP_ACK | TCP_FIN, g.seq - 1, NULL, 0); /* the FIN again */
	expect_ack(g.seq);
	tg_send_at(&g, TCP_ACK, g.seq, "more", 4); /* behind its end */
	host_says("the rest", 8, true);
	f = tg_expect(&g, TCP_ACK | TCP_PSH);
	ck_assert_mem_eq(f.data, "the rest", 8);
	tg_expect(&g, TCP_ACK | TCP_FIN);
	ck_assert_int_eq(tg_state(&g), CONN_LAST_ACK);
	g.ack += 8;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_LAST_ACK);
	g.ack += 1;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
	ck_assert(h.closed && !h.was_reset);
	ck_assert_uint_eq(h.nr_sent, 3);
}
END_TEST

/* The host closes first, the guest goes on for a while. */
START_TEST(fin_wait_and_time_wait)
{
	tg_open(&g);
	host_fin();
	ck_assert_int_eq(tg_state(&g), CONN_FIN_WAIT_1);
	tg_send(&g, TCP_ACK, "still", 5); /* not acknowledged yet */
	expect_ack(g.seq);
	g.ack++;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_FIN_WAIT_2);
	tg_send(&g, TCP_ACK, "here", 4);
	expect_ack(g.seq);
	ck_assert_mem_eq(h.sent, "stillhere", 9);
	tg_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
	expect_ack(g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_TIME_WAIT);
	ck_assert(h.closed && !h.was_reset);
	ck_assert_uint_eq(w.t->nr_fds, 0);
	/* Its FIN again: ours was lost [RFC 9293 §3.10.7.4]. */
	tg_send_at(&g, TCP_ACK | TCP_FIN, g.seq - 1, NULL, 0);
	expect_ack(g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_TIME_WAIT);
	/* An old SYN is answered, a new one is a new connection. */
	tg_send_at(&g, TCP_SYN, g.seq - 100, NULL, 0);
	expect_ack(g.seq);
	h.closed = h.shut = h.eof = false;
	g.seq += 5;
	tg_open(&g);
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	ck_assert_uint_eq(w.t->nr_wait, 0);
}
END_TEST

/* [RFC 9293 §3.6, figure 13] */
START_TEST(simultaneous_close)
{
	tg_open(&g);
	host_fin();
	tg_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
	expect_ack(g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_CLOSING);
	g.ack++;
	ack();
	ck_assert_int_eq(tg_state(&g), CONN_TIME_WAIT);
	ck_assert(h.closed && !h.was_reset);
}
END_TEST

/* One segment has the guest's FIN and the acknowledgement of ours. */
START_TEST(fin_with_its_acknowledgement)
{
	tg_open(&g);
	host_fin();
	g.ack++;
	tg_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
	expect_ack(g.seq);
	ck_assert_int_eq(tg_state(&g), CONN_TIME_WAIT);
}
END_TEST

/* A FIN whose data the host does not take is not taken either. */
START_TEST(fin_behind_data_that_waits)
{
	h.room = 2;
	h.space = 0;
	tg_open(&g);
	tg_send_at(&g, TCP_ACK | TCP_FIN, g.seq, "abcd", 4);
	expect_ack(g.seq + 2);
	ck_assert_int_eq(tg_state(&g), CONN_ESTABLISHED);
	ck_assert(!h.shut);
	h.room = 100;
	h.space = 50000;
	tg_conn(&g)->full = false;
	tg_send_at(&g, TCP_ACK, g.seq + 1, NULL, 0); /* a probe */
	for (unsigned i = 0; i < 4; i++)
		expect_ack(g.seq + 2);
	tg_send_at(&g, TCP_ACK | TCP_FIN, g.seq + 2, "cd", 2);
	expect_ack(g.seq + 5);
	ck_assert(h.shut);
	ck_assert_mem_eq(h.sent, "abcd", 4);
}
END_TEST

/* A reset ends a connection in each of its states. */
START_TEST(reset_in_each_state)
{
	for (int state = CONN_SYN_RCVD; state <= CONN_TIME_WAIT; state++) {
		tg_send(&g, TCP_SYN, NULL, 0);
		g.ack = tg_expect(&g, TCP_SYN | TCP_ACK).seq + 1;
		if (state != CONN_SYN_RCVD)
			ack();
		if (state == CONN_FIN_WAIT_1 || state == CONN_FIN_WAIT_2 || state == CONN_CLOSING ||
		    state == CONN_TIME_WAIT)
			host_fin();
		g.ack += state == CONN_FIN_WAIT_2 || state == CONN_TIME_WAIT;
		if (state == CONN_FIN_WAIT_2)
			ack();
		if (state == CONN_CLOSE_WAIT || state == CONN_CLOSING || state == CONN_LAST_ACK ||
		    state == CONN_TIME_WAIT) {
			tg_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
			expect_ack(g.seq);
		}
		if (state == CONN_LAST_ACK)
			host_fin();
		ck_assert_int_eq(tg_state(&g), state);
		tg_send(&g, TCP_RST, NULL, 0);
		ck_assert_int_eq(tg_state(&g), CONN_CLOSED);
		ck_assert_uint_eq(w.t->nr, 0);
		ck_assert_uint_eq(w.t->nr_fds, 0);
		ck_assert(h.was_reset == (state != CONN_TIME_WAIT));
		tw_quiet(&w);
		h = (struct host){ .connect = 1, .room = sizeof(h.sent), .space = 100000 };
		g.seq += 1000;
	}
}
END_TEST

/* [RFC 6093 §5] Urgent data is data like any other, wherever the pointer points. */
START_TEST(urgent_data)
{
	static u8 f[128];
	size_t len;

	tg_open(&g);
	len = tg_frame(&g, f, TCP_ACK | TCP_URG, g.seq, "abc", 3);
	be16_put(f + 34 + TCP_URP, 0xffff);
	be16_put(f + 34 + TCP_CSUM, 0);
	be16_put(f + 34 + TCP_CSUM,
		 csum_finish(csum_add(csum_pseudo4(g.key.guest, g.key.peer, PROTO_TCP, len - 34),
				      f + 34, len - 34)));
	tw_input(&w, f, len);
	tcp_settle(w.t);
	expect_ack(g.seq + 3);
	ck_assert_mem_eq(h.sent, "abc", 3);
}
END_TEST

START_TEST(checksums)
{
	static u8 f[128];
	size_t len;

	tg_open(&g);
	len = tg_frame(&g, f, TCP_ACK, g.seq, "abc", 3);
	f[len - 1] ^= 1;
	tw_input(&w, f, len);
	tcp_settle(w.t);
	tw_quiet(&w);
	ck_assert_uint_eq(h.nr_sent, 0);
	f[len - 1] ^= 1;
	tw_input(&w, f, len);
	tcp_settle(w.t);
	expect_ack(g.seq + 3);
	ck_assert_uint_eq(h.nr_sent, 3);
}
END_TEST

SUITE_MAIN_FIXTURE("net/user/tcp_in", set_up, tear_down, closed, syn_waits_for_the_host, refusals,
		   reset_while_connecting, syn_received_and_bad_acknowledgements,
		   syn_received_with_data, syn_sent, syn_sent_is_refused, syn_sent_in_vain,
		   syn_sent_and_answered, simultaneous_open, data_in_order, answers_acknowledge,
		   answers_have_time_each, numbers_wrap, resets_and_syns_inside_a_connection,
		   acknowledgements_of_nothing, the_host_takes_less, the_host_is_gone,
		   the_peer_resets, close_wait_and_last_ack, fin_wait_and_time_wait,
		   simultaneous_close, fin_with_its_acknowledgement, fin_behind_data_that_waits,
		   reset_in_each_state, urgent_data, checksums)
