/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Challenges that wait for evidence: a ring of the last ones, in the order in which they were made.
 *
 * Thread: the caller's.
 * Trust:  ids come from anybody; key ids and wrapping keys are stored as they were checked.
 */
#include "tests/keybroker/challenges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct challenges {
	u64 lifetime_ns;
	const u8 *fixed;
	unsigned max, next;	  /* the slot of the oldest, or a free one */
	struct challenge slots[]; /* id 0: free */
};

int challenges_create(struct challenges **out, unsigned max, u64 lifetime_ns, const u8 *fixed)
{
	struct challenges *c = calloc(1, sizeof(*c) + max * sizeof(c->slots[0]));

	*out = c;
	if (!c)
		return -ENOMEM;
	c->max = max;
	c->lifetime_ns = lifetime_ns;
	c->fixed = fixed;
	return 0;
}

void challenges_destroy(struct challenges *c)
{
	free(c);
}

static struct challenge *find(struct challenges *c, u32 id)
{
	for (unsigned i = 0; i < c->max; i++) {
		if (id && c->slots[i].id == id)
			return &c->slots[i];
	}
	return NULL;
}

static bool fill_random(void *p, size_t len)
{
	ssize_t n;

	/* Up to 256 bytes come whole once the pool is initialised [getrandom(2)]. */
	do
		n = getrandom(p, len, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

int challenges_issue(struct challenges *c, u64 now_ns, const char *key_id,
		     const struct wrap_public *wrapping, const struct challenge **out)
{
	struct challenge *slot = &c->slots[c->next];
	size_t len = strlen(key_id);
	u32 id = 0;

	if (len >= sizeof(slot->key_id))
		return -E2BIG;
	while (!id || find(c, id)) {
		if (!fill_random(&id, sizeof(id)))
			return -EIO;
	}
	slot->id = 0;
	if (c->fixed)
		memcpy(slot->value, c->fixed, CHALLENGE_LEN);
	else if (!fill_random(slot->value, CHALLENGE_LEN))
		return -EIO;
	memcpy(slot->key_id, key_id, len + 1);
	slot->wrapping = *wrapping;
	slot->expires_ns = now_ns + c->lifetime_ns;
	slot->id = id;
	c->next = (c->next + 1) % c->max;
	*out = slot;
	return 0;
}

bool challenges_take(struct challenges *c, u64 now_ns, u32 id, struct challenge *out)
{
	struct challenge *slot = find(c, id);

	if (!slot)
		return false;
	*out = *slot;
	slot->id = 0;
	return now_ns < out->expires_ns;
}
