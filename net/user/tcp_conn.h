/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms of net/user/tcp*.c share: a connection and the network that it is in. All of it on
 * the loop's thread.
 *
 * What the host sends stays in its socket until the guest has acknowledged it: it is read with
 * MSG_PEEK into the guest's buffers, and taken out afterwards. So a connection has no memory but
 * this struct. What the guest sends is acknowledged when the host's socket has taken it.
 */
#ifndef NET_TCP_CONN_H
#define NET_TCP_CONN_H

#include "lkvm/vm/loop.h"
#include "net/netopt.h"
#include "net/user/budget.h"
#include "net/user/list.h"
#include "net/user/siphash.h"
#include "net/user/tcp.h"
#include "net/user/tcp_seg.h"

#define TCP_PIECES 512u /* that a frame lies in at most: virtio/dev/net.c */
#define TCP_SINKS 16u	/* pieces in front of it, for bytes that are known already */

#define TCP_SEC UINT64_C(1000000000)
#define TCP_MSEC UINT64_C(1000000)

/*
 * As in RFC 9293 §3.3.2, seen from our end of the connection with the guest. CONN_CONNECTING: the
 * guest has sent a SYN, and the host's connect(2) has not ended. CONN_CLOSED: forgotten; its memory
 * is there until the end of the batch.
 */
enum tcp_state {
	CONN_CONNECTING,
	CONN_SYN_SENT,
	CONN_SYN_RCVD,
	CONN_ESTABLISHED,
	CONN_FIN_WAIT_1,
	CONN_FIN_WAIT_2,
	CONN_CLOSE_WAIT,
	CONN_CLOSING,
	CONN_LAST_ACK,
	CONN_TIME_WAIT,
	CONN_CLOSED,
};

struct tcp_conn {
	struct ip_key key;
	struct tcp *tcp;
	struct tcp_conn *chain; /* in its bucket; of a closed one: the next to be freed */
	struct list_node node;	/* in one of the lists of struct tcp, or in none */
	struct loop_fd *reg;
	int fd; /* -1: the host's side has ended */
	struct ip_link link;
	u8 state;   /* enum tcp_state */
	u8 retries; /* time-outs without a sign of life */
	u8 backoff; /* time-outs without progress */
	u8 dup_acks;
	u8 snd_scale, rcv_scale; /* of windows; 0 also where none was agreed upon */

	/* Flags. */
	bool scaled : 1;   /* the guest's SYN had the option */
	bool passive : 1;  /* a forward's: opened by us */
	bool readable : 1; /* the host's socket may have more */
	bool hup : 1;	   /* its peer has sent a FIN, or an error is waiting */
	bool peek_off : 1; /* it knows SO_PEEK_OFF */
	bool eof : 1;	   /* all has been read: snd_fin is set */
	bool fin_sent : 1;
	bool full : 1;	  /* the host's socket takes no more: EPOLLOUT will tell */
	bool dropped : 1; /* data of the guest has been dropped since it was full */
	bool ack_now : 1, ack_later : 1;
	bool chatty : 1;     /* the last data from the guest was answered with data at once */
	bool resend : 1;     /* the first segment is to be sent again */
	bool recovering : 1; /* until `recover` is acknowledged */
	bool syn_now : 1;    /* our SYN is to be sent */

	u16 mss;   /* of segments for the guest */
	u32 guess; /* how much the next read of the host's socket may find */

	u32 iss, irs;
	u32 snd_una, snd_nxt, snd_max; /* acknowledged; sent; the furthest that was ever sent */
	u32 snd_fin;		       /* the number of our FIN, if eof */
	u32 snd_wnd, snd_wl1, snd_wl2;
	u32 recover; /* after a loss: everything before it is sent again, step by step */
	u32 rcv_nxt;
	u32 rcv_edge, rcv_top; /* of the window: as it is now, as it was at most */
	u32 given;	       /* its size when it was opened last */
	u32 owed;	       /* bytes taken since the last acknowledgement */
	u32 stale;	       /* bytes acknowledged, and not yet taken out of the host's socket */
	u32 peek_at;	       /* where the kernel would peek next, from its first byte */

