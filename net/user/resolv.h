/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host's resolv.conf says: names for the guest, servers for us. Any thread. */
#ifndef NET_RESOLV_H
#define NET_RESOLV_H

#include <net/if.h>
#include <stdio.h>

#include "lkvm/base/util.h"

#define RESOLV_MAX_SEARCH 6u
#define RESOLV_MAX_NAME 255u
#define RESOLV_MAX_SERVERS 3u /* as the C library's resolver, MAXNS */

struct resolv_server {
	bool v6;
	u8 addr[16];		 /* IPv4: in the first four bytes */
	char scope[IF_NAMESIZE]; /* of fe80::1%eth0: the interface's name or number; "": none */
};

struct resolv {
	char domain[RESOLV_MAX_NAME + 1]; /* "": none is said */
	char search[RESOLV_MAX_SEARCH][RESOLV_MAX_NAME + 1];
	unsigned nr_search;
	struct resolv_server server[RESOLV_MAX_SERVERS];
	unsigned nr_servers;
};

/*
 * Read `f` as resolver(5) says: of "domain" and "search" the last one counts, and without "domain"
 * the first name of "search" is it. Lines and names that are too long, and servers that are no
 * addresses or beyond the third, are left out.
 */
void resolv_read(struct resolv *r, FILE *f);

/*
 * The search list as DHCP's option 119 has it: names in the wire form of DNS, each of which may end
 * in a pointer to what the ones before it end in [RFC 3397 §2, RFC 1035 §4.1.4]. Returns the
 * length; names that do not fit into `size` bytes, or are none, are left out.
 */
size_t resolv_search_wire(const struct resolv *r, u8 *buf, size_t size);

#endif
