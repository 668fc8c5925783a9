/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest is sent.
 *
 * Thread: the loop of the netif.
 * Trust:  what the host's sockets hold goes into the guest's buffers unseen. Headers are written
 *         last, from values of ours.
 * Spec:   RFC 9293 §3.8, RFC 6582; no congestion control: the link is a ring in memory
 *
 * Data has no place of its own: a segment is made in receive buffers of the guest, with its payload
 * read there from the socket. Where there are no buffers, the connection waits in a queue, and what
 * it would have said is found out anew when it is its turn.
 */
#include <errno.h>

#include "net/csum.h"
#include "net/user/tcp_conn.h"

#define IP_MAX 65535u
#define GUESS_MIN 1024u
#define DUP_ACKS 3u
#define FALLBACK_MAX (256u * 1024) /* in flight where each peek begins at the first byte */

/* ---- frames ---- */

static bool has_rx_csum(const struct tcp *t)
{
	return t->offloads & NETIF_RX_CSUM;
}

/* 0; -EAGAIN: there is no room. */
static int emit(struct tcp *t, u8 *frame, size_t len)
{
	const struct netif_offload o = { .data_valid = has_rx_csum(t) };
	const struct iovec iov = { frame, len };
	int err;

	if (!t->up || t->blocked)
		return -EAGAIN;
	err = t->netif->client->receive(t->netif->client_arg, &o, iov_cur(&iov, 1));
	t->blocked = err == -EAGAIN;
	t->received |= !err;
	return err == -EAGAIN ? err : 0;
}

/* A segment without data. */
static int emit_say(struct tcp *t, const struct ip_link *l, const struct ip_key *k,
		    const struct tcp_say *say)
{
	u8 head[TCP_HEAD_OUT];
	size_t len = tcp_seg_write(head, l, k, say, 0);

	tcp_seg_finish(head, len, k, 0);
	return emit(t, head, len);
}

/* In front of those that wait already it is no news that there is no room. */
static void starve(struct tcp_conn *c)
{
	list_put(&c->tcp->starved, &c->node);
}

/* ---- the window for the guest ---- */

static void open_window(struct tcp_conn *c)
{
	u32 space = tcp_host_space(c);

	c->full = !space;
	space = MIN(space, 65535u << c->rcv_scale);
	if (tcp_diff(c->rcv_nxt + space, c->rcv_edge) <= 0)
		return;
	c->given = space;
	c->rcv_edge = c->rcv_nxt + space;
	if (tcp_diff(c->rcv_edge, c->rcv_top) > 0)
		c->rcv_top = c->rcv_edge;
}

/* Asking the socket costs a system call, so it is asked when half of what it gave is used up. */
static u16 window(struct tcp_conn *c)
{
	bool takes = c->state == CONN_ESTABLISHED || c->state == CONN_FIN_WAIT_1 ||
		     c->state == CONN_FIN_WAIT_2;
	u32 left = (u32)MAX(tcp_diff(c->rcv_edge, c->rcv_nxt), 0);

	if (takes && !c->full && left <= c->given / 2) {
		open_window(c);
		left = (u32)MAX(tcp_diff(c->rcv_edge, c->rcv_nxt), 0);
	}
	return (u16)MIN(left >> c->rcv_scale, 65535u);
}

/* What every segment says of the other direction has been said. */
static void said(struct tcp_conn *c)
{
	c->owed = 0;
	c->ack_now = c->ack_later = false;
}

static struct tcp_say say_of(struct tcp_conn *c, u32 seq, u8 flags)
{
	return (struct tcp_say){
		.seq = seq, .ack = c->rcv_nxt, .win = window(c), .flags = flags | TCP_ACK
	};
}

static int emit_ack(struct tcp_conn *c, u32 seq, u8 flags)
{
	struct tcp_say say = say_of(c, seq, flags);

	return emit_say(c->tcp, &c->link, &c->key, &say);
}

/* ---- data ---- */

