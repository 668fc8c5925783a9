/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libslirp as a room of its own: IPv4 and IPv6 frames in and out, sockets and timers on a loop.
 * What comes in must have passed net/user/guard.c. The loop's thread only, or before it runs.
 */
#ifndef NET_SLIRP_H
#define NET_SLIRP_H

#include <netinet/in.h>

#include "lkvm/vm/loop.h"

struct slirp;

struct slirp_conf {
	struct in_addr net, mask;
	struct in_addr host, dns, guest; /* the gateway's, the virtual name server's, the guest's */
	bool ipv6;
	struct in6_addr prefix6; /* a /64: host ::1, name server ::3 */
	u16 mtu; /* of IP packets for the guest, up to 65521; TCP makes at most 32 KiB of it */
	bool host_loopback; /* addresses of the network stand for 127.0.0.1 and ::1 of the host */
	bool restricted;    /* the guest reaches nothing */
	/* Is the guest paused, on any thread? NULL: it never is. */
	bool (*held)(void *arg);
	void *held_arg;
};

struct slirp_client {
	/*
	 * A frame for the guest, of any size up to 64 KiB; from inside feed(), settle() or the
	 * loop.
	 */
	void (*frame)(void *arg, const u8 *frame, size_t len);
	/* The frames of one event of the loop have been handed over. */
	void (*batch_end)(void *arg);
};

/* What libslirp asks of the kernel. */
extern const struct calls slirp_calls;

/*
 * An instance of libslirp, which is loaded for the first. 0, or after one log_error() line: -ENOENT
 * when the library is missing or too old, -EIO, -ENOMEM.
 */
int slirp_open(struct slirp **out, const struct slirp_conf *c, struct loop *loop,
	       const struct slirp_client *client, void *arg);

/* Close all connections and release; takes NULL. client->frame may be called from inside. */
void slirp_close(struct slirp *s);

/*
 * Give libslirp a frame from the guest. `neighbour`: it is ARP or ICMPv6, after which packets that
 * waited for an address may be sent. The batch ends with slirp_settle(), which looks for the
 * sockets that libslirp wants to be watched.
 */
void slirp_feed(struct slirp *s, const u8 *frame, size_t len, bool neighbour);
void slirp_settle(struct slirp *s);

/* While `paused` no socket is read: what arrives stays in the kernel. */
void slirp_pause(struct slirp *s, bool paused);

/*
 * May a frame be fed that could open another socket (net/user/budget.h)? If there are too many, UDP
 * flows and pings that are idle are closed first.
 */
bool slirp_has_room(struct slirp *s, bool datagram);

#endif
