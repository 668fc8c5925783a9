/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that mean harm: what guard_check() lets pass must be what it promises, fragments must come
 * out whole or not at all, and segment.c must cut whatever it is given into what fits.
 *
 * Thread: one.
 * Trust:  plays the guest.
 *
 * Input: one byte of set-up, then frames: 9 bytes of offloads, 2 of length (little-endian), bytes.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "net/csum.h"
#include "net/eth.h"
#include "net/user/guard.h"
#include "net/user/reasm.h"
#include "net/user/segment.h"
#include "tests/fuzz/input.h"

struct out {
	struct segment seg;
	size_t in_len, sum;
	unsigned nr;
};

/* Nothing leaves that is larger than the MTU, but TCP with its size beside it. */
static void on_emit(void *arg, const struct netif_offload *o, struct iov_cur frame)
{
	struct out *out = arg;
	size_t len = frame.left;
	u8 byte;

	while (iov_read(&frame, &byte, 1))
		out->sum += byte; /* readable */
	if (o->gso == NETIF_GSO_NONE)
		check(len <= out->seg.mtu + (size_t)ETH_HDR);
	else
		check(o->needs_csum && o->gso_size && o->hdr_len <= len && len == out->in_len);
	if (o->needs_csum) {
		check((size_t)o->csum_start + o->csum_offset + 2 <= len);
		check(out->seg.offloads & NETIF_RX_CSUM);
	}
	check(++out->nr <= 1 + out->in_len / 8);
}

/* The frame in a block of just its size, so that the sanitizer sees the end. */
static void emit(const u8 *frame, size_t len, u16 mtu, u32 offloads)
{
	struct out out = { .seg = { .mtu = mtu, .offloads = offloads }, .in_len = len };
	u8 *copy = malloc(len ? len : 1);

	memcpy(copy, frame, len);
	segment_emit(&out.seg, copy, len, on_emit, &out);
	free(copy);
}

static void check_l4(const u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	const u8 *l4 = frame + pkt->l4;
	size_t n = len - pkt->l4;

	if (pkt->proto == PROTO_TCP) {
		check(n >= TCP_HDR && (size_t)(l4[TCP_OFF] >> 4) * 4 <= n);
		check(!(l4[TCP_FLAGS] & TCP_URG) && !be16_at(l4 + TCP_URP));
	} else if (pkt->proto == PROTO_UDP) {
		check(n >= UDP_HDR && be16_at(l4 + UDP_LEN) <= n);
	} else {
		check(n >= ICMP_HDR);
	}
}

static void check_passed(const struct guard *g, const u8 *frame, size_t len,
			 const struct guard_pkt *pkt)
{
	const u8 *ip = frame + ETH_HDR;

	check(len >= ETH_HDR && !mac_is_multicast(frame + ETH_SRC));
	if (pkt->type == ETHERTYPE_ARP4) {
		check(len == ETH_HDR + ARP_LEN);
		return;
	}
	check(pkt->l4 <= len && pkt->l3 == ETH_HDR);
	if (pkt->type == ETHERTYPE_IP4) {
		check(!csum_finish(csum_add(0, ip, IP4_HDR)));
		check(be16_at(ip + IP4_TOTAL) == len - ETH_HDR && ip[IP4_VIHL] == 0x45);
		check(be32_at(ip + IP4_SRC) >> 8 == 0xc0a821 || !be32_at(ip + IP4_SRC));
	} else {
		check(g->ipv6 && pkt->type == ETHERTYPE_IP6);
		check(be16_at(ip + IP6_PLEN) == len - ETH_HDR - IP6_HDR);
	}
	if (!pkt->fragment)
		check_l4(frame, len, pkt);
}

static void one_frame(const struct guard *g, struct reasm *r, struct segment *seg, struct input *i,
		      u64 now)
{
	struct netif_offload o = { .needs_csum = (u16)in(i, 2) & 1 };
	struct guard_pkt pkt;
	const char *why;

	o.csum_start = (u16)in(i, 2);
	o.csum_offset = (u16)in(i, 2) & 31;
	o.gso = (u16[]){ 0, NETIF_GSO_TCPV4, NETIF_GSO_TCPV6, 0 }[(u16)in(i, 2) & 3];

	size_t len = MIN((size_t)(u16)in(i, 2), i->left), whole_len = 0;
	u8 *frame = malloc(len ? len : 1), *whole = NULL;

	memcpy(frame, i->p, len);
	i->p += len;
	i->left -= len;
	emit(frame, len, seg->mtu, seg->offloads);
	if (guard_check(g, frame, &len, &o, &pkt, &why))
		goto out;
	check_passed(g, frame, len, &pkt);
	if (pkt.fragment && reasm_add(r, frame, len, now, &whole, &whole_len) &&
	    !guard_check_whole(g, whole, whole_len, &pkt, &why)) {
		check_passed(g, whole, whole_len, &pkt);
		segment_invite(seg, whole, &pkt);
		emit(whole, whole_len, seg->mtu, seg->offloads);
	} else if (!pkt.fragment) {
		segment_invite(seg, frame, &pkt);
		emit(frame, len, seg->mtu, seg->offloads);
	}
out:
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guard g = { .net = { htonl(0xc0a82100) },
			   .mask = { htonl(0xffffff00) },
			   .host = { htonl(0xc0a82101) },
			   .dns = { htonl(0xc0a82103) },
			   .host_mac = { 0x52, 0x55, 192, 168, 33, 1 } };
	struct input i = { data, len };
	struct segment seg;
	struct reasm *r;
	u8 setup = (u8)in(&i, 2);
	u64 now = 0;

	g.ipv6 = setup & 1;
	seg = (struct segment){ .mtu = setup & 2 ? 1500 : 1280,
				.offloads = (setup & 4 ? NETIF_RX_CSUM : 0) |
					    (setup & 8 ? NETIF_RX_CSUM | NETIF_RX_TSO4 : 0) |
					    (setup & 16 ? NETIF_RX_CSUM | NETIF_RX_TSO6 : 0) };
	inet_pton(AF_INET6, "fd33::", &g.prefix6);
	if (reasm_create(&r))
		return 0;
	while (i.left)
		one_frame(&g, r, &seg, &i, now += UINT64_C(1000000000));
	reasm_destroy(r);
	return 0;
}