/* How many bytes one frame can have behind its headers. */
static u32 frame_max(const struct tcp_conn *c)
{
	u32 tso = c->key.v6 ? NETIF_RX_TSO6 : NETIF_RX_TSO4;
	u32 most = IP_MAX - (u32)(tcp_head_len(&c->key) - ETH_HDR);

	return c->tcp->offloads & tso ? most - most % c->mss : c->mss;
}

/* The headers of `n` bytes that lie in `room` already, and what virtio-net is to say of them. */
static void finish_frame(struct tcp_conn *c, struct iov_cur room, u32 seq, u32 n, bool push,
			 struct netif_offload *o)
{
	size_t head_len = tcp_head_len(&c->key);
	struct tcp_say say = say_of(c, seq, push ? TCP_PSH : 0);
	struct iov_cur payload = room;
	u8 head[TCP_HEAD_OUT];

	*o = (struct netif_offload){ .gso = NETIF_GSO_NONE };
	tcp_seg_write(head, &c->link, &c->key, &say, n);
	if (has_rx_csum(c->tcp)) {
		o->needs_csum = true;
		o->csum_start = (u16)(head_len - TCP_HDR);
		o->csum_offset = TCP_CSUM;
	} else {
		iov_skip(&payload, head_len);
		tcp_seg_finish(head, head_len, &c->key, csum_iov(0, payload, n));
	}
	if (n > c->mss) {
		o->gso = c->key.v6 ? NETIF_GSO_TCPV6 : NETIF_GSO_TCPV4;
		o->gso_size = c->mss;
		o->hdr_len = (u16)head_len;
	}
	iov_write(&room, head, head_len);
}

/* Reads find as much as the last one did, or more. */
static void learn_size(struct tcp_conn *c, u32 asked, u32 got)
{
	if (got == asked)
		c->guess = MIN(asked * 4, IP_MAX);
	else if (got < c->guess / 4)
		c->guess = MAX(c->guess / 2, GUESS_MIN);
}

/* The socket has nothing at `seq`, or worse: `err` is 0 at the end of the stream, or -errno. */
static int no_data(struct tcp_conn *c, u32 seq, int err)
{
	/* What was there once cannot be gone. */
	if (tcp_diff(seq, c->snd_max) < 0 || (err && err != -EAGAIN)) {
		tcp_abort(c);
		return 0;
	}
	c->readable = false;
	/* Nothing follows that would take it out of the socket; the peer may wait for the room. */
	if (tcp_host_drop(c, 0)) {
		tcp_abort(c);
		return 0;
	}
	if (!err) {
		c->eof = true;
		c->snd_fin = seq;
	}
	return !err; /* then a FIN is to be sent */
}

/*
 * A segment of up to `len` bytes from `seq` on. 1: there may be more to send; 0: there is not, or
 * the connection has ended; -EAGAIN: the guest has no buffers.
 */
static int send_data(struct tcp_conn *c, u32 seq, u32 len)
{
	const struct netif_client *client = c->tcp->netif->client;
	void *arg = c->tcp->netif->client_arg;
	size_t head_len = tcp_head_len(&c->key);
	struct netif_offload o;
	struct iov_cur room, payload;
	u32 asked;
	ssize_t n;
	bool last;
	int err;

	len = MIN(len, frame_max(c));
	err = client->reserve(arg, head_len + 1, head_len + MIN(len, c->guess), &room);
	c->tcp->blocked |= !!err;
	if (err)
		return -EAGAIN;
	payload = room;
	iov_skip(&payload, head_len);
	asked = (u32)MIN(len, payload.left);
	n = tcp_host_peek(c, seq - c->snd_una, payload, asked);
	if (n <= 0) {
		client->commit(arg, NULL, 0);
		return no_data(c, seq, (int)n);
	}
	learn_size(c, asked, (u32)n);
	if (tcp_diff(seq + (u32)n, c->snd_max) >= 0) {
		c->snd_max = seq + (u32)n;
		if (n < asked)
			c->readable = c->hup;
	}
	if (seq == c->snd_nxt)
		c->snd_nxt += (u32)n;
	last = n < asked || (c->eof && seq + (u32)n == c->snd_fin);
	finish_frame(c, room, seq, (u32)n, last, &o);
	client->commit(arg, &o, head_len + (size_t)n);
	c->tcp->received = true;
	c->chatty |= tcp_now(c->tcp) < c->ack_by;
	said(c);
	if (!c->rtx_at)
		tcp_rtx_arm(c);
	return 1;
}

