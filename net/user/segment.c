/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large TCP segments at a small MTU.
 *
 * Thread: the loop of the netif.
 * Trust:  frames of the guest have passed net/user/guard.c; frames of libslirp carry bytes of the
 *         network but headers that libslirp made. Both are bounded here all the same.
 * Spec:   RFC 9293 section 3.7.1 (MSS), RFC 791 section 3.2 and RFC 8200 section 4.5
 *         (fragmentation), RFC 6864 (numbers of datagrams), virtio 1.3 section 5.1.6
 *
 * Most of the price of a byte is the price of its frame: an interrupt, an exit, a system call, two
 * walks through a TCP. From the guest, TSO gives large frames, and libslirp takes them as they are.
 * To the guest, libslirp makes segments of the size that its interface MTU allows (SEGMENT_MTU),
 * for connections that the guest opens whatever MSS that announced. A driver with GUEST_TSO gets
 * them whole, the true segment size beside them; for others they are cut here, which is still
 * cheaper than having libslirp make many small ones.
 *
 * Only for connections to the guest (forwards) does libslirp heed the MSS of the guest: there the
 * announced one is raised. A guest that announces less than its MTU allows has a reason (it routes
 * for somebody with a smaller one) and is left alone.
 */
#include "net/user/segment.h"

#include "net/csum.h"
#include "net/eth.h"

#define IP6_MIN_MTU 1280u	    /* [RFC 8200 section 5] */
#define MAX_HDR (ETH_HDR + 60 + 60) /* the longest IPv4 header is longer than IPv6's */

static u16 mss_of(const struct segment *s, u16 type)
{
	return (u16)(s->mtu - (type == ETHERTYPE_IP6 ? IP6_HDR : IP4_HDR) - TCP_HDR);
}

/*
 * A window that is not a whole number of the guest's segments: Linux fills it to the last byte when
 * all before is acknowledged, with a frame of its own. Smaller ones are left alone, so that its
 * right edge never goes back [RFC 9293 section 3.8.6].
 */
static void trim_window(const struct segment *s, u8 *tcp, u16 type)
{
	u16 win = be16_at(tcp + TCP_WIN), most = (u16)(UINT16_MAX - UINT16_MAX % mss_of(s, type));

	if (win <= most)
		return;
	be16_put(tcp + TCP_WIN, most);
	be16_put(tcp + TCP_CSUM, csum_update(be16_at(tcp + TCP_CSUM), win, most));
}

/* The value of the MSS option of a TCP header, or NULL. `hdr` bytes, checked. */
static u8 *find_mss(u8 *tcp, size_t hdr)
{
	for (size_t off = TCP_HDR; off < hdr;) {
		u8 kind = tcp[off];

		if (kind == 1) { /* no-operation */
			off++;
			continue;
		}
		if (kind == 0 || hdr - off < 2 || tcp[off + 1] < 2 || tcp[off + 1] > hdr - off)
			return NULL;
		if (kind == 2)
			return tcp[off + 1] == 4 ? tcp + off + 2 : NULL;
		off += tcp[off + 1];
	}
	return NULL;
}

/* The option may lie at an odd address: then its bytes belong to two words of the checksum. */
static void set_mss(u8 *tcp, u8 *opt, u16 mss)
{
	u16 csum = be16_at(tcp + TCP_CSUM);
	u8 *from = opt - ((opt - tcp) & 1);
	const u8 *to = opt + 2 + ((opt - tcp) & 1);

	for (u8 *p = from; p < to; p += 2)
		csum = csum_update(csum, be16_at(p), 0);
	be16_put(opt, mss);
	for (u8 *p = from; p < to; p += 2)
		csum = csum_update(csum, 0, be16_at(p));
	be16_put(tcp + TCP_CSUM, csum);
}

