/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows there are: a hash table, and lists by how long each has been idle.
 *
 * Thread: the loop of the netif.
 * Trust:  the guest chooses addresses and ports, so the table's hash has a key that it does not
 *         know, and their number has an end.
 * Spec:   RFC 4787 §4.3 (how long a flow lives)
 *
 * Nobody says that a flow is over, so time does: the lists are in the order of the last use, and
 * the timer looks at their first ones. Where there is no room for one more, the longest idle goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lkvm/base/log.h"
#include "net/user/udp_flow.h"

#define SEC UINT64_C(1000000000)
#define IDLE_NS (240 * SEC)
#define BRIEF_NS (20 * SEC) /* questions to name servers */
#define IN_USE_NS SEC	    /* a flow is not given up for another one so soon */

static u64 due(const struct udp_flow *f)
{
	return f->active_ns + (f->brief ? BRIEF_NS : IDLE_NS);
}

static struct udp_flow *first(const struct list_node *l)
{
	return l->next == l ? NULL : container_of(l->next, struct udp_flow, idle);
}

static void arm(struct udp *u, u64 at)
{
	u64 now = udp_now(u);

	if (u->timer_at && u->timer_at <= at)
		return;
	u->timer_at = at;
	loop_timer_arm(u->timer, at > now ? at - now : 0);
}

static void on_timer(void *arg)
{
	struct udp *u = arg;
	struct udp_flow *f;

	u->timer_at = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(u->idle); i++) {
		while ((f = first(&u->idle[i])) && due(f) <= udp_now(u))
			udp_flow_end(f);
		if (f)
			arm(u, due(f));
	}
	udp_settle(u);
}

static void expire(void *arg, unsigned idle_ms)
{
	struct udp *u = arg;
	struct udp_flow *f;

	for (unsigned i = 0; i < ARRAY_SIZE(u->idle); i++)
		while ((f = first(&u->idle[i])) &&
		       udp_now(u) - f->active_ns >= (u64)idle_ms * (SEC / 1000))
			udp_flow_end(f);
	/* Another card may have asked, and this one's next batch be minutes away. */
	u->now = 0;
}

int udp_table_init(struct udp *u)
{
	u->budget = (struct budget){ .direct = true, .expire = expire, .arg = u };
	list_init(&u->idle[0]);
	list_init(&u->idle[1]);
	budget_join(&u->budget);
	u->spill = malloc(DIRECT_HEAD + UDP_MAX);
	u->train.data = malloc(UDP_TRAIN_MAX);
	if (!u->spill || !u->train.data || backlog_init(&u->late, UDP_LATE))
		return -ENOMEM;
	u->has_trains = udp_host_has_trains();
	if (getrandom(&u->key, sizeof(u->key), 0) != sizeof(u->key))
		return -errno;
	return loop_timer_add(u->loop, on_timer, u, &u->timer);
}

void udp_table_fini(struct udp *u)
{
	for (unsigned i = 0; i < UDP_BUCKETS; i++)
		while (u->buckets[i])
			udp_flow_end(u->buckets[i]);
	budget_leave(&u->budget);
	loop_timer_del(u->timer);
}

/* Room for one more? Else that of the flow that has been idle longest. */
static bool make_room(struct udp *u)
{
	struct udp_flow *a = first(&u->idle[0]), *b = first(&u->idle[1]);

	if (budget_has_room(BUDGET_DIRECT_DATAGRAM))
		return true;
	if (!a || (b && b->active_ns < a->active_ns))
		a = b;
	if (!a || udp_now(u) - a->active_ns < IN_USE_NS) {
		guest_err("user network", "too many datagram flows: new ones are dropped");
		return false;
	}
	udp_flow_end(a);
	return true;
}

static struct udp_flow **bucket(struct udp *u, const struct ip_key *id)
{
	return &u->buckets[siphash(&u->key, id, sizeof(*id)) % UDP_BUCKETS];
}

static void count(struct udp *u)
{
	budget_set(&u->budget, u->nr);
}

struct udp_flow *udp_flow_add(struct udp *u, const struct ip_key *id)
{
	struct udp_flow *f, **b = bucket(u, id);

	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	*f = (struct udp_flow){ .id = *id, .udp = u, .fd = -1, .burst = 1, .chain = *b };
	memcpy(f->link.host, u->conf.reach.guard->host_mac, 6);
	reach_host(&u->conf.reach, id->v6, f->host);
	*b = f;
	u->nr++;
	count(u);
	return f;
}

static struct udp_flow *new_flow(struct udp *u, const struct ip_key *id)
{
	struct udp_flow *f = make_room(u) ? udp_flow_add(u, id) : NULL;

	if (f && udp_host_open(f)) {
		udp_flow_end(f);
		return NULL;
	}
	return f;
}

struct udp_flow *udp_flow_find(struct udp *u, const struct ip_key *id)
{
	for (struct udp_flow *f = *bucket(u, id); f; f = f->chain)
		if (!memcmp(&f->id, id, sizeof(*id)))
			return f;
	return NULL;
}

struct ip_key udp_guest_end(const struct ip_key *k)
{
	struct ip_key id = { .v6 = k->v6 };

	memcpy(id.guest, k->guest, sizeof(id.guest));
	memcpy(id.ports, k->ports, 2);
	return id;
}

struct udp_flow *udp_flow_of(struct udp *u, const struct ip_key *k)
{
	const struct ip_key id = udp_guest_end(k);
	struct udp_flow *f = udp_flow_find(u, &id);

	if (f && f->forward)
		f = udp_asked_by(f, k);
	return f ? f : new_flow(u, &id);
}

void udp_flow_touch(struct udp_flow *f)
{
	struct udp *u = f->udp;

	f->active_ns = udp_now(u);
	/* A forward has no end. */
	if (f->forward)
		return;
	list_put(&u->idle[f->brief], &f->idle);
	arm(u, due(f));
}

void udp_flow_end(struct udp_flow *f)
{
	struct udp *u = f->udp;
	struct udp_flow **p = bucket(u, &f->id);

	while (*p != f)
		p = &(*p)->chain;
	*p = f->chain;
	if (u->last == f) {
		u->last = NULL;
		u->train.nr = 0;
		u->train.len = 0;
	}
	list_del(&f->idle);
	list_del(&f->wait);
	udp_host_close(f);
	u->nr--;
	count(u);
	free(f->forward);
	free(f);
}
