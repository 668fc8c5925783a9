/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest sends: the states of a connection.
 *
 * Thread: the loop of the netif.
 * Trust:  every field of a segment is the guest's. The worst that one does is end its connection.
 * Spec:   RFC 9293 §3.10.7 (the order of the checks is its), RFC 5961 (resets and SYNs inside a
 *         connection), RFC 6582 (recovery)
 *
 * A segment that comes before its turn is dropped: the guest sends it again, and nobody holds
 * memory for it. Data goes to the host's socket at once, and what the socket does not take was not
 * received.
 */
#include <errno.h>

#include "lkvm/base/log.h"
#include "net/user/tcp_conn.h"

#define WHO "user network"
#define MSS_MIN 48u /* less is a guest that wants to see work done for nothing */
#define MSS4_DEFAULT 536u
#define MSS6_DEFAULT 1220u
#define RCV_SCALE 7 /* windows of up to 8 MiB */
#define DUP_ACKS 3u
#define ACK_LATER_NS (2 * TCP_MSEC)
#define ACK_EVERY 2920u /* bytes: two segments [RFC 9293 §3.8.6.3] */

static void ack_now(struct tcp_conn *c)
{
	c->ack_now = true;
	tcp_touch(c);
}

/* ---- the first segments ---- */

/* The guest's SYN: its numbers and options. */
static void take_syn(struct tcp_conn *c, const struct tcp_heard *s)
{
	u32 mss = s->mss ? s->mss : c->key.v6 ? MSS6_DEFAULT : MSS4_DEFAULT;
	u32 most = c->tcp->conf.mtu - (u32)(tcp_head_len(&c->key) - ETH_HDR);

	c->irs = s->seq;
	c->rcv_nxt = s->seq + 1;
	c->rcv_edge = c->rcv_top = c->rcv_nxt + c->given;
	c->snd_wnd = s->win; /* never scaled here [RFC 7323 §2.2] */
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	c->mss = (u16)MIN(MAX(mss, MSS_MIN), most);
	c->scaled = s->scale >= 0;
	c->snd_scale = c->scaled ? (u8)s->scale : 0;
	c->rcv_scale = c->scaled ? RCV_SCALE : 0;
}

static void open_conn(struct tcp *t, const struct tcp_heard *s, const struct ip_link *l)
{
	struct tcp_conn *c;
	int err;

	if (!budget_has_room(BUDGET_DIRECT) &&
	    (!budget_make_room(tcp_now(t)) || !budget_has_room(BUDGET_DIRECT))) {
		guest_err(WHO, "too many connections: new ones are dropped");
		return;
	}
	c = tcp_conn_new(t, &s->key);
	if (!c)
		return;
	c->link = *l;
	take_syn(c, s);
	c->state = CONN_CONNECTING;
	err = tcp_host_connect(c);
	if (err)
		tcp_connected(c, MIN(err, 0));
	else
		tcp_timer_update(c);
}

void tcp_connected(struct tcp_conn *c, int err)
{
	if (err) {
		tcp_refuse(c, err);
		return;
	}
	c->state = CONN_SYN_RCVD;
	c->syn_now = true;
	tcp_rtx_arm(c);
	tcp_touch(c);
}

void tcp_receive_stray(struct tcp *t, const struct tcp_heard *s, const struct ip_link *l)
{
	if (s->flags & TCP_RST)
		return;
	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		open_conn(t, s, l);
	else
		tcp_reset_stray(t, s, l);
}

static void receive_connecting(struct tcp_conn *c, const struct tcp_heard *s)
{
	if ((s->flags & TCP_RST) && s->seq == c->rcv_nxt)
		tcp_conn_end(c, true);
	else if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		take_syn(c, s); /* the same again, or a guest that has begun anew */
}

