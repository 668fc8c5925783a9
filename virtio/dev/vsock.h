/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a vsock device: connections between ports of the guest and Unix sockets. vsock.c
 * has the device and what the guest says, vsock_conn.c the bytes of a connection, vsock_out.c what
 * the guest is told, vsock_host.c who connects from the host's side.
 *
 * All of it on the device's loop. Where it says so, a call wants a hold on the memory.
 */
#ifndef VIRTIO_DEV_VSOCK_H
#define VIRTIO_DEV_VSOCK_H

#include <sys/queue.h>

#include "lkvm/base/le.h"
#include "lkvm/base/uds.h"
#include "virtio/dev/kinds.h"

#define VSOCK_MAX_CONNS 1024u
#define VSOCK_BUF (64 * KiB)	   /* what a guest may send before the other side takes it */
#define VSOCK_SMALL_BUF (16 * KiB) /* the same where each packet goes through a small pool */
#define VSOCK_MAX_REPLIES 64u
#define VSOCK_BUCKETS 256u
#define VSOCK_MAX_IOV 64u

/* [virtio 1.3 §5.10.2] */
enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_NR_QUEUES };

/* [virtio 1.3 §5.10.6] */
enum vsock_op {
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE = 2,
	VSOCK_RST = 3,
	VSOCK_SHUTDOWN = 4,
	VSOCK_RW = 5,
	VSOCK_CREDIT_UPDATE = 6,
	VSOCK_CREDIT_REQUEST = 7,
};

#define VSOCK_STREAM 1u
#define VSOCK_NO_RCV 1u /* flags of VSOCK_SHUTDOWN: who says so will not receive, ... */
#define VSOCK_NO_SEND 2u
#define VSOCK_NOTHING (VSOCK_NO_RCV | VSOCK_NO_SEND)
#define VSOCK_HOST_CID 2u

struct vsock_hdr {
	le64 src_cid, dst_cid;
	le32 src_port, dst_port;
	le32 len;
	le16 type, op;
	le32 flags;
	le32 buf_alloc, fwd_cnt;
} __attribute__((packed));
static_assert(sizeof(struct vsock_hdr) == 44, "virtio 1.3 section 5.10.6");

enum vsock_state {
	VSOCK_FREE,
	VSOCK_GREETING, /* from the host's side; it has not said yet which port it wants */
	VSOCK_CALLING,	/* the guest has not answered yet */
	VSOCK_OPEN,
	VSOCK_CLOSED, /* our descriptor is closed; the guest is told, or was and has not answered */
};

/* What the guest has to be told of a connection, in this order. */
enum vsock_news {
	VSOCK_NEWS_REQUEST = BIT(0),
	VSOCK_NEWS_RESPONSE = BIT(1),
	VSOCK_NEWS_CREDIT = BIT(2),
	VSOCK_NEWS_SHUTDOWN = BIT(3),
	VSOCK_NEWS_RST = BIT(4), /* and that is its end */
};

struct vsock_conn {
	struct vsock *v;
	LIST_ENTRY(vsock_conn) bucket;
	TAILQ_ENTRY(vsock_conn) place; /* in v->free or v->closed, in these states */
	TAILQ_ENTRY(vsock_conn) out;   /* in v->talk, if there is news */
	TAILQ_ENTRY(vsock_conn) wait;  /* in v->starved, if that is so */
	enum vsock_state state;
	u32 guest_port, host_port;
	u8 news;
	bool named;    /* it can be found */
	bool starved;  /* it has bytes for the guest, who has no buffer for them */
	u8 shut;       /* by our side: VSOCK_NO_* */
	u8 guest_shut; /* by the guest */
	int fd;	       /* -1: closed */
	u32 events;    /* that `watch` asks for */
	struct loop_fd *watch;

	u32 got, forwarded, told; /* bytes from the guest: all, passed on, that it knows of */
	u32 sent;		  /* bytes to the guest */
	u32 alloc, taken; /* what it says: size of its buffer, how much it took from there */

	u8 *buf; /* of v->buf_size, while the other side takes no more; NULL: it does */
	u32 head, len;
};

struct vsock_reply {
	u32 guest_port, host_port;
	u32 cid; /* that the guest has addressed */
	u16 type;
};

TAILQ_HEAD(vsock_conns, vsock_conn);

struct vsock {
	struct virtio_device dev;
	le64 config; /* guest_cid */
	u32 cid;
	u32 buf_size;
	struct uds uds;
	struct loop_fd *listening;
	u32 next_port; /* of ours, for the next connection from the host */

	struct vsock_conn *conns;
	unsigned max_conns;
	struct vsock_conns free, closed, talk, starved;
	LIST_HEAD(, vsock_conn) buckets[VSOCK_BUCKETS];

	/* RST for connections that are none: a ring. */
	struct vsock_reply replies[VSOCK_MAX_REPLIES];
	unsigned first_reply, nr_replies;
	bool tx_waits; /* until there is room in it */

	struct iovec iov[VSOCK_MAX_IOV], part[VSOCK_MAX_IOV];
};

/* ---- vsock_conn.c ---- */

/* The connection of these ports, or NULL. */
struct vsock_conn *vsock_find(struct vsock *v, u32 guest_port, u32 host_port);

/*
 * A new connection that owns `fd`, which does not block; NULL, with `fd` closed: there are too
 * many, or there is no memory. Its ports are 0 and it cannot be found until vsock_name().
 */
struct vsock_conn *vsock_new(struct vsock *v, int fd, enum vsock_state state);
void vsock_name(struct vsock_conn *c, u32 guest_port, u32 host_port);

/* Forget it; the guest is told nothing. */
void vsock_free(struct vsock_conn *c);

/* Close our side at once; the guest gets a RST. */
void vsock_reset(struct vsock_conn *c);

/*
 * With a hold: the guest has sent `len` bytes, which `from` has. 0, or -EFAULT: it does not share
 * them.
 */
int vsock_push(struct vsock_conn *c, struct iov_cur *from, u32 len);

/* The guest will not receive, send or both (VSOCK_NO_*). */
void vsock_guest_shuts(struct vsock_conn *c, u32 flags);

/* With a hold: move bytes to the guest, a packet. 1: one; 0: none now; -errno: a bad buffer. */
int vsock_pull(struct vsock_conn *c);

/* Ask the loop for what is wanted of the descriptor now. */
void vsock_update(struct vsock_conn *c);

extern const struct calls vsock_calls;

/* ---- vsock_out.c; with a hold, but for vsock_tell() ---- */

/* Tell the guest of it when it has a buffer. */
void vsock_tell(struct vsock_conn *c, enum vsock_news what);

/* Remember to answer this with a RST. False: there is no room for it now. */
void vsock_reply(struct vsock *v, const struct vsock_hdr *h);
bool vsock_can_reply(const struct vsock *v);

/* The header of a packet of the connection, in *h. */
void vsock_header(const struct vsock_conn *c, struct vsock_hdr *h, enum vsock_op op, u32 len);

/* A buffer of the guest's for a packet: as chain_take(). */
int vsock_take(struct vsock *v, struct chain *c);

/* Tell all that there is to tell, and move what waits, as far as there are buffers. */
void vsock_flush(struct vsock *v);

/* ---- vsock_host.c ---- */

/* Somebody has connected to the socket. Callback of v->listening; `arg` is the vsock. */
void vsock_on_client(void *arg, u32 events);

/* A connection in VSOCK_GREETING has something to read, or (gone) its end. With a hold. */
void vsock_greeting(struct vsock_conn *c, bool gone);

/* The guest has accepted it: say so to who called. */
void vsock_accepted(struct vsock_conn *c);

#endif