	u64 rtx_at;    /* retransmission or window probe; 0: none */
	u64 active_ns; /* the last sign of life of the guest */
	u64 ack_by;    /* until then an answer can take the last acknowledgement along */
	u64 due;       /* its place in the heap */
	unsigned heap; /* index + 1; 0: not in it */
};

struct tcp_listener {
	struct tcp *tcp;
	struct net_hostfwd f;
	int fd;
	struct loop_fd *reg;
};

struct tcp {
	struct tcp_conf conf;
	struct loop *loop;
	struct netif *netif;
	u32 offloads;
	bool up;
	bool blocked;  /* the guest has no receive buffers: wait for tcp_rx_ready() */
	bool received; /* frames were handed over since the last flush */
	u64 now;       /* of this batch; 0: nobody has asked yet */

	struct sip_key key; /* for the table */
	struct sip_key iss_key;
	struct tcp_conn **buckets;
	unsigned nr_buckets;   /* a power of two */
	unsigned nr;	       /* connections in the table */
	unsigned nr_fds;       /* of them those with a socket */
	unsigned nr_half;      /* forwards that the guest has not answered */
	unsigned nr_wait;      /* in TIME-WAIT */
	struct tcp_conn *last; /* that was found */
	struct tcp_conn *dead;

	struct list_node dirty;	  /* something happened to them in this batch */
	struct list_node later;	  /* an acknowledgement can wait for an answer to go with */
	struct list_node starved; /* they wait for receive buffers, in this order */
	struct list_node waiting; /* in TIME-WAIT, oldest first */

	struct tcp_conn **heap;
	unsigned heap_nr, heap_max;
	struct loop_timer *timer, *ack_timer;
	u64 timer_at; /* 0: not armed */
	bool ack_armed;

	struct tcp_listener listeners[NET_MAX_HOSTFWD];
	unsigned nr_listeners;
	bool deaf; /* they are not asked while there are too many connections */
	struct budget budget;

	struct iovec iov[TCP_SINKS + TCP_PIECES]; /* room to work in, for one system call */
	u8 *sink; /* where a socket without SO_PEEK_OFF puts what is known */
};

/* a - b of sequence numbers [RFC 9293 §3.4]. */
static inline s32 tcp_diff(u32 a, u32 b)
{
	return (s32)(a - b);
}

/* Nanoseconds, the same for a whole batch. */
static inline u64 tcp_now(struct tcp *t)
{
	if (!t->now)
		t->now = loop_now_ns();
	return t->now;
}

/* Has the connection data, or a FIN, that the guest has not acknowledged? */
static inline bool tcp_outstanding(const struct tcp_conn *c)
{
	return c->snd_una != c->snd_max;
}

/* ---- lists ---- */

/* The first, or NULL. */
static inline struct tcp_conn *tcp_list_first(const struct list_node *l)
{
	return l->next == l ? NULL : container_of(l->next, struct tcp_conn, node);
}

/* Something is to be sent: look at `c` when the batch ends. */
static inline void tcp_touch(struct tcp_conn *c)
{
	list_put(&c->tcp->dirty, &c->node);
}

/* ---- tcp.c ---- */

/* The acknowledgement of `c` waits, and nobody else's: alone it goes when that time is over. */
void tcp_ack_arm(const struct tcp_conn *c);

/* ---- tcp_table.c: which connections there are ---- */

/* 0 or -ENOMEM, or of getrandom(2): the table is empty. */
int tcp_table_init(struct tcp *t);

/* The connection, or NULL. */
struct tcp_conn *tcp_find(struct tcp *t, const struct ip_key *k);

/* A new one that is not in the table yet, with its first sequence number. NULL: no memory. */
struct tcp_conn *tcp_conn_new(struct tcp *t, const struct ip_key *k);

/* Forget it: its socket is closed (`reset`: so that its peer sees a reset), its memory is freed
 * with the batch. */
void tcp_conn_end(struct tcp_conn *c, bool reset);

/* Only the memory of the connection is left, for a while: TIME-WAIT. */
void tcp_conn_linger(struct tcp_conn *c);

/* Free what has ended. */
void tcp_bury(struct tcp *t);

