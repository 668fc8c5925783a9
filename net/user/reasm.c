/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reassembly of IPv4 and IPv6.
 *
 * Thread: the loop of the netif.
 * Trust:  fragments come from the guest; addresses, offsets and lengths were only checked one by
 *         one.
 * Spec:   RFC 791 section 3.2, RFC 1122 section 3.3.2, RFC 8200 section 4.5, RFC 5722 section 4
 *
 * A datagram is a bitmap of the 8-byte units that have come. A fragment that overlaps one that came
 * before ends its datagram: no honest sender does that, and what a receiver should then believe has
 * been the source of attacks for decades.
 */
#include "net/user/reasm.h"

#include <errno.h>
#include <stdlib.h>

#include "net/csum.h"
#include "net/eth.h"

#define NR_DATAGRAMS 8u
#define TIMEOUT_NS (30u * UINT64_C(1000000000))
#define NR_UNITS 8192u /* of 64 KiB */
#define MAX_KEY (1 + 16 + 16 + 4)

struct datagram {
	u64 start_ns;
	bool used;
	u8 key[MAX_KEY];
	u32 got;   /* bytes of payload that have come */
	u32 total; /* bytes of payload; 0: the last fragment has not come */
	u32 end;   /* of the furthest byte that has come */
	u8 next;   /* IPv6: the protocol of the whole */
	u8 have[NR_UNITS / 8];
	u8 frame[ETH_HDR + IP6_HDR + 65535];
};

/* A fragment as both protocols have it. */
struct piece {
	bool v6, last;
	const u8 *frame;
	size_t head; /* bytes of Ethernet's and IP's headers, without that of a fragment */
	const u8 *payload;
	u32 off, len;
	u8 next;
	u8 key[MAX_KEY]; /* version, source, destination, identification; IPv4: protocol */
};

struct reasm {
	struct datagram d[NR_DATAGRAMS];
};

int reasm_create(struct reasm **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void reasm_destroy(struct reasm *r)
{
	free(r);
}

static void read4(struct piece *p, size_t len)
{
	const u8 *ip = p->frame + ETH_HDR;
	u16 field = be16_at(ip + IP4_FRAG);

	p->head = ETH_HDR + IP4_HDR;
	p->payload = p->frame + p->head;
	p->off = (field & IP4_OFFSET) * 8u;
	p->len = (u32)(len - p->head);
	p->last = !(field & IP4_MF);
	p->key[0] = 4;
	memcpy(p->key + 1, ip + IP4_SRC, 8);
	memcpy(p->key + 9, ip + IP4_ID, 2);
	p->key[11] = ip[IP4_PROTO];
}

bool reasm_look6(u8 *frame, size_t *len, bool *is)
{
	u8 *ip = frame + ETH_HDR, *frag = ip + IP6_HDR;
	size_t rest = *len - ETH_HDR - IP6_HDR - FRAG6_HDR;

	if (*len < ETH_HDR + IP6_HDR + FRAG6_HDR)
		return false;
	*is = be16_at(frag + FRAG6_FIELD) & (FRAG6_OFFSET | FRAG6_MORE);
	if (*is)
		return true;
	ip[IP6_NEXT] = frag[FRAG6_NEXT];
	be16_put(ip + IP6_PLEN, (u16)rest);
	memmove(frag, frag + FRAG6_HDR, rest);
	*len -= FRAG6_HDR;
	return true;
}

static void read6(struct piece *p, size_t len)
{
	const u8 *ip = p->frame + ETH_HDR, *frag = ip + IP6_HDR;
	u16 field = be16_at(frag + FRAG6_FIELD);

	p->v6 = true;
	p->head = ETH_HDR + IP6_HDR;
	p->payload = frag + FRAG6_HDR;
	p->off = field & FRAG6_OFFSET;
	p->len = (u32)(len - p->head - FRAG6_HDR);
	p->last = !(field & FRAG6_MORE);
	p->next = frag[FRAG6_NEXT];
	p->key[0] = 6;
	memcpy(p->key + 1, ip + IP6_SRC, 32);
	memcpy(p->key + 33, frag + FRAG6_ID, 4);
}

static void begin(struct datagram *d, const u8 *key, u64 now_ns)
{
	d->start_ns = now_ns;
	d->used = true;
	memcpy(d->key, key, sizeof(d->key));
	d->got = d->total = d->end = 0;
	memset(d->have, 0, sizeof(d->have));
}

/* The datagram of `key`; else a free or overdue entry, at last the oldest, begun anew. */
static struct datagram *find(struct reasm *r, const u8 *key, u64 now_ns)
{
	struct datagram *best = &r->d[0];

	for (unsigned i = 0; i < NR_DATAGRAMS; i++) {
		struct datagram *d = &r->d[i];

		if (d->used && now_ns - d->start_ns > TIMEOUT_NS)
			d->used = false;
		if (d->used && !memcmp(d->key, key, sizeof(d->key)))
			return d;
		if (best->used && (!d->used || d->start_ns < best->start_ns))
			best = d;
	}
	begin(best, key, now_ns);
	return best;
}

/* False: overlap. */
static bool mark(struct datagram *d, u32 off, u32 len)
{
	for (u32 u = off / 8; u < (off + len + 7) / 8; u++) {
		if (d->have[u / 8] & (1u << u % 8))
			return false;
		d->have[u / 8] |= (u8)(1u << u % 8);
	}
	return true;
}

static bool place(struct datagram *d, const struct piece *p)
{
	u32 most = 65535u - (p->v6 ? 0 : IP4_HDR), end = p->off + p->len;

	if (!p->len || !range_within(p->off, p->len, most) || (!p->last && p->len % 8))
		return false;
	/* Two ends, or bytes past the end. */
	if (p->last && d->total)
		return false;
	if (p->last)
		d->total = end;
	d->end = MAX(d->end, end);
	if ((d->total && d->end > d->total) || !mark(d, p->off, p->len))
		return false;
	memcpy(d->frame + p->head + p->off, p->payload, p->len);
	if (!p->off) {
		memcpy(d->frame, p->frame, p->head);
		d->next = p->next;
	}
	d->got += p->len;
	return true;
}

/* All of it is there: headers as if it had never been cut. */
static void complete(struct datagram *d, bool v6)
{
	u8 *ip = d->frame + ETH_HDR;

	if (v6) {
		be16_put(ip + IP6_PLEN, (u16)d->total);
		ip[IP6_NEXT] = d->next;
		return;
	}
	be16_put(ip + IP4_TOTAL, (u16)(IP4_HDR + d->total));
	be16_put(ip + IP4_FRAG, 0);
	be16_put(ip + IP4_CSUM, 0);
	be16_put(ip + IP4_CSUM, csum_finish(csum_add(0, ip, IP4_HDR)));
}

bool reasm_add(struct reasm *r, const u8 *frag, size_t frag_len, u64 now_ns, u8 **frame,
	       size_t *len)
{
	struct piece p = { .frame = frag };
	struct datagram *d;

	(be16_at(frag + ETH_TYPE) == ETHERTYPE_IP6 ? read6 : read4)(&p, frag_len);
	d = find(r, p.key, now_ns);
	if (!place(d, &p)) {
		d->used = false;
		return false;
	}
	if (!d->total || d->got != d->total)
		return false;
	d->used = false;
	complete(d, p.v6);
	*frame = d->frame;
	*len = p.head + d->total;
	return true;
}
