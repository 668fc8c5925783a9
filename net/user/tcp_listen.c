/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to the guest, and where in its network the guest is.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  who connects, and how often, is up to others; hardware addresses are what the guest says.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/user/tcp_conn.h"

#define MAX_HALF_OPEN 128u /* connections that the guest has not answered */
#define ACCEPTS 16u	   /* for one event */
#define BACKLOG 128
#define RCV_SCALE 7
#define MSS_FIRST 536u

/* ---- neighbours ---- */

void tcp_learn(struct tcp *t, const u8 *addr, bool v6, const u8 mac[NETIF_MAC_LEN])
{
	size_t len = v6 ? 16 : 4;
	struct tcp_neigh *n = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(t->neigh) && !n; i++)
		if (t->neigh[i].used && t->neigh[i].v6 == v6 &&
		    !memcmp(t->neigh[i].addr, addr, len))
			n = &t->neigh[i];
	if (!n)
		n = &t->neigh[t->neigh_at++ % ARRAY_SIZE(t->neigh)];
	*n = (struct tcp_neigh){ .used = true, .v6 = v6 };
	memcpy(n->addr, addr, len);
	memcpy(n->mac, mac, sizeof(n->mac));
}

bool tcp_link_of(struct tcp *t, const struct ip_key *k, struct ip_link *l)
{
	memcpy(l->host, t->conf.reach.guard->host_mac, sizeof(l->host));
	memcpy(l->guest, t->conf.mac, sizeof(l->guest));
	for (unsigned i = 0; i < ARRAY_SIZE(t->neigh); i++) {
		const struct tcp_neigh *n = &t->neigh[i];

		if (n->used && n->v6 == (bool)k->v6 && !memcmp(n->addr, k->guest, ip_addr_len(k))) {
			memcpy(l->guest, n->mac, sizeof(l->guest));
			return true;
		}
	}
	return false;
}

/* ---- connections ---- */

static bool has_room(const struct tcp *t)
{
	return t->nr_half < MAX_HALF_OPEN && budget_has_room(BUDGET_DIRECT_FORWARD);
}

void tcp_listen_update(struct tcp *t)
{
	bool deaf = !has_room(t);

	if (deaf == t->deaf)
		return;
	t->deaf = deaf;
	for (unsigned i = 0; i < t->nr_listeners; i++)
		loop_fd_mod(t->listeners[i].reg, deaf ? 0 : EPOLLIN);
}

static void take(struct tcp_listener *l, int fd, const union reach_addr *from)
{
	struct tcp *t = l->tcp;
	struct ip_key k = { .v6 = l->f.v6 };
	u16 port = htons(l->f.guest.port);
	struct tcp_conn *c;

	memcpy(k.guest, &l->f.guest.v6, ip_addr_len(&k));
	memcpy(k.ports, &port, 2);
	reach_in(&t->conf.reach, &k, from);
	c = tcp_find(t, &k);
	if (c && c->state == CONN_TIME_WAIT)
		tcp_conn_end(c, false);
	else if (c) {
		/* Two peers that look the same to the guest. */
		close(fd);
		return;
	}
	c = tcp_conn_new(t, &k);
	if (!c) {
		close(fd);
		return;
	}
	c->passive = true;
	c->state = CONN_SYN_SENT;
	t->nr_half++;
	c->rcv_scale = RCV_SCALE;
	c->mss = MSS_FIRST;
	if (tcp_host_adopt(c, fd)) {
		tcp_conn_end(c, true);
		return;
	}
	c->syn_now = true;
	tcp_rtx_arm(c);
	tcp_touch(c);
}

static void on_accept(void *arg, u32 events)
{
	struct tcp_listener *l = arg;
	struct tcp *t = l->tcp;

	for (unsigned i = 0; i < ACCEPTS && has_room(t); i++) {
		union reach_addr from;
		socklen_t len = sizeof(from);
		int fd = accept4(l->fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			/* No descriptor left, for instance: the loop must not spin on it. */
			if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				loop_fd_rest(l->reg);
			break;
		}
		take(l, fd, &from);
	}
	tcp_listen_update(t);
	tcp_settle(t);
}

/* ---- listeners ---- */

static int open_listener(const struct net_hostfwd *f)
{
	union reach_addr a;
	socklen_t len = f->v6 ? sizeof(a.in6) : sizeof(a.in);
	int fd, one = 1;

	if (f->v6)
		a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					       .sin6_port = htons(f->host.port),
					       .sin6_addr = f->host.v6 };
	else
		a.in = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_port = htons(f->host.port),
					     .sin_addr = f->host.v4 };
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	tcp_host_size(fd, &a); /* so are those of its connections */
	/* "All addresses" of IPv6 are no addresses of IPv4, which has forwards of its own. */
	if ((f->v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, &a.sa, len) || listen(fd, BACKLOG)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void close_listener(struct tcp_listener *l)
{
	loop_fd_del(l->reg);
	close(l->fd);
}

/* Where they lie in the list, the loop knows: those behind are registered anew. */
static int watch(struct tcp_listener *l)
{
	struct tcp *t = l->tcp;

	return loop_fd_add(t->loop, l->fd, t->deaf ? 0 : EPOLLIN, on_accept, l, &l->reg);
}

static int ignore(struct tcp *t, const struct net_hostfwd *f)
{
	for (unsigned i = 0; i < t->nr_listeners; i++) {
		struct tcp_listener *l = &t->listeners[i], *last;

		if (!hostfwd_same(&l->f, f))
			continue;
		close_listener(l);
		last = &t->listeners[--t->nr_listeners];
		if (l != last) {
			loop_fd_del(last->reg);
			*l = *last;
			return watch(l);
		}
		return 0;
	}
	return -ENOENT;
}

int tcp_listen(struct tcp *t, const struct net_hostfwd *f, bool on)
{
	struct tcp_listener *l = &t->listeners[t->nr_listeners];
	int fd, err;

	if (!on)
		return ignore(t, f);
	if (t->nr_listeners == ARRAY_SIZE(t->listeners))
		return -ENOSPC;
	fd = open_listener(f);
	if (fd < 0)
		return fd;
	*l = (struct tcp_listener){ .tcp = t, .f = *f, .fd = fd };
	err = watch(l);
	if (err) {
		close(fd);
		return err;
	}
	t->nr_listeners++;
	return 0;
}

void tcp_listen_close(struct tcp *t)
{
	while (t->nr_listeners)
		close_listener(&t->listeners[--t->nr_listeners]);
}