/* ---- tcp_timer.c: what has to be done, and when ---- */

/* Look at the timers of `c` at its next time-out or before; after one of them was set. */
void tcp_timer_update(struct tcp_conn *c);

/* Take it out. */
void tcp_timer_forget(struct tcp_conn *c);

/* When the connection has to be looked at; 0: never. */
u64 tcp_due(const struct tcp_conn *c);

/* Arm the retransmission timer, further away with each time that it ran out. */
void tcp_rtx_arm(struct tcp_conn *c);

/* Callback of the loop's timer. */
void tcp_on_timer(void *arg);

/* ---- tcp_host.c: the host's socket ---- */

/*
 * Start to connect to where `c` leads. 0: under way; 1: done already; -errno of connect(2) or
 * socket(2).
 */
int tcp_host_connect(struct tcp_conn *c);

/* Make an accepted socket that of `c`. 0 or -errno: it is closed. */
int tcp_host_adopt(struct tcp_conn *c, int fd);

/* The size of the receive buffer of a socket that talks to, or listens at, this address. */
void tcp_host_size(int fd, const union reach_addr *a);

/* Send up to `len` bytes. How many were taken, 0 if none can be now; -errno: the socket is dead. */
ssize_t tcp_host_send(struct tcp_conn *c, struct iov_cur data, size_t len);

/*
 * Read up to `len` bytes into `room`, from `off` bytes behind the first that the guest has not
 * acknowledged; they stay in the socket. Returns their number, 0 at the end of the stream, -EAGAIN
 * if there are none now, or another -errno.
 */
ssize_t tcp_host_peek(struct tcp_conn *c, u32 off, struct iov_cur room, size_t len);

/* Take the first `len` bytes out of the socket, now or a little later. 0 or -errno. */
int tcp_host_drop(struct tcp_conn *c, u32 len);

/* The guest will send no more. */
void tcp_host_shutdown(struct tcp_conn *c);

/* Bytes that the socket takes; 0: few, and EPOLLOUT will say when there is more. */
u32 tcp_host_space(struct tcp_conn *c);

/* The same of a socket whose send buffer has `all` bytes, of which `used` are taken. */
u32 tcp_host_room(u32 all, u32 used);

/* Close it, if it is open; `reset`: by a reset. */
void tcp_host_close(struct tcp_conn *c, bool reset);

/* ---- tcp_in.c: what the guest sends ---- */

/* One segment of a connection; `data` is a cursor over its payload. */
void tcp_receive(struct tcp_conn *c, const struct tcp_heard *s, struct iov_cur data);

/* A segment of none. */
void tcp_receive_stray(struct tcp *t, const struct tcp_heard *s, const struct ip_link *l);

/* The host's side has an answer to CONN_CONNECTING: 0 or -errno. */
void tcp_connected(struct tcp_conn *c, int err);

/* ---- tcp_out.c: what the guest is sent ---- */

/* Send all that can and has to be sent now. The connection may have ended afterwards. */
void tcp_output(struct tcp_conn *c);

/* A reset for the guest: the connection ends on both sides. */
void tcp_abort(struct tcp_conn *c);

/* An answer to a segment of no connection [RFC 9293 §3.10.7.1]. */
void tcp_reset_stray(struct tcp *t, const struct tcp_heard *s, const struct ip_link *l);

/* The guest's SYN was refused, for this reason (-errno): say so and forget it. */
void tcp_refuse(struct tcp_conn *c, int err);

/* An ARP request for an address of the guest (4 bytes). */
void tcp_ask_neighbour(struct tcp *t, const u8 *addr);

/* Nobody waits to be asked: a keep-alive or a window probe. */
void tcp_probe(struct tcp_conn *c);

/* ---- tcp_listen.c ---- */

/* Ask the listeners, or do not, as there is room for more connections. */
void tcp_listen_update(struct tcp *t);
void tcp_listen_close(struct tcp *t);

/*
 * The hardware addresses for `k`. The guest's is what was heard; false: nothing was, and it is the
 * network card's.
 */
bool tcp_link_of(struct tcp *t, const struct ip_key *k, struct ip_link *l);

#endif
