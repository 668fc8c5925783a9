/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input on its way to the guest: a ring of bytes, and the escapes of a terminal. One thread at a
 * time; all zeros is an empty one, too.
 */
#ifndef LKVM_INBUF_H
#define LKVM_INBUF_H

#include "lkvm/base/util.h"

/* What a user may paste at once before the terminal is left alone until the guest takes some. */
#define INBUF_SIZE (64 * KiB)

struct inbuf {
	size_t head, len;
	bool escape; /* Ctrl-a was the last character typed */
	char ring[INBUF_SIZE];
};

/* An empty one, for which the ring is left as it is. */
static inline void inbuf_init(struct inbuf *b)
{
	b->head = b->len = 0;
	b->escape = false;
}

/* How many bytes there is room for. */
static inline size_t inbuf_room(const struct inbuf *b)
{
	return INBUF_SIZE - b->len;
}

/* Append as many of the `n` bytes as there is room for. Returns how many. */
size_t inbuf_add(struct inbuf *b, const char *p, size_t n);

/*
 * Append what was typed on a terminal: Ctrl-a Ctrl-a is one Ctrl-a, and before anything else a
 * Ctrl-a disappears. What there is no room for is lost. True: Ctrl-a x was typed, which ends the
 * guest.
 */
bool inbuf_typed(struct inbuf *b, const char *p, size_t n);

/* The oldest bytes, as far as they lie together: *n of them, 0 if there are none. */
const char *inbuf_peek(const struct inbuf *b, size_t *n);
/* Forget the oldest `n`, which inbuf_peek() has shown. */
void inbuf_take(struct inbuf *b, size_t n);

#endif
