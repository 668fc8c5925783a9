/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of connections: a heap of those that wait for something, and one timer of the loop.
 *
 * Thread: the loop of the netif.
 * Trust:  how many there are is up to the guest; what one of them costs is not.
 * Spec:   RFC 9293 §3.8, RFC 6298 (retransmission), RFC 1122 §4.2.3.6 (keep-alive)
 *
 * A connection's place in the heap is the time at which it is to be looked at. When that moves
 * further away, as it does with each acknowledgement, nothing is done: the look comes too early,
 * and finds the new time. Only a nearer one moves the connection in the heap.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "net/user/tcp_conn.h"

/*
 * The guest acknowledges within 200 ms, as a rule at once, and its link loses nothing; it may be
 * paused, or busy.
 */
#define RTX_NS TCP_SEC
#define RTX_MAX_NS (60 * TCP_SEC)
#define RTX_RETRIES 14u		 /* more than a quarter of an hour */
#define SYN_RETRIES 5u		 /* a minute */
#define KEEP_NS (7200 * TCP_SEC) /* idle for so long: is the guest there? [RFC 1122] */
#define KEEP_STEP_NS (75 * TCP_SEC)
#define KEEP_RETRIES 9u
#define CONNECT_NS (180 * TCP_SEC) /* the host gives up before */
#define WAIT_NS (2 * TCP_SEC)	   /* TIME-WAIT: no segment is older on this link */

u64 tcp_due(const struct tcp_conn *c)
{
	u64 at;

	switch ((enum tcp_state)c->state) {
	case CONN_CLOSED:
		return 0;
	case CONN_CONNECTING:
		return c->active_ns + CONNECT_NS;
	case CONN_TIME_WAIT:
		return c->active_ns + WAIT_NS;
	default:
		break;
	}
	at = c->active_ns + KEEP_NS;
	if (!c->rtx_at)
		at += c->retries * KEEP_STEP_NS;
	return c->rtx_at ? MIN(at, c->rtx_at) : at;
}

/* ---- the heap: entry i is due no later than 2i + 1 and 2i + 2 ---- */

static void place(struct tcp *t, unsigned i, struct tcp_conn *c)
{
	t->heap[i] = c;
	c->heap = i + 1;
}

static void sift_up(struct tcp *t, unsigned i, struct tcp_conn *c)
{
	for (unsigned up; i && t->heap[up = (i - 1) / 2]->due > c->due; i = up)
		place(t, i, t->heap[up]);
	place(t, i, c);
}

static void sift_down(struct tcp *t, unsigned i, struct tcp_conn *c)
{
	for (unsigned kid; (kid = 2 * i + 1) < t->heap_nr; i = kid) {
		if (kid + 1 < t->heap_nr && t->heap[kid + 1]->due < t->heap[kid]->due)
			kid++;
		if (t->heap[kid]->due >= c->due)
			break;
		place(t, i, t->heap[kid]);
	}
	place(t, i, c);
}

void tcp_timer_forget(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	struct tcp_conn *last;
	unsigned i = c->heap - 1;

	if (!c->heap)
		return;
	c->heap = 0;
	last = t->heap[--t->heap_nr];
	if (last == c)
		return;
	if (i && t->heap[(i - 1) / 2]->due > last->due)
		sift_up(t, i, last);
	else
		sift_down(t, i, last);
}

static bool has_room(struct tcp *t)
{
	unsigned max = MAX(64u, t->heap_max * 2);
	struct tcp_conn **heap;

	if (t->heap_nr < t->heap_max)
		return true;
	heap = realloc(t->heap, max * sizeof(struct tcp_conn *));
	if (!heap)
		return false;
	t->heap = heap;
	t->heap_max = max;
	return true;
}

static void arm(struct tcp *t)
{
	u64 at = t->heap_nr ? t->heap[0]->due : 0, now;

	if (!at || (t->timer_at && t->timer_at <= at))
		return;
	now = tcp_now(t);
	t->timer_at = at;
	loop_timer_arm(t->timer, at > now ? at - now : 0);
}

void tcp_timer_update(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	u64 due = tcp_due(c);

	if (!due || (c->heap && c->due <= due))
		return;
	/* Without memory it has no timers; the guest's own end it. */
	if (!c->heap && !has_room(t))
		return;
	c->due = due;
	sift_up(t, c->heap ? c->heap - 1 : t->heap_nr++, c);
	arm(t);
}

void tcp_rtx_arm(struct tcp_conn *c)
{
	u64 after = RTX_NS << MIN(c->backoff, 6);

	c->rtx_at = tcp_now(c->tcp) + MIN(after, RTX_MAX_NS);
	tcp_timer_update(c);
}

/* ---- what runs out ---- */

static bool is_held(const struct tcp *t)
{
	return t->conf.held && t->conf.held(t->conf.held_arg);
}

static void run_rtx(struct tcp_conn *c)
{
	bool syn = c->state == CONN_SYN_SENT || c->state == CONN_SYN_RCVD;

	c->rtx_at = 0;
	/* No receive buffers, or it is paused: nothing was lost but time. */
	if (c->tcp->blocked || !c->tcp->up || is_held(c->tcp)) {
		tcp_rtx_arm(c);
		return;
	}
	c->backoff = (u8)MIN(c->backoff + 1, UINT8_MAX);
	if (++c->retries > (syn ? SYN_RETRIES : RTX_RETRIES)) {
		log_debug("user network: a connection ends: the guest does not answer");
		tcp_abort(c);
		return;
	}
	if (syn) {
		c->syn_now = true;
	} else if (tcp_outstanding(c)) {
		/* All of it again, from the first byte on [RFC 6298 §5.4]. */
		c->snd_nxt = c->snd_una;
		c->resend = c->recovering = false;
		c->dup_acks = 0;
		if (c->snd_wnd == 0)
			tcp_probe(c);
	} else {
		tcp_probe(c);
	}
	tcp_rtx_arm(c);
	tcp_touch(c);
}

static void run_out(struct tcp_conn *c)
{
	switch ((enum tcp_state)c->state) {
	case CONN_CONNECTING:
		tcp_refuse(c, -ETIMEDOUT);
		return;
	case CONN_TIME_WAIT:
		tcp_conn_end(c, false);
		return;
	default:
		break;
	}
	if (c->rtx_at && c->rtx_at <= tcp_now(c->tcp)) {
		run_rtx(c);
		return;
	}
	if (is_held(c->tcp)) {
		c->active_ns = tcp_now(c->tcp);
		c->retries = 0;
		return;
	}
	if (c->retries >= KEEP_RETRIES) {
		log_debug("user network: a connection ends: the guest is gone");
		tcp_abort(c);
		return;
	}
	c->retries++;
	tcp_probe(c);
}

void tcp_on_timer(void *arg)
{
	struct tcp *t = arg;

	t->timer_at = 0;
	while (t->heap_nr && t->heap[0]->due <= tcp_now(t)) {
		struct tcp_conn *c = t->heap[0];

		tcp_timer_forget(c);
		if (tcp_due(c) <= tcp_now(t))
			run_out(c);
		tcp_timer_update(c);
	}
	arm(t);
	tcp_settle(t);
}
