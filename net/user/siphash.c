/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4.
 *
 * Thread: any; values only.
 * Trust:  the data may be an attacker's, the key is not.
 * Spec:   Aumasson, Bernstein: SipHash: a fast short-input PRF (2012), §2
 */
#include "net/user/siphash.h"

#include <string.h>

#include "lkvm/base/le.h"

struct state {
	u64 v0, v1, v2, v3;
};

static inline u64 rotl(u64 x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void compress(struct state *s, u64 m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

u64 siphash(const struct sip_key *key, const void *data, size_t len)
{
	struct state s = { 0x736f6d6570736575u ^ key->k[0], 0x646f72616e646f6du ^ key->k[1],
			   0x6c7967656e657261u ^ key->k[0], 0x7465646279746573u ^ key->k[1] };
	const u8 *p = data;
	u64 last = (u64)len << 56;
	size_t n = len;
	le64 word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		compress(&s, le64_get(word));
	}
	for (size_t i = 0; i < n; i++)
		last |= (u64)p[i] << (8 * i);
	compress(&s, last);
	s.v2 ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