/* 1: sent. -EAGAIN. */
static int send_fin(struct tcp_conn *c)
{
	int err = emit_ack(c, c->snd_fin, TCP_FIN);

	if (err)
		return err;
	said(c);
	c->fin_sent = true;
	c->snd_nxt = c->snd_max = c->snd_fin + 1;
	if (c->state == CONN_ESTABLISHED)
		c->state = CONN_FIN_WAIT_1;
	else if (c->state == CONN_CLOSE_WAIT)
		c->state = CONN_LAST_ACK;
	if (!c->rtx_at)
		tcp_rtx_arm(c);
	return 1;
}

/* What was lost, once: from the first byte that is not acknowledged. */
static int send_again(struct tcp_conn *c)
{
	u32 known = c->snd_max - c->snd_una - c->fin_sent;

	c->resend = false;
	return known ? send_data(c, c->snd_una, MIN(known, MAX(c->snd_wnd, c->mss))) : send_fin(c);
}

/* Is there anything behind what was sent last? */
static bool has_next(const struct tcp_conn *c)
{
	if (tcp_diff(c->snd_nxt, c->snd_max) < 0)
		return true; /* it was sent once already */
	return c->eof ? !c->fin_sent : c->readable;
}

/* The next segment; as send_data(). */
static int send_next(struct tcp_conn *c)
{
	s32 usable = tcp_diff(c->snd_una + c->snd_wnd, c->snd_nxt);
	u32 rest = c->eof ? c->snd_fin - c->snd_nxt : UINT32_MAX;

	if (c->resend && tcp_outstanding(c))
		return send_again(c);
	if (!has_next(c))
		return 0;
	/* A sliver of the window is not worth a segment while more of it is to come. */
	if (usable <= 0 || ((u32)usable < MIN(rest, c->mss) && c->snd_nxt != c->snd_una)) {
		if (!c->rtx_at)
			tcp_rtx_arm(c);
		return 0;
	}
	if (!rest)
		return send_fin(c);
	if (!c->peek_off && c->snd_nxt - c->snd_una > FALLBACK_MAX)
		return 0;
	return send_data(c, c->snd_nxt, MIN((u32)usable, rest));
}

/* An event of the socket that nobody reads any more: has it died? */
static bool is_dead(struct tcp_conn *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!c->eof || !c->readable)
		return false;
	c->readable = false;
	return !getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) && err;
}

/* 0, or -EAGAIN. */
static int pump(struct tcp_conn *c)
{
	int n;

	if (is_dead(c)) {
		tcp_abort(c);
		return 0;
	}
	do
		n = send_next(c);
	while (n > 0 && c->state != CONN_CLOSED);
	return n;
}

/* ---- the rest ---- */

static int send_syn(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	bool first = c->state == CONN_SYN_SENT;
	struct tcp_say say = { .seq = c->iss,
			       .ack = first ? 0 : c->rcv_nxt,
			       .win = (u16)MIN(c->given, 65535u),
			       .scale = first || c->scaled ? c->rcv_scale : -1,
			       .flags = first ? TCP_SYN : TCP_SYN | TCP_ACK };

	say.mss = (u16)(t->conf.mtu - (tcp_head_len(&c->key) - ETH_HDR));
	if (first && !tcp_link_of(t, &c->key, &c->link) && !c->key.v6)
		tcp_ask_neighbour(t, c->key.guest);
	if (emit_say(t, &c->link, &c->key, &say))
		return -EAGAIN;
	c->syn_now = false;
	c->snd_nxt = c->snd_max = c->iss + 1;
	return 0;
}

static void send_later(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;

	list_put(&t->later, &c->node);
	if (!t->ack_armed)
		tcp_ack_arm(c);
}

