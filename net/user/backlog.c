/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded queue of frames for the guest.
 *
 * Thread: the loop of the netif.
 * Trust:  frames come from our side of the network; how long they wait is up to the guest.
 *
 * Entries lie one behind the other; one that does not fit before the end starts again at 0, and an
 * entry of length 0 says so. The queue fills up seldom and is then emptied as a whole, so no
 * cleverer use of the space is worth its code.
 */
#include "net/user/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	size_t len; /* of the frame that follows; 0: go on at the start of the buffer */
	struct netif_offload o;
};

#define ALIGN _Alignof(struct entry)

static size_t entry_size(size_t len)
{
	return sizeof(struct entry) + (size_t)align_up(len, ALIGN);
}

int backlog_init(struct backlog *b, size_t size)
{
	assert(is_aligned(size, ALIGN));
	*b = (struct backlog){ .buf = malloc(size), .size = size };
	return b->buf ? 0 : -ENOMEM;
}

void backlog_fini(struct backlog *b)
{
	free(b->buf);
	*b = (struct backlog){ .buf = NULL };
}

bool backlog_empty(const struct backlog *b)
{
	return b->head == b->tail;
}

void backlog_clear(struct backlog *b)
{
	b->head = b->tail = 0;
}

/*
 * Where an entry of `need` bytes can start without the tail catching up with the head; size:
 * nowhere.
 */
static size_t find_room(const struct backlog *b, size_t need)
{
	if (b->tail < b->head)
		return need < b->head - b->tail ? b->tail : b->size;
	/* Behind each entry there is room for the mark that says "go on at the start". */
	if (need + sizeof(struct entry) <= b->size - b->tail)
		return b->tail;
	return need < b->head ? 0 : b->size;
}

bool backlog_push(struct backlog *b, const struct netif_offload *o, struct iov_cur frame)
{
	struct entry e = { .len = frame.left, .o = *o };

	if (!e.len)
		return true;

	size_t at = find_room(b, entry_size(e.len));

	if (at == b->size)
		return false;
	if (at != b->tail)
		memcpy(b->buf + b->tail, &(struct entry){ .len = 0 }, sizeof(e));
	memcpy(b->buf + at, &e, sizeof(e));
	iov_read(&frame, b->buf + at + sizeof(e), e.len);
	b->tail = at + entry_size(e.len);
	return true;
}

bool backlog_peek(struct backlog *b, struct netif_offload *o, struct iovec *iov)
{
	struct entry e;

	if (backlog_empty(b))
		return false;
	memcpy(&e, b->buf + b->head, sizeof(e));
	if (!e.len) {
		b->head = 0;
		memcpy(&e, b->buf, sizeof(e));
	}
	*o = e.o;
	*iov = (struct iovec){ b->buf + b->head + sizeof(e), e.len };
	return true;
}

void backlog_pop(struct backlog *b)
{
	struct netif_offload o;
	struct iovec iov;

	if (backlog_peek(b, &o, &iov))
		b->head += entry_size(iov.iov_len);
	if (backlog_empty(b))
		backlog_clear(b);
}
