/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's name server, over UDP: what it is asked goes to the host's, of whatever family they
 * are. The loop's thread, or before it runs.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "net/user/guard.h"
#include "net/user/servers.h"

struct loop;
struct dns;

/* What it asks of the kernel. */
extern const struct calls dns_calls;

/* What the owner gives: a frame for the guest, and the end of a batch of them. */
struct dns_client {
	void (*frame)(void *arg, const u8 *frame, size_t len);
	void (*batch_end)(void *arg);
};

/* `servers`, `guard` and `client` outlive *out. 0 or -ENOMEM, or of timerfd_create(2). */
int dns_create(struct dns **out, struct servers *servers, const struct guard *guard,
	       struct loop *loop, const struct dns_client *client, void *arg);

/* Takes NULL. Questions that are not answered yet are forgotten. */
void dns_destroy(struct dns *d);

/*
 * Is this frame, which guard_check() has passed, a datagram for the name server of IPv4? Then it is
 * taken, whatever is in it: nobody else sees it. Answers may come from inside.
 */
bool dns_take(struct dns *d, const u8 *frame, const struct guard_pkt *pkt);

#endif
