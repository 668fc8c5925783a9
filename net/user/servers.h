/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the host's name servers are, as sockets want it. The loop's thread, or before it runs. */
#ifndef NET_SERVERS_H
#define NET_SERVERS_H

#include "net/user/reach.h"
#include "net/user/resolv.h"

struct servers {
	const char *path; /* of resolv.conf; the caller's */
	in_port_t port;	  /* in network order; 53 but for tests */
	u64 read_ns;	  /* when it was read; 0: never */
	unsigned last;	  /* who has answered last; may be beyond `nr` */
	unsigned nr;
	union reach_addr addr[RESOLV_MAX_SERVERS];
};

/*
 * Read the file again, unless that was done within the last second: a host that moves to another
 * network gets other servers. `now_ns`: a clock that does not go back. Afterwards s->nr may be 0.
 * Takes what needs no other system calls than the user network has for itself.
 */
void servers_update(struct servers *s, u64 now_ns);

/* The length of an address of theirs. */
socklen_t servers_addr_len(const union reach_addr *a);

#endif
