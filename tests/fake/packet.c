/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of a guest, and the room that it gives for those of others.
 *
 * Thread: one, or the loop's.
 * Trust:  plays the guest.
 * Spec:   [RFC 791], [RFC 8200]
 */
#include "tests/fake/packet.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/csum.h"
#include "net/eth.h"

#define LONGEST_HEADER 20u /* behind IP's: TCP's without options */

size_t fake_packet(u8 *f, const struct ip_key *k, u8 proto, size_t n)
{
	size_t ip = k->v6 ? IP6_HDR : IP4_HDR;

	memset(f, 0, ETH_HDR + ip + LONGEST_HEADER);
	memcpy(f, "\x52\x55\xc0\xa8\x21\x01\x02\x15\x15\x15\x15\x15", 12);
	be16_put(f + ETH_TYPE, k->v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	if (k->v6) {
		f[ETH_HDR] = 0x60;
		be16_put(f + ETH_HDR + IP6_PLEN, (u16)n);
		f[ETH_HDR + IP6_NEXT] = proto;
		memcpy(f + ETH_HDR + IP6_SRC, k->guest, 16);
		memcpy(f + ETH_HDR + IP6_DST, k->peer, 16);
	} else {
		f[ETH_HDR] = 0x45;
		be16_put(f + ETH_HDR + IP4_TOTAL, (u16)(IP4_HDR + n));
		f[ETH_HDR + IP4_PROTO] = proto;
		memcpy(f + ETH_HDR + IP4_SRC, k->guest, 4);
		memcpy(f + ETH_HDR + IP4_DST, k->peer, 4);
		be16_put(f + ETH_HDR + IP4_CSUM, csum_finish(csum_add(0, f + ETH_HDR, IP4_HDR)));
	}
	memcpy(f + ETH_HDR + ip, k->ports, 4);
	return ETH_HDR + ip;
}

static int on_receive(void *arg, const struct netif_offload *o, struct iov_cur at)
{
	static u8 whole[NETIF_FRAME_MAX];
	struct fake_room *r = arg;
	size_t len = at.left;

	r->frames++;
	assert(r->frames < FAKE_ROOM_STORM && !r->reserved && len <= sizeof(whole));
	if (!r->room)
		return -EAGAIN;
	r->room--;
	iov_read(&at, whole, len);
	r->look(whole, len, o);
	return 0;
}

static int on_reserve(void *arg, size_t min, size_t want, struct iov_cur *room)
{
	struct fake_room *r = arg;
	size_t most = (size_t)r->pieces * ARRAY_SIZE(r->iov);
	unsigned nr = 0;

	r->frames++;
	assert(r->frames < FAKE_ROOM_STORM && !r->reserved && min <= want);
	if (!r->room || min > most)
		return -EAGAIN;
	want = MIN(want, most);
	r->reserved = malloc(want);
	for (size_t off = 0; off < want; off += r->iov[nr++].iov_len)
		r->iov[nr] = (struct iovec){ r->reserved + off, MIN(r->pieces, want - off) };
	*room = iov_cur(r->iov, nr);
	return 0;
}

static void on_commit(void *arg, const struct netif_offload *o, size_t len)
{
	struct fake_room *r = arg;

	assert(r->reserved);
	if (len) {
		r->room--;
		r->look(r->reserved, len, o);
	}
	free(r->reserved);
	r->reserved = NULL;
}

static void ignore(void *arg)
{
}

const struct netif_client fake_room_client = {
	.receive = on_receive,
	.reserve = on_reserve,
	.commit = on_commit,
	.flush = ignore,
	.writable = ignore,
};
