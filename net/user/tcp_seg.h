/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segments as bytes and as values [RFC 9293 §3.1]. Nothing here knows a connection. Any thread.
 */
#ifndef NET_TCP_SEG_H
#define NET_TCP_SEG_H

#include "net/user/guard.h"
#include "net/user/ip_pkt.h"

/* What tcp_seg_write() writes at most. */
#define TCP_HEAD_OUT (ETH_HDR + IP6_HDR + TCP_HDR + 8u)

/* Length of all headers of a segment without options. */
static inline size_t tcp_head_len(const struct ip_key *k)
{
	return ip_head_len(k) + TCP_HDR;
}

/* A segment of the guest. Host byte order. */
struct tcp_heard {
	struct ip_key key;
	u32 seq, ack;
	u32 len;   /* of the data */
	u32 head;  /* of all headers */
	u16 win;   /* not scaled */
	u16 mss;   /* of a SYN: its option; 0: none */
	int scale; /* of a SYN: its window scale, at most 14 [RFC 7323 §2.3]; -1: none */
	u8 flags;
};

/*
 * Read the headers at `head`, of which min(`len`, DIRECT_HEAD) bytes are there, of a frame of `len`
 * bytes that guard_check_direct() has passed.
 */
void tcp_seg_read(struct tcp_heard *s, const u8 *head, size_t len, const struct guard_pkt *pkt);

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
size_t tcp_seg_write(u8 *head, const struct ip_link *l, const struct ip_key *k,
		     const struct tcp_say *say, size_t payload);

/* Make the checksum whole: `sum` is that of the payload (net/csum.h). */
void tcp_seg_finish(u8 *head, size_t head_len, const struct ip_key *k, u64 sum);

/*
 * Write the ICMP message that tells the guest that its SYN with sequence number `seq` led nowhere,
 * from `us` (4 or 16 bytes). Returns its length, up to IP_UNREACHABLE_MAX.
 */
size_t tcp_unreachable(u8 *frame, const struct ip_link *l, const struct ip_key *k, u32 seq,
		       enum ip_why why, const u8 *us);

#endif