void segment_invite(const struct segment *s, u8 *frame, const struct guard_pkt *pkt)
{
	u64 tso = pkt->type == ETHERTYPE_IP6 ? NETIF_RX_TSO6 : NETIF_RX_TSO4;
	u8 *tcp = frame + pkt->l4;

	if (pkt->proto != PROTO_TCP || !(tcp[TCP_FLAGS] & TCP_SYN) || !(s->offloads & tso))
		return;

	u8 *opt = find_mss(tcp, (size_t)(tcp[TCP_OFF] >> 4) * 4);
	u16 mss = mss_of(s, pkt->type);

	if (opt && be16_at(opt) == mss && mss < SEGMENT_MTU)
		set_mss(tcp, opt, SEGMENT_MTU); /* libslirp takes off what does not fit */
}

/* Headers of a frame of libslirp; false: not TCP over IP, or no sense in it. */
static bool find_tcp(const u8 *frame, size_t len, struct guard_pkt *pkt)
{
	*pkt = (struct guard_pkt){ .type = be16_at(frame + ETH_TYPE), .l3 = ETH_HDR };
	if (pkt->type == ETHERTYPE_IP4 && len >= ETH_HDR + IP4_HDR) {
		pkt->l4 = ETH_HDR + (frame[ETH_HDR + IP4_VIHL] & 15) * 4u;
		pkt->proto = frame[ETH_HDR + IP4_PROTO];
		pkt->fragment = be16_at(frame + ETH_HDR + IP4_FRAG) & (IP4_MF | IP4_OFFSET);
	} else if (pkt->type == ETHERTYPE_IP6 && len >= ETH_HDR + IP6_HDR) {
		pkt->l4 = ETH_HDR + IP6_HDR;
		pkt->proto = frame[ETH_HDR + IP6_NEXT];
	}
	if (pkt->proto != PROTO_TCP || pkt->fragment || len < pkt->l4 + TCP_HDR)
		return false;

	size_t hdr = (size_t)(frame[pkt->l4 + TCP_OFF] >> 4) * 4;

	return hdr >= TCP_HDR && hdr <= len - pkt->l4;
}

/*
 * A TCP segment of an ordinary size. With a SYN libslirp announces what it could take, which is
 * more than the guest's interface can carry.
 */
static void emit_small(const struct segment *s, const u8 *frame, size_t len,
		       const struct guard_pkt *pkt, segment_emit_fn emit, void *arg)
{
	struct netif_offload o = { .data_valid = s->offloads & NETIF_RX_CSUM };
	u8 copy[MAX_HDR];
	size_t n = MIN(len, sizeof(copy));

	memcpy(copy, frame, n);

	u8 *tcp = copy + pkt->l4, *opt = NULL;

	trim_window(s, tcp, pkt->type);
	if (tcp[TCP_FLAGS] & TCP_SYN)
		opt = find_mss(tcp, (size_t)(tcp[TCP_OFF] >> 4) * 4);
	if (opt && be16_at(opt) > mss_of(s, pkt->type))
		set_mss(tcp, opt, mss_of(s, pkt->type));

	struct iovec iov[2] = { { copy, n }, { (void *)(uintptr_t)(frame + n), len - n } };

	emit(arg, &o, iov_cur(iov, 2));
}

/*
 * [virtio 1.3 §5.1.6.4]: with NEEDS_CSUM the field holds the sum of the pseudo header, not
 * complemented. `tcp` is the header copy to write it to, `ip` the IP header, `len` from `tcp` on.
 */
static void put_partial_csum(u8 *tcp, const u8 *ip, bool v6, size_t len)
{
	u64 sum = v6 ? csum_pseudo6(ip + IP6_SRC, ip + IP6_DST, PROTO_TCP, len)
		     : csum_pseudo4(ip + IP4_SRC, ip + IP4_DST, PROTO_TCP, len);

	be16_put(tcp + TCP_CSUM, (u16)~csum_finish(sum));
}

