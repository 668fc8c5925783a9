/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's init is told of its network.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 *
 * A guest could ask by DHCP; but the answer is known, and init has nothing to ask with.
 */
#include "lkvm/cli/exec_net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Those of the first card that has any. */
static void add_servers(struct orders *o, char resolv[EXEC_NET_SIZE], const struct net_conf *n)
{
	const struct in_addr own = netopt_name_server(n);
	unsigned nr = MAX(n->nr_dns, 1u);
	size_t len = 0;

	if (o->resolv || n->restricted)
		return;
	if (*n->domain)
		len = (size_t)snprintf(resolv, EXEC_NET_SIZE, "search %s\n", n->domain);
	for (unsigned i = 0; i < nr && len < EXEC_NET_SIZE; i++) {
		char name[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, n->nr_dns ? &n->dns[i] : &own, name, sizeof(name));
		len += (size_t)snprintf(resolv + len, EXEC_NET_SIZE - len, "nameserver %s\n", name);
	}
	o->resolv = resolv;
}

bool exec_net(struct orders *o, char resolv[EXEC_NET_SIZE], const struct config *c)
{
	static_assert(CONFIG_MAX_NICS <= ORDERS_MAX_NICS, "a place for each");
	bool routed = false;

	for (unsigned i = 0; i < c->nr_nics; i++) {
		const struct net_conf *n = &c->nics[i];
		struct orders_nic *to = &o->nics[o->nr_nics];
		bool known = n->mode == NET_MODE_USER || n->mode == NET_MODE_TAP;

		if (n->mode == NET_MODE_NONE)
			continue;
		/* The kernel counts them as they come, and there is no udev that renames them. */
		snprintf(to->name, sizeof(to->name), "eth%u", o->nr_nics++);
		to->address = known ? ntohl(n->guest_ip.s_addr) : 0;
		/* Two routers would be one too many. */
		if (known && !n->restricted && !routed) {
			to->router = ntohl(n->host_ip.s_addr);
			routed = true;
		}
		if (n->mode == NET_MODE_USER)
			add_servers(o, resolv, n);
	}
	return o->nr_nics;
}
