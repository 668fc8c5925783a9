/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many sockets the user networks of this process have open and may have: descriptors are the
 * process's, so one count is for all of them. All user networks of a process are on one loop; that
 * thread only, or before it runs.
 */
#ifndef NET_BUDGET_H
#define NET_BUDGET_H

#include "lkvm/base/util.h"

/* One network's part, in memory of its owner, zeroed before budget_join(). */
struct budget {
	unsigned used; /* written by budget_set() */
	bool direct;   /* lkvm's own: sockets that cost nothing while they are idle */
	/*
	 * Close what has been idle for `idle_ms` or longer and does not end by itself at once, as
	 * datagram flows.
	 */
	void (*expire)(void *arg, unsigned idle_ms);
	void *arg;
	struct budget *next;
};

/* Count a network from now on, and no longer. */
void budget_join(struct budget *b);
void budget_leave(struct budget *b);

/* This network has so many sockets now. */
void budget_set(struct budget *b, unsigned used);

/*
 * Who may open one more? Connections of the guest stop first, then its datagrams and pings, so that
 * names can still be looked up, then forwards, which others than the guest fill. DIRECT* and
 * forwards are lkvm's own sockets, the others libslirp's.
 */
enum budget_for {
	BUDGET_GUEST,
	BUDGET_DATAGRAM,
	BUDGET_DIRECT,
	BUDGET_DIRECT_DATAGRAM,
	BUDGET_FORWARD
};

/*
 * Is there room for one? In all half of the descriptors that lkvm may have, of which libslirp has
 * 2048 and the direct paths 16384 at most; an eighth more for datagrams, half as many more for
 * forwards.
 */
bool budget_has_room(enum budget_for who);

/*
 * Close datagram flows of all networks, those that have been idle longest first, until one in
 * sixteen is free. At most once a second. `now_ns`: a clock that does not go back. True: some were
 * closed.
 */
bool budget_make_room(u64 now_ns);

#endif