/* A TCP segment that is larger than the MTU, whole: to be cut by whoever sends it on. */
static void emit_large(const struct segment *s, const u8 *frame, size_t len,
		       const struct guard_pkt *pkt, segment_emit_fn emit, void *arg)
{
	bool v6 = pkt->type == ETHERTYPE_IP6;
	size_t hdr = pkt->l4 + (size_t)(frame[pkt->l4 + TCP_OFF] >> 4) * 4;
	u8 copy[MAX_HDR];

	memcpy(copy, frame, hdr);
	trim_window(s, copy + pkt->l4, pkt->type);
	put_partial_csum(copy + pkt->l4, frame + pkt->l3, v6, len - pkt->l4);

	struct netif_offload o = {
		.needs_csum = true,
		.csum_start = (u16)pkt->l4,
		.csum_offset = TCP_CSUM,
		.gso = v6 ? NETIF_GSO_TCPV6 : NETIF_GSO_TCPV4,
		.gso_size = mss_of(s, pkt->type),
		.hdr_len = (u16)hdr,
	};
	struct iovec iov[2] = { { copy, hdr }, { (void *)(uintptr_t)(frame + hdr), len - hdr } };

	emit(arg, &o, iov_cur(iov, 2));
}

/*
 * Headers of the piece [off, off + n) of the payload of a large segment. `h` holds those of the
 * whole.
 */
static void cut_headers(u8 *h, const struct guard_pkt *pkt, size_t hdr, size_t off, size_t n,
			bool last)
{
	u8 *ip = h + pkt->l3, *tcp = h + pkt->l4;
	size_t l4_len = hdr - pkt->l4 + n;

	if (pkt->type == ETHERTYPE_IP6) {
		be16_put(ip + IP6_PLEN, (u16)l4_len);
	} else {
		be16_put(ip + IP4_TOTAL, (u16)(hdr - pkt->l3 + n));
		be16_put(ip + IP4_ID, (u16)(be16_at(ip + IP4_ID) + off / 64)); /* just different */
		be16_put(ip + IP4_CSUM, 0);
		be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, pkt->l4 - pkt->l3)));
	}
	be32_put(tcp + TCP_SEQ, be32_at(tcp + TCP_SEQ) + (u32)off);
	if (!last)
		tcp[TCP_FLAGS] &= (u8) ~(TCP_FIN | TCP_PSH);
	put_partial_csum(tcp, ip, pkt->type == ETHERTYPE_IP6, l4_len);
}

/* A TCP segment that is larger than the MTU, for a driver that takes none. */
static void emit_cut(const struct segment *s, const u8 *frame, size_t len,
		     const struct guard_pkt *pkt, segment_emit_fn emit, void *arg)
{
	struct netif_offload o = { .needs_csum = s->offloads & NETIF_RX_CSUM,
				   .csum_start = (u16)pkt->l4,
				   .csum_offset = TCP_CSUM };
	size_t hdr = pkt->l4 + (size_t)(frame[pkt->l4 + TCP_OFF] >> 4) * 4;
	size_t payload = len - hdr, step = (size_t)s->mtu + ETH_HDR - hdr, n;
	u8 copy[MAX_HDR], *tcp = copy + pkt->l4;

	for (size_t off = 0; off < payload; off += n) {
		const u8 *data = frame + hdr + off;

		n = MIN(step, payload - off);
		memcpy(copy, frame, hdr);
		trim_window(s, tcp, pkt->type);
		cut_headers(copy, pkt, hdr, off, n, off + n == payload);
		if (!o.needs_csum) {
			/* The field holds the pseudo header's part already. */
			u64 sum = csum_add(0, tcp, hdr - pkt->l4);

			be16_put(tcp + TCP_CSUM, csum_finish(csum_add(sum, data, n)));
		}

		struct iovec iov[2] = { { copy, hdr }, { (void *)(uintptr_t)data, n } };

		emit(arg, o.needs_csum ? &o : &(struct netif_offload){ .gso = NETIF_GSO_NONE },
		     iov_cur(iov, 2));
	}
}

/*
 * libslirp writes no IP options. It may have cut the datagram already, and has given it a number;
 * who said that it was not to be cut has not [RFC 6864 section 4.1].
 */
