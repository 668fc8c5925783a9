/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's hardware addresses.
 *
 * Thread: the loop of the netif, or main before it runs.
 * Trust:  they are what the guest says, and lead nowhere but to the guest. There are so many; a new
 *         one replaces the oldest.
 */
#include "net/user/neigh.h"

#include <string.h>

void neigh_learn(struct neigh *n, const u8 *addr, bool v6, const u8 mac[6])
{
	size_t len = v6 ? 16 : 4;
	unsigned i = 0;

	while (i < ARRAY_SIZE(n->known) && (!n->known[i].used || n->known[i].v6 != v6 ||
					    memcmp(n->known[i].addr, addr, len) != 0))
		i++;
	if (i == ARRAY_SIZE(n->known))
		i = n->next++ % ARRAY_SIZE(n->known);
	n->known[i].used = true;
	n->known[i].v6 = v6;
	memcpy(n->known[i].addr, addr, len);
	memcpy(n->known[i].mac, mac, 6);
}

bool neigh_find(const struct neigh *n, const struct ip_key *k, u8 mac[6])
{
	memcpy(mac, n->mac, 6);
	for (unsigned i = 0; i < ARRAY_SIZE(n->known); i++) {
		if (n->known[i].used && n->known[i].v6 == (bool)k->v6 &&
		    !memcmp(n->known[i].addr, k->guest, ip_addr_len(k))) {
			memcpy(mac, n->known[i].mac, 6);
			return true;
		}
	}
	return false;
}
