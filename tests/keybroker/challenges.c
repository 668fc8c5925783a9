/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Challenges that wait for evidence, as tickets.
 *
 * Thread: the caller's.
 * Trust:  ids and tickets come from anybody; what a ticket says is looked at after its MAC. Key ids
 *         and wrapping keys are written as they were checked.
 *
 * A ticket, before it is base64url: id, time of its end, number, algorithm, length of the exponent,
 * length of the modulus, the random bytes, exponent, modulus, name of the key; then the MAC of all
 * of it.
 * Numbers are little-endian.
 */
#include "tests/keybroker/challenges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lkvm/base/le.h"

struct challenges {
	u64 lifetime_ns;
	const u8 *fixed;
	u8 secret[WRAP_MAC_LEN]; /* of this process: tickets do not outlive it */
	u64 max, issued;
	u8 answered[]; /* bit N % max: challenge N, of the last `max` */
};

static bool fill_random(void *p, size_t len)
{
	ssize_t n;

	/* Up to 256 bytes come whole once the pool is initialised [getrandom(2)]. */
	do
		n = getrandom(p, len, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

int challenges_create(struct challenges **out, u64 max, u64 lifetime_ns, const u8 *fixed)
{
	struct challenges *c = calloc(1, sizeof(*c) + (max + 7) / 8);

	*out = NULL;
	if (!c)
		return -ENOMEM;
	if (!fill_random(c->secret, sizeof(c->secret))) {
		free(c);
		return -EIO;
	}
	c->max = max;
	c->lifetime_ns = lifetime_ns;
	c->fixed = fixed;
	*out = c;
	return 0;
}

void challenges_destroy(struct challenges *c)
{
	free(c);
}

static bool is_answered(const struct challenges *c, u64 number)
{
	return c->answered[number % c->max / 8] & BIT(number % c->max % 8);
}

static void set_answered(struct challenges *c, u64 number, bool answered)
{
	u8 *byte = &c->answered[number % c->max / 8], bit = (u8)BIT(number % c->max % 8);

	*byte = (u8)(answered ? *byte | bit : *byte & ~bit);
}

/* ---- tickets ---- */

struct cursor {
	u8 *p;
	size_t len, at;
	bool bad;
};

/* The next `len` bytes; NULL, also from then on, if there are not so many. */
static u8 *next(struct cursor *k, size_t len)
{
	u8 *p = k->p + k->at;

	k->bad = k->bad || len > k->len - k->at;
	if (k->bad)
		return NULL;
	k->at += len;
	return p;
}

static void put(struct cursor *k, const void *from, size_t len)
{
	u8 *to = next(k, len);

	assert(to);
	memcpy(to, from, len);
}

static void put_number(struct cursor *k, u64 n, size_t len)
{
	le64 le = le64_of(n);

	put(k, &le, len);
}

static void get(struct cursor *k, void *to, size_t len)
{
	const u8 *from = next(k, len);

	if (from)
		memcpy(to, from, len);
}

static u64 get_number(struct cursor *k, size_t len)
{
	le64 le = le64_of(0);

	get(k, &le, len);
	return le64_get(le);
}

static int write_ticket(const struct challenges *c, const struct challenge *ch,
			char ticket[TICKET_SIZE])
{
	u8 bytes[TICKET_BYTES];
	struct cursor k = { .p = bytes, .len = sizeof(bytes) - WRAP_MAC_LEN };
	int err;

	put_number(&k, ch->id, 4);
	put_number(&k, ch->expires_ns, 8);
	put_number(&k, ch->number, 8);
	put_number(&k, ch->wrapping.alg, 1);
	put_number(&k, ch->wrapping.e_len, 1);
	put_number(&k, ch->wrapping.n_len, 2);
	put(&k, ch->value, CHALLENGE_RANDOM);
	put(&k, ch->wrapping.e, ch->wrapping.e_len);
	put(&k, ch->wrapping.n, ch->wrapping.n_len);
	put(&k, ch->key_id, strlen(ch->key_id));
	err = wrap_mac(c->secret, bytes, k.at, bytes + k.at);
	encode_base64url(ticket, TICKET_SIZE, bytes, k.at + WRAP_MAC_LEN);
	return err;
}

/* The value of a challenge whose random half is there. */
static int bind(const struct challenges *c, struct challenge *ch)
{
	if (!c->fixed)
		return wrap_thumbprint(&ch->wrapping, ch->value + CHALLENGE_RANDOM);
	memcpy(ch->value, c->fixed, CHALLENGE_LEN);
	return 0;
}

static bool read_ticket(const struct challenges *c, const char *ticket, size_t len,
			struct challenge *ch)
{
	u8 bytes[TICKET_BYTES], mac[WRAP_MAC_LEN];
	int n = decode_base64url(bytes, sizeof(bytes), ticket, len);
	struct cursor k = { .p = bytes };

	if (n < (int)WRAP_MAC_LEN)
		return false;
	k.len = (size_t)n - WRAP_MAC_LEN;
	if (wrap_mac(c->secret, bytes, k.len, mac) || !wrap_mac_equal(mac, bytes + k.len))
		return false;
	/* So we have written it, and all of it fits. */
	memset(ch, 0, sizeof(*ch));
	ch->id = (u32)get_number(&k, 4);
	ch->expires_ns = get_number(&k, 8);
	ch->number = get_number(&k, 8);
	ch->wrapping.alg = (enum wrap_alg)get_number(&k, 1);
	ch->wrapping.e_len = get_number(&k, 1);
	ch->wrapping.n_len = get_number(&k, 2);
	get(&k, ch->value, CHALLENGE_RANDOM);
	get(&k, ch->wrapping.e, ch->wrapping.e_len);
	get(&k, ch->wrapping.n, ch->wrapping.n_len);
	get(&k, ch->key_id, k.len - k.at);
	assert(!k.bad);
	return !bind(c, ch);
}

/* ---- use ---- */

int challenges_issue(struct challenges *c, u64 now_ns, const char *key_id,
		     const struct wrap_public *wrapping, struct challenge *out,
		     char ticket[TICKET_SIZE])
{
	size_t len = strlen(key_id);

	if (len >= sizeof(out->key_id))
		return -E2BIG;
	memset(out, 0, sizeof(*out));
	while (!out->id) {
		if (!fill_random(&out->id, sizeof(out->id)))
			return -EIO;
	}
	if (!fill_random(out->value, CHALLENGE_RANDOM))
		return -EIO;
	memcpy(out->key_id, key_id, len + 1);
	out->wrapping = *wrapping;
	out->expires_ns = now_ns + c->lifetime_ns;
	out->number = c->issued++;
	set_answered(c, out->number, false);
	return bind(c, out) || write_ticket(c, out, ticket) ? -EIO : 0;
}

bool challenges_take(struct challenges *c, u64 now_ns, u32 id, const char *ticket, size_t len,
		     struct challenge *out)
{
	if (!read_ticket(c, ticket, len, out) || out->id != id ||
	    c->issued - out->number > c->max || is_answered(c, out->number))
		return false;
	set_answered(c, out->number, true);
	return now_ns < out->expires_ns;
}
