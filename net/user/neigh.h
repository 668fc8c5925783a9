/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's hardware addresses, for what lkvm sends it without having been asked. The loop's
 * thread, or before it runs.
 */
#ifndef NET_NEIGH_H
#define NET_NEIGH_H

#include "net/user/ip_pkt.h"

struct neigh {
	u8 mac[6]; /* of an address that was not heard of */
	struct {
		u8 addr[16];
		u8 mac[6];
		bool used, v6;
	} known[16];
	unsigned next; /* the one to be replaced */
};

/* From a frame of any protocol: this address (of 4 or 16 bytes) has this hardware address. */
void neigh_learn(struct neigh *n, const u8 *addr, bool v6, const u8 mac[6]);

/* The hardware address of the guest's end of `k`. False: it is only to be supposed. */
bool neigh_find(const struct neigh *n, const struct ip_key *k, u8 mac[6]);

#endif
