/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of the guest's network, and what they stand for.
 *
 * Thread: any; for a name server's address the loop, as a file is read.
 * Trust:  the destination is the guest's choice, and guard.c has refused those that mean something
 *         only inside a host.
 *
 * Every address of the guest's network that is not the guest's is the host; so the host's loopback
 * is reached by any of them, or by none.
 */
#include "net/user/reach.h"

#include <errno.h>
#include <string.h>

#include "lkvm/vm/loop.h"
#include "net/user/servers.h"

static bool in_network4(const struct guard *g, u32 addr_be)
{
	return (addr_be & g->mask.s_addr) == g->net.s_addr;
}

static bool is_link_local(const u8 *a)
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* On the guest's link: its prefix, or link-local, which means nothing on another link. */
static bool in_network6(const struct guard *g, const u8 *a)
{
	return !memcmp(a, &g->prefix6, 8) || is_link_local(a);
}

/* For who asks by TCP: mostly because the answer by UDP was too long, so of whom that was. */
static int dial_server(struct servers *s, union reach_addr *to)
{
	servers_update(s, loop_now_ns());
	if (!s->nr)
		return -ECONNREFUSED;
	*to = s->addr[s->last < s->nr ? s->last : 0];
	return (int)servers_addr_len(to);
}

bool reach_is_host(const struct reach *r, const struct ip_key *k)
{
	u32 peer;

	memcpy(&peer, k->peer, sizeof(peer));
	return k->v6 ? in_network6(r->guard, k->peer) : in_network4(r->guard, peer);
}

int reach_out(const struct reach *r, const struct ip_key *k, union reach_addr *to)
{
	bool local = reach_is_host(r, k);
	in_port_t port;

	if (r->restricted)
		return -ECONNREFUSED;
	memcpy(&port, k->ports + 2, 2);
	if (r->servers && !k->v6 && !memcmp(k->peer, &r->guard->dns, 4))
		return dial_server(r->servers, to);
	if (k->v6) {
		to->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
		memcpy(&to->in6.sin6_addr, k->peer, 16);
		if (local)
			to->in6.sin6_addr = in6addr_loopback;
	} else {
		to->in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
		memcpy(&to->in.sin_addr, k->peer, 4);
		if (local)
			to->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	if (local && !r->host_loopback)
		return -ECONNREFUSED;
	return k->v6 ? sizeof(to->in6) : sizeof(to->in);
}

void reach_host(const struct reach *r, bool v6, u8 us[16])
{
	memset(us, 0, 16);
	if (v6) {
		memcpy(us, &r->guard->prefix6, 8);
		us[15] = 1;
	} else {
		memcpy(us, &r->guard->host, 4);
	}
}

bool reach_in(const struct reach *r, struct ip_key *k, const union reach_addr *from)
{
	bool host;

	if (k->v6) {
		memcpy(k->peer, &from->in6.sin6_addr, 16);
		memcpy(k->ports + 2, &from->in6.sin6_port, 2);
		host = IN6_IS_ADDR_LOOPBACK(&from->in6.sin6_addr) || in_network6(r->guard, k->peer);
	} else {
		memcpy(k->peer, &from->in.sin_addr, 4);
		memcpy(k->ports + 2, &from->in.sin_port, 2);
		host = ntohl(from->in.sin_addr.s_addr) >> 24 == 127 ||
		       in_network4(r->guard, from->in.sin_addr.s_addr);
	}
	if (host)
		reach_host(r, k->v6, k->peer);
	return host;
}
