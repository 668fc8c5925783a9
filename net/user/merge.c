/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP segments that continue each other, made one.
 *
 * Thread: the loop.
 * Trust:  guard.c has checked lengths and headers. Checksums are the guest's; they are carried
 *         over as they are, so a wrong one makes the whole wrong, for libslirp to see.
 * Spec:   RFC 9293 §3.1, RFC 1071 §2 (B) for data that moves by an odd number of bytes
 */
#include "net/user/merge.h"

#include <string.h>

#include "net/csum.h"
#include "net/eth.h"

static bool plain_data(const u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	const u8 *tcp = frame + pkt->l4;

	return pkt->type == ETHERTYPE_IP4 && pkt->proto == PROTO_TCP && !pkt->fragment &&
	       pkt->l4 - pkt->l3 == IP4_HDR && tcp[TCP_OFF] >> 4 == TCP_HDR / 4 &&
	       (tcp[TCP_FLAGS] & ~TCP_PSH) == TCP_ACK && len > pkt->l4 + TCP_HDR;
}

/* The sum of everything that the checksum covers but the data and itself. */
static u64 head_sum(const u8 *frame, size_t len, u32 l3, u32 l4)
{
	const u8 *ip = frame + l3, *tcp = frame + l4;

	return csum_pseudo4(ip + IP4_SRC, ip + IP4_DST, PROTO_TCP, len - l4) +
	       csum_add(0, tcp, TCP_HDR) + (u16)~be16_at(tcp + TCP_CSUM);
}

/* The sum of the data, found from the checksum. */
static u64 data_sum(const u8 *frame, size_t len, u32 l3, u32 l4)
{
	u16 all = (u16)~be16_at(frame + l4 + TCP_CSUM);

	return (u64)all + csum_finish(head_sum(frame, len, l3, l4));
}

/* The same bytes, but from an odd offset on. */
static u64 shift(u64 sum)
{
	u16 folded = (u16)~csum_finish(sum);

	return (u16)(folded << 8 | folded >> 8);
}

bool merge_hold(struct merge *m, u8 **frame, size_t len, const struct guard_pkt *pkt)
{
	u8 *held = *frame;

	assert(!m->len);
	if (!plain_data(held, len, pkt))
		return false;
	*frame = m->frame;
	*m = (struct merge){ .frame = held, .len = len, .l3 = pkt->l3, .l4 = pkt->l4 };
	m->next = be32_at(held + m->l4 + TCP_SEQ) + (u32)(len - m->l4 - TCP_HDR);
	return true;
}

/* Same link, addresses, ports and place. */
static bool continues(const struct merge *m, const u8 *frame, const struct guard_pkt *pkt)
{
	const u8 *ip = frame + pkt->l3, *tcp = frame + pkt->l4;
	const u8 *held_ip = m->frame + m->l3, *held_tcp = m->frame + m->l4;

	return m->l3 == pkt->l3 && !memcmp(m->frame, frame, m->l3) &&
	       !memcmp(held_ip + IP4_SRC, ip + IP4_SRC, IP4_HDR - IP4_SRC) &&
	       !memcmp(held_tcp + TCP_SRC, tcp + TCP_SRC, TCP_SEQ - TCP_SRC) &&
	       be32_at(tcp + TCP_SEQ) == m->next;
}

bool merge_append(struct merge *m, const u8 *frame, size_t len, const struct guard_pkt *pkt)
{
	const u8 *tcp = frame + pkt->l4, *data = tcp + TCP_HDR;
	size_t nr = len - pkt->l4 - TCP_HDR, held = m->len - m->l4 - TCP_HDR;
	u8 *to = m->frame + m->l4;
	u64 sum;

	if (!m->len || !plain_data(frame, len, pkt) || !continues(m, frame, pkt) ||
	    m->len - m->l3 + nr > MERGE_MAX)
		return false;
	if (!m->longer)
		m->sum = data_sum(m->frame, m->len, m->l3, m->l4);
	m->longer = true;
	sum = data_sum(frame, len, pkt->l3, pkt->l4);
	m->sum += held % 2 ? shift(sum) : sum;
	memcpy(to + TCP_HDR + held, data, nr);
	memcpy(to + TCP_ACKNR, tcp + TCP_ACKNR, 4);
	memcpy(to + TCP_WIN, tcp + TCP_WIN, 2);
	to[TCP_FLAGS] |= tcp[TCP_FLAGS];
	m->len += nr;
	m->next += (u32)nr;
	return true;
}

size_t merge_take(struct merge *m)
{
	size_t len = m->len;
	u8 *ip = m->frame + m->l3, *tcp = m->frame + m->l4;

	if (m->longer) {
		u16 old = be16_at(ip + IP4_TOTAL), total = (u16)(len - m->l3);

		be16_put(ip + IP4_TOTAL, total);
		be16_put(ip + IP4_CSUM, csum_update(be16_at(ip + IP4_CSUM), old, total));
		be16_put(tcp + TCP_CSUM,
			 csum_finish(head_sum(m->frame, len, m->l3, m->l4) + m->sum));
	}
	m->len = 0;
	m->longer = false;
	return len;
}
