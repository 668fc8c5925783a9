/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a user network goes past libslirp: forwards, names over TCP, and TCP, UDP, both or
 * neither of the rest. The loop's thread, or before it runs.
 */
#ifndef NET_DIRECT_H
#define NET_DIRECT_H

#include "net/user/neigh.h"
#include "net/user/reach.h"

struct loop;
struct net_conf;
struct segment;
struct servers;
struct tcp;
struct udp;

struct direct {
	struct tcp *tcp; /* of forwards, of names, and where the guard says so of all */
	struct udp *udp; /* the same without names */
	const struct guard *guard;
	struct neigh neigh;
};

/*
 * Open what `c` says, and have `guard` know it. *d is zeroed; `netif` is the one whose client gets
 * the frames, `servers` are the host's for names. All but `c` outlive *d. 0, or -errno after one
 * log_error() line.
 */
int direct_open(struct direct *d, const struct net_conf *c, struct guard *guard,
		struct segment *seg, struct servers *servers, struct loop *loop,
		struct netif *netif);
void direct_close(struct direct *d);

/* How many bytes of a frame of `len` bytes have to be at hand for direct_wants(). */
size_t direct_head(const struct direct *d, size_t len);

/*
 * Does this frame go past libslirp? `head` has its first direct_head() bytes. Then it is for
 * direct_send(): 0, -EBADMSG with *why, -EPROTONOSUPPORT, as guard_check().
 */
bool direct_wants(const struct direct *d, const u8 *head, size_t len);
int direct_send(struct direct *d, u8 *head, const struct netif_offload *o, struct iov_cur frame,
		const char **why);

/*
 * The same for a frame in memory of ours that guard_check() or guard_check_whole() has passed, so
 * that all of it has been looked at: true, and it is taken.
 */
bool direct_take(struct direct *d, const struct netif_offload *o, u8 *frame, size_t len,
		 const struct guard_pkt *pkt);

/* As of struct netif_ops. */
void direct_up(struct direct *d, u32 offloads);
void direct_down(struct direct *d);
void direct_settle(struct direct *d);
void direct_rx_ready(struct direct *d);

#endif
