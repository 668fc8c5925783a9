/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwards of UDP: flows whose socket has a port of the user's choice, and which have no end.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  who sends, and how much, is up to others.
 *
 * What the guest answers goes back to where the question came from, also where the guest could not
 * begin to talk: the host's loopback for a guest that is kept from it, or anybody for a guest that
 * is restricted. So there is a list of those who have asked last. Several forwards may lead to one
 * port of the guest: an answer leaves by the one by which its peer has asked.
 */
#include <errno.h>
#include <stdlib.h>

#include "net/user/udp_flow.h"

#define ASKERS 32u

struct udp_forward {
	struct net_hostfwd f;
	unsigned next; /* the place of who is to be forgotten */
	struct {
		u64 when;	   /* of udp->asks, the last time; 0: nobody */
		struct ip_key key; /* as the guest knows it */
		union reach_addr addr;
	} askers[ASKERS];
};

static struct ip_key end_of(const struct net_hostfwd *f)
{
	struct ip_key id = { .v6 = f->v6 };

	memcpy(id.guest, &f->guest.v6, ip_addr_len(&id));
	be16_put(id.ports, f->guest.port);
	return id;
}

static socklen_t addr_len(const union reach_addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

static bool same_addr(const union reach_addr *a, const union reach_addr *b)
{
	return a->sa.sa_family == b->sa.sa_family && !memcmp(a, b, addr_len(a));
}

/* The place of the peer of `k`, or ASKERS. */
static unsigned place_of(const struct udp_forward *w, const struct ip_key *k)
{
	unsigned i = 0;

	while (i < ASKERS && (!w->askers[i].when || memcmp(&w->askers[i].key, k, sizeof(*k)) != 0))
		i++;
	return i;
}

void udp_asked(struct udp_flow *f, const struct ip_key *k, const union reach_addr *from)
{
	struct udp_forward *w = f->forward;
	struct udp *u = f->udp;
	unsigned i = place_of(w, k);

	if (i == ASKERS || !same_addr(&w->askers[i].addr, from)) {
		i = i == ASKERS ? w->next++ % ASKERS : i;
		w->askers[i].key = *k;
		w->askers[i].addr = *from;
		f->moved = true;
	}
	w->askers[i].when = ++u->asks;
	/* If that is another forward to the same port, its answers may have to leave here now. */
	if (u->last && u->last != f && u->last->forward)
		u->last->moved = true;
}

int udp_asker(const struct udp_flow *f, const struct ip_key *k, union reach_addr *to)
{
	unsigned i = place_of(f->forward, k);

	if (i == ASKERS)
		return reach_out(&f->udp->conf.reach, k, to);
	*to = f->forward->askers[i].addr;
	return (int)addr_len(to);
}

struct udp_flow *udp_asked_by(struct udp_flow *newest, const struct ip_key *k)
{
	struct udp_flow *by = newest;
	u64 when = 0;

	for (struct udp_flow *f = newest; f; f = f->chain) {
		unsigned i = f->forward ? place_of(f->forward, k) : ASKERS;

		/* Of another port, `f` has other keys. */
		if (i == ASKERS || f->forward->askers[i].when < when)
			continue;
		when = f->forward->askers[i].when;
		by = f;
	}
	return by;
}

/* ---- making one ---- */

int udp_listen(struct udp *u, const struct net_hostfwd *f, int fd)
{
	struct udp_forward *w = calloc(1, sizeof(*w));
	struct ip_key id = end_of(f);
	struct udp_flow *old = udp_flow_find(u, &id), *flow;
	int err;

	if (!w)
		return -ENOMEM;
	w->f = *f;
	flow = udp_flow_add(u, &id);
	if (!flow) {
		free(w);
		return -ENOMEM;
	}
	flow->forward = w;
	neigh_find(u->conf.neigh, &id, flow->link.guest);
	err = udp_host_adopt(flow, fd);
	if (err) {
		flow->fd = -1; /* the caller's again */
		udp_flow_end(flow);
		return err;
	}
	u->nr_forwards++;
	/* What the guest has begun from that port goes on from the new one. */
	if (old && !old->forward)
		udp_flow_end(old);
	return 0;
}

int udp_ignore(struct udp *u, const struct net_hostfwd *f)
{
	for (unsigned i = 0; i < UDP_BUCKETS; i++) {
		for (struct udp_flow *flow = u->buckets[i]; flow; flow = flow->chain) {
			if (flow->forward && hostfwd_same(&flow->forward->f, f)) {
				u->nr_forwards--;
				udp_flow_end(flow);
				return 0;
			}
		}
	}
	return -ENOENT;
}

bool udp_knows(struct udp *u, const struct ip_key *k)
{
	const struct ip_key id = udp_guest_end(k);
	const struct udp_flow *f = u->nr_forwards ? udp_flow_find(u, &id) : NULL;

	return f && f->forward;
}
