/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP of the guest: from segments to connections, and the batches in which it is done.
 *
 * Thread: the loop of the netif.
 * Trust:  guard.c has checked the headers, in a private copy. The payload is the guest's memory: it
 *         is summed where the guest made a checksum, and given to the host's socket.
 * Spec:   RFC 9293 §3.10.7
 *
 *	tcp_seg		bytes and values		tcp_in		what the guest sends
 *	tcp_table	which connections there are	tcp_out		what it is sent
 *	tcp_timer	when to look at one		tcp_host	the host's socket
 *	reach		where an address leads		tcp_listen	forwards
 *
 * Whatever happens to a connection puts it on the list of those to be looked at; at the end of the
 * batch (the frames of one kick, one event of a socket, a timer) each of them sends what it has to,
 * and the guest is told once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "net/csum.h"
#include "net/user/tcp_conn.h"

static const struct sys_call list[] = {
	CALL_IF(socket, 0, UINT32_MAX, AF_INET),
	CALL_IF_RARE(socket, 0, UINT32_MAX, AF_INET6, "a guest that speaks IPv6"),
	CALL(connect),
	CALL_RARE(accept4, "a forward"),
	CALL_IF_RARE(fcntl, 1, UINT32_MAX, F_GETFL, "a forward that comes later"),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(writev),
	CALL(recvmsg),
	CALL(recvfrom),
	CALL(shutdown),
	CALL(close),
};

const struct calls tcp_calls = CALLS("user network, TCP", list);

static void answer(struct tcp *t)
{
	struct tcp_conn *c;

	while ((c = tcp_list_first(&t->dirty))) {
		list_del(&c->node);
		tcp_output(c);
	}
}

void tcp_settle(struct tcp *t)
{
	answer(t);
	tcp_bury(t);
	if (t->deaf)
		tcp_listen_update(t);
	t->now = 0;
	if (t->received)
		t->netif->client->flush(t->netif->client_arg);
	t->received = false;
}

/* The guest's own checksum, where it made one. */
static bool is_sound(const u8 *head, const struct tcp_heard *s, const struct guard_pkt *pkt,
		     struct iov_cur payload)
{
	size_t len = s->head - pkt->l4;
	u64 sum = ip_pseudo(&s->key, true, PROTO_TCP, len + s->len);

	sum = csum_add(sum, head + pkt->l4, len);
	return !csum_finish(csum_iov(sum, payload, s->len));
}

void tcp_input(struct tcp *t, const u8 *head, size_t len, const struct netif_offload *o,
	       const struct guard_pkt *pkt, struct iov_cur frame)
{
	struct ip_link link;
	struct tcp_conn *c;
	struct tcp_heard s;

	tcp_seg_read(&s, head, len, pkt);
	iov_skip(&frame, s.head);
	if (!o->needs_csum && !is_sound(head, &s, pkt, frame))
		return;
	memcpy(link.guest, head + ETH_SRC, 6);
	memcpy(link.host, t->conf.reach.guard->host_mac, 6);
	if (s.flags & TCP_SYN)
		neigh_learn(t->conf.neigh, s.key.guest, s.key.v6, link.guest);
	c = tcp_find(t, &s.key);
	if (c)
		tcp_receive(c, &s, frame);
	else
		tcp_receive_stray(t, &s, &link);
}

/* ---- the guest's side comes and goes ---- */

static void resume(struct tcp *t)
{
	struct tcp_conn *c;

	t->blocked = false;
	while (!t->blocked && (c = tcp_list_first(&t->starved))) {
		list_del(&c->node);
		tcp_output(c);
	}
}

void tcp_rx_ready(struct tcp *t)
{
	resume(t);
	tcp_settle(t);
}

void tcp_up(struct tcp *t, u32 offloads)
{
	t->offloads = offloads;
	t->up = true;
	t->blocked = false;
	/* Not from inside: the device is not ready for frames yet. */
	loop_timer_arm(t->ack_timer, 0);
	t->ack_armed = true;
}

void tcp_down(struct tcp *t)
{
	t->up = false;
}

void tcp_ack_arm(const struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	u64 now = tcp_now(t);

	loop_timer_arm(t->ack_timer, c->ack_by > now ? c->ack_by - now : 0);
	t->ack_armed = true;
}

/*
 * Acknowledgements that no answer has taken along. The timer is armed for the first that waits, and
 * most of those have gone with an answer long since when it is due: others wait by then.
 */
static void on_ack_timer(void *arg)
{
	struct tcp *t = arg;
	struct tcp_conn *c;

	t->ack_armed = false;
	if (!t->blocked)
		resume(t);
	while ((c = tcp_list_first(&t->later)) && c->ack_by <= tcp_now(t)) {
		c->chatty = false;
		c->ack_now = true;
		tcp_touch(c);
	}
	if (c && !t->ack_armed)
		tcp_ack_arm(c);
	tcp_settle(t);
}

/* ---- making one ---- */

static void expire(void *arg, unsigned idle_ms)
{
	/* No connection is given up for another one. */
}

int tcp_create(struct tcp **out, const struct tcp_conf *c, struct loop *loop, struct netif *netif)
{
	struct tcp *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->conf = *c;
	t->loop = loop;
	t->netif = netif;
	t->budget = (struct budget){ .direct = true, .expire = expire, .arg = t };
	list_init(&t->dirty);
	list_init(&t->later);
	list_init(&t->starved);
	list_init(&t->waiting);
	budget_join(&t->budget);
	err = tcp_table_init(t);
	if (!err)
		err = loop_timer_add(loop, tcp_on_timer, t, &t->timer);
	if (!err)
		err = loop_timer_add(loop, on_ack_timer, t, &t->ack_timer);
	if (err) {
		tcp_destroy(t);
		return err;
	}
	*out = t;
	return 0;
}

/* The guest has: then it is a stream with an end, which the kernel still delivers. */
static bool has_said_all(const struct tcp_conn *c)
{
	return c->state == CONN_CLOSE_WAIT || c->state == CONN_CLOSING || c->state == CONN_LAST_ACK;
}

void tcp_destroy(struct tcp *t)
{
	if (!t)
		return;
	t->up = false;
	tcp_listen_close(t);
	for (unsigned i = 0; i < t->nr_buckets && t->buckets; i++)
		while (t->buckets[i])
			tcp_conn_end(t->buckets[i], !has_said_all(t->buckets[i]));
	tcp_bury(t);
	budget_leave(&t->budget);
	loop_timer_del(t->timer);
	loop_timer_del(t->ack_timer);
	free(t->buckets);
	free(t->heap);
	free(t->sink);
	free(t);
}
