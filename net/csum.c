// SPDX-License-Identifier: GPL-2.0
/*
 * The Internet checksum.
 *
 * Thread: any.
 * Trust:  bytes only; lengths are the caller's.
 * Spec:   RFC 1071, RFC 1624, RFC 8200 section 8.1
 *
 * One's complement addition does not care about byte order [RFC 1071 2(B)]: words are added as they
 * lie in memory, 8 bytes a step, and the folded sum is swapped once at the end.
 */
#include "net/csum.h"

#include <arpa/inet.h>
#include <string.h>

static u64 fold32(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static u16 fold16(u64 sum)
{
	sum = fold32(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

/* Two halves of a word are added apart, so 2^32 steps pass before one could overflow. */
static u64 add_words(const u8 *p, size_t nr)
{
	u64 lo = 0, hi = 0;

	for (size_t i = 0; i < nr; i++) {
		u64 w;

		memcpy(&w, p + i * 8, 8);
		lo += w & 0xffffffff;
		hi += w >> 32;
	}
	return fold32(lo) + fold32(hi);
}

u64 csum_add(u64 sum, const void *buf, size_t len)
{
	const u8 *p = buf;
	u64 tail = 0;

	memcpy(&tail, p + (len & ~(size_t)7), len & 7);
	return sum + ntohs(fold16(add_words(p, len / 8) + fold32(tail)));
}

u16 csum_finish(u64 sum)
{
	return (u16)~fold16(sum);
}

u64 csum_pseudo4(const u8 *src, const u8 *dst, u8 proto, size_t len)
{
	return csum_add(csum_add(proto + (u64)len, src, 4), dst, 4);
}

u64 csum_pseudo6(const u8 *src, const u8 *dst, u8 proto, size_t len)
{
	return csum_add(csum_add(proto + (u64)len, src, 16), dst, 16);
}

u16 csum_update(u16 csum, u16 old, u16 val)
{
	/* [RFC 1624 eqn. 3] */
	return csum_finish((u64)(u16)~csum + (u16)~old + val);
}