static int send_ack(struct tcp_conn *c)
{
	struct tcp_say say = say_of(c, c->snd_max, 0);

	if (emit_say(c->tcp, &c->link, &c->key, &say))
		return -EAGAIN;
	said(c);
	/* What it has sent in vain, the guest sends again for three of the same, not by a clock. */
	for (unsigned i = 0; c->dropped && say.win && i < DUP_ACKS; i++)
		emit_say(c->tcp, &c->link, &c->key, &say);
	c->dropped = c->dropped && !say.win;
	return 0;
}

void tcp_output(struct tcp_conn *c)
{
	int err = 0;

	if (c->state == CONN_CLOSED || c->state == CONN_CONNECTING)
		return;
	if (!c->tcp->up || c->tcp->blocked) {
		starve(c);
		return;
	}
	if (c->syn_now)
		err = send_syn(c);
	if (!err && c->state >= CONN_ESTABLISHED && c->state < CONN_TIME_WAIT)
		err = pump(c);
	if (c->state == CONN_CLOSED)
		return;
	if (!err && c->ack_now)
		err = send_ack(c);
	if (err)
		starve(c);
	else if (c->state == CONN_TIME_WAIT)
		list_put(&c->tcp->waiting, &c->node);
	else if (c->ack_later)
		send_later(c);
}

void tcp_probe(struct tcp_conn *c)
{
	/* An old number, which the guest answers [RFC 9293 §3.8.4, §3.8.6.1]. */
	emit_ack(c, c->snd_una - 1, 0);
}

void tcp_abort(struct tcp_conn *c)
{
	if (c->state >= CONN_SYN_RCVD && c->state < CONN_TIME_WAIT)
		emit_ack(c, c->snd_max, TCP_RST);
	tcp_conn_end(c, true);
}

void tcp_reset_stray(struct tcp *t, const struct tcp_heard *s, const struct ip_link *l)
{
	u32 n = s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	struct tcp_say say = { .flags = TCP_RST | TCP_ACK, .ack = s->seq + n };

	if (s->flags & TCP_RST)
		return;
	if (s->flags & TCP_ACK)
		say = (struct tcp_say){ .flags = TCP_RST, .seq = s->ack };
	emit_say(t, l, &s->key, &say);
}

void tcp_refuse(struct tcp_conn *c, int err)
{
	struct tcp_say say = { .flags = TCP_RST | TCP_ACK, .ack = c->rcv_nxt };
	u8 frame[IP_UNREACHABLE_MAX], us[16];
	enum ip_why why = ip_why(-err);

	switch (-err) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
	case EADDRNOTAVAIL:
		/* The host's trouble of the moment: the guest tries again. */
		break;
	default:
		if (why >= IP_WHY_PORT) {
			emit_say(c->tcp, &c->link, &c->key, &say);
			break;
		}
		reach_host(&c->tcp->conf.reach, c->key.v6, us);
		emit(c->tcp, frame, tcp_unreachable(frame, &c->link, &c->key, c->irs, why, us));
	}
	tcp_conn_end(c, true);
}

void tcp_ask_neighbour(struct tcp *t, const u8 *addr)
{
	const struct guard *g = t->conf.reach.guard;
	u8 f[ETH_HDR + ARP_LEN] = { 0 }, *a = f + ETH_HDR;

	memset(f + ETH_DST, 0xff, 6);
	memcpy(f + ETH_SRC, g->host_mac, 6);
	be16_put(f + ETH_TYPE, ETHERTYPE_ARP4);
	be16_put(a + ARP_HTYPE, 1);
	be16_put(a + ARP_PTYPE, ETHERTYPE_IP4);
	a[ARP_HLEN] = NETIF_MAC_LEN;
	a[ARP_PLEN] = 4;
	be16_put(a + ARP_OP, 1);
	memcpy(a + ARP_SHA, g->host_mac, 6);
	memcpy(a + ARP_SPA, &g->host, 4);
	memcpy(a + ARP_TPA, addr, 4);
	emit(t, f, sizeof(f));
}
