/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots for virtio-blk's requests in flight.
 *
 * Thread: see blk_slots.h.
 * Trust:  chains were checked by chain.c.
 *
 * The parser and the disk shorten the pieces of a chain in place, and what was pinned must be
 * unpinned; so a slot keeps the pieces twice, where pages can change sides.
 */
#include "virtio/dev/blk_slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int blk_slots_init(struct blk_slots *ss, struct mem *m, unsigned nr, u16 max_iov)
{
	bool pins = mem_converts(m);

	ss->mem = m;
	ss->max_iov = max_iov;
	ss->all = calloc(nr, sizeof(*ss->all));
	ss->iovs = calloc((size_t)nr * max_iov, sizeof(*ss->iovs));
	if (pins)
		ss->pins = calloc((size_t)nr * max_iov, sizeof(*ss->pins));
	if (!ss->all || !ss->iovs || (pins && !ss->pins))
		return -ENOMEM;
	for (unsigned i = nr; i--;) {
		struct slot *s = &ss->all[i];

		s->iov = ss->iovs + (size_t)i * max_iov;
		s->pins = pins ? ss->pins + (size_t)i * max_iov : NULL;
		s->next = ss->free;
		ss->free = s;
	}
	return 0;
}

void blk_slots_fini(struct blk_slots *ss)
{
	assert(!ss->busy);
	free(ss->all);
	free(ss->iovs);
	free(ss->pins);
}

void blk_slot_get(struct blk_slots *ss, const struct chain *c)
{
	struct slot *s = ss->free;

	ss->free = s->next;
	ss->busy++;
	if (!s->pins)
		return;
	s->nr_pins = (unsigned)c->nr_read + c->nr_write;
	memcpy(s->pins, c->iov, s->nr_pins * sizeof(*s->pins));
	mem_pin(ss->mem, s->pins, s->nr_pins);
}

void blk_slot_put(struct blk_slots *ss, struct slot *s)
{
	if (s->nr_pins)
		mem_unpin(ss->mem, s->pins, s->nr_pins);
	s->nr_pins = 0;
	s->next = ss->free;
	ss->free = s;
	ss->busy--;
}
