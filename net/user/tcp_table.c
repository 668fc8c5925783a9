/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which connections there are: a hash table, and their beginning and end.
 *
 * Thread: the loop of the netif.
 * Trust:  the guest chooses addresses and ports, so the table's hash has a key that it does not
 *         know.
 * Spec:   RFC 6528 (first sequence numbers)
 *
 * A connection that ends in the middle of a batch is out of the table and has no socket at once;
 * its memory is freed with the batch, so that whoever has a pointer to it finds CONN_CLOSED.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "net/user/tcp_conn.h"

#define BUCKETS 4096u /* for up to some 16,000 connections */
#define FIRST_WINDOW 64240u
#define GUESS 2048u
#define MAX_WAIT 512u /* connections in TIME-WAIT */

int tcp_table_init(struct tcp *t)
{
	struct sip_key keys[2];

	if (getrandom(keys, sizeof(keys), 0) != sizeof(keys))
		return -errno;
	t->key = keys[0];
	t->iss_key = keys[1];
	t->nr_buckets = BUCKETS;
	t->buckets = calloc(BUCKETS, sizeof(struct tcp_conn *));
	return t->buckets ? 0 : -ENOMEM;
}

static struct tcp_conn **bucket(struct tcp *t, const struct ip_key *k)
{
	return &t->buckets[siphash(&t->key, k, sizeof(*k)) & (t->nr_buckets - 1)];
}

struct tcp_conn *tcp_find(struct tcp *t, const struct ip_key *k)
{
	/* Segments come in trains. */
	if (t->last && !memcmp(&t->last->key, k, sizeof(*k)))
		return t->last;
	for (struct tcp_conn *c = *bucket(t, k); c; c = c->chain) {
		if (!memcmp(&c->key, k, sizeof(*k))) {
			t->last = c;
			return c;
		}
	}
	return NULL;
}

bool tcp_knows(struct tcp *t, const struct ip_key *k)
{
	return t->nr && tcp_find(t, k);
}

/*
 * A clock of four microseconds, and a hash that tells other connections nothing about this one
 * [RFC 6528 §3].
 */
static u32 first_number(struct tcp *t, const struct ip_key *k)
{
	return (u32)(loop_now_ns() / 4000) + (u32)siphash(&t->iss_key, k, sizeof(*k));
}

static void count(struct tcp *t)
{
	budget_set(&t->budget, t->nr_fds + t->nr_listeners);
}

struct tcp_conn *tcp_conn_new(struct tcp *t, const struct ip_key *k)
{
	struct tcp_conn *c = calloc(1, sizeof(*c)), **b = bucket(t, k);

	if (!c)
		return NULL;
	*c = (struct tcp_conn){ .key = *k, .tcp = t, .fd = -1, .guess = GUESS, .chatty = true };
	c->iss = first_number(t, k);
	c->snd_una = c->snd_nxt = c->snd_max = c->iss;
	c->given = FIRST_WINDOW;
	c->active_ns = tcp_now(t);
	c->chain = *b;
	*b = c;
	t->nr++;
	t->nr_fds++; /* it is about to get one */
	count(t);
	return c;
}

static void unlink_conn(struct tcp_conn *c)
{
	struct tcp_conn **p = bucket(c->tcp, &c->key);

	while (*p != c)
		p = &(*p)->chain;
	*p = c->chain;
	if (c->tcp->last == c)
		c->tcp->last = NULL;
}

static void drop_socket(struct tcp_conn *c, bool reset)
{
	struct tcp *t = c->tcp;

	if (c->state == CONN_TIME_WAIT)
		return;
	if (c->state == CONN_SYN_SENT)
		t->nr_half--;
	tcp_host_close(c, reset);
	t->nr_fds--;
	count(t);
	if (t->deaf)
		tcp_listen_update(t);
}

void tcp_conn_end(struct tcp_conn *c, bool reset)
{
	struct tcp *t = c->tcp;

	if (c->state == CONN_CLOSED)
		return;
	drop_socket(c, reset);
	if (c->state == CONN_TIME_WAIT)
		t->nr_wait--;
	c->state = CONN_CLOSED;
	tcp_timer_forget(c);
	list_del(&c->node);
	unlink_conn(c);
	t->nr--;
	c->chain = t->dead;
	t->dead = c;
}

void tcp_conn_linger(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;

	drop_socket(c, false);
	c->state = CONN_TIME_WAIT;
	c->rtx_at = 0;
	c->active_ns = tcp_now(t);
	if (++t->nr_wait > MAX_WAIT && tcp_list_first(&t->waiting))
		tcp_conn_end(tcp_list_first(&t->waiting), false);
	tcp_timer_update(c);
}

void tcp_bury(struct tcp *t)
{
	while (t->dead) {
		struct tcp_conn *c = t->dead;

		t->dead = c->chain;
		free(c);
	}
}
