/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acknowledgements to the guest, of which only the last of a batch counts.
 *
 * Thread: the loop.
 * Trust:  frames of libslirp: the network's bytes, headers that libslirp made; lengths are checked.
 * Spec:   RFC 9293 §3.4 (acknowledgements are cumulative), RFC 5681 §2 (duplicate acknowledgements,
 *         which mean something by their number: they acknowledge nothing more and are all kept)
 */
#include "net/user/acks.h"

#include <string.h>

#define L4 (ETH_HDR + IP4_HDR)

static bool plain_ack(const u8 *frame, size_t len)
{
	const u8 *ip = frame + ETH_HDR, *tcp = frame + L4;

	return len >= L4 + TCP_HDR && len <= ACKS_FRAME &&
	       be16_at(frame + ETH_TYPE) == ETHERTYPE_IP4 && ip[IP4_VIHL] == 0x45 &&
	       be16_at(ip + IP4_TOTAL) == IP4_HDR + TCP_HDR &&
	       !(be16_at(ip + IP4_FRAG) & (IP4_MF | IP4_OFFSET)) && ip[IP4_PROTO] == PROTO_TCP &&
	       tcp[TCP_OFF] >> 4 == TCP_HDR / 4 && tcp[TCP_FLAGS] == TCP_ACK;
}

/* Everything but IP's number of the packet, what it acknowledges, its window and checksums. */
static bool same_stream(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, ETH_HDR + IP4_ID) &&
	       !memcmp(a + ETH_HDR + IP4_FRAG, b + ETH_HDR + IP4_FRAG, IP4_CSUM - IP4_FRAG) &&
	       !memcmp(a + ETH_HDR + IP4_SRC, b + ETH_HDR + IP4_SRC, IP4_HDR - IP4_SRC) &&
	       !memcmp(a + L4 + TCP_SRC, b + L4 + TCP_SRC, TCP_ACKNR - TCP_SRC);
}

static void put(struct acks *a, const u8 *frame, size_t len)
{
	memcpy(a->frame, frame, len);
	a->len = len;
}

bool acks_replace(struct acks *a, const u8 *frame, size_t len)
{
	if (!a->len || !plain_ack(frame, len) || !same_stream(a->frame, frame))
		return false;

	u32 more = be32_at(frame + L4 + TCP_ACKNR) - be32_at(a->frame + L4 + TCP_ACKNR);

	if (!more || more >= BIT(31))
		return false;
	put(a, frame, len);
	return true;
}

bool acks_hold(struct acks *a, const u8 *frame, size_t len)
{
	assert(!a->len);
	if (!plain_ack(frame, len))
		return false;
	put(a, frame, len);
	return true;
}

size_t acks_take(struct acks *a)
{
	size_t len = a->len;

	a->len = 0;
	return len;
}
