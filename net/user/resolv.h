/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host's resolv.conf says that a guest should know. Any thread. */
#ifndef NET_RESOLV_H
#define NET_RESOLV_H

#include <stdio.h>

#include "lkvm/base/util.h"

#define RESOLV_MAX_SEARCH 6u
#define RESOLV_MAX_NAME 255u

struct resolv {
	char domain[RESOLV_MAX_NAME + 1]; /* "": none is said */
	char search[RESOLV_MAX_SEARCH][RESOLV_MAX_NAME + 1];
	unsigned nr_search;
	bool ipv4, ipv6; /* there is a name server of this family */
};

/*
 * Read `f` as resolver(5) says: of "domain" and "search" the last one counts, and without "domain"
 * the first name of "search" is it. Lines and names that are too long are left out.
 */
void resolv_read(struct resolv *r, FILE *f);

/*
 * The search list as DHCP's option 119 has it: names in the wire form of DNS, each of which may end
 * in a pointer to what the ones before it end in [RFC 3397 §2, RFC 1035 §4.1.4]. Returns the
 * length; names that do not fit into `size` bytes, or are none, are left out.
 */
size_t resolv_search_wire(const struct resolv *r, u8 *buf, size_t size);

#endif
