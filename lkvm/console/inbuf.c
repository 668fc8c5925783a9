/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input on its way to the guest: a ring, and Ctrl-a.
 *
 * Thread: its owner's.
 * Trust:  the user's own input, passed on unseen but for Ctrl-a.
 */
#include "lkvm/console/inbuf.h"

#include <string.h>

#define CTRL_A 1

size_t inbuf_add(struct inbuf *b, const char *p, size_t n)
{
	size_t tail = (b->head + b->len) % INBUF_SIZE, first;

	n = MIN(n, inbuf_room(b));
	first = MIN(n, INBUF_SIZE - tail);
	memcpy(b->ring + tail, p, first);
	memcpy(b->ring, p + first, n - first);
	b->len += n;
	return n;
}

bool inbuf_typed(struct inbuf *b, const char *p, size_t n)
{
	bool stop = false;

	for (size_t i = 0; i < n; i++) {
		bool escape = b->escape;

		b->escape = !escape && p[i] == CTRL_A;
		if (b->escape)
			continue;
		if (escape && p[i] == 'x')
			stop = true;
		else
			inbuf_add(b, p + i, 1);
	}
	return stop;
}

const char *inbuf_peek(const struct inbuf *b, size_t *n)
{
	*n = MIN(b->len, INBUF_SIZE - b->head);
	return b->ring + b->head;
}

void inbuf_take(struct inbuf *b, size_t n)
{
	assert(n <= b->len);
	b->head = (b->head + n) % INBUF_SIZE;
	b->len -= n;
}
