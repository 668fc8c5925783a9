/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much TCP data libslirp holds that came before its turn.
 *
 * Thread: the loop of the netif.
 * Trust:  the guest chooses every field of its segments; guard.c has checked lengths. libslirp's
 *         acknowledgements are believed: it computes them from what it has.
 * Spec:   RFC 9293 §3.4 (sequence numbers), §3.10.7.4 (segments that come early may be dropped)
 *
 * For each connection we know up to where libslirp has acknowledged. It has at least that, so a
 * segment that begins there or before continues the stream or is old, and is passed: libslirp never
 * stores it. Every other segment may be stored and counts, until all that was counted is
 * acknowledged. That errs on the safe side only: a segment that is in order counts, too, while the
 * acknowledgement of the one before it is outstanding. libslirp acknowledges most data at once and
 * all data within 200 ms, so an honest guest comes near the budget only when much of what it sent
 * was lost before it reached us.
 *
 * Connections are remembered in a table of sets, the one that was used longest ago in its set goes
 * first; one with segments that count stays. A connection that is not in the table is one of which
 * no acknowledgement is known: then each of its segments counts, until the next acknowledgement.
 *
 * libslirp may end a connection without a word, and what it held is free then, yet here it counts
 * on. So when the budget is used up, the connection that has made no progress for longest is ended
 * for good, by a reset that libslirp takes for the guest's.
 */
#include "net/user/order.h"

#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/loop.h"
#include "net/csum.h"

#define WHO "user network"
#define SETS 1024u /* a power of two; with WAYS twice as many as there can be sockets */
#define WAYS 4u
#define STALE_NS (60u * UINT64_C(1000000000))
#define LOOK_NS UINT64_C(1000000000) /* between two walks through the table */

/* A connection as its key: the guest's side first. IPv4 addresses leave the rest zero. */
struct key {
	u8 guest[16], peer[16];
	u8 ports[4];
	u16 type;
};

struct conn {
	struct key key;
	bool used;
	bool known;   /* `acked` is what libslirp said */
	u16 nr;	      /* segments that count */
	u32 acked;    /* libslirp has all before this number */
	u32 end;      /* of the furthest segment that counts */
	u32 last;     /* when it was looked for: o->clock */
	u64 since_ns; /* the last progress, as far as segments count */
};

struct order {
	u32 clock;   /* one tick for each look into the table */
	u32 total;   /* sum of all nr */
	u64 look_ns; /* no walk through the table before */
	u64 now_ns;  /* when a segment counted last */
	struct conn conn[SETS][WAYS];
};

int order_create(struct order **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void order_destroy(struct order *o)
{
	free(o);
}

/* a - b of sequence numbers [RFC 9293 §3.4]. */
static s32 seq_diff(u32 a, u32 b)
{
	return (s32)(a - b);
}

static void make_key(struct key *k, const u8 *frame, const struct guard_pkt *pkt, bool from_guest)
{
	bool v6 = pkt->type == ETHERTYPE_IP6;
	size_t len = v6 ? 16 : 4;
	const u8 *src = frame + pkt->l3 + (v6 ? IP6_SRC : IP4_SRC), *dst = src + len;
	const u8 *tcp = frame + pkt->l4;

	*k = (struct key){ .type = pkt->type };
	memcpy(k->guest, from_guest ? src : dst, len);
	memcpy(k->peer, from_guest ? dst : src, len);
	memcpy(k->ports, tcp + (from_guest ? TCP_SRC : TCP_DST), 2);
	memcpy(k->ports + 2, tcp + (from_guest ? TCP_DST : TCP_SRC), 2);
}

/* Whoever picks ports and addresses so that they meet in one set is in his own way only. */
static struct conn *set_of(struct order *o, const struct key *k)
{
	u32 h = be32_at(k->ports) * 0x9e3779b1u;

	h = (h ^ be32_at(k->guest) ^ be32_at(k->guest + 12)) * 0x85ebca6bu;
	h = (h ^ be32_at(k->peer) ^ be32_at(k->peer + 12)) * 0xc2b2ae35u;
	return o->conn[h >> 16 & (SETS - 1)];
}

static struct conn *find(struct order *o, const struct key *k)
{
	struct conn *set = set_of(o, k);

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].used && !memcmp(&set[i].key, k, sizeof(*k))) {
			set[i].last = ++o->clock;
			return &set[i];
		}
	}
	return NULL;
}

/* The connection's entry, a new one if need be. NULL: all in its set have segments that count. */
static struct conn *find_or_add(struct order *o, const struct key *k)
{
	struct conn *c = find(o, k), *set = set_of(o, k);

	if (c)
		return c;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].nr)
			continue;
		if (!c || !set[i].used || (c->used && seq_diff(set[i].last, c->last) < 0))
			c = &set[i];
	}
	if (c)
		*c = (struct conn){ .key = *k, .used = true, .last = ++o->clock };
	return c;
}

static void release(struct order *o, struct conn *c)
{
	o->total -= c->nr;
	c->nr = 0;
}

/* ---- what libslirp says ---- */

