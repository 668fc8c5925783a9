/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 reassembly.
 *
 * Thread: the loop of the netif.
 * Trust:  fragments come from the guest; addresses, offsets and lengths were only checked one by
 *         one.
 * Spec:   RFC 791 section 3.2, RFC 1122 section 3.3.2, RFC 5722 section 4
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
#define MAX_PAYLOAD (65535u - IP4_HDR)
#define NR_UNITS ((MAX_PAYLOAD + 7) / 8)

struct datagram {
	u64 start_ns;
	bool used;
	u8 key[4 + 4 + 2 + 1]; /* source, destination, identification, protocol */
	u32 got;	       /* bytes of payload that have come */
	u32 total;	       /* bytes of payload; 0: the last fragment has not come */
	u32 end;	       /* of the furthest byte that has come */
	u8 have[(NR_UNITS + 7) / 8];
	u8 frame[ETH_HDR + 65535];
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

static void make_key(u8 *key, const u8 *ip)
{
	memcpy(key, ip + IP4_SRC, 8);
	memcpy(key + 8, ip + IP4_ID, 2);
	key[10] = ip[IP4_PROTO];
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

static bool place(struct datagram *d, const u8 *frag, u32 off, u32 len, bool last)
{
	const u8 *payload = frag + ETH_HDR + IP4_HDR;

	if (!len || !range_within(off, len, MAX_PAYLOAD) || (!last && len % 8))
		return false;
	/* Two ends, or bytes past the end. */
	if (last && d->total)
		return false;
	if (last)
		d->total = off + len;
	d->end = MAX(d->end, off + len);
	if ((d->total && d->end > d->total) || !mark(d, off, len))
		return false;
	memcpy(d->frame + ETH_HDR + IP4_HDR + off, payload, len);
	if (!off)
		memcpy(d->frame, frag, ETH_HDR + IP4_HDR);
	d->got += len;
	return true;
}

bool reasm_add(struct reasm *r, const u8 *frag, size_t frag_len, u64 now_ns, u8 **frame,
	       size_t *len)
{
	const u8 *ip = frag + ETH_HDR;
	u16 field = be16_at(ip + IP4_FRAG);
	u8 key[sizeof(r->d[0].key)];
	u8 *head;

	make_key(key, ip);

	struct datagram *d = find(r, key, now_ns);

	if (!place(d, frag, (field & IP4_OFFSET) * 8u, (u32)(frag_len - ETH_HDR - IP4_HDR),
		   !(field & IP4_MF))) {
		d->used = false;
		return false;
	}
	if (!d->total || d->got != d->total)
		return false;
	d->used = false;
	head = d->frame + ETH_HDR;
	be16_put(head + IP4_TOTAL, (u16)(IP4_HDR + d->total));
	be16_put(head + IP4_FRAG, 0);
	be16_put(head + IP4_CSUM, 0);
	be16_put(head + IP4_CSUM, csum_finish(csum_add(0, head, IP4_HDR)));
	*frame = d->frame;
	*len = ETH_HDR + IP4_HDR + d->total;
	return true;
}
