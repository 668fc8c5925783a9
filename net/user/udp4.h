/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A datagram that a server of this network sends to the guest, as a frame. Any thread. */
#ifndef NET_UDP4_H
#define NET_UDP4_H

#include "net/eth.h"

/* Room for headers that a message needs in front. */
#define UDP4_HEAD (ETH_HDR + IP4_HDR + UDP_HDR)
#define UDP4_MAX (65535u - IP4_HDR - UDP_HDR)

struct udp4_ends {
	const u8 *src_mac, *dst_mac; /* of 6 bytes */
	u32 src, dst;		     /* host order, as the ports */
	u16 src_port, dst_port;
	u16 id; /* of the datagram, should it be cut into fragments */
};

/*
 * Write the headers in front of the `len` bytes (UDP4_MAX at most) that lie at frame + UDP4_HEAD.
 * Returns the length of the frame.
 */
size_t udp4_wrap(u8 *frame, const struct udp4_ends *e, size_t len);

#endif