static void emit_fragments(struct segment *s, const u8 *frame, size_t len, segment_emit_fn emit,
			   void *arg)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	size_t payload = len - ETH_HDR - IP4_HDR;
	size_t step = (s->mtu - IP4_HDR) & ~(size_t)7, n;
	u16 field = be16_at(frame + ETH_HDR + IP4_FRAG);
	u16 id = field & IP4_DF ? (u16)s->next_id++ : be16_at(frame + ETH_HDR + IP4_ID);

	for (size_t off = 0; off < payload; off += n) {
		u8 hdr[ETH_HDR + IP4_HDR], *ip = hdr + ETH_HDR;

		n = MIN(step, payload - off);
		memcpy(hdr, frame, sizeof(hdr));
		be16_put(ip + IP4_TOTAL, (u16)(IP4_HDR + n));
		be16_put(ip + IP4_ID, id);
		be16_put(ip + IP4_FRAG, (u16)((field & (IP4_MF | IP4_OFFSET)) + off / 8) |
						(off + n < payload ? IP4_MF : 0));
		be16_put(ip + IP4_CSUM, 0);
		be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));

		struct iovec iov[2] = {
			{ hdr, sizeof(hdr) },
			{ (void *)(uintptr_t)(frame + sizeof(hdr) + off), n },
		};

		emit(arg, &none, iov_cur(iov, 2));
	}
}

/*
 * Where the guest's datagrams begin is their source for the guest, which alone may cut one. The
 * host's kernel has put it together before. Nobody here writes other headers behind IPv6's.
 */
static void emit_fragments6(struct segment *s, const u8 *frame, size_t len, segment_emit_fn emit,
			    void *arg)
{
	const struct netif_offload none = { .gso = NETIF_GSO_NONE };
	size_t payload = len - ETH_HDR - IP6_HDR;
	size_t step = (s->mtu - IP6_HDR - FRAG6_HDR) & ~(size_t)7, n;
	u32 id = s->next_id++;

	for (size_t off = 0; off < payload; off += n) {
		u8 hdr[ETH_HDR + IP6_HDR + FRAG6_HDR], *ip = hdr + ETH_HDR, *frag = ip + IP6_HDR;

		n = MIN(step, payload - off);
		memcpy(hdr, frame, ETH_HDR + IP6_HDR);
		be16_put(ip + IP6_PLEN, (u16)(FRAG6_HDR + n));
		be16_put(frag, (u16)(ip[IP6_NEXT] << 8)); /* and a byte that is reserved */
		ip[IP6_NEXT] = PROTO_FRAG6;
		be16_put(frag + FRAG6_FIELD, (u16)(off | (off + n < payload ? FRAG6_MORE : 0)));
		be32_put(frag + FRAG6_ID, id);

		struct iovec iov[2] = {
			{ hdr, sizeof(hdr) },
			{ (void *)(uintptr_t)(frame + ETH_HDR + IP6_HDR + off), n },
		};

		emit(arg, &none, iov_cur(iov, 2));
	}
}

static bool may_be_cut6(const struct segment *s, const struct guard_pkt *pkt)
{
	return pkt->type == ETHERTYPE_IP6 && s->mtu >= IP6_MIN_MTU &&
	       (pkt->proto == PROTO_UDP || pkt->proto == PROTO_ICMP6);
}

void segment_emit(struct segment *s, const u8 *frame, size_t len, segment_emit_fn emit, void *arg)
{
	struct netif_offload o = { .data_valid = s->offloads & NETIF_RX_CSUM };
	struct iovec iov = { (void *)(uintptr_t)frame, len };
	struct guard_pkt pkt;

	if (len < ETH_HDR)
		return;

	bool tcp = find_tcp(frame, len, &pkt);

	if (len <= (size_t)s->mtu + ETH_HDR) {
		if (tcp)
			emit_small(s, frame, len, &pkt, emit, arg);
		else
			emit(arg, &o, iov_cur(&iov, 1));
	} else if (tcp) {
		bool whole =
			s->offloads & (pkt.type == ETHERTYPE_IP6 ? NETIF_RX_TSO6 : NETIF_RX_TSO4);

		(whole ? emit_large : emit_cut)(s, frame, len, &pkt, emit, arg);
	} else if (pkt.type == ETHERTYPE_IP4 && frame[ETH_HDR + IP4_VIHL] == 0x45) {
		emit_fragments(s, frame, len, emit, arg);
	} else if (may_be_cut6(s, &pkt)) {
		emit_fragments6(s, frame, len, emit, arg);
	}
}
