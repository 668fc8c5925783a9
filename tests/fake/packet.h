/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of the guest's as its kernel builds them, and a guest that receives. */
#ifndef TESTS_FAKE_PACKET_H
#define TESTS_FAKE_PACKET_H

#include "net/netif.h"
#include "net/user/ip_pkt.h"

/*
 * The Ethernet and IP headers of a packet of the guest's in `f`, and its ports: `n` bytes of
 * `proto`, from the guest of `k` to its peer. The 20 bytes behind them are zeroed. Returns where
 * the `n` bytes begin.
 */
size_t fake_packet(u8 *f, const struct ip_key *k, u8 proto, size_t n);

/*
 * A driver with receive buffers that come in pieces, in front of a netif (n->client and
 * n->client_arg). A call that the contract of netif.h forbids ends the program.
 */
struct fake_room {
	unsigned room;	 /* frames that there is room for */
	unsigned frames; /* calls since it was last cleared; FAKE_ROOM_STORM are too many */
	u32 pieces;	 /* size of a receive buffer */
	void (*look)(const u8 *frame, size_t len, const struct netif_offload *o);

	u8 *reserved; /* between reserve() and commit() */
	struct iovec iov[64];
};

#define FAKE_ROOM_STORM 4096u

extern const struct netif_client fake_room_client;

#endif
