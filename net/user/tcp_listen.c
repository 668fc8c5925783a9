/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to the guest.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  who connects, and how often, is up to others.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/user/tcp_conn.h"

#define MAX_HALF_OPEN 128u /* connections that the guest has not answered */
#define ACCEPTS 16u	   /* for one event */
#define RCV_SCALE 7
#define MSS_FIRST 536u

bool tcp_link_of(struct tcp *t, const struct ip_key *k, struct ip_link *l)
{
	memcpy(l->host, t->conf.reach.guard->host_mac, sizeof(l->host));
	return neigh_find(t->conf.neigh, k, l->guest);
}

/* ---- connections ---- */

static bool has_room(const struct tcp *t)
{
	return t->nr_half < MAX_HALF_OPEN && budget_has_room(BUDGET_FORWARD);
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

int tcp_ignore(struct tcp *t, const struct net_hostfwd *f)
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

/* How the address that is listened at looks to tcp_host_size(). */
static union reach_addr here(const struct net_hostfwd *f)
{
	union reach_addr a;

	if (f->v6)
		a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = f->host.v6 };
	else
		a.in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = f->host.v4 };
	return a;
}

int tcp_listen(struct tcp *t, const struct net_hostfwd *f, int fd)
{
	struct tcp_listener *l = &t->listeners[t->nr_listeners];
	union reach_addr a = here(f);
	int err;

	if (t->nr_listeners == ARRAY_SIZE(t->listeners))
		return -ENOSPC;
	tcp_host_size(fd, &a); /* so are those of its connections */
	*l = (struct tcp_listener){ .tcp = t, .f = *f, .fd = fd };
	err = watch(l);
	if (!err)
		t->nr_listeners++;
	return err;
}

void tcp_listen_close(struct tcp *t)
{
	while (t->nr_listeners)
		close_listener(&t->listeners[--t->nr_listeners]);
}