static bool find_tcp(const u8 *frame, size_t len, struct guard_pkt *pkt)
{
	if (len < ETH_HDR + IP4_HDR + TCP_HDR)
		return false;
	*pkt = (struct guard_pkt){ .type = be16_at(frame + ETH_TYPE), .l3 = ETH_HDR };
	if (pkt->type == ETHERTYPE_IP4) {
		pkt->l4 = ETH_HDR + IP4_HDR; /* libslirp writes no options */
		return frame[ETH_HDR + IP4_VIHL] == 0x45 &&
		       frame[ETH_HDR + IP4_PROTO] == PROTO_TCP &&
		       !(be16_at(frame + ETH_HDR + IP4_FRAG) & (IP4_MF | IP4_OFFSET));
	}
	pkt->l4 = ETH_HDR + IP6_HDR;
	return pkt->type == ETHERTYPE_IP6 && len >= pkt->l4 + TCP_HDR &&
	       frame[ETH_HDR + IP6_NEXT] == PROTO_TCP;
}

void order_saw(struct order *o, const u8 *frame, size_t len)
{
	struct guard_pkt pkt;
	struct conn *c;
	struct key k;

	if (!find_tcp(frame, len, &pkt))
		return;
	make_key(&k, frame, &pkt, false);

	const u8 *tcp = frame + pkt.l4;
	u8 flags = tcp[TCP_FLAGS];
	u32 ack = be32_at(tcp + TCP_ACKNR);

	c = flags & TCP_ACK && !(flags & TCP_RST) ? find_or_add(o, &k) : find(o, &k);
	if (!c)
		return;
	/* A connection that begins or has ended: libslirp holds nothing for it. */
	if (flags & (TCP_SYN | TCP_RST)) {
		release(o, c);
		c->known = false;
	}
	if (!(flags & TCP_ACK) || (flags & TCP_RST)) {
		c->used = false;
		return;
	}
	if (c->known && seq_diff(ack, c->acked) <= 0)
		return;
	c->known = true;
	c->acked = ack;
	c->since_ns = o->now_ns;
	if (c->nr && seq_diff(ack, c->end) >= 0)
		release(o, c);
}

/* ---- what the guest sends ---- */

static bool count(struct order *o, struct conn *c, u32 end)
{
	if (c->nr >= ORDER_CONN_MAX || o->total >= ORDER_MAX)
		return false;
	o->now_ns = loop_now_ns();
	if (!c->nr)
		c->since_ns = o->now_ns;
	if (!c->nr || seq_diff(end, c->end) > 0)
		c->end = end;
	c->nr++;
	o->total++;
	return true;
}

bool order_admit(struct order *o, const u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	const u8 *tcp = frame + pkt->l4;
	u8 flags = tcp[TCP_FLAGS];
	u32 seq = be32_at(tcp + TCP_SEQ);
	u32 n = (u32)(len - pkt->l4) - (tcp[TCP_OFF] >> 4) * 4u + !!(flags & TCP_FIN);
	struct conn *c;
	struct key k;

	/* libslirp keeps only data and FINs; on the way in SYN and RST come before both. */
	if (!n || (flags & (TCP_SYN | TCP_RST)))
		return true;
	make_key(&k, frame, pkt, true);
	c = find_or_add(o, &k);
	if (c && c->known && seq_diff(seq, c->acked) <= 0)
		return true;
	if (c && count(o, c, seq + n))
		return true;
	guest_err(WHO, "too much TCP data before its turn: dropped, to be sent again");
	return false;
}

/* ---- the way out ---- */

static struct conn *stalest(struct order *o)
{
	struct conn *c = NULL;

	for (unsigned i = 0; i < SETS * WAYS; i++) {
		struct conn *x = &o->conn[i / WAYS][i % WAYS];

		if (x->nr && x->known && (!c || x->since_ns < c->since_ns))
			c = x;
	}
	return c;
}

size_t order_reset(struct order *o, u8 frame[ORDER_RESET_FRAME])
{
	u64 now = loop_now_ns();
	struct conn *c;

	if (o->total < ORDER_MAX || now < o->look_ns)
		return 0;
	o->look_ns = now + LOOK_NS;
	c = stalest(o);
	if (!c || now - c->since_ns < STALE_NS)
		return 0;

	bool v6 = c->key.type == ETHERTYPE_IP6;
	size_t alen = v6 ? 16 : 4;
	u8 *ip = frame + ETH_HDR, *tcp = ip + (v6 ? IP6_HDR : IP4_HDR);
	u8 *src = ip + (v6 ? IP6_SRC : IP4_SRC);
	u64 sum;

	/* libslirp does not look at hardware addresses. */
	memset(frame, 0, ORDER_RESET_FRAME);
	be16_put(frame + ETH_TYPE, c->key.type);
	memcpy(src, c->key.guest, alen);
	memcpy(src + alen, c->key.peer, alen);
	memcpy(tcp + TCP_SRC, c->key.ports, 4);
	be32_put(tcp + TCP_SEQ, c->acked);
	tcp[TCP_OFF] = TCP_HDR / 4 << 4;
	tcp[TCP_FLAGS] = TCP_RST;
	if (v6) {
		ip[0] = 0x60;
		be16_put(ip + IP6_PLEN, TCP_HDR);
		ip[IP6_NEXT] = PROTO_TCP;
		ip[IP6_HOPS] = 64;
		sum = csum_pseudo6(src, src + alen, PROTO_TCP, TCP_HDR);
	} else {
		ip[IP4_VIHL] = 0x45;
		be16_put(ip + IP4_TOTAL, IP4_HDR + TCP_HDR);
		ip[IP4_TTL] = 64;
		ip[IP4_PROTO] = PROTO_TCP;
		be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
		sum = csum_pseudo4(src, src + alen, PROTO_TCP, TCP_HDR);
	}
	be16_put(tcp + TCP_CSUM, csum_finish(csum_add(sum, tcp, TCP_HDR)));
	release(o, c);
	c->used = false;
	return (size_t)(tcp - frame) + TCP_HDR;
}