/* [RFC 9293 §3.10.7.3] */
static void receive_syn_sent(struct tcp_conn *c, const struct tcp_heard *s)
{
	bool acked = s->flags & TCP_ACK;

	/* Before the guest has had a buffer for it, our SYN has not been sent. */
	if (acked && (s->ack != c->snd_max || s->ack == c->iss)) {
		tcp_reset_stray(c->tcp, s, &c->link);
		return;
	}
	if (s->flags & TCP_RST) {
		if (acked)
			tcp_conn_end(c, true);
		return;
	}
	if (!(s->flags & TCP_SYN))
		return;
	take_syn(c, s);
	c->tcp->nr_half--;
	if (c->tcp->deaf)
		tcp_listen_update(c->tcp);
	c->retries = c->backoff = 0;
	if (acked) {
		c->state = CONN_ESTABLISHED;
		c->syn_now = false;
		c->snd_una = s->ack;
		c->rtx_at = 0;
		ack_now(c);
	} else {
		/* Both at the same time. */
		c->state = CONN_SYN_RCVD;
		c->syn_now = true;
		tcp_touch(c);
	}
}

/* ---- acknowledgements ---- */

static void fin_acked(struct tcp_conn *c)
{
	switch ((enum tcp_state)c->state) {
	case CONN_FIN_WAIT_1:
		c->state = CONN_FIN_WAIT_2;
		break;
	case CONN_CLOSING:
		tcp_conn_linger(c);
		break;
	case CONN_LAST_ACK:
		tcp_conn_end(c, false);
		break;
	default:
		break;
	}
}

/* More is acknowledged than was known; `syn`: our SYN is a part of it. */
static void take_ack(struct tcp_conn *c, u32 ack, bool syn)
{
	u32 data = ack - c->snd_una;
	bool fin = c->fin_sent && ack == c->snd_fin + 1;

	data -= (u32)syn + (u32)fin;
	c->snd_una = ack;
	if (tcp_diff(c->snd_nxt, ack) < 0)
		c->snd_nxt = ack;
	c->backoff = c->dup_acks = 0;
	/* Of what was lost more than one segment: the next one [RFC 6582 §3.2]. */
	c->recovering = c->recovering && tcp_diff(c->recover, ack) > 0;
	c->resend = c->recovering;
	c->rtx_at = 0;
	if (tcp_outstanding(c))
		tcp_rtx_arm(c);
	if (data && tcp_host_drop(c, data)) {
		tcp_abort(c);
		return;
	}
	tcp_touch(c);
	if (fin)
		fin_acked(c);
}

static void take_window(struct tcp_conn *c, const struct tcp_heard *s)
{
	u32 win = (u32)s->win << c->snd_scale;

	/* Not from an older segment than the last one [RFC 9293 §3.10.7.4]. */
	if (tcp_diff(s->seq, c->snd_wl1) < 0 ||
	    (s->seq == c->snd_wl1 && tcp_diff(s->ack, c->snd_wl2) < 0))
		return;
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	if (win == c->snd_wnd)
		return;
	if (!c->snd_wnd)
		c->backoff = 0;
	c->snd_wnd = win;
	tcp_touch(c);
}

/* The acknowledgement of `s`. False: nothing else of it counts. */
static bool receive_ack(struct tcp_conn *c, const struct tcp_heard *s)
{
	s32 more = tcp_diff(s->ack, c->snd_una);
	bool dup = !more && !s->len && !(s->flags & TCP_FIN) && tcp_outstanding(c) &&
		   (u32)s->win << c->snd_scale == c->snd_wnd;
	bool syn = c->state == CONN_SYN_RCVD;

	if (syn) {
		if (more <= 0 || tcp_diff(s->ack, c->snd_max) > 0) {
			tcp_reset_stray(c->tcp, s, &c->link);
			return false;
		}
		c->state = CONN_ESTABLISHED;
		c->syn_now = false;
		c->readable = true;
	}
	/* What was never sent; or so old that it is none of this connection [RFC 5961 §5.2]. */
	if (tcp_diff(s->ack, c->snd_max) > 0 || more < -(s32)(65535u << c->snd_scale)) {
		ack_now(c);
		return false;
	}
	if (more >= 0)
		take_window(c, s);
	if (more > 0) {
		take_ack(c, s->ack, syn);
	} else if (dup && ++c->dup_acks == DUP_ACKS && !c->recovering) {
		c->resend = c->recovering = true;
		c->recover = c->snd_max;
		tcp_touch(c);
	}
	return c->state != CONN_CLOSED;
}

/* ---- data ---- */

static void take_fin(struct tcp_conn *c)
{
	c->rcv_nxt++;
	ack_now(c);
	if (c->state == CONN_FIN_WAIT_2) {
		tcp_conn_linger(c);
		return;
	}
	c->state = c->state == CONN_FIN_WAIT_1 ? CONN_CLOSING : CONN_CLOSE_WAIT;
	tcp_host_shutdown(c);
}

