/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segments as bytes and as values [RFC 9293 §3.1]. Nothing here knows a connection. Any thread.
 */
#ifndef NET_TCP_SEG_H
#define NET_TCP_SEG_H

#include "net/eth.h"
#include "net/user/guard.h"

/* All headers of a segment of the guest: Ethernet, IPv6, TCP with 40 bytes of options. */
#define TCP_HEAD_IN (ETH_HDR + IP6_HDR + TCP_HDR + 40u)

/* What tcp_seg_write() and tcp_unreachable() write at most. */
#define TCP_HEAD_OUT (ETH_HDR + IP6_HDR + TCP_HDR + 8u)
#define TCP_UNREACHABLE_MAX (ETH_HDR + IP6_HDR + ICMP_HDR + IP6_HDR + TCP_HDR)

/* A connection by its two ends. No padding: the bytes are hashed and compared. */
struct tcp_key {
	u8 guest[16], peer[16]; /* IPv4: in the first four bytes, the rest is 0 */
	u8 ports[4];		/* the guest's, the peer's; network order */
	u32 v6;			/* 0 or 1 */
};
static_assert(sizeof(struct tcp_key) == 40, "no padding");

static inline size_t tcp_addr_len(const struct tcp_key *k)
{
	return k->v6 ? 16 : 4;
}

/* Length of all headers of a segment without options. */
static inline size_t tcp_head_len(const struct tcp_key *k)
{
	return ETH_HDR + (k->v6 ? IP6_HDR : IP4_HDR) + TCP_HDR;
}

/* A segment of the guest. Host byte order. */
struct tcp_heard {
	struct tcp_key key;
	u32 seq, ack;
	u32 len;   /* of the data */
	u32 head;  /* of all headers */
	u16 win;   /* not scaled */
	u16 mss;   /* of a SYN: its option; 0: none */
	int scale; /* of a SYN: its window scale, at most 14 [RFC 7323 §2.3]; -1: none */
	u8 flags;
};

/*
 * Read the headers at `head`, of which min(`len`, TCP_HEAD_IN) bytes are there, of a frame of `len`
 * bytes that guard_check_tcp() has passed.
 */
void tcp_seg_read(struct tcp_heard *s, const u8 *head, size_t len, const struct guard_pkt *pkt);

/* Hardware addresses of a frame for the guest. */
struct tcp_link {
	u8 guest[6], host[6];
};

/* A segment for the guest. Of a SYN also its options, as in struct tcp_heard. */
struct tcp_say {
	u32 seq, ack;
	u16 win;
	u16 mss;
	int scale;
	u8 flags;
};

/*
 * Write the headers of a segment for the guest, with `payload` bytes behind them. Returns their
 * length. The checksum field has the sum of the pseudo header, as NEEDS_CSUM wants it; where
 * nothing follows, tcp_seg_finish() makes it whole.
 */
size_t tcp_seg_write(u8 *head, const struct tcp_link *l, const struct tcp_key *k,
		     const struct tcp_say *say, size_t payload);

/* Make the checksum whole: `sum` is that of the payload (net/csum.h). */
void tcp_seg_finish(u8 *head, size_t head_len, const struct tcp_key *k, u64 sum);

/* Why a connection could not be made, for the guest: ICMP destination unreachable. */
enum tcp_why { TCP_WHY_NET, TCP_WHY_HOST, TCP_WHY_FORBIDDEN };

/*
 * Write the ICMP message that tells the guest that its SYN with sequence number `seq` led nowhere
 * [RFC 792, RFC 4443 §3.1], from `us` (4 or 16 bytes). Returns its length.
 */
size_t tcp_unreachable(u8 *frame, const struct tcp_link *l, const struct tcp_key *k, u32 seq,
		       enum tcp_why why, const u8 *us);

#endif
