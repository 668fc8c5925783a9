/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms of net/user/udp*.c share: a flow and the network that it is in. All of it on the
 * loop's thread.
 *
 * A flow is a port of the guest and the host's socket that stands for it, to whichever peer the
 * guest sends and from whichever an answer comes [RFC 4787: mapping and filtering do not depend on
 * the peer], as with libslirp. What arrives stays in the socket until the guest has a buffer.
 */
#ifndef NET_UDP_FLOW_H
#define NET_UDP_FLOW_H

#include "lkvm/vm/loop.h"
#include "net/user/backlog.h"
#include "net/user/budget.h"
#include "net/user/list.h"
#include "net/user/siphash.h"
#include "net/user/udp.h"

#define UDP_PIECES 512u /* that a frame lies in at most: virtio/dev/net.c */
#define UDP_MAX 65527u	/* bytes of a datagram behind its header */
#define UDP_BUCKETS 1024u
#define UDP_LATE                                                                                   \
	(128u * 1024)	     /* bytes of frames: a datagram in fragments, and what refuses others */
#define UDP_TRAIN 64u	     /* datagrams: UDP_MAX_SEGMENTS of Linux 4.18 */
#define UDP_TRAIN_MAX 65507u /* bytes of all of them */
#define UDP_TRAIN_STEP 8192u /* bytes of one: to copy more costs more than is won */

struct udp_flow {
	struct ip_key id;  /* the guest's end; the peer's is 0 */
	struct ip_key key; /* with the peer to which it has sent last */
	union reach_addr to;
	int to_len;		     /* of `to`: where that peer is; -errno: nowhere */
	u8 host[16];		     /* by which address the guest has called the host last */
	bool alone;		     /* no trains to that peer */
	bool moved;		     /* `key` may lead elsewhere by now */
	bool brief;		     /* its answers come soon or not at all */
	u8 burst;		     /* how many datagrams may be read for one event */
	struct udp_forward *forward; /* NULL: the guest has begun it */
	struct udp *udp;
	struct udp_flow *chain; /* in its bucket */
	struct list_node idle;	/* in one of udp->idle */
	struct list_node wait;	/* in udp->starved, or in none */
	struct loop_fd *reg;
	int fd;
	struct ip_link link;
	u64 active_ns; /* when it was used last */
};

/* Datagrams of udp->last that have not been sent. */
struct udp_train {
	unsigned nr;
	size_t step; /* the length of each but for the last, which may be shorter */
	size_t len;  /* of all */
	u8 *data;    /* UDP_TRAIN_MAX bytes */
};

struct udp {
	struct udp_conf conf;
	struct loop *loop;
	struct netif *netif;
	bool up;
	bool blocked;  /* the guest has no receive buffers: wait for udp_rx_ready() */
	bool received; /* frames were handed over since the last flush */
	u64 now;       /* of this batch; 0: nobody has asked yet */

	struct sip_key key;
	struct udp_flow *buckets[UDP_BUCKETS];
	struct udp_flow *last; /* that has sent */
	struct udp_train train;
	bool begun;	 /* something was sent in this batch */
	bool has_trains; /* the host's kernel knows them */
	unsigned nr, nr_forwards;
	u64 asks;		  /* datagrams that came by forwards */
	struct list_node idle[2]; /* by `brief`; longest idle first */
	struct backlog late;	  /* frames that the guest had no buffers for, of one datagram */
	struct list_node starved; /* they have data, and the guest no buffers */
	struct loop_timer *timer;
	u64 timer_at; /* 0: not armed */
	struct budget budget;

	struct iovec iov[UDP_PIECES + 1]; /* room to work in, for one system call */
	u8 *spill; /* headers and UDP_MAX bytes: what the guest's room is too small for */
};

/* Nanoseconds, the same for a whole batch. */
static inline u64 udp_now(struct udp *u)
{
	if (!u->now)
		u->now = loop_now_ns();
	return u->now;
}

/* ---- udp_table.c: which flows there are ---- */

/* 0, or -errno of getrandom(2) and the like. */
int udp_table_init(struct udp *u);
void udp_table_fini(struct udp *u);

/* The guest's end of `k` alone. */
struct ip_key udp_guest_end(const struct ip_key *k);

/* That of the guest's end of `k`, made where there is none. NULL: there is no room for it. */
struct udp_flow *udp_flow_of(struct udp *u, const struct ip_key *k);

/* The one of this end, the newest if there are several, or NULL. The peer of `id` is 0. */
struct udp_flow *udp_flow_find(struct udp *u, const struct ip_key *id);

/* A new one, without a socket. NULL: no memory. */
struct udp_flow *udp_flow_add(struct udp *u, const struct ip_key *id);

/* It was used. */
void udp_flow_touch(struct udp_flow *f);

/* Close its socket and forget it. */
void udp_flow_end(struct udp_flow *f);

/* ---- udp_out.c: what the guest is sent ---- */

/* The socket of `f` has something: give it to the guest. */
void udp_deliver(struct udp_flow *f);

/* The guest is to know that what it has sent led nowhere: `err` is an errno. */
void udp_refuse(struct udp_flow *f, const struct ip_key *k, int err);

/* The same of something that was sent to `to` some time ago. */
void udp_refuse_late(struct udp_flow *f, const union reach_addr *to, int err);

/* The guest may have buffers: what waits is told, and the sockets are asked again. */
void udp_resume(struct udp *u);

/* ---- udp_listen.c: forwards ---- */

/* The datagram that was read comes from `from`, which is the peer of `k` for the guest. */
void udp_asked(struct udp_flow *f, const struct ip_key *k, const union reach_addr *from);

/*
 * Of all forwards to the guest's end of `k` the one by which its peer has asked last. `newest` is
 * the newest of them, and the answer if it has asked by none.
 */
struct udp_flow *udp_asked_by(struct udp_flow *newest, const struct ip_key *k);

/* Where the peer of `k` is, as reach_out() says it; or who has asked by that name. */
int udp_asker(const struct udp_flow *f, const struct ip_key *k, union reach_addr *to);

/* ---- udp_host.c: the host's socket ---- */

/* 0 or -errno. */
int udp_host_open(struct udp_flow *f);

/* The same with a socket that is there; after an error, too, it is closed with the flow. */
int udp_host_adopt(struct udp_flow *f, int fd);
void udp_host_close(struct udp_flow *f);

/* Do not tell of data (`on` false), or do again. */
void udp_host_listen(struct udp_flow *f, bool on);

/* Does the kernel know trains? Before there is any socket of the guest's. */
bool udp_host_has_trains(void);

/*
 * Send the next `len` bytes to f->to: as one datagram, or (`step` not 0) as a train of them. 0,
 * also where they are lost on the way; -EMSGSIZE: a train cannot go there; another -errno that the
 * guest has a name for [ip_why()].
 */
int udp_host_send(struct udp_flow *f, struct iov_cur data, size_t len, size_t step);

/*
 * The next datagram into the first `nr` elements of udp->iov, which have room for any. Its length,
 * and where it is from; -EAGAIN: there is none; another -errno: it is lost.
 */
ssize_t udp_host_receive(struct udp_flow *f, unsigned nr, union reach_addr *from);

#endif