/* Answers can take the acknowledgement with them, where there are any as a rule. */
static void owe(struct tcp_conn *c, u32 n)
{
	c->owed += n;
	if (!c->chatty || c->ack_later || c->owed > ACK_EVERY)
		c->ack_now = true;
	else
		c->ack_later = true;
	c->ack_by = tcp_now(c->tcp) + ACK_LATER_NS;
	tcp_touch(c);
}

/* The payload from its byte `skip` on, and the FIN behind it. */
static void receive_data(struct tcp_conn *c, const struct tcp_heard *s, struct iov_cur data,
			 u32 skip)
{
	u32 len = s->len - MIN(skip, s->len);
	u32 take = MIN(len, (u32)MAX(tcp_diff(c->rcv_edge, c->rcv_nxt), 0));
	ssize_t n = 0;

	if (c->state != CONN_ESTABLISHED && c->state != CONN_FIN_WAIT_1 &&
	    c->state != CONN_FIN_WAIT_2)
		return;
	if (take) {
		iov_skip(&data, skip);
		n = tcp_host_send(c, data, take);
		if (n < 0) {
			tcp_abort(c);
			return;
		}
		c->rcv_nxt += (u32)n;
		owe(c, (u32)n);
	}
	if ((u32)n < len) {
		/* How much room there is now, the answer finds out. */
		if ((u32)n < take)
			c->rcv_edge = c->rcv_nxt;
		c->dropped = true;
		ack_now(c);
	} else if (s->flags & TCP_FIN) {
		take_fin(c);
	}
}

/* [RFC 5961 §3.2] Only the exact number ends a connection; a guest that meant it tries again. */
static void receive_reset(struct tcp_conn *c, const struct tcp_heard *s)
{
	if (s->seq == c->rcv_nxt || c->state == CONN_TIME_WAIT)
		tcp_conn_end(c, true);
	else if (tcp_diff(s->seq, c->rcv_nxt) > 0 && tcp_diff(s->seq, c->rcv_top) <= 0)
		ack_now(c);
}

/* A connection that both ends know of. */
static void receive_known(struct tcp_conn *c, const struct tcp_heard *s, struct iov_cur data)
{
	s32 at = tcp_diff(s->seq, c->rcv_nxt);
	u32 n = s->len + !!(s->flags & TCP_FIN);

	if (s->flags & TCP_RST) {
		receive_reset(c, s);
		return;
	}
	if (s->flags & TCP_SYN) {
		/* Ours was lost; or it is one that does not belong here [RFC 5961 §4.2]. */
		c->syn_now |= c->state == CONN_SYN_RCVD && s->seq == c->irs;
		c->ack_now |= !c->syn_now;
		tcp_touch(c);
		return;
	}
	/* Old, as keep-alives and window probes are on purpose; or past every window. */
	if ((at < 0 && at + (s64)n <= 0) || tcp_diff(s->seq, c->rcv_top) > 0) {
		ack_now(c);
		return;
	}
	if (!(s->flags & TCP_ACK) || !receive_ack(c, s))
		return;
	if (at <= 0) {
		if (n)
			receive_data(c, s, data, (u32)-at);
	} else if (n) {
		ack_now(c); /* before its turn */
	}
}

void tcp_receive(struct tcp_conn *c, const struct tcp_heard *s, struct iov_cur data)
{
	struct tcp *t = c->tcp;

	switch ((enum tcp_state)c->state) {
	case CONN_CONNECTING:
		receive_connecting(c, s);
		return;
	case CONN_SYN_SENT:
		receive_syn_sent(c, s);
		break;
	case CONN_TIME_WAIT:
		/* A new connection of the same name [RFC 9293 §3.10.7.4]. */
		if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
		    tcp_diff(s->seq, c->rcv_nxt) > 0) {
			struct ip_link l = c->link;

			tcp_conn_end(c, false);
			tcp_receive_stray(t, s, &l);
			return;
		}
		receive_known(c, s, data);
		return;
	default:
		receive_known(c, s, data);
		break;
	}
	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT)
		return;
	c->active_ns = tcp_now(t);
	c->retries = 0;
}
