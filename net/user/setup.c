/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user network's addresses and names, from what the user asked for.
 *
 * Thread: main, before the loop runs.
 * Trust:  the user's configuration, and the host's resolv.conf.
 */
#include "net/user/setup.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "net/user/resolv.h"

#define WHO "user network"
#define LEASE_S 14400u /* as kvmtool: four hours */

/*
 * What the host's resolver is told: kvmtool hands on the domain, we the list, too. With a domain of
 * the user's own the list would be another network's.
 */
static void host_names(struct setup_names *n, struct dhcp *d, const struct net_conf *c)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	struct resolv r = { .nr_search = 0 };

	if (f) {
		resolv_read(&r, f);
		fclose(f);
	}
	snprintf(n->domain, sizeof(n->domain), "%s", c->domain[0] ? c->domain : r.domain);
	if (!c->domain[0])
		d->search_len = resolv_search_wire(&r, n->search, sizeof(n->search));
}

void setup_guard(struct guard *g, const struct net_conf *c)
{
	*g = (struct guard){ .host = c->host_ip, .ipv6 = c->ipv6 };
	g->mask.s_addr = htonl(0xffffff00);
	g->net.s_addr = c->host_ip.s_addr & g->mask.s_addr;
	g->dns = netopt_name_server(c);
	/* libslirp's address of the host: 52:55 and its IPv4 address. */
	g->host_mac[0] = 0x52;
	g->host_mac[1] = 0x55;
	memcpy(g->host_mac + 2, &c->host_ip, 4);
	g->no_loopback = c->host_loopback != NET_ON;
	inet_pton(AF_INET6, "fd33::", &g->prefix6);
	inet_pton(AF_INET6, "fd33::3", &g->dns6);
}

void setup_dhcp(struct dhcp *d, struct setup_names *n, const struct guard *g,
		const struct net_conf *c)
{
	host_names(n, d, c);
	memcpy(d->host_mac, g->host_mac, sizeof(d->host_mac));
	d->host = g->host;
	d->mask = g->mask;
	d->first = c->guest_ip;
	d->no_router = c->restricted;
	memcpy(d->dns, c->nr_dns ? c->dns : &g->dns, MAX(c->nr_dns, 1u) * sizeof(d->dns[0]));
	d->nr_dns = MAX(c->nr_dns, 1u);
	d->domain = n->domain;
	d->search = n->search;
	d->mtu = c->mtu;
	d->lease_s = LEASE_S;
	memcpy(d->lease[0], c->mac, NETIF_MAC_LEN);
}

void setup_say_reach(const struct net_conf *c)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &c->host_ip, host, sizeof(host));
	if (c->restricted)
		log_info(WHO ": the guest reaches nothing, and is reached by its forwards");
	else if (c->host_loopback == NET_ON)
		log_info(WHO ": the guest reaches what the host reaches, and as %s its loopback",
			 host);
	else
		log_info(WHO ": the guest reaches what the host reaches, but not its loopback "
			     "(host-loopback=on)");
}
