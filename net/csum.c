/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum.
 *
 * Thread: any.
 * Trust:  bytes only; lengths are the caller's.
 * Spec:   RFC 1071, RFC 1624, RFC 8200 section 8.1
 *
 * One's complement addition does not care about byte order [RFC 1071 2(B)]: words are added as they
 * lie in memory, and the folded sum is swapped once at the end.
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

/* Four 32-bit lanes, a single SIMD register on the machines we care about. */
typedef u32 lanes __attribute__((vector_size(16)));

#define STEP (4 * sizeof(lanes))

/*
 * The sum of `nr` STEPs. Upper and lower halves of the lanes are added apart: a lane overflows
 * after 2^16 additions, which is 1 MiB.
 */
static u64 add_steps(const u8 *p, size_t nr)
{
	lanes lo = { 0 }, hi = { 0 }, w[4];
	u64 sum = 0;

	for (; nr; nr--, p += STEP) {
		memcpy(w, p, STEP);
		lo += (w[0] & 0xffff) + (w[1] & 0xffff) + (w[2] & 0xffff) + (w[3] & 0xffff);
		hi += (w[0] >> 16) + (w[1] >> 16) + (w[2] >> 16) + (w[3] >> 16);
	}
	for (int i = 0; i < 4; i++)
		sum += (u64)lo[i] + hi[i];
	return sum;
}

static u64 add_words(const u8 *p, size_t nr)
{
	u64 sum = 0, w;

	for (; nr; nr--, p += 8) {
		memcpy(&w, p, 8);
		sum += (w & 0xffffffff) + (w >> 32);
	}
	return fold32(sum);
}

u64 csum_add(u64 sum, const void *buf, size_t len)
{
	const u8 *p = buf;
	size_t steps = len / STEP, words = len % STEP / 8;
	u64 tail = 0;

	assert(len <= CSUM_MAX_LEN);
	memcpy(&tail, p + (len & ~(size_t)7), len & 7);

	u64 all = add_steps(p, steps) + add_words(p + steps * STEP, words) + fold32(tail);

	return sum + ntohs(fold16(all));
}

u64 csum_iov(u64 sum, struct iov_cur at, size_t len)
{
	bool odd = false;

	while (len && at.nr) {
		size_t n = MIN(len, at.iov->iov_len - at.off);
		u16 part = fold16(csum_add(0, (const u8 *)at.iov->iov_base + at.off, n));

		/* From an odd offset on, bytes are the other halves of their words. */
		sum += odd ? (u16)(part << 8 | part >> 8) : part;
		odd ^= n % 2;
		len -= n;
		at.off += n;
		if (at.off == at.iov->iov_len) {
			at.iov++;
			at.nr--;
			at.off = 0;
		}
	}
	return sum;
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
