/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user network is before it runs: addresses, names. Main thread. */
#ifndef NET_SETUP_H
#define NET_SETUP_H

#include "net/netopt.h"
#include "net/user/dhcp.h"
#include "net/user/guard.h"

/* What the DHCP server tells; it points here. */
struct setup_names {
	char domain[NET_MAX_DOMAIN + 1];
	u8 search[255];
};

/* All of *g. */
void setup_guard(struct guard *g, const struct net_conf *c);

/* What the server has to know, into a zeroed *d; `n` outlives it. */
void setup_dhcp(struct dhcp *d, struct setup_names *n, const struct guard *g,
		const struct net_conf *c);

/* One line: what the guest can reach is the first question of whoever answers for the host. */
void setup_say_reach(const struct net_conf *c);

#endif
